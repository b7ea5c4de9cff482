//! Pages of an image written back where they differ.
//!
//! The time is the memory's: comparing before writing costs nothing beside copying (measured; decision 100), and says
//! how many pages the call has really changed.

use std::ops::Range;

use crate::HOST_PAGE;
use crate::image::Image;

/// Bytes that are compared, and copied where they differ, at once.
const BLOCK: usize = 512;

static ZEROS: [u8; HOST_PAGE] = [0; HOST_PAGE];

/// Makes pages of the copy of `image` at `base` what the image has there; how many were not.
///
/// # Safety
///
/// `dirty` is whole pages of the copy of `image` at `base`, writable and nobody else's meanwhile.
pub(super) unsafe fn write_back(dirty: Range<usize>, base: usize, image: &Image) -> usize {
    let (first, len) = (dirty.start - base, dirty.len());
    let to = std::ptr::with_exposed_provenance_mut::<u8>(dirty.start);
    // SAFETY: as this function's; the image's own mapping is another one.
    let to = unsafe { std::slice::from_raw_parts_mut(to, len) };
    let from = &image.bytes()[first..first + len];
    let pages = to.chunks_exact_mut(HOST_PAGE).zip(from.chunks_exact(HOST_PAGE));
    let pages = pages.zip(first / HOST_PAGE..);
    pages
        .map(|((to, from), page)| {
            // The image's own page of a hole would be made by being read.
            write_page(to, if image.is_hole(page) { &ZEROS } else { from })
        })
        .map(usize::from)
        .sum()
}

/// Whether anything differed.
fn write_page(to: &mut [u8], from: &[u8]) -> bool {
    let mut differs = false;
    for (to, from) in to.chunks_exact_mut(BLOCK).zip(from.chunks_exact(BLOCK)) {
        if to != from {
            to.copy_from_slice(from);
            differs = true;
        }
    }
    differs
}
