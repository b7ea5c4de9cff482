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
//! 4. They are compared with the image and copied back in place, so nothing is unmapped, no other processor is
//!    interrupted, and the next call finds them resident.
//! 5. A small image is not searched but compared whole: all its pages are known from then on.
//! 6. Where the page map cannot be had at all, all pages are given back: the mapping shows the image again.
//!
//! All but 1 to 4 is chosen by measurement (`docs/decisions/0100-how-a-slot-is-reset.md`), and [`Strategy`] forces each.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;

use crate::HOST_PAGE;
use crate::image::Image;
use crate::pages::{self, Refused};
use crate::slot::Slot;

mod copy;
mod entries;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many pages were compared with the image.
    pub pages: usize,
    /// How many of them differed and were copied back.
    pub changed: usize,
    /// Whether the slot has so many more copies of pages than calls write that they had better be given back
    /// ([`crate::slot::Discard`]).
    pub bloated: bool,
}

/// Pages below which it does not matter that most were compared for nothing: 1 MiB.
const MANY: usize = 256;
/// How many pages that did not differ cost about as much to compare as one that is given back costs its next writer.
const IDLE: usize = 16;

/// How a slot is made equal to its images again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// What is fastest: the known pages while there can be no others; else small images are compared whole and written
    /// pages of others are looked for, in the best way that the kernel has.
    #[default]
    Fastest,
    /// `PAGEMAP_SCAN` at each reset.
    Scan,
    /// The entries of the page map at each reset.
    Entries,
    /// Every page is compared at each reset, without a system call.
    Compare,
    /// Every page is given back at each reset.
    Discard,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Fastest, Self::Scan, Self::Entries, Self::Compare, Self::Discard];
}

/// Finds written pages of this process; one per engine, used by any thread.
#[derive(Debug)]
pub struct Scanner {
    strategy: Strategy,
    search: Search,
}

/// How written pages are looked for.
#[derive(Debug)]
enum Search {
    /// `PAGEMAP_SCAN` of this page map.
    Scan(File),
    /// Reading this page map's entries.
    Entries(File),
    /// There is no page map.
    Nowhere,
}

/// The largest image that is compared whole and not searched: as long as the system call would take at least.
const SMALL: usize = 4 * HOST_PAGE;

impl Scanner {
    /// The fastest way that this kernel has. A child made by `fork` needs its own.
    #[must_use]
    pub fn open() -> Self {
        let search = match page_map() {
            Ok(pagemap) if scan::is_known(pagemap.as_raw_fd()) => Search::Scan(pagemap),
            Ok(pagemap) => Search::Entries(pagemap),
            Err(_) => Search::Nowhere,
        };
        Self { strategy: Strategy::Fastest, search }
    }

    /// Always in this way.
    ///
    /// # Errors
    ///
    /// [`RestoreError::Os`] if the kernel does not have what it needs.
    pub fn with(strategy: Strategy) -> Result<Self, RestoreError> {
        let search = match strategy {
            Strategy::Fastest | Strategy::Compare | Strategy::Discard => Self::open().search,
            Strategy::Entries => Search::Entries(page_map()?),
            Strategy::Scan => {
                let pagemap = page_map()?;
                if !scan::is_known(pagemap.as_raw_fd()) {
                    let source = io::ErrorKind::Unsupported.into();
                    return Err(RestoreError::Os { call: SCAN, source });
                }
                Search::Scan(pagemap)
            }
        };
        Ok(Self { strategy, search })
    }

    /// As on a kernel without `PAGEMAP_SCAN`, or, without entries too, in a place where `/proc` is not mounted.
    #[cfg(test)]
    pub(crate) fn without_scan(entries: bool) -> Self {
        let search = match page_map() {
            Ok(pagemap) if entries => Search::Entries(pagemap),
            _ => Search::Nowhere,
        };
        Self { strategy: Strategy::Fastest, search }
    }

    /// Makes every byte of the copies of `images`, mapped at these offsets in `slot`, what it was when they were mapped.
    /// Looks for written pages only if there can be others than `known`. Neither unmaps nor flushes, but with
    /// [`Strategy::Discard`]; written pages stay resident.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]: the bytes may be anything then.
    ///
    /// # Safety
    ///
    /// [`Slot::map_image`] mapped each image at its offset and nothing was mapped over it since; nobody runs in the slot,
    /// reads or writes it meanwhile. `known` is this slot's alone, its images are always the same, and each thread that
    /// wrote to the slot since called [`Known::touch`] before.
    pub unsafe fn restore<'a>(
        &self,
        slot: &Slot,
        images: impl Iterator<Item = (usize, &'a Image)>,
        known: &mut Known,
    ) -> Result<Restored, RestoreError> {
        let certain = match self.strategy {
            Strategy::Fastest => known.is_complete(),
            _ => {
                known.forget();
                false
            }
        };
        let mut restored = Restored::default();
        for (offset, image) in images {
            let range = copy_of(slot, offset, image)?;
            let base = range.start;
            if !certain {
                // SAFETY: the whole image is this slot's, and nobody else's meanwhile.
                unsafe { self.find(range.clone(), known)? };
            }
            for dirty in known.inside(&range) {
                restored.pages += dirty.len() / HOST_PAGE;
                // SAFETY: the pages lie in the copy of `image` at `base`, which is writable and nobody else's meanwhile.
                restored.changed += unsafe { copy::write_back(dirty, base, image) };
            }
        }
        known.rest();
        let idle = restored.pages >= MANY && restored.changed * IDLE < restored.pages;
        restored.bloated = idle && self.strategy != Strategy::Compare;
        Ok(restored)
    }

    /// Adds to `known` the pages of an image's copy that may differ from it, now or after writes without a fault.
    ///
    /// # Safety
    ///
    /// `range` is the whole copy of an image, and nobody relies on what was written to it.
    unsafe fn find(&self, range: Range<usize>, known: &mut Known) -> Result<(), RestoreError> {
        let is_small = range.len() <= SMALL;
        match (self.strategy, &self.search) {
            (Strategy::Compare, _) => known.add(range),
            (Strategy::Fastest, _) if is_small => known.add(range),
            (Strategy::Discard, _) | (Strategy::Fastest, Search::Nowhere) => {
                // SAFETY: as this function's.
                let done = unsafe { pages::discard(range.start, range.len()) };
                done.map_err(|Refused { call, source }| RestoreError::Os { call, source })?;
            }
            _ => self.written(range, |dirty| known.add(dirty))?,
        }
        Ok(())
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

    /// Calls `each` with ranges of addresses of written pages, ascending; of all pages if that cannot be told.
    fn written(
        &self,
        range: Range<usize>,
        mut each: impl FnMut(Range<usize>),
    ) -> Result<(), RestoreError> {
        match &self.search {
            Search::Scan(pagemap) => scan::written(pagemap.as_raw_fd(), range, each)
                .map_err(|source| RestoreError::Os { call: SCAN, source }),
            Search::Entries(pagemap) => entries::written(pagemap, range, each)
                .map_err(|source| RestoreError::Os { call: "read(/proc/self/pagemap)", source }),
            Search::Nowhere => {
                each(range);
                Ok(())
            }
        }
    }
}

const SCAN: &str = "ioctl(PAGEMAP_SCAN)";

/// This process's page map.
fn page_map() -> Result<File, RestoreError> {
    File::open("/proc/self/pagemap")
        .map_err(|source| RestoreError::Os { call: "open(/proc/self/pagemap)", source })
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

#[cfg(test)]
mod tests;
