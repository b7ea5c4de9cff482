//! Which pages of an image's copy were written, and their restoration.

use std::io;

use crate::image::Image;
use crate::slot::Slot;

/// Why a slot could not be restored: drop it.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The image does not lie inside the slot there.
    #[error(
        "an image of {image} bytes at offset {offset} does not lie inside a slot of {slot} bytes"
    )]
    OutOfBounds {
        /// Where the image was said to be.
        offset: usize,
        /// Its bytes.
        image: usize,
        /// The slot's bytes.
        slot: usize,
    },
    /// The operating system refused.
    #[error("{call} failed for restoring a slot")]
    Os {
        /// The system call.
        call: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

/// What a restoration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// How many pages were copied back.
    pub pages: usize,
}

/// Finds written pages of this process; one per engine, used by any thread.
#[derive(Debug)]
pub struct Scanner {}

impl Scanner {
    /// Opens this process's page map. A child made by `fork` needs its own.
    ///
    /// # Errors
    ///
    /// [`RestoreError::Os`].
    pub fn open() -> Result<Self, RestoreError> {
        todo!()
    }

    /// Makes every byte of the copy of `image`, mapped at `offset` in `slot`, what it was when it was mapped. Neither
    /// unmaps nor flushes; written pages stay resident.
    ///
    /// # Errors
    ///
    /// [`RestoreError`].
    ///
    /// # Safety
    ///
    /// [`Slot::map_image`] mapped `image` at `offset` and nothing was mapped over it since; nobody runs in the slot,
    /// reads or writes it meanwhile.
    pub unsafe fn restore(
        &self,
        slot: &Slot,
        offset: usize,
        image: &Image,
    ) -> Result<Restored, RestoreError> {
        let _ = (slot, offset, image);
        todo!()
    }
}
