//! The one place where a guest's pointer becomes bytes: checked copies in and out.

use std::marker::PhantomData;

/// A guest's linear memory, for the time of a borrow.
///
/// Everything is copied, once, after pointer and length were checked without overflow; the memory may be written by
/// other threads at the same time.
#[derive(Clone, Copy, Debug)]
pub struct GuestMemory<'a> {
    store: PhantomData<&'a ()>,
}

/// A guest's pointer is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestMemoryError {
    /// The range is not all inside the memory.
    #[error("{len} bytes at {ptr:#x} are not inside the guest's memory of {memory} bytes")]
    OutOfBounds {
        /// Where.
        ptr: u64,
        /// How many.
        len: u64,
        /// The memory's size.
        memory: u64,
    },
    /// No terminator within the limit.
    #[error("the string at {ptr:#x} has no end within {max} bytes")]
    Unterminated {
        /// Where it starts.
        ptr: u32,
        /// How many bytes were looked at.
        max: u32,
    },
}

impl GuestMemory<'_> {
    /// The memory's size in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        let _ = self.store;
        unimplemented!()
    }

    /// Whether the memory has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks that `len` bytes at `ptr` are in the memory, without reading them.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`], here and below.
    pub fn check(&self, ptr: u32, len: u32) -> Result<(), GuestMemoryError> {
        let _ = (ptr, len);
        unimplemented!()
    }

    /// `len` bytes at `ptr`; the range is checked before anything is allocated.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn read(&self, ptr: u32, len: u32) -> Result<Vec<u8>, GuestMemoryError> {
        let _ = (ptr, len);
        unimplemented!()
    }

    /// Fills `into` from `ptr` on.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn read_into(&self, ptr: u32, into: &mut [u8]) -> Result<(), GuestMemoryError> {
        let _ = (ptr, into);
        unimplemented!()
    }

    /// Writes `bytes` from `ptr` on, all or nothing.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn write(&self, ptr: u32, bytes: &[u8]) -> Result<(), GuestMemoryError> {
        let _ = (ptr, bytes);
        unimplemented!()
    }

    /// The little-endian number at `ptr`, which need not be aligned.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn read_u32(&self, ptr: u32) -> Result<u32, GuestMemoryError> {
        let mut bytes = [0; 4];
        self.read_into(ptr, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// The little-endian number at `ptr`, which need not be aligned.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn read_u64(&self, ptr: u32) -> Result<u64, GuestMemoryError> {
        let mut bytes = [0; 8];
        self.read_into(ptr, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes a little-endian number.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn write_u32(&self, ptr: u32, value: u32) -> Result<(), GuestMemoryError> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a little-endian number.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn write_u64(&self, ptr: u32, value: u64) -> Result<(), GuestMemoryError> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// The bytes at `ptr` up to the first zero byte, which must come within `max` bytes.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError`].
    pub fn read_cstr(&self, ptr: u32, max: u32) -> Result<Vec<u8>, GuestMemoryError> {
        let _ = (ptr, max);
        unimplemented!()
    }
}
