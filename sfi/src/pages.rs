//! The system calls that change what is mapped, with the name of the call in the error.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::c_int;

/// A call that the system refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) call: &'static str,
    pub(crate) source: io::Error,
}

impl Refused {
    pub(crate) fn last(call: &'static str) -> Self {
        Self { call, source: io::Error::last_os_error() }
    }

    /// Whether memory, address space or mappings are used up.
    pub(crate) fn is_exhaustion(&self) -> bool {
        self.source.raw_os_error() == Some(libc::ENOMEM)
    }
}

/// What a mapping shows.
#[derive(Clone, Copy)]
pub(crate) enum Shows<'a> {
    /// Zero pages of its own.
    Zeros,
    /// A copy of a file, from this byte on, that is made page by page when it is written.
    CopyOf(BorrowedFd<'a>, usize),
    /// The file itself, from this byte on.
    File(BorrowedFd<'a>, usize),
}

/// How memory may be used.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    None,
    Read,
    Write,
    Execute,
}

impl Access {
    const fn protection(self) -> c_int {
        match self {
            Self::None => libc::PROT_NONE,
            Self::Read => libc::PROT_READ,
            Self::Write => libc::PROT_READ | libc::PROT_WRITE,
            Self::Execute => libc::PROT_READ | libc::PROT_EXEC,
        }
    }
}

/// Maps `len` bytes where the kernel likes; returns the address.
pub(crate) fn map(len: usize, access: Access, shows: Shows<'_>) -> Result<usize, Refused> {
    // SAFETY: without `MAP_FIXED` nothing is replaced.
    unsafe { mmap(0, len, access, shows, 0) }
}

/// Maps over what is at `address`.
///
/// # Safety
///
/// The whole pages from `address` on are the caller's, and nobody relies on what is there.
pub(crate) unsafe fn map_over(
    address: usize,
    len: usize,
    access: Access,
    shows: Shows<'_>,
) -> Result<(), Refused> {
    // SAFETY: as this function's.
    let at = unsafe { mmap(address, len, access, shows, libc::MAP_FIXED) }?;
    debug_assert_eq!(at, address);
    Ok(())
}

/// # Safety
///
/// With `MAP_FIXED`: as [`map_over`].
unsafe fn mmap(
    address: usize,
    len: usize,
    access: Access,
    shows: Shows<'_>,
    fixed: c_int,
) -> Result<usize, Refused> {
    let (kind, file, offset) = match shows {
        Shows::Zeros => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0),
        Shows::CopyOf(file, offset) => (libc::MAP_PRIVATE, file.as_raw_fd(), offset),
        Shows::File(file, offset) => (libc::MAP_SHARED, file.as_raw_fd(), offset),
    };
    let flags = kind | fixed | libc::MAP_NORESERVE;
    let offset = libc::off_t::try_from(offset)
        .map_err(|_| Refused { call: "mmap", source: io::ErrorKind::InvalidInput.into() })?;
    let wanted = std::ptr::without_provenance_mut(address);
    // SAFETY: as this function's; the file is open.
    let at = unsafe { libc::mmap(wanted, len, access.protection(), flags, file, offset) };
    if at == libc::MAP_FAILED { Err(Refused::last("mmap")) } else { Ok(at.expose_provenance()) }
}

/// Changes the access of whole pages.
///
/// # Safety
///
/// The pages are the caller's, and nobody relies on an access that is taken away.
pub(crate) unsafe fn protect(address: usize, len: usize, access: Access) -> Result<(), Refused> {
    let pages = std::ptr::without_provenance_mut(address);
    // SAFETY: as this function's.
    match unsafe { libc::mprotect(pages, len, access.protection()) } {
        0 => Ok(()),
        _ => Err(Refused::last("mprotect")),
    }
}

/// Gives back what is in whole pages: they show zeros, or their file, again. Flushes.
///
/// # Safety
///
/// The pages are the caller's, and nobody relies on what was written to them.
pub(crate) unsafe fn discard(address: usize, len: usize) -> Result<(), Refused> {
    let pages = std::ptr::without_provenance_mut(address);
    // SAFETY: as this function's.
    match unsafe { libc::madvise(pages, len, libc::MADV_DONTNEED) } {
        0 => Ok(()),
        _ => Err(Refused::last("madvise(MADV_DONTNEED)")),
    }
}

/// As [`discard`], for many ranges with few flushes; how many bytes it has done, from the first range on.
///
/// # Safety
///
/// As for [`discard`], for each range.
pub(crate) unsafe fn discard_some(
    process: BorrowedFd<'_>,
    ranges: &[libc::iovec],
) -> Result<usize, Refused> {
    let (fd, advice, flags) = (process.as_raw_fd(), libc::MADV_DONTNEED, 0_u32);
    // SAFETY: as this function's; the ranges are readable.
    let done = unsafe {
        let (first, count) = (ranges.as_ptr(), ranges.len());
        libc::syscall(libc::SYS_process_madvise, fd, first, count, advice, flags)
    };
    usize::try_from(done).map_err(|_| Refused::last("process_madvise(MADV_DONTNEED)"))
}

/// A descriptor of this process, for [`discard_some`].
pub(crate) fn this_process() -> Result<OwnedFd, Refused> {
    // SAFETY: the call touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0_u32) };
    let fd = c_int::try_from(fd).ok().filter(|&fd| fd >= 0);
    // SAFETY: the descriptor was made just above and nobody else knows it.
    fd.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).ok_or_else(|| Refused::last("pidfd_open"))
}

/// Unmaps whole pages. It cannot fail for whole mappings; where it would split one and no mapping is left, the pages
/// stay.
///
/// # Safety
///
/// The pages are the caller's, and nobody relies on them.
pub(crate) unsafe fn unmap(address: usize, len: usize) -> Result<(), Refused> {
    // SAFETY: as this function's.
    match unsafe { libc::munmap(std::ptr::without_provenance_mut(address), len) } {
        0 => Ok(()),
        _ => Err(Refused::last("munmap")),
    }
}
