//! Sealed pages from which slots are born.

use std::io;
use std::sync::Arc;

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

/// Pages that nobody can change any more. A clone is another handle to the same pages.
#[derive(Clone, Debug)]
pub struct Image {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

impl Image {
    /// Bytes, whole pages.
    #[must_use]
    pub fn len(&self) -> usize {
        let _ = &self.inner;
        todo!()
    }

    /// Whether there is no page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes. Reading a page that is a hole takes memory for it; see [`Image::is_hole`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        todo!()
    }

    /// Whether nothing was ever written in this page, so that it is zero and takes no memory.
    #[must_use]
    pub fn is_hole(&self, page: usize) -> bool {
        let _ = page;
        todo!()
    }
}

/// An image that is being written.
#[derive(Debug)]
pub struct ImageBuilder {}

impl ImageBuilder {
    /// An image of `len` bytes (rounded up to whole pages), all zero.
    ///
    /// # Errors
    ///
    /// [`ImageError::Os`].
    pub fn new(len: usize) -> Result<Self, ImageError> {
        let _ = len;
        todo!()
    }

    /// Writes `bytes` at `offset`; zeros where nothing was written take no memory.
    ///
    /// # Errors
    ///
    /// [`ImageError`].
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), ImageError> {
        let _ = (offset, bytes);
        todo!()
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
        let _ = (offset, address, len);
        todo!()
    }

    /// Ends the writing for ever.
    ///
    /// # Errors
    ///
    /// [`ImageError::Os`].
    pub fn seal(self) -> Result<Image, ImageError> {
        todo!()
    }
}
