//! Pages of many slots that are given back together.
//!
//! # Protocol
//!
//! 1. Taking a page out of a mapping flushes the address translations of the other processors that run this process, 15
//!    to 50 µs each time. `process_madvise(2)` takes many ranges, of any slots, and flushes once.
//! 2. A kernel that refuses that for the process itself (before Linux 6.13), or does not have it, gets one `madvise(2)` a
//!    range.
//! 3. What is empty can change its access without a flush ([`Slot::hide`]).

use std::ops::Range;
use std::os::fd::{AsFd as _, OwnedFd};

use super::{Slot, SlotError};
use crate::dirty::Known;
use crate::pages;

/// The most ranges of one call (`UIO_MAXIOV`).
const MOST: usize = 1024;

/// Gives pages back; one for any number of [`Discard`]s.
#[derive(Debug)]
pub struct Discarder {
    /// Without it, one call a range.
    process: Option<OwnedFd>,
}

/// Pages that are to be given back.
#[derive(Debug, Default)]
pub struct Discard {
    ranges: Vec<libc::iovec>,
}

// SAFETY: the pointers are addresses of pages, which this value never follows.
unsafe impl Send for Discard {}

impl Discard {
    /// Adds whole pages of a slot.
    ///
    /// # Errors
    ///
    /// [`SlotError`]; nothing is added then.
    pub fn add(&mut self, slot: &Slot, range: Range<usize>) -> Result<(), SlotError> {
        let address = slot.pages(range.start, range.len())?;
        if !range.is_empty() {
            self.push(address..address + range.len());
        }
        Ok(())
    }

    /// Adds the known pages of a slot, which are then not known any more.
    pub fn add_known(&mut self, known: &mut Known) {
        known.pages().iter().for_each(|pages| self.push(pages.clone()));
        known.forget();
    }

    fn push(&mut self, range: Range<usize>) {
        let iov_base = std::ptr::without_provenance_mut(range.start);
        self.ranges.push(libc::iovec { iov_base, iov_len: range.len() });
    }
}

impl Discarder {
    /// With what this kernel has.
    #[must_use]
    pub fn open() -> Self {
        Self { process: pages::this_process().ok() }
    }

    /// As on a kernel without `process_madvise`.
    #[cfg(test)]
    pub(crate) fn one_by_one() -> Self {
        Self { process: None }
    }

    /// Gives the pages back: they show zeros, or their image or region, again.
    ///
    /// # Errors
    ///
    /// [`SlotError`]; some pages may be as they were then.
    ///
    /// # Safety
    ///
    /// The slots are still there, and nobody uses those pages meanwhile or relies on what was written to them.
    pub unsafe fn discard(&self, what: &Discard) -> Result<(), SlotError> {
        let mut ranges = &what.ranges[..];
        while let Some(first) = ranges.first() {
            // SAFETY: as this function's.
            let done = unsafe { self.some(&ranges[..ranges.len().min(MOST)]) };
            if done < first.iov_len {
                // SAFETY: as this function's.
                unsafe { pages::discard(first.iov_base.addr(), first.iov_len)? };
            }
            ranges = &ranges[whole(ranges, done).max(1)..];
        }
        Ok(())
    }

    /// How many bytes one call did; none where it is not to be had.
    ///
    /// # Safety
    ///
    /// As for [`Self::discard`].
    unsafe fn some(&self, ranges: &[libc::iovec]) -> usize {
        // SAFETY: as this function's.
        let done = self
            .process
            .as_ref()
            .map(|process| unsafe { pages::discard_some(process.as_fd(), ranges) });
        done.and_then(Result::ok).unwrap_or(0)
    }
}

/// How many of the ranges are whole among the first `bytes`.
fn whole(ranges: &[libc::iovec], bytes: usize) -> usize {
    let ends = ranges.iter().scan(0, |end, range| {
        *end += range.iov_len;
        Some(*end)
    });
    ends.take_while(|&end| end <= bytes).count()
}
