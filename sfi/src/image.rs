//! Sealed pages from which slots are born.
//!
//! # Invariants
//!
//! 1. An [`Image`] is a memfd that is sealed against writing, shrinking, growing and further sealing, or pages of a file
//!    of which the caller of [`Image::of_file`] vouches for as much: its bytes are the same for ever, in every process
//!    that holds it. So what is mapped of it, copied on write, needs no second look.
//! 2. A page that was never written with anything but zeros is a *hole* and takes no memory. Reading one through a
//!    mapping makes the kernel fill it; the bytes are zero all the same.
//!
//! # Truncation
//!
//! A memfd cannot be cut. Of a file it holds what [`crate::file`] says.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use crate::HOST_PAGE;
use crate::pages::{self, Access, Refused, Shows};

/// Why an image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Not all bytes are inside the image.
    #[error("{len} bytes at offset {offset} are not inside an image of {image} bytes")]
    OutOfBounds {
        /// First byte.
        offset: usize,
        /// How many.
        len: usize,
        /// Bytes of the image.
        image: usize,
    },
    /// The operating system refused.
    #[error("{call} failed for an image")]
    Os {
        /// The system call.
        call: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

impl From<Refused> for ImageError {
    fn from(refused: Refused) -> Self {
        Self::Os { call: refused.call, source: refused.source }
    }
}

/// Pages that nobody can change any more. A clone is another handle to the same pages.
#[derive(Clone, Debug)]
pub struct Image {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    /// The first byte in the file: whole pages.
    offset: usize,
    /// Start of a read-only mapping of `len` bytes that this value owns.
    address: usize,
    /// Whole pages, at least one.
    len: usize,
    /// By page.
    written: Box<[bool]>,
}

impl Image {
    /// Bytes: whole pages, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an image is never empty")]
    pub fn len(&self) -> usize {
        self.inner.len
    }

    /// All bytes. Reading a page that is a hole takes memory for it; see [`Image::is_hole`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let start = std::ptr::with_exposed_provenance(self.inner.address);
        // SAFETY: the mapping is readable, `len` bytes long and stays as long as `inner`, which the result borrows; the
        // file cannot be written or shrunk any more (invariant 1).
        unsafe { std::slice::from_raw_parts(start, self.inner.len) }
    }

    /// Whether nothing but zeros was ever written in this page. Pages beyond the end count as holes.
    #[must_use]
    pub fn is_hole(&self, page: usize) -> bool {
        !self.inner.written.get(page).copied().unwrap_or(false)
    }

    /// `len` bytes of a file from `offset` on, both whole pages and inside the file, of which `written` says by page
    /// whether it may hold anything but zeros.
    ///
    /// # Errors
    ///
    /// [`ImageError::OutOfBounds`], [`ImageError::Os`].
    ///
    /// # Safety
    ///
    /// As long as the image or anything that was mapped of it lives, nobody changes the file or cuts it off.
    pub unsafe fn of_file(
        file: &File,
        offset: usize,
        len: usize,
        written: Box<[bool]>,
    ) -> Result<Self, ImageError> {
        let metadata =
            file.metadata().map_err(|source| ImageError::Os { call: "fstat", source })?;
        let whole = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        let inside = offset.checked_add(len).is_some_and(|end| end <= whole);
        let aligned = offset.is_multiple_of(HOST_PAGE) && len.is_multiple_of(HOST_PAGE);
        if !inside || !aligned || len == 0 || written.len() != len / HOST_PAGE {
            return Err(ImageError::OutOfBounds { offset, len, image: whole });
        }
        let fd = file.as_fd().try_clone_to_owned();
        let fd = fd.map_err(|source| ImageError::Os { call: "dup", source })?;
        let address = pages::map(len, Access::Read, Shows::CopyOf(fd.as_fd(), offset))?;
        Ok(Self { inner: Arc::new(Inner { fd, offset, address, len, written }) })
    }

    /// The file that the pages are of: for handing it to another process.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }

    /// What a copy of the image shows.
    pub(crate) fn shown(&self) -> Shows<'_> {
        Shows::CopyOf(self.fd(), self.inner.offset)
    }

    /// Whether both handles are to the same pages.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and references into it borrow it. Unmapping all of it cannot fail.
        let _ = unsafe { pages::unmap(self.address, self.len) };
    }
}

/// An image that is being written.
#[derive(Debug)]
pub struct ImageBuilder {
    fd: OwnedFd,
    len: usize,
    written: Box<[bool]>,
}

static ZEROS: [u8; HOST_PAGE] = [0; HOST_PAGE];

impl ImageBuilder {
    /// An image of `len` bytes (rounded up to whole pages, at least one), all zero.
    ///
    /// # Errors
    ///
    /// [`ImageError::Os`].
    pub fn new(len: usize) -> Result<Self, ImageError> {
        let too_long =
            || Refused { call: "ftruncate", source: io::Error::from_raw_os_error(libc::EFBIG) };
        let len = len.max(1).checked_next_multiple_of(HOST_PAGE).ok_or_else(too_long)?;
        let file_len = libc::off_t::try_from(len).map_err(|_| too_long())?;
        let fd = memfd(c"faasm-image")?;
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        if unsafe { libc::ftruncate(fd.as_raw_fd(), file_len) } != 0 {
            return Err(Refused::last("ftruncate").into());
        }
        Ok(Self { fd, len, written: vec![false; len / HOST_PAGE].into() })
    }

    /// Writes `bytes` at `offset`; zeros where nothing was written take no memory.
    ///
    /// # Errors
    ///
    /// [`ImageError`].
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), ImageError> {
        let end = offset.checked_add(bytes.len()).filter(|&end| end <= self.len);
        let Some(end) = end else {
            return Err(ImageError::OutOfBounds { offset, len: bytes.len(), image: self.len });
        };
        let mut at = offset;
        // What is to be written and was not yet: from here to `at`.
        let mut from = offset;
        while at < end {
            let page = at / HOST_PAGE;
            let next = end.min((page + 1) * HOST_PAGE);
            let piece = &bytes[at - offset..next - offset];
            if !self.written[page] && *piece == ZEROS[..piece.len()] {
                self.write_out(from, &bytes[from - offset..at - offset])?;
                from = next;
            } else {
                self.written[page] = true;
            }
            at = next;
        }
        self.write_out(from, &bytes[from - offset..])
    }

    /// Copies `len` bytes of memory from `address` on to `offset`.
    ///
    /// # Errors
    ///
    /// [`ImageError`].
    ///
    /// # Safety
    ///
    /// The bytes are readable, and nobody writes them meanwhile.
    pub unsafe fn copy_from(
        &mut self,
        offset: usize,
        address: usize,
        len: usize,
    ) -> Result<(), ImageError> {
        let start = std::ptr::with_exposed_provenance(address);
        // SAFETY: readable and not written meanwhile (precondition).
        self.write(offset, unsafe { std::slice::from_raw_parts(start, len) })
    }

    /// Ends the writing for ever.
    ///
    /// # Errors
    ///
    /// [`ImageError::Os`].
    pub fn seal(self) -> Result<Image, ImageError> {
        let seals =
            libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        if unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
            return Err(Refused::last("fcntl(F_ADD_SEALS)").into());
        }
        let address = pages::map(self.len, Access::Read, Shows::CopyOf(self.fd.as_fd(), 0))?;
        let Self { fd, len, written } = self;
        Ok(Image { inner: Arc::new(Inner { fd, offset: 0, address, len, written }) })
    }

    /// Writes to the file, all of it. The range is inside the file.
    fn write_out(&self, offset: usize, mut bytes: &[u8]) -> Result<(), ImageError> {
        let mut at = offset.cast_signed() as libc::off_t;
        while !bytes.is_empty() {
            // SAFETY: the descriptor is open and the bytes are readable.
            let done = unsafe {
                libc::pwrite(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), at)
            };
            match usize::try_from(done) {
                Ok(done) => {
                    bytes = &bytes[done..];
                    at += done.cast_signed() as libc::off_t;
                }
                Err(_) => {
                    let refused = Refused::last("pwrite");
                    if refused.source.kind() != io::ErrorKind::Interrupted {
                        return Err(refused.into());
                    }
                }
            }
        }
        Ok(())
    }
}

/// A new file without a place that can be sealed; `/proc` shows its name.
pub(crate) fn memfd(name: &CStr) -> Result<OwnedFd, Refused> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name ends with a NUL.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    if fd < 0 {
        return Err(Refused::last("memfd_create"));
    }
    // SAFETY: the descriptor was made just above and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests;
