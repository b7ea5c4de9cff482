//! Copies of bytes that others may read and write at the same time: other threads, and guests, whose code the
//! compiler cannot see.
//!
//! # Invariants
//!
//! * Every access is a relaxed atomic one, of a word where the place is aligned and of the largest aligned part of one at
//!   the edges; no reference to the bytes exists other than to atomics. So few bytes that are one aligned number are
//!   moved as one. Many bytes are moved by an instruction of the machine instead, which does what relaxed accesses of
//!   bytes would: it is opaque to the compiler, and so no data race of Rust's.
//! * A copy is not atomic as a whole: another thread may see it half way.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// From how many bytes on the machine's instruction is faster than words one by one.
const MANY: usize = 256;

/// Bytes that are between places, on the stack, while they are moved.
const PIECE: usize = 1024;

/// Fills `into` from `from` on.
///
/// # Safety
///
/// The bytes are readable, and as long as this runs everybody else of this program touches them atomically or from
/// guest code only.
pub unsafe fn read(from: *const u8, into: &mut [u8]) {
    if into.len() >= MANY {
        // SAFETY: as this function's, and `into` is ours alone.
        return unsafe { machine::forward(from, into.as_mut_ptr(), into.len()) };
    }
    // SAFETY: as this function's.
    unsafe { read_words(from, into) };
}

/// # Safety
///
/// As for [`read`].
unsafe fn read_words(from: *const u8, into: &mut [u8]) {
    let (head, words) = split(from, into.len());
    let (head_bytes, rest) = into.split_at_mut(head);
    let (word_bytes, tail_bytes) = rest.split_at_mut(words * WORD);
    // SAFETY: inside the range (`split`), readable (precondition).
    unsafe { read_edge(from, head_bytes) };
    for (index, chunk) in word_bytes.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
        // SAFETY: as above, and `split` has aligned the words.
        let word = unsafe { word(from.wrapping_add(head + index * WORD)) };
        *chunk = word.load(Ordering::Relaxed).to_ne_bytes();
    }
    // SAFETY: as above.
    unsafe { read_edge(from.wrapping_add(head + words * WORD), tail_bytes) };
}

/// Copies `bytes` to `to`.
///
/// # Safety
///
/// The bytes at `to` are writable, and otherwise as for [`read`].
pub unsafe fn write(to: *mut u8, bytes: &[u8]) {
    if bytes.len() >= MANY {
        // SAFETY: as this function's, and nobody writes `bytes`.
        return unsafe { machine::forward(bytes.as_ptr(), to, bytes.len()) };
    }
    // SAFETY: as this function's.
    unsafe { write_words(to, bytes) };
}

/// # Safety
///
/// As for [`write`].
unsafe fn write_words(to: *mut u8, bytes: &[u8]) {
    let (head, words) = split(to, bytes.len());
    let (head_bytes, rest) = bytes.split_at(head);
    let (word_bytes, tail_bytes) = rest.split_at(words * WORD);
    // SAFETY: inside the range (`split`), writable (precondition).
    unsafe { write_edge(to, head_bytes) };
    for (index, chunk) in word_bytes.as_chunks::<WORD>().0.iter().enumerate() {
        // SAFETY: as above, and `split` has aligned the words.
        let word = unsafe { word(to.wrapping_add(head + index * WORD)) };
        word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
    }
    // SAFETY: as above.
    unsafe { write_edge(to.wrapping_add(head + words * WORD), tail_bytes) };
}

/// Sets `len` bytes from `to` on to `byte`.
///
/// # Safety
///
/// As for [`write`].
pub unsafe fn fill(to: *mut u8, len: usize, byte: u8) {
    if len >= MANY {
        // SAFETY: as this function's.
        return unsafe { machine::fill(to, len, byte) };
    }
    // SAFETY: as this function's.
    unsafe { write_words(to, &[byte; MANY][..len]) };
}

/// Copies `len` bytes to `to`, as they are when they are read; the ranges may overlap.
///
/// # Safety
///
/// As for [`read`] and [`write`].
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    let begins_inside = to.addr().wrapping_sub(from.addr()) < len;
    if len >= MANY && !begins_inside {
        // SAFETY: as this function's: no byte is written before it is read.
        return unsafe { machine::forward(from, to, len) };
    }
    let mut bytes = [0; PIECE];
    let mut left = len;
    // From the end, by way of the stack: here, too, each byte is read before it is written. Few bytes are one piece.
    while left > 0 {
        let piece = PIECE.min(left);
        left -= piece;
        // SAFETY: parts of the ranges (precondition).
        unsafe {
            read(from.wrapping_add(left), &mut bytes[..piece]);
            write(to.wrapping_add(left), &bytes[..piece]);
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod machine {
    use std::arch::asm;

    /// Copies the bytes from the first to the last.
    ///
    /// # Safety
    ///
    /// As for [`super::copy`], and no byte of `from` lies in `to` behind the place to which it goes.
    pub(super) unsafe fn forward(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: as this function's; the direction flag is clear by the convention of calls.
        unsafe {
            asm!(
                "rep movsb",
                inout("rcx") len => _, inout("rsi") from => _, inout("rdi") to => _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// # Safety
    ///
    /// As for [`super::fill`].
    pub(super) unsafe fn fill(to: *mut u8, len: usize, byte: u8) {
        // SAFETY: as in `forward`.
        unsafe {
            asm!(
                "rep stosb",
                inout("rcx") len => _, inout("rdi") to => _, in("al") byte,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod machine {
    use super::{MANY, read_words, write_words};

    /// As on x86-64.
    ///
    /// # Safety
    ///
    /// As there.
    pub(super) unsafe fn forward(from: *const u8, to: *mut u8, len: usize) {
        let mut bytes = [0; MANY];
        for at in (0..len).step_by(MANY) {
            let piece = &mut bytes[..MANY.min(len - at)];
            // SAFETY: parts of the ranges (precondition).
            unsafe {
                read_words(from.wrapping_add(at), piece);
                write_words(to.wrapping_add(at), piece);
            }
        }
    }

    /// # Safety
    ///
    /// As for [`super::fill`].
    pub(super) unsafe fn fill(to: *mut u8, len: usize, byte: u8) {
        let bytes = [byte; MANY];
        for at in (0..len).step_by(MANY) {
            // SAFETY: a part of the range (precondition).
            unsafe { write_words(to.wrapping_add(at), &bytes[..MANY.min(len - at)]) };
        }
    }
}

/// How many bytes come before the first aligned word, and how many words follow.
fn split(place: *const u8, len: usize) -> (usize, usize) {
    let head = (place.addr().wrapping_neg() % WORD).min(len);
    (head, (len - head) / WORD)
}

/// How many bytes of the `left` ones from `place` on are accessed at once, less than a word: an aligned power of two.
fn part(place: *const u8, left: usize) -> usize {
    let aligned = 1 << place.addr().trailing_zeros().min(2);
    let fits = 1 << left.ilog2().min(2);
    usize::min(aligned, fits)
}

/// Reads the bytes of an edge.
///
/// # Safety
///
/// As for [`read`].
unsafe fn read_edge(from: *const u8, into: &mut [u8]) {
    let mut at = 0;
    while at < into.len() {
        let place = from.wrapping_add(at).cast_mut();
        let len = part(place, into.len() - at);
        let into = &mut into[at..at + len];
        // SAFETY: inside the range, and `part` says how it is aligned.
        unsafe {
            match len {
                4 => into.copy_from_slice(
                    &AtomicU32::from_ptr(place.cast()).load(Ordering::Relaxed).to_ne_bytes(),
                ),
                2 => into.copy_from_slice(
                    &AtomicU16::from_ptr(place.cast()).load(Ordering::Relaxed).to_ne_bytes(),
                ),
                _ => into.copy_from_slice(
                    &AtomicU8::from_ptr(place.cast()).load(Ordering::Relaxed).to_ne_bytes(),
                ),
            }
        }
        at += len;
    }
}

/// Writes the bytes of an edge.
///
/// # Safety
///
/// As for [`write`].
unsafe fn write_edge(to: *mut u8, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let place = to.wrapping_add(at);
        let rest = &bytes[at..];
        let len = part(place, rest.len());
        // SAFETY: as in `read_edge`.
        unsafe {
            match (len, rest) {
                (4, [a, b, c, d, ..]) => {
                    let number = u32::from_ne_bytes([*a, *b, *c, *d]);
                    AtomicU32::from_ptr(place.cast()).store(number, Ordering::Relaxed);
                }
                (2, [a, b, ..]) => {
                    let number = u16::from_ne_bytes([*a, *b]);
                    AtomicU16::from_ptr(place.cast()).store(number, Ordering::Relaxed);
                }
                _ => AtomicU8::from_ptr(place).store(rest[0], Ordering::Relaxed),
            }
        }
        at += len;
    }
}

/// # Safety
///
/// The eight bytes can be accessed, as [`read`] says, while the answer is used; the place is aligned.
unsafe fn word<'a>(place: *const u8) -> &'a AtomicU64 {
    debug_assert!(place.addr().is_multiple_of(WORD));
    // SAFETY: as this function's.
    unsafe { AtomicU64::from_ptr(place.cast_mut().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that tell every place from its neighbours.
    fn numbers(len: usize) -> Vec<u8> {
        (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[test]
    fn an_edge_is_accessed_in_aligned_parts() {
        let place = |at: usize| std::ptr::without_provenance::<u8>(at);
        let parts = |mut at: usize, end: usize| {
            let mut parts = Vec::new();
            while at < end {
                parts.push(part(place(at), end - at));
                at += parts.last().unwrap();
            }
            parts
        };
        assert_eq!(parts(64, 68), [4]);
        assert_eq!(parts(66, 68), [2]);
        assert_eq!(parts(65, 72), [1, 2, 4]);
        assert_eq!(parts(64, 71), [4, 2, 1]);
        assert_eq!(parts(67, 70), [1, 2]);
    }

    #[test]
    fn every_alignment_and_length_is_copied_whole_and_nothing_beside_it() {
        let lengths = || (0..40).chain([MANY - 1, MANY, MANY + 3, 1000]);
        for (start, len) in (0..9).flat_map(|start| lengths().map(move |len| (start, len))) {
            let mut place = vec![0xee; 1024];
            let bytes = numbers(len);
            let mut back = vec![0; len];
            // SAFETY: inside the vector, which nobody else knows.
            unsafe {
                write(place.as_mut_ptr().add(start), &bytes);
                read(place.as_ptr().add(start), &mut back);
            }
            assert_eq!(back, bytes);
            let around = place[..start].iter().chain(&place[start + len..]);
            assert!(around.copied().all(|byte| byte == 0xee), "{start} {len}");
            // SAFETY: as above.
            unsafe { fill(place.as_mut_ptr().add(start), len, 7) };
            assert!(place[start..start + len].iter().all(|&byte| byte == 7));
            assert!(place[start + len..].iter().all(|&byte| byte == 0xee));
        }
    }

    #[test]
    fn ranges_that_overlap_are_moved_as_if_by_way_of_a_copy() {
        for (from, to) in [(0, 1), (1, 0), (5, 700), (700, 5), (3, 3), (0, 3000), (3000, 0)] {
            for len in [0, 1, 7, MANY - 1, MANY, PIECE - 1, PIECE, 3 * PIECE - 5] {
                let mut bytes = numbers(6000 + 3 * PIECE);
                let mut expected = bytes.clone();
                expected.copy_within(from..from + len, to);
                let place = bytes.as_mut_ptr();
                // SAFETY: inside the vector, which nobody else knows.
                unsafe { copy(place.add(from), place.add(to), len) };
                assert!(bytes == expected, "{len} bytes from {from} to {to}");
            }
        }
    }
}
