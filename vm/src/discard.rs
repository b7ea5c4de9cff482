//! Memory that a guest does not need any more: it reads zero, and what it took is given back.
//!
//! It stays accessible, as all memory does while a call runs, and it stays the guest's: nothing is unmapped, so a reset
//! need not know of it. A page that shows an image cannot be given back, as the image would show again; it is zeroed.

use faasm_sfi::HOST_PAGE;

use crate::caller::Caller;
use crate::capture::Shown;
use crate::guest_memory::{GuestMemory, GuestMemoryError};
use crate::store::core::StoreCore;

/// Bytes below which zeroing costs less than giving back, with its flush on all processors.
const SMALL: usize = 128 << 10;

impl<T: 'static> Caller<'_, T> {
    /// Makes `len` bytes from `ptr` on of the calling instance's memory 0 zero, and gives back the whole pages among
    /// them. No shared region is mapped there.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError`] when they are not all inside the memory.
    pub fn discard(&mut self, ptr: u32, len: u32) -> Result<(), GuestMemoryError> {
        let len = len as usize;
        let Some(index) = self.memory_index() else {
            let (ptr, len) = (ptr.into(), len as u64);
            return Err(GuestMemoryError::OutOfBounds { ptr, len, memory: 0 });
        };
        let core = self.core_mut();
        let record = core.contents.memories[index as usize].clone();
        let memory = GuestMemory::new(core, &record);
        memory.check(ptr, u32::try_from(len).unwrap_or(u32::MAX))?;
        let (start, end) = (record.base + ptr as usize, record.base + ptr as usize + len);
        let (first, last) = (start.next_multiple_of(HOST_PAGE), end / HOST_PAGE * HOST_PAGE);
        if record.ty.shared || len < SMALL || first >= last {
            return zero(&memory, ptr, len);
        }
        zero(&memory, ptr, first - start)?;
        give_back(core, &memory, record.base, first..last)?;
        let tail = u32::try_from(last - record.base).unwrap_or(u32::MAX);
        zero(&GuestMemory::new(core, &record), tail, end - last)
    }
}

/// Gives back whole pages of the slot that are in the memory at `base`.
fn give_back(
    core: &StoreCore,
    memory: &GuestMemory<'_>,
    base: usize,
    pages: std::ops::Range<usize>,
) -> Result<(), GuestMemoryError> {
    let cut = match &core.origin {
        Some(origin) => origin.cut(pages),
        None => vec![(pages, Shown::Zeros)],
    };
    for (range, shown) in cut {
        let is_empty = shown == Shown::Zeros
            // SAFETY: the pages are in a memory of the store's (checked by the caller), whose guest is in a host call,
            // and no other thread has it, as it is not shared; that it is zero then is what was asked for. The pages of
            // an image are not among them, or holes of it. What is known of written pages stays true: a page that is
            // given back is as its image, and writing it again is a fault.
            && unsafe { core.slot.discard(range.start, range.len()) }.is_ok();
        if !is_empty {
            let at = u32::try_from(range.start - base).unwrap_or(u32::MAX);
            zero(memory, at, range.len())?;
        }
    }
    Ok(())
}

fn zero(memory: &GuestMemory<'_>, ptr: u32, len: usize) -> Result<(), GuestMemoryError> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    for at in (0..len).step_by(ZEROS.len()) {
        let piece = &ZEROS[..ZEROS.len().min(len - at)];
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        memory.write(ptr.saturating_add(at), piece)?;
    }
    Ok(())
}
