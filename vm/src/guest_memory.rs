//! The one place where a guest's pointer becomes bytes: checked copies in and out.

use std::marker::PhantomData;

use faasm_sfi::racing;

use crate::store::contents::MemoryRecord;
use crate::store::core::StoreCore;

/// A guest's linear memory, for the time of a borrow.
///
/// Everything is copied, once, after pointer and length were checked without overflow; the memory may be written by
/// other threads at the same time.
#[derive(Clone, Copy, Debug)]
pub struct GuestMemory<'a> {
    base: *mut u8,
    len: u64,
    store: PhantomData<&'a StoreCore>,
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

impl<'a> GuestMemory<'a> {
    /// The memory's size is read once: while its store is borrowed it does not change, or only grows if other threads
    /// share it.
    pub(crate) fn new(core: &'a StoreCore, record: &MemoryRecord) -> Self {
        let base = (core.slot.address() + record.base) as *mut u8;
        // The view stays on this thread.
        core.known.touch();
        Self { base, len: core.memory_len(record), store: PhantomData }
    }

    /// The memory's size in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the memory has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Checks that `len` bytes at `ptr` are in the memory, without reading them.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`], here and below.
    pub fn check(&self, ptr: u32, len: u32) -> Result<(), GuestMemoryError> {
        self.at(ptr, len as usize).map(|_| ())
    }

    /// `len` bytes at `ptr`; the range is checked before anything is allocated.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn read(&self, ptr: u32, len: u32) -> Result<Vec<u8>, GuestMemoryError> {
        self.check(ptr, len)?;
        let mut bytes = vec![0; len as usize];
        self.read_into(ptr, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `into` from `ptr` on.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn read_into(&self, ptr: u32, into: &mut [u8]) -> Result<(), GuestMemoryError> {
        let from = self.at(ptr, into.len())?;
        // SAFETY: `at` has checked the range against the memory's size, below which the slot is accessible while the
        // store is borrowed; all of the host's accesses are atomic, or made while no other thread shares the memory.
        unsafe { racing::read(from, into) };
        Ok(())
    }

    /// Writes `bytes` from `ptr` on, all or nothing.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`].
    pub fn write(&self, ptr: u32, bytes: &[u8]) -> Result<(), GuestMemoryError> {
        let to = self.at(ptr, bytes.len())?;
        // SAFETY: as in `read_into`.
        unsafe { racing::write(to, bytes) };
        Ok(())
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
        const PIECE: u64 = 256;
        let mut found = Vec::new();
        let mut at = u64::from(ptr);
        let end = at + u64::from(max);
        while at < end {
            let left = self.len.saturating_sub(at).min(end - at).min(PIECE);
            let (Ok(piece_at), Ok(len @ 1..)) = (u32::try_from(at), u32::try_from(left)) else {
                return Err(self.out_of_bounds(ptr, found.len() as u64 + 1));
            };
            let piece = self.read(piece_at, len)?;
            if let Some(zero) = piece.iter().position(|&byte| byte == 0) {
                found.extend_from_slice(&piece[..zero]);
                return Ok(found);
            }
            found.extend_from_slice(&piece);
            at += left;
        }
        Err(GuestMemoryError::Unterminated { ptr, max })
    }

    /// The address of `len` bytes at `ptr`, which are inside the memory: a guest's pointer becomes an address here
    /// only.
    fn at(&self, ptr: u32, len: usize) -> Result<*mut u8, GuestMemoryError> {
        match u64::from(ptr).checked_add(len as u64) {
            Some(end) if end <= self.len => Ok(self.base.wrapping_add(ptr as usize)),
            _ => Err(self.out_of_bounds(ptr, len as u64)),
        }
    }

    fn out_of_bounds(&self, ptr: u32, len: u64) -> GuestMemoryError {
        GuestMemoryError::OutOfBounds { ptr: ptr.into(), len, memory: self.len }
    }
}
