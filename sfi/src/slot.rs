//! One reservation of address space, in which a guest lives.

use std::io;

use crate::image::Image;
use crate::shared::SharedRegion;

/// Why an operation on a slot was refused.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// Not all bytes asked for are inside the slot (or the region).
    #[error("{len} bytes at offset {offset} are not inside {whole} bytes")]
    OutOfBounds {
        /// First byte asked for.
        offset: usize,
        /// How many bytes.
        len: usize,
        /// Bytes of the slot or region.
        whole: usize,
    },
    /// An offset or length that is not whole host pages.
    #[error("{bytes} bytes are not whole host pages")]
    NotWholePages {
        /// The offset or length.
        bytes: usize,
    },
    /// No address space, memory or mapping is left (`ENOMEM`; see the sysctl `vm.max_map_count`).
    #[error("{call}: no memory or no mapping left for a slot")]
    Exhausted {
        /// The system call.
        call: &'static str,
    },
    /// The operating system refused.
    #[error("{call} failed for a slot")]
    Os {
        /// The system call.
        call: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

/// A reservation of inaccessible address space, of which pieces become accessible; unmapped when dropped.
#[derive(Debug)]
pub struct Slot {
    address: usize,
    len: usize,
}

impl Slot {
    /// Reserves `len` bytes, rounded up to whole 2 MiB, from a whole 2 MiB on; nothing is accessible.
    ///
    /// # Errors
    ///
    /// [`SlotError::Exhausted`], [`SlotError::Os`].
    pub fn reserve(len: usize) -> Result<Self, SlotError> {
        let _ = len;
        todo!()
    }

    /// Address of the first byte: a multiple of 2 MiB.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// Bytes reserved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is reserved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes whole pages of reserved space readable and writable; they are zero (unless they were committed before).
    /// Never flushes another processor's address translations.
    ///
    /// # Errors
    ///
    /// [`SlotError`]; nothing is changed then.
    pub fn commit(&self, offset: usize, len: usize) -> Result<(), SlotError> {
        let _ = (offset, len);
        todo!()
    }

    /// Maps the whole image, copy on write, readable and writable, over what is at `offset`.
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    pub fn map_image(&self, offset: usize, image: &Image) -> Result<(), SlotError> {
        let _ = (offset, image);
        todo!()
    }

    /// Maps `len` bytes of `region` from `region_offset` on, shared, readable and writable, over what is at `offset`.
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    pub fn map_region(
        &self,
        offset: usize,
        region: &SharedRegion,
        region_offset: usize,
        len: usize,
    ) -> Result<(), SlotError> {
        let _ = (offset, region, region_offset, len);
        todo!()
    }

    /// Makes whole pages inaccessible again and gives back what was in them.
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    pub fn decommit(&self, offset: usize, len: usize) -> Result<(), SlotError> {
        let _ = (offset, len);
        todo!()
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    ///
    /// [`SlotError::OutOfBounds`].
    ///
    /// # Safety
    ///
    /// The bytes are writable, and nobody else reads or writes them meanwhile.
    pub unsafe fn write(&self, offset: usize, bytes: &[u8]) -> Result<(), SlotError> {
        let _ = (offset, bytes);
        todo!()
    }

    /// Copies `into.len()` bytes from `offset`.
    ///
    /// # Errors
    ///
    /// [`SlotError::OutOfBounds`].
    ///
    /// # Safety
    ///
    /// The bytes are readable, and nobody writes them meanwhile.
    pub unsafe fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), SlotError> {
        let _ = (offset, into);
        todo!()
    }
}
