//! Shared regions: memory that several guests and the host see at once.
//!
//! A region is a memfd of whole host pages, mapped once in the host and, through its descriptor, at whole pages inside
//! as many guest memories as ask for it.
//!
//! # Invariants
//!
//! 1. The memfd is sealed against shrinking, and the set of seals is closed, before its first mapping. So a byte below
//!    `len` can be touched for as long as the region lives: no process that holds the descriptor can turn an access
//!    into a bus error or freeze the region.
//! 2. The host's mapping covers the maximum from the start and never moves: growth is one `ftruncate`, and then `len`
//!    is published. Pages between `len` and the maximum are mapped but have no file behind them; no accessor touches
//!    them.
//! 3. `len` only grows. It is written under `growth` with `Release` and read with `Acquire`.
//! 4. No Rust reference to the bytes exists other than to atomics: guests write them at any time, from code that the
//!    compiler cannot see. Every copy goes through relaxed atomic accesses, of words where they are aligned and of
//!    bytes at the edges.
//!
//! # Not here
//!
//! Mapping a region into a slot (a slot knows its own walls), and what the bytes mean.
//!
//! A copy is not atomic as a whole: a writer in another thread may be seen half way. Whoever needs more holds a lock
//! around the copies, or uses the atomic accessors.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::file::data_after;
use crate::racing;

/// Why an operation on a shared region was refused.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// The bytes asked for are not all inside the region.
    #[error("{len} bytes at offset {offset} are not inside a region of {region} bytes")]
    OutOfBounds {
        /// First byte asked for.
        offset: usize,
        /// How many bytes.
        len: usize,
        /// The region's length at that moment, in bytes.
        region: usize,
    },
    /// An atomic access at an offset that is not a multiple of its size.
    #[error("offset {offset} is not a multiple of {align}")]
    Misaligned {
        /// The offset asked for.
        offset: usize,
        /// The alignment needed, in bytes.
        align: usize,
    },
    /// A length beyond the maximum that was given when the region was made.
    #[error("a length of {asked} bytes is over the region's maximum of {max}")]
    TooLong {
        /// The length asked for, in bytes.
        asked: usize,
        /// The maximum, in bytes.
        max: usize,
    },
    /// The operating system refused.
    #[error("{call} failed for a shared region")]
    Os {
        /// The system call.
        call: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

/// Memory of whole host pages that can be mapped into several guests; see the module's page for what it guarantees.
///
/// A clone is another handle to the same memory, as cheap as an `Arc`. The host's mapping and the descriptor go with
/// the last handle; mappings that guests still have stay valid without it.
#[derive(Clone, Debug)]
pub struct SharedRegion {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    /// Start of the host's mapping of `max` bytes; page aligned; constant.
    base: NonNull<u8>,
    /// Bytes behind which there is a file; whole pages; written only under `growth`.
    len: AtomicUsize,
    /// Bytes mapped; whole pages; constant.
    max: usize,
    growth: Mutex<()>,
}

// SAFETY: `base` is the start of a mapping that this value alone owns and that stays until it is dropped. All accesses
// through it are atomic (invariant 4), so any thread may make them at the same time.
unsafe impl Send for Inner {}
// SAFETY: as above: every access through a shared `Inner` is atomic or under the `growth` lock.
unsafe impl Sync for Inner {}

impl SharedRegion {
    /// Makes a region of `len` bytes, all zero, that can grow to `max` bytes; both are rounded up to whole host pages,
    /// at least one page for `max`.
    ///
    /// `max` costs address space only; memory is taken page by page at the first touch.
    ///
    /// # Errors
    ///
    /// [`RegionError::TooLong`] when `len` is over `max` or cannot be rounded; [`RegionError::Os`] when the system has
    /// no descriptor or no address space left.
    pub fn create(len: usize, max: usize) -> Result<Self, RegionError> {
        let too_long = RegionError::TooLong { asked: len, max };
        let (Some(len), Some(max)) = (whole_pages(len), whole_pages(max.max(1))) else {
            return Err(too_long);
        };
        if len > max || isize::try_from(max).is_err() {
            return Err(too_long);
        }
        let fd = memfd()?;
        set_file_len(&fd, len)?;
        seal(&fd)?;
        let base = map(&fd, max)?;
        let inner = Inner { fd, base, len: AtomicUsize::new(len), max, growth: Mutex::new(()) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The size of a host page in bytes: the grain of lengths and of mapping.
    #[must_use]
    pub fn page_size() -> usize {
        region::page::size()
    }

    /// The region's present length in bytes: whole pages, and never less than an earlier answer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len.load(Ordering::Acquire)
    }

    /// Whether the region has no byte yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length in bytes, whole pages, up to which the region can grow.
    #[must_use]
    pub fn max_len(&self) -> usize {
        self.inner.max
    }

    /// The descriptor of the memfd: for mapping it into a slot or handing it to another process.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }

    /// Whether both handles are to the same memory.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Makes the region at least `len` bytes long (rounded up to whole pages); new bytes are zero. Does nothing when
    /// it is that long already.
    ///
    /// # Errors
    ///
    /// [`RegionError::TooLong`] over the maximum; [`RegionError::Os`] when the system refuses. The region is as it was.
    pub fn grow_to(&self, len: usize) -> Result<(), RegionError> {
        let max = self.inner.max;
        let wanted = match whole_pages(len) {
            Some(wanted) if wanted <= max => wanted,
            _ => return Err(RegionError::TooLong { asked: len, max }),
        };
        let _growth = self.inner.growth.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted > self.len() {
            set_file_len(&self.inner.fd, wanted)?;
            self.inner.len.store(wanted, Ordering::Release);
        }
        Ok(())
    }

    /// Copies `into.len()` bytes from `offset` on out of the region.
    ///
    /// # Errors
    ///
    /// [`RegionError::OutOfBounds`]; nothing is copied then.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), RegionError> {
        self.check(offset, into.len())?;
        // SAFETY: inside the region (just checked), as `place` says.
        unsafe { racing::read(self.place(offset), into) };
        Ok(())
    }

    /// Copies `len` bytes from `offset` on out of the region into a new vector.
    ///
    /// # Errors
    ///
    /// [`RegionError::OutOfBounds`]; checked before anything is allocated.
    pub fn read_vec(&self, offset: usize, len: usize) -> Result<Vec<u8>, RegionError> {
        self.check(offset, len)?;
        let mut bytes = vec![0; len];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies `from` into the region from `offset` on.
    ///
    /// # Errors
    ///
    /// [`RegionError::OutOfBounds`]; nothing is copied then. A write never grows the region.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<(), RegionError> {
        self.check(offset, from.len())?;
        // SAFETY: inside the region (just checked), as `place` says.
        unsafe { racing::write(self.place(offset), from) };
        Ok(())
    }

    /// Hands up to `len` bytes from `offset` on to the socket `to`, with no copy in between, and says how many it took:
    /// it is asked once and not waited for.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::WouldBlock`] if it takes none now; [`io::ErrorKind::InvalidInput`] for bytes
    /// that are not all inside the region.
    pub fn send(&self, offset: usize, len: usize, to: BorrowedFd<'_>) -> io::Result<usize> {
        self.check(offset, len)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the bytes are inside the region (just checked), readable as `place` says; the system reads them as another
        // thread would, and keeps no pointer to them. The descriptor is open.
        let sent = unsafe { libc::send(to.as_raw_fd(), self.place(offset).cast(), len, flags) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Has the socket `from` put up to `len` bytes at `offset`, with no copy in between, and says how many it had: it is
    /// asked once and not waited for. None are the end of what comes, if some were asked for.
    ///
    /// # Errors
    ///
    /// As of [`SharedRegion::send`].
    pub fn receive(&self, offset: usize, len: usize, from: BorrowedFd<'_>) -> io::Result<usize> {
        self.check(offset, len)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        // SAFETY: the bytes are inside the region (just checked), writable as `place` says; the system writes them as
        // another thread would, and keeps no pointer to them. The descriptor is open.
        let got = unsafe {
            libc::recv(from.as_raw_fd(), self.place(offset).cast(), len, libc::MSG_DONTWAIT)
        };
        usize::try_from(got).map_err(|_| io::Error::last_os_error())
    }

    /// Sets `len` bytes from `offset` on to `byte`.
    ///
    /// # Errors
    ///
    /// [`RegionError::OutOfBounds`]; nothing is written then.
    pub fn fill(&self, offset: usize, len: usize, byte: u8) -> Result<(), RegionError> {
        self.check(offset, len)?;
        // SAFETY: inside the region (just checked), as `place` says.
        unsafe { racing::fill(self.place(offset), len, byte) };
        Ok(())
    }

    /// Gives the memory of the whole pages in `range` back: all their bytes are zero then, for guests that have mapped
    /// them too. The region stays as long as it is.
    ///
    /// # Errors
    ///
    /// [`RegionError::OutOfBounds`]; [`RegionError::Os`]: then some of it may be given back.
    pub fn discard(&self, range: Range<usize>) -> Result<(), RegionError> {
        let page = Self::page_size();
        let (start, end) = (range.start.next_multiple_of(page), range.end - range.end % page);
        self.check(range.start, range.len())?;
        if start >= end {
            return Ok(());
        }
        let (Ok(offset), Ok(len)) =
            (libc::off_t::try_from(start), libc::off_t::try_from(end - start))
        else {
            return Err(RegionError::OutOfBounds {
                offset: start,
                len: end - start,
                region: self.len(),
            });
        };
        let how = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: the descriptor is open; the file keeps its length (invariant 1), so every mapping of it stays valid, and
        // its bytes become zero as by anybody's write.
        match unsafe { libc::fallocate(self.inner.fd.as_raw_fd(), how, offset, len) } {
            0 => Ok(()),
            _ => Err(os("fallocate")),
        }
    }

    /// The first range of whole pages from `offset`, whole pages, on that anybody has touched; outside of such ranges all
    /// bytes are zero.
    ///
    /// # Errors
    ///
    /// [`RegionError::Os`].
    pub fn next_touched(&self, offset: usize) -> Result<Option<Range<usize>>, RegionError> {
        // Nobody uses the file's position.
        data_after(self.inner.fd.as_fd(), offset)
            .map_err(|source| RegionError::Os { call: "lseek", source })
    }

    /// The 32-bit word at `offset`, for atomic accesses that guests' own atomic accesses meet.
    ///
    /// # Errors
    ///
    /// [`RegionError::OutOfBounds`], [`RegionError::Misaligned`].
    pub fn atomic_u32(&self, offset: usize) -> Result<&AtomicU32, RegionError> {
        self.check(offset, size_of::<u32>())?;
        aligned(offset, size_of::<u32>())?;
        // SAFETY: the four bytes are inside the mapping and have a file behind them (checked above, and invariants 1
        // to 3 keep it so while `self` lives); the address is aligned, as `base` is page aligned; no reference other
        // than to atomics exists (invariant 4).
        Ok(unsafe { AtomicU32::from_ptr(self.place(offset).cast()) })
    }

    /// The 64-bit word at `offset`, for atomic accesses that guests' own atomic accesses meet.
    ///
    /// # Errors
    ///
    /// [`RegionError::OutOfBounds`], [`RegionError::Misaligned`].
    pub fn atomic_u64(&self, offset: usize) -> Result<&AtomicU64, RegionError> {
        self.check(offset, WORD)?;
        aligned(offset, WORD)?;
        // SAFETY: as in `atomic_u32`, for all eight bytes.
        Ok(unsafe { AtomicU64::from_ptr(self.place(offset).cast()) })
    }

    fn check(&self, offset: usize, len: usize) -> Result<(), RegionError> {
        let region = self.len();
        match offset.checked_add(len) {
            Some(end) if end <= region => Ok(()),
            _ => Err(RegionError::OutOfBounds { offset, len, region }),
        }
    }

    /// The place of a byte that the caller has checked: it is inside the mapping, readable and writable, and has a file
    /// behind it for as long as `self` lives (invariants 1 to 3). Nobody but guests touches it other than atomically
    /// (invariant 4).
    fn place(&self, offset: usize) -> *mut u8 {
        self.inner.base.as_ptr().wrapping_add(offset)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: `base` and `max` are the mapping that `map` made; references into it borrow a `SharedRegion`, which
        // keeps this value alive, so none is left.
        let done = unsafe { libc::munmap(self.base.as_ptr().cast(), self.max) };
        debug_assert_eq!(done, 0, "unmapping a shared region");
    }
}

const WORD: usize = size_of::<u64>();

fn aligned(offset: usize, align: usize) -> Result<(), RegionError> {
    if offset.is_multiple_of(align) {
        Ok(())
    } else {
        Err(RegionError::Misaligned { offset, align })
    }
}

fn whole_pages(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(region::page::size())
}

fn os(call: &'static str) -> RegionError {
    RegionError::Os { call, source: io::Error::last_os_error() }
}

fn memfd() -> Result<OwnedFd, RegionError> {
    // SAFETY: the name is a NUL-terminated constant; the call has no other precondition.
    let fd = unsafe {
        libc::memfd_create(c"faasm-region".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING)
    };
    if fd < 0 {
        return Err(os("memfd_create"));
    }
    // SAFETY: the descriptor was made just above and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn set_file_len(fd: &OwnedFd, len: usize) -> Result<(), RegionError> {
    let Ok(file_len) = libc::off_t::try_from(len) else {
        return Err(RegionError::TooLong { asked: len, max: isize::MAX.unsigned_abs() });
    };
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    match unsafe { libc::ftruncate(fd.as_raw_fd(), file_len) } {
        0 => Ok(()),
        _ => Err(os("ftruncate")),
    }
}

fn seal(fd: &OwnedFd) -> Result<(), RegionError> {
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    match unsafe {
        libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL)
    } {
        0 => Ok(()),
        _ => Err(os("fcntl(F_ADD_SEALS)")),
    }
}

fn map(fd: &OwnedFd, len: usize) -> Result<NonNull<u8>, RegionError> {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_NORESERVE);
    // SAFETY: a new mapping at an address of the kernel's choice replaces nothing; the descriptor is open.
    let base =
        unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd.as_raw_fd(), 0) };
    if base == libc::MAP_FAILED {
        return Err(os("mmap"));
    }
    NonNull::new(base.cast()).ok_or_else(|| os("mmap"))
}

#[cfg(test)]
mod tests;
