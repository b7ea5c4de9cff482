//! One reservation of address space, in which a guest lives.
//!
//! # Invariants
//!
//! 1. From birth to drop the whole range is mapped by this slot and nobody else, so nothing foreign can come to lie
//!    in it: pieces change by mapping over them in one call, never by unmapping first.
//! 2. The range starts at a whole 2 MiB and is whole 2 MiB long. So slots that the kernel puts side by side leave no
//!    hole: the inaccessible end of one and the start of the next are one mapping, and an image that lies in one 2 MiB
//!    block needs one page of page table.
//!
//! A slot is addresses, not references: what is changed here under somebody who reads or writes there is the matter
//! of the one who made pointers of the addresses.

use std::io;

use crate::HOST_PAGE;
use crate::image::Image;
use crate::pages::{self, Access, Refused, Shows};
use crate::shared::SharedRegion;

mod discard;

pub use discard::{Discard, Discarder};

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

impl From<Refused> for SlotError {
    fn from(refused: Refused) -> Self {
        let call = refused.call;
        if refused.is_exhaustion() {
            Self::Exhausted { call }
        } else {
            Self::Os { call, source: refused.source }
        }
    }
}

/// To what slots are aligned: what one page of page table covers.
const BLOCK: usize = 2 << 20;

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
        let exhausted = SlotError::Exhausted { call: "mmap" };
        let Some(len) = len.max(1).checked_next_multiple_of(BLOCK) else { return Err(exhausted) };
        // The kernel aligns large mappings by itself, most of the time.
        let first = Self { address: pages::map(len, Access::None, Shows::Zeros)?, len };
        if first.address.is_multiple_of(BLOCK) {
            return Ok(first);
        }
        drop(first);
        let Some(longer) = len.checked_add(BLOCK) else { return Err(exhausted) };
        let whole = Self { address: pages::map(longer, Access::None, Shows::Zeros)?, len: longer };
        whole.trim(len)
    }

    /// Cuts the slot down to `len` bytes from its first whole block on.
    fn trim(self, len: usize) -> Result<Self, SlotError> {
        let start = self.address.next_multiple_of(BLOCK);
        let (end, rest) = (start + len, self.address + self.len);
        let mut slot = self;
        if end < rest {
            // SAFETY: the pages are this slot's, which nobody else knows yet.
            unsafe { pages::unmap(end, rest - end) }?;
            slot.len = end - slot.address;
        }
        if slot.address < start {
            // SAFETY: as above.
            unsafe { pages::unmap(slot.address, start - slot.address) }?;
            (slot.address, slot.len) = (start, len);
        }
        Ok(slot)
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

    /// Makes whole pages of reserved space readable and writable; they are zero, unless they were accessible before:
    /// then they are as they were. Never flushes another processor's address translations.
    ///
    /// # Errors
    ///
    /// [`SlotError`]; nothing is changed then.
    pub fn commit(&self, offset: usize, len: usize) -> Result<(), SlotError> {
        let address = self.pages(offset, len)?;
        if len > 0 {
            // SAFETY: the pages are this slot's; access is added, not taken away.
            unsafe { pages::protect(address, len, Access::Write) }?;
        }
        Ok(())
    }

    /// Maps the whole image, copy on write, readable and writable, over what is at `offset`.
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    pub fn map_image(&self, offset: usize, image: &Image) -> Result<(), SlotError> {
        let address = self.pages(offset, image.len())?;
        // SAFETY: the pages are this slot's.
        unsafe { pages::map_over(address, image.len(), Access::Write, image.shown()) }?;
        Ok(())
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
        let address = self.pages(offset, len)?;
        whole_pages(region_offset)?;
        inside(region_offset, len, region.len())?;
        if len > 0 {
            let shown = Shows::File(region.fd(), region_offset);
            // SAFETY: the pages are this slot's. A region never shrinks, so they always have a file behind them.
            unsafe { pages::map_over(address, len, Access::Write, shown) }?;
        }
        Ok(())
    }

    /// Maps all of `region`, up to the most that it can grow to, shared, over what is at `offset`: its first `head`
    /// bytes readable, the others readable and writable. An access behind the region's present length is a bus error,
    /// at an address in this slot, until the region has grown.
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    pub fn map_growing(
        &self,
        offset: usize,
        region: &SharedRegion,
        head: usize,
    ) -> Result<(), SlotError> {
        let address = self.pages(offset, region.max_len())?;
        whole_pages(head)?;
        inside(0, head, region.max_len())?;
        // SAFETY: the pages are this slot's.
        unsafe {
            pages::map_over(address, region.max_len(), Access::Write, Shows::File(region.fd(), 0))?;
        }
        // SAFETY: as above; nobody knows yet that they could be written.
        unsafe { pages::protect(address, head, Access::Read) }?;
        Ok(())
    }

    /// Makes whole pages inaccessible again and gives back what was in them. Flushes the address translations of other
    /// processors that run this process (15 to 50 µs there): not for the hot path.
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    pub fn decommit(&self, offset: usize, len: usize) -> Result<(), SlotError> {
        let address = self.pages(offset, len)?;
        if len > 0 {
            // SAFETY: the pages are this slot's.
            unsafe { pages::map_over(address, len, Access::None, Shows::Zeros) }?;
        }
        Ok(())
    }

    /// Makes whole pages inaccessible that were committed. What is in them stays, for when they are committed again, and
    /// page tables do. Flushes as [`Self::decommit`], unless nothing is in them, as they were given back ([`Discard`]).
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    pub fn hide(&self, offset: usize, len: usize) -> Result<(), SlotError> {
        let address = self.pages(offset, len)?;
        if len > 0 {
            // SAFETY: the pages are this slot's.
            unsafe { pages::protect(address, len, Access::None) }?;
        }
        Ok(())
    }

    /// Gives back what is in whole pages that are accessible and stay so: they show zeros, or their image or region,
    /// again. Flushes as [`Self::decommit`].
    ///
    /// # Errors
    ///
    /// [`SlotError`].
    ///
    /// # Safety
    ///
    /// Nobody uses the pages meanwhile, or relies on what was written to them.
    pub unsafe fn discard(&self, offset: usize, len: usize) -> Result<(), SlotError> {
        let address = self.pages(offset, len)?;
        if len > 0 {
            // SAFETY: the pages are this slot's; the rest is the caller's promise.
            unsafe { pages::discard(address, len) }?;
        }
        Ok(())
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
        inside(offset, bytes.len(), self.len)?;
        let to = std::ptr::with_exposed_provenance_mut::<u8>(self.address + offset);
        // SAFETY: inside the slot, writable and ours alone (precondition); `bytes` is a reference, so it does not
        // overlap what is ours alone.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
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
        inside(offset, into.len(), self.len)?;
        let from = std::ptr::with_exposed_provenance::<u8>(self.address + offset);
        // SAFETY: inside the slot and readable (precondition); `into` is a unique reference, so it does not overlap.
        unsafe { into.as_mut_ptr().copy_from_nonoverlapping(from, into.len()) };
        Ok(())
    }

    /// The address of whole pages inside the slot.
    fn pages(&self, offset: usize, len: usize) -> Result<usize, SlotError> {
        whole_pages(offset)?;
        whole_pages(len)?;
        inside(offset, len, self.len)?;
        Ok(self.address + offset)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: the range is this slot's; whoever made pointers of its addresses made sure that they are not used
        // after it. It fails only where it would split a mapping that slots side by side share and no mapping is
        // left; then the address space is lost, inaccessible parts and all.
        let _ = unsafe { pages::unmap(self.address, self.len) };
    }
}

/// How many mappings the system gives a process (the sysctl `vm.max_map_count`); its default if it does not say.
#[must_use]
pub fn max_mappings() -> usize {
    const DEFAULT: usize = 65_530;
    let said = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    said.ok().and_then(|said| said.trim().parse().ok()).unwrap_or(DEFAULT)
}

fn whole_pages(bytes: usize) -> Result<(), SlotError> {
    if bytes.is_multiple_of(HOST_PAGE) { Ok(()) } else { Err(SlotError::NotWholePages { bytes }) }
}

fn inside(offset: usize, len: usize, whole: usize) -> Result<(), SlotError> {
    match offset.checked_add(len) {
        Some(end) if end <= whole => Ok(()),
        _ => Err(SlotError::OutOfBounds { offset, len, whole }),
    }
}

#[cfg(test)]
mod tests;
