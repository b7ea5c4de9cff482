//! Memory calls: `mmap` and its family, in pages of 64 KiB, as WebAssembly's memory grows by them.
//!
//! # What they do
//!
//! * Memory only ever grows, and what is in it stays readable and writable while the call runs. What a guest unmaps reads
//!   zero, its pages are given back to the system, and its addresses serve the next mapping.
//! * A file is copied in: a private mapping is what it is in POSIX, a shared one is read-only and does not see later
//!   writes to the file.
//! * The protection of memory does not change, and no memory holds code.
//! * Mapped state ([`crate::faasm::state`]) is left alone.
//!
//! What a guest has unmapped is known to its own call alone. What was unmapped before a capture is not used again, and
//! that it is zero is in the capture: nothing of a call is there in the next.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::Problem;
use crate::guest::{Guest, Slice};
use crate::wasi::Refusal;
use crate::wasi::errno::Errno;

/// Bytes of a page.
const PAGE: u64 = 1 << 16;
/// What a page of a file's offset is.
const FILE_PAGE: u64 = 4096;
/// The answer that means an error: `MAP_FAILED`, `(void*)-1`.
const FAILED: u32 = u32::MAX;
/// Bytes of a file that are copied at once.
const PIECE: usize = 256 << 10;

/// Numbers of wasi-libc's `sys/mman.h`, which are Linux's.
const PROT_WRITE: u32 = 2;
const PROT_EXEC: u32 = 4;
const MAP_SHARED: u32 = 1;
const MAP_PRIVATE: u32 = 2;
const MAP_SHARED_VALIDATE: u32 = 3;
const MAP_TYPE: u32 = 0xf;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MREMAP_MAYMOVE: u32 = 1;
const MADV_DONTNEED: u32 = 4;
const MADV_LAST: u32 = 25;

/// Pages that the guest has given back, and the end of what `sbrk` has given it.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    /// First page and how many; neither empty nor touching.
    free: BTreeMap<u64, u64>,
    /// What `sbrk` has given, in bytes; it may be anywhere, as others take memory, too.
    heap: Option<Range<u64>>,
    /// Of the last call that failed.
    errno: Option<Errno>,
}

impl Ranges {
    /// Takes so many pages from the lowest place that has them.
    fn take(&mut self, pages: u64) -> Option<u64> {
        let (&start, _) = self.free.iter().find(|(_, len)| **len >= pages)?;
        self.remove(&(start..start + pages));
        Some(start)
    }

    /// The free pages that end at `end`.
    fn ending_at(&self, end: u64) -> u64 {
        let last = self.free.range(..end).next_back();
        last.filter(|(start, len)| *start + *len == end).map_or(0, |(_, len)| *len)
    }

    /// Whether all of these pages are free.
    fn has(&self, pages: &Range<u64>) -> bool {
        let before = self.free.range(..=pages.start).next_back();
        pages.is_empty() || before.is_some_and(|(start, len)| start + len >= pages.end)
    }

    /// Makes pages free.
    fn give(&mut self, pages: Range<u64>) {
        if pages.is_empty() {
            return;
        }
        let (mut start, mut end) = (pages.start, pages.end);
        for other in self.near(pages.end + 1, pages.start) {
            self.free.remove(&other.start);
            (start, end) = (start.min(other.start), end.max(other.end));
        }
        self.free.insert(start, end - start);
    }

    /// Makes pages free no more.
    fn remove(&mut self, pages: &Range<u64>) {
        for other in self.near(pages.end, pages.start + 1) {
            self.free.remove(&other.start);
            self.give(other.start..pages.start.min(other.end));
            self.give(pages.end.max(other.start)..other.end);
        }
    }

    /// The free ranges that begin before `end` and end at `least` or later.
    fn near(&self, end: u64, least: u64) -> Vec<Range<u64>> {
        let before = self.free.range(..end).rev();
        before.map(|(start, len)| *start..start + len).take_while(|r| r.end >= least).collect()
    }
}

/// Which part of a file is mapped.
#[derive(Clone, Copy)]
struct FilePart {
    fd: u32,
    offset: u64,
}

/// Where a new mapping is to be, and how large.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) addr: u32,
    pub(crate) len: u32,
    pub(crate) prot: u32,
    pub(crate) flags: u32,
}

/// `mmap`.
pub(crate) fn mmap(
    guest: &mut Guest<'_>,
    wanted: Wanted,
    fd: u32,
    offset: u64,
) -> Result<u32, Problem> {
    let mapped = map(guest, wanted, FilePart { fd, offset });
    answer(guest, mapped)
}

fn map(guest: &mut Guest<'_>, wanted: Wanted, part: FilePart) -> Result<u32, Refusal> {
    let Wanted { addr, len, prot, flags } = wanted;
    let of_file = flags & MAP_ANONYMOUS == 0;
    if prot & PROT_EXEC != 0 {
        return Err(Errno::NotSup.into());
    }
    match flags & MAP_TYPE {
        // What is written would not get into the file.
        MAP_SHARED | MAP_SHARED_VALIDATE if of_file && prot & PROT_WRITE != 0 => {
            return Err(Errno::NotSup.into());
        }
        MAP_SHARED | MAP_SHARED_VALIDATE | MAP_PRIVATE if len > 0 => {}
        _ => return Err(Errno::Inval.into()),
    }
    if of_file {
        check_file(guest, part)?;
    }
    let pages = u64::from(len).div_ceil(PAGE);
    let start = match flags & MAP_FIXED {
        0 => take(guest, pages)?,
        _ => {
            let range = range(guest, addr, len)?;
            discard(guest, &range)?;
            guest.host_mut().ranges.remove(&range);
            range.start
        }
    };
    if of_file && let Err(refusal) = fill(guest, start * PAGE, len, part) {
        release(guest, start..start + pages)?;
        return Err(refusal);
    }
    Ok(address(start * PAGE)?)
}

/// A descriptor of something else than a file, or one that may not be read, is refused before anything is done.
fn check_file(guest: &mut Guest<'_>, part: FilePart) -> Result<(), Refusal> {
    if !part.offset.is_multiple_of(FILE_PAGE) {
        return Err(Errno::Inval.into());
    }
    guest.files().find(part.fd)?.read_at(part.offset, &mut [])?;
    Ok(())
}

/// Copies a part of a file to fresh memory; behind the file's end it stays zero.
fn fill(guest: &mut Guest<'_>, to: u64, len: u32, part: FilePart) -> Result<(), Refusal> {
    let mut buffer = vec![0; PIECE.min(len as usize)];
    let mut done: u64 = 0;
    while done < len.into() {
        let left = usize::try_from(u64::from(len) - done).map_err(|_| Errno::Overflow)?;
        let piece = &mut buffer[..PIECE.min(left)];
        let offset = part.offset.checked_add(done).ok_or(Errno::Overflow)?;
        let n = guest.files().find(part.fd)?.read_at(offset, piece)?;
        if n == 0 {
            break;
        }
        guest.write(address(to + done)?, &piece[..n])?;
        done += n as u64;
        guest.check_deadline()?;
    }
    Ok(())
}

/// `munmap`.
pub(crate) fn munmap(guest: &mut Guest<'_>, addr: u32, len: u32) -> Result<i32, Problem> {
    let unmapped = range(guest, addr, len).and_then(|range| release(guest, range));
    status(guest, unmapped)
}

/// Makes pages zero and free.
fn release(guest: &mut Guest<'_>, pages: Range<u64>) -> Result<(), Refusal> {
    discard(guest, &pages)?;
    guest.host_mut().ranges.give(pages);
    Ok(())
}

/// `mremap`.
pub(crate) fn mremap(
    guest: &mut Guest<'_>,
    old: Slice,
    new_len: u32,
    flags: u32,
) -> Result<u32, Problem> {
    let moved = remap(guest, old, new_len, flags);
    answer(guest, moved)
}

fn remap(guest: &mut Guest<'_>, old: Slice, new_len: u32, flags: u32) -> Result<u32, Refusal> {
    let range = range(guest, old.ptr, old.len)?;
    if new_len == 0 || flags & !MREMAP_MAYMOVE != 0 {
        return Err(Errno::Inval.into());
    }
    let end = range.start + u64::from(new_len).div_ceil(PAGE);
    if end <= range.end {
        release(guest, end..range.end)?;
        return Ok(old.ptr);
    }
    if claim(guest, &(range.end..end))? {
        return Ok(old.ptr);
    }
    if flags & MREMAP_MAYMOVE == 0 {
        return Err(Errno::NoMem.into());
    }
    let to = take(guest, end - range.start)?;
    copy(guest, range.start * PAGE, to * PAGE, old.len)?;
    release(guest, range)?;
    Ok(address(to * PAGE)?)
}

fn copy(guest: &mut Guest<'_>, from: u64, to: u64, len: u32) -> Result<(), Refusal> {
    let piece = u32::try_from(PIECE).unwrap_or(u32::MAX);
    for at in (0..len).step_by(PIECE) {
        let part = Slice::new(address(from + u64::from(at))?, piece.min(len - at));
        let bytes = guest.read(part)?;
        guest.write(address(to + u64::from(at))?, &bytes)?;
        guest.check_deadline()?;
    }
    Ok(())
}

/// `madvise`: what is not needed is given back; other advice is heard and not followed.
pub(crate) fn madvise(
    guest: &mut Guest<'_>,
    addr: u32,
    len: u32,
    advice: u32,
) -> Result<i32, Problem> {
    let advised = range(guest, addr, len).and_then(|range| match advice {
        MADV_DONTNEED => discard(guest, &range),
        0..=MADV_LAST => Ok(()),
        _ => Err(Errno::Inval.into()),
    });
    status(guest, advised)
}

/// `mprotect`: memory stays readable and writable, and never holds code.
pub(crate) fn mprotect(
    guest: &mut Guest<'_>,
    addr: u32,
    len: u32,
    prot: u32,
) -> Result<i32, Problem> {
    let protected = range(guest, addr, len).and_then(|_| match prot & PROT_EXEC {
        0 => Ok(()),
        _ => Err(Errno::NotSup.into()),
    });
    status(guest, protected)
}

/// `sbrk`: moves the end of the heap; where it was before.
pub(crate) fn sbrk(guest: &mut Guest<'_>, increment: u32) -> Result<u32, Problem> {
    let moved = move_end(guest, i64::from(increment.cast_signed()));
    answer(guest, moved)
}

/// `brk`: sets the end of the heap.
pub(crate) fn brk(guest: &mut Guest<'_>, end: u32) -> Result<i32, Problem> {
    let now = heap(guest).end.cast_signed();
    let moved = move_end(guest, i64::from(end) - now).map(drop);
    status(guest, moved)
}

/// What `sbrk` has given up to now: at first nothing, behind all memory.
fn heap(guest: &Guest<'_>) -> Range<u64> {
    let len = guest.memory_len();
    guest.host().ranges.heap.clone().unwrap_or(len..len)
}

fn move_end(guest: &mut Guest<'_>, by: i64) -> Result<u32, Refusal> {
    let mut heap = heap(guest);
    let mut end = heap.end.checked_add_signed(by).ok_or(Errno::NoMem)?;
    let pages = |bytes: u64| bytes.div_ceil(PAGE);
    if end < heap.start {
        return Err(Errno::NoMem.into());
    }
    if by < 0 {
        release(guest, pages(end)..pages(heap.end))?;
    } else if !claim(guest, &(pages(heap.end)..pages(end)))? {
        // Others have memory behind it now: the heap goes on behind theirs.
        let len = guest.memory_len();
        heap = len..len;
        end = len.checked_add_signed(by).ok_or(Errno::NoMem)?;
        if !claim(guest, &(pages(len)..pages(end)))? {
            return Err(Errno::NoMem.into());
        }
    }
    let before = address(heap.end)?;
    guest.host_mut().ranges.heap = Some(heap.start..end);
    Ok(before)
}

/// `__faasm_errno`: why the last memory call failed.
pub(crate) fn errno(guest: &mut Guest<'_>) -> Result<i32, Problem> {
    Ok(guest.host().ranges.errno.map_or(0, |errno| i32::from(errno as u16)))
}

/// So many pages, which are zero; from those that are free, or new ones.
fn take(guest: &mut Guest<'_>, pages: u64) -> Result<u64, Refusal> {
    if let Some(start) = guest.host_mut().ranges.take(pages) {
        return Ok(start);
    }
    let end = guest.memory_len() / PAGE;
    let start = end - guest.host().ranges.ending_at(end);
    if claim(guest, &(start..start + pages))? { Ok(start) } else { Err(Errno::NoMem.into()) }
}

/// Takes exactly these pages, if they are free or behind all memory, which grows then.
fn claim(guest: &mut Guest<'_>, pages: &Range<u64>) -> Result<bool, Refusal> {
    let len = guest.memory_len() / PAGE;
    let inside = pages.start..pages.end.min(len).max(pages.start);
    if pages.start > len || !guest.host().ranges.has(&inside) {
        return Ok(false);
    }
    let more = pages.end.saturating_sub(len.max(pages.start));
    if more > 0 && !guest.grow(more) {
        return Err(Errno::NoMem.into());
    }
    guest.host_mut().ranges.remove(pages);
    Ok(true)
}

/// The pages of an argument: whole ones, in memory, with no state mapped there.
fn range(guest: &Guest<'_>, addr: u32, len: u32) -> Result<Range<u64>, Refusal> {
    let (start, end) = (u64::from(addr), u64::from(addr) + u64::from(len));
    if len == 0 || !start.is_multiple_of(PAGE) {
        return Err(Errno::Inval.into());
    }
    let pages = start / PAGE..end.div_ceil(PAGE);
    if pages.end * PAGE > guest.memory_len() {
        return Err(Errno::NoMem.into());
    }
    let bytes = pages.start * PAGE..pages.end * PAGE;
    if guest.host().mappings.overlap(&bytes) { Err(Errno::Busy.into()) } else { Ok(pages) }
}

fn discard(guest: &mut Guest<'_>, pages: &Range<u64>) -> Result<(), Refusal> {
    // All of 4 GiB has more bytes than a length can say.
    let half = pages.start + (pages.end - pages.start) / 2;
    for part in [pages.start..half, half..pages.end] {
        if !part.is_empty() {
            let len = address((part.end - part.start) * PAGE)?;
            guest.discard(Slice::new(address(part.start * PAGE)?, len))?;
        }
    }
    Ok(())
}

/// An address as a guest has it. The end of 4 GiB has none.
fn address(bytes: u64) -> Result<u32, Errno> {
    u32::try_from(bytes).map_err(|_| Errno::NoMem)
}

fn answer(guest: &mut Guest<'_>, result: Result<u32, Refusal>) -> Result<u32, Problem> {
    match result {
        Ok(value) => Ok(value),
        Err(Refusal::Errno(errno)) => {
            guest.host_mut().ranges.errno = Some(errno);
            Ok(FAILED)
        }
        Err(Refusal::Trap(trap)) => Err(Problem::Trap(trap)),
    }
}

fn status(guest: &mut Guest<'_>, result: Result<(), Refusal>) -> Result<i32, Problem> {
    answer(guest, result.map(|()| 0)).map(u32::cast_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(free: &[(u64, u64)]) -> Ranges {
        Ranges { free: free.iter().copied().collect(), ..Ranges::default() }
    }

    #[test]
    fn what_is_given_back_joins_its_neighbours_and_is_taken_from_the_lowest_place() {
        let mut all = Ranges::default();
        for pages in [4..6, 10..12, 6..10, 2..3, 4..12] {
            all.give(pages);
        }
        assert_eq!(all.free, ranges(&[(2, 1), (4, 8)]).free);
        assert_eq!(all.take(2), Some(4));
        assert_eq!(all.take(1), Some(2));
        assert_eq!((all.take(7), all.take(6), all.take(1)), (None, Some(6), None));
    }

    #[test]
    fn parts_are_cut_out() {
        let mut all = ranges(&[(2, 4), (8, 4), (14, 2)]);
        all.remove(&(5..9));
        assert_eq!(all.free, ranges(&[(2, 3), (9, 3), (14, 2)]).free);
        all.remove(&(0..100));
        assert!(all.free.is_empty());
        all.give(3..3);
        assert!(all.free.is_empty());
    }

    #[test]
    fn free_is_what_is_free_altogether() {
        let all = ranges(&[(2, 4)]);
        assert!(all.has(&(2..6)) && all.has(&(3..4)) && all.has(&(9..9)));
        assert!(!all.has(&(1..3)) && !all.has(&(5..7)) && !all.has(&(8..9)));
        assert_eq!((all.ending_at(6), all.ending_at(5), all.ending_at(2)), (4, 0, 0));
    }
}
