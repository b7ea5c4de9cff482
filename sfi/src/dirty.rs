//! Which pages of an image's copy were written, and their restoration.
//!
//! # Protocol
//!
//! 1. A copy-on-write mapping of a file has, for each page, nothing yet, the file's own page, or a copy of its own. Only
//!    the last can differ from the image, and a copy stays a copy until the mapping goes, also while it is swapped out or
//!    moved. So the pages to restore are those that are *present or swapped, and neither file nor zero*. *Present*
//!    alone would miss pages that are swapped or being moved (the kernel calls both swapped). The kernel's *written*
//!    alone would be too much: it is also said of a page that was never touched, as soon as a neighbour has a page
//!    table (measured on Linux 6.18), and restoring those would make a copy of every page.
//! 2. `PAGEMAP_SCAN` (Linux 6.7) finds them with one call. Without it the entries of `/proc/self/pagemap` say the same.
//! 3. A page becomes a copy by a fault of the thread that first writes to it, which the kernel counts for that thread
//!    (`getrusage(2)`, minor and major faults together) before the thread goes on. So if one thread alone has touched
//!    the slot since its pages were last looked for, and that thread has had no fault since, there are no others, and
//!    nothing needs to be looked for ([`Known`]).
//! 4. They are copied back in place, so nothing is unmapped, no other processor is interrupted, and the next call finds
//!    them resident.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use crate::HOST_PAGE;
use crate::image::Image;
use crate::slot::Slot;

mod known;
mod scan;

pub use known::Known;

/// Why a slot could not be restored: drop it.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The image does not lie inside the slot there.
    #[error(
        "{image} bytes of image at offset {offset} are not whole pages inside a slot of {slot} bytes"
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
pub struct Scanner {
    pagemap: File,
    method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// `PAGEMAP_SCAN`.
    Scan,
    /// Reading the page map's entries.
    Entries,
}

impl Scanner {
    /// Opens this process's page map. A child made by `fork` needs its own.
    ///
    /// # Errors
    ///
    /// [`RestoreError::Os`].
    pub fn open() -> Result<Self, RestoreError> {
        let mut scanner = Self::with_entries()?;
        if scan::is_known(scanner.pagemap.as_raw_fd()) {
            scanner.method = Method::Scan;
        }
        Ok(scanner)
    }

    /// As on a kernel without `PAGEMAP_SCAN`: slower, with the same results.
    ///
    /// # Errors
    ///
    /// [`RestoreError::Os`].
    pub fn with_entries() -> Result<Self, RestoreError> {
        let pagemap = File::open("/proc/self/pagemap")
            .map_err(|source| RestoreError::Os { call: "open(/proc/self/pagemap)", source })?;
        Ok(Self { pagemap, method: Method::Entries })
    }

    /// Makes every byte of the copy of `image`, mapped at `offset` in `slot`, what it was when it was mapped. Neither
    /// unmaps nor flushes; written pages stay resident.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]: the bytes may be anything then.
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
        let range = copy_of(slot, offset, image)?;
        let base = range.start;
        let mut pages = 0;
        self.written(range, |dirty| {
            pages += dirty.len() / HOST_PAGE;
            // SAFETY: the pages lie in the copy of `image` at `base`, which is writable and nobody else's meanwhile.
            unsafe { copy_back(dirty, base, image) };
        })?;
        Ok(Restored { pages })
    }

    /// As [`Scanner::restore`], for all images of a slot, but looks for written pages only if there can be others than
    /// `known`.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]: the bytes may be anything then.
    ///
    /// # Safety
    ///
    /// As for [`Scanner::restore`], for each offset and image. `known` is this slot's alone, its images are always the
    /// same, and each thread that wrote to the slot since called [`Known::touch`] before.
    pub unsafe fn restore_known<'a>(
        &self,
        slot: &Slot,
        images: impl Iterator<Item = (usize, &'a Image)>,
        known: &mut Known,
    ) -> Result<Restored, RestoreError> {
        let certain = known.is_complete();
        let mut pages = 0;
        for (offset, image) in images {
            let range = copy_of(slot, offset, image)?;
            let base = range.start;
            if !certain {
                self.written(range.clone(), |dirty| known.add(dirty))?;
            }
            for dirty in known.inside(&range) {
                pages += dirty.len() / HOST_PAGE;
                // SAFETY: the pages lie in the copy of `image` at `base`, which is writable and nobody else's meanwhile.
                unsafe { copy_back(dirty, base, image) };
            }
        }
        Ok(Restored { pages })
    }

    /// The written pages of the copy of `image` that is mapped at `offset` in `slot`, as ranges of bytes in the image,
    /// ascending. A page may be among them that was written with what it held before.
    ///
    /// # Errors
    ///
    /// [`RestoreError`].
    pub fn written_pages(
        &self,
        slot: &Slot,
        offset: usize,
        image: &Image,
    ) -> Result<Vec<Range<usize>>, RestoreError> {
        let range = copy_of(slot, offset, image)?;
        let base = range.start;
        let mut found = Vec::new();
        self.written(range, |dirty| found.push(dirty.start - base..dirty.end - base))?;
        Ok(found)
    }

    /// The pages of `range`, offsets in `slot`, that were written since they became accessible: whole pages, ascending.
    /// What an image or a region shows is not among them.
    ///
    /// # Errors
    ///
    /// [`RestoreError`].
    pub fn written_in(
        &self,
        slot: &Slot,
        range: Range<usize>,
    ) -> Result<Vec<Range<usize>>, RestoreError> {
        let fits = range.end <= slot.len() && range.start <= range.end;
        if !fits || !range.start.is_multiple_of(HOST_PAGE) || !range.end.is_multiple_of(HOST_PAGE) {
            let (offset, image) = (range.start, range.len());
            return Err(RestoreError::OutOfBounds { offset, image, slot: slot.len() });
        }
        let base = slot.address();
        let mut found = Vec::new();
        self.written(base + range.start..base + range.end, |dirty| {
            found.push(dirty.start - base..dirty.end - base);
        })?;
        Ok(found)
    }

    /// Calls `each` with ranges of addresses of written pages, ascending.
    fn written(
        &self,
        range: Range<usize>,
        each: impl FnMut(Range<usize>),
    ) -> Result<(), RestoreError> {
        match self.method {
            Method::Scan => scan::written(self.pagemap.as_raw_fd(), range, each)
                .map_err(|source| RestoreError::Os { call: "ioctl(PAGEMAP_SCAN)", source }),
            Method::Entries => read_entries(&self.pagemap, range, each)
                .map_err(|source| RestoreError::Os { call: "read(/proc/self/pagemap)", source }),
        }
    }
}

/// The addresses of a copy of `image`.
fn copy_of(slot: &Slot, offset: usize, image: &Image) -> Result<Range<usize>, RestoreError> {
    let fits = offset.checked_add(image.len()).is_some_and(|end| end <= slot.len());
    if !fits || !offset.is_multiple_of(HOST_PAGE) {
        return Err(RestoreError::OutOfBounds { offset, image: image.len(), slot: slot.len() });
    }
    let start = slot.address() + offset;
    Ok(start..start + image.len())
}

/// # Safety
///
/// `dirty` is whole pages of the copy of `image` at `base`, writable and nobody else's meanwhile.
unsafe fn copy_back(dirty: Range<usize>, base: usize, image: &Image) {
    for at in dirty.step_by(HOST_PAGE) {
        let offset = at - base;
        let to = std::ptr::with_exposed_provenance_mut::<u8>(at);
        if image.is_hole(offset / HOST_PAGE) {
            // SAFETY: as this function's.
            unsafe { to.write_bytes(0, HOST_PAGE) };
        } else {
            let from = image.bytes()[offset..offset + HOST_PAGE].as_ptr();
            // SAFETY: as this function's; the image's own mapping is another one.
            unsafe { to.copy_from_nonoverlapping(from, HOST_PAGE) };
        }
    }
}

/// Bits of an entry of the page map (kernel documentation, *pagemap*).
mod entry {
    pub(super) const BYTES: usize = 8;
    pub(super) const PRESENT: u64 = 1 << 63;
    pub(super) const SWAPPED: u64 = 1 << 62;
    pub(super) const FILE: u64 = 1 << 61;
}

/// The fallback: the entries say all but *zero page*, which is then taken for a written one.
fn read_entries(
    pagemap: &File,
    range: Range<usize>,
    mut each: impl FnMut(Range<usize>),
) -> io::Result<()> {
    let mut entries = [0; 512 * entry::BYTES];
    let mut at = range.start;
    while at < range.end {
        let pages = ((range.end - at) / HOST_PAGE).min(entries.len() / entry::BYTES);
        let bytes = &mut entries[..pages * entry::BYTES];
        pagemap.read_exact_at(bytes, (at / HOST_PAGE * entry::BYTES) as u64)?;
        for entry in bytes.as_chunks().0 {
            let entry = u64::from_ne_bytes(*entry);
            if entry & (entry::PRESENT | entry::SWAPPED) != 0 && entry & entry::FILE == 0 {
                each(at..at + HOST_PAGE);
            }
            at += HOST_PAGE;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
