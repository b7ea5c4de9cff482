//! Files that are mapped as a whole, read-only, and of which a part can be made executable.
//!
//! # Invariants
//!
//! 1. What is mapped is not written to: not by this process, because no writable mapping of it is made, and not by
//!    others, because the file is a memfd that is sealed, or because the caller of [`MappedFile::map`] vouches for it.
//! 2. No page is ever writable and executable, and none that was executable becomes anything else.
//!
//! # Truncation
//!
//! Touching a page behind the end of a file that was cut while it is mapped is a SIGBUS, which is nobody's trap: the
//! process dies with the evidence. A copy ([`MappedFile::copy_of`]) cannot be cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use crate::HOST_PAGE;
use crate::image::memfd;
use crate::pages::{self, Access, Refused, Shows};

/// Why a file could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The part that was to be executable is not whole pages of the file.
    #[error("bytes {} to {} are not whole pages of the file", .0.start, .0.end)]
    Pages(Range<usize>),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// The operating system refused.
    #[error("{call} failed for a file")]
    Os {
        /// The system call.
        call: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

impl From<Refused> for FileError {
    fn from(refused: Refused) -> Self {
        Self::Os { call: refused.call, source: refused.source }
    }
}

impl FileError {
    /// Whether the file system does not let its files be executed.
    #[must_use]
    pub fn is_no_execute(&self) -> bool {
        matches!(self, Self::Os { call: "mprotect", source } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// A file in memory; unmapped when dropped.
#[derive(Debug)]
pub struct MappedFile {
    address: usize,
    /// Bytes of the file.
    len: usize,
    /// Whole pages, at least one.
    mapped: usize,
}

impl MappedFile {
    /// Maps a file, whose pages are shared with everyone else who maps it.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    ///
    /// # Safety
    ///
    /// As long as the mapping lives, nobody changes the file or cuts it off.
    pub unsafe fn map(file: &File) -> Result<Self, FileError> {
        let len = file.metadata().map_err(FileError::Read)?.len();
        let len = usize::try_from(len)
            .map_err(|_| FileError::Read(io::ErrorKind::FileTooLarge.into()))?;
        let mapped = len.max(1).next_multiple_of(HOST_PAGE);
        let address = pages::map(mapped, Access::Read, Shows::CopyOf(file.as_fd(), 0))?;
        Ok(Self { address, len, mapped })
    }

    /// Maps a sealed copy of these bytes.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn copy_of(bytes: &[u8]) -> Result<Self, FileError> {
        Self::sealed_copy(|copy| copy.write_all(bytes))
    }

    /// Maps a sealed copy of this file from its present position on. What somebody does to the file meanwhile is in
    /// the copy or not; what is done later is not.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn copy_of_file(mut file: &File) -> Result<Self, FileError> {
        Self::sealed_copy(|copy| io::copy(&mut file, copy).map(drop))
    }

    fn sealed_copy(write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<Self, FileError> {
        let mut copy = File::from(memfd(c"faasm-object")?);
        write(&mut copy).map_err(FileError::Read)?;
        let copy = File::from(seal(copy.into())?);
        // SAFETY: the file was sealed against changes just above.
        unsafe { Self::map(&copy) }
    }

    /// All bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let start = std::ptr::with_exposed_provenance(self.address);
        // SAFETY: the mapping is readable, at least `len` bytes long, and stays as long as `self`; nobody writes to it
        // (invariant 1).
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }

    /// Makes whole pages of the file executable.
    ///
    /// # Errors
    ///
    /// [`FileError::Pages`] if they are none; [`FileError::Os`], for one if the file is where nothing may be executed.
    pub fn make_executable(&mut self, range: Range<usize>) -> Result<(), FileError> {
        let whole = range.start.is_multiple_of(HOST_PAGE) && range.end.is_multiple_of(HOST_PAGE);
        if !whole || range.start >= range.end || range.end > self.len {
            return Err(FileError::Pages(range));
        }
        // SAFETY: the pages are this mapping's, and they stay readable.
        unsafe { pages::protect(self.address + range.start, range.len(), Access::Execute) }?;
        Ok(())
    }

    /// Where byte `offset` is in memory.
    pub(crate) fn address_of(&self, offset: usize) -> usize {
        self.address + offset
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own; references into it borrow it, and who ran code in it kept it.
        // Failing, it stays.
        let _ = unsafe { pages::unmap(self.address, self.mapped) };
    }
}

/// Lets nobody write to a memfd any more, cut it or make it longer.
fn seal(file: OwnedFd) -> Result<OwnedFd, Refused> {
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } {
        0 => Ok(file),
        _ => Err(Refused::last("fcntl(F_ADD_SEALS)")),
    }
}

/// The next part of a file from byte `from` on that takes room; everything between such parts is zero. Moves the
/// file's position.
///
/// # Errors
///
/// What `lseek` says.
pub fn data_after(file: BorrowedFd<'_>, from: usize) -> io::Result<Option<Range<usize>>> {
    let Some(start) = seek(file, from, libc::SEEK_DATA)? else { return Ok(None) };
    let end = seek(file, start, libc::SEEK_HOLE)?.unwrap_or(start);
    Ok((start < end).then_some(start..end))
}

/// What `lseek` finds; `None` if there is nothing from `offset` on.
fn seek(file: BorrowedFd<'_>, offset: usize, what: i32) -> io::Result<Option<usize>> {
    let Ok(from) = libc::off_t::try_from(offset) else { return Ok(None) };
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    let found = unsafe { libc::lseek(file.as_raw_fd(), from, what) };
    match usize::try_from(found) {
        Ok(found) => Ok(Some(found)),
        Err(_) => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
            error => Err(error),
        },
    }
}

/// Whether nobody but this process's user (and the system's own) can write to a file or into a folder: it belongs to
/// that user, and neither its group nor others may write.
#[must_use]
pub fn is_private(found: &fs::Metadata) -> bool {
    // SAFETY: the call has no precondition.
    let user = unsafe { libc::geteuid() };
    found.uid() == user && found.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests;
