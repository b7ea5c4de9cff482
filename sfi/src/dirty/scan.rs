//! `PAGEMAP_SCAN`: the kernel's search for pages by category (`include/uapi/linux/fs.h`, Linux 6.7).

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::RawFd;

use crate::HOST_PAGE;

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::Ioctl =
    (3 << 30) | ((size_of::<ScanArg>() as libc::Ioctl) << 16) | ((b'f' as libc::Ioctl) << 8) | 16;

const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// `struct pm_scan_arg`, whose words are 64 bits.
#[derive(Default)]
#[repr(C)]
struct ScanArg {
    size: u64,
    flags: u64,
    start: usize,
    end: usize,
    walk_end: usize,
    vec: usize,
    vec_len: usize,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`, likewise.
#[derive(Clone, Copy)]
#[repr(C)]
struct Region {
    start: usize,
    end: usize,
    categories: u64,
}

const _: () =
    assert!(size_of::<ScanArg>() == 96 && size_of::<Region>() == 24, "the kernel's sizes");

/// How many regions one call can tell.
const REGIONS: usize = 64;

/// Whether the kernel has the call.
pub(super) fn is_known(pagemap: RawFd) -> bool {
    let page = std::ptr::from_ref(&pagemap).addr() / HOST_PAGE * HOST_PAGE;
    written(pagemap, page..page + HOST_PAGE, |_| ()).is_ok()
}

/// Calls `each` with the ranges of pages that are there or away, not file and not zero, ascending.
pub(super) fn written(
    pagemap: RawFd,
    range: Range<usize>,
    mut each: impl FnMut(Range<usize>),
) -> io::Result<()> {
    let mut regions = [const { MaybeUninit::uninit() }; REGIONS];
    let mut start = range.start;
    while start < range.end {
        let (found, next) = scan(pagemap, start..range.end, &mut regions)?;
        for region in &regions[..found] {
            // SAFETY: the kernel has written so many, and any bits are a `Region`.
            let region = unsafe { region.assume_init_ref() };
            each(region.start..region.end);
        }
        start = next;
    }
    Ok(())
}

/// One call: how many regions it told, and from where on it did not look.
fn scan(
    pagemap: RawFd,
    range: Range<usize>,
    regions: &mut [MaybeUninit<Region>; REGIONS],
) -> io::Result<(usize, usize)> {
    let mut arg = ScanArg {
        size: size_of::<ScanArg>() as u64,
        start: range.start,
        end: range.end,
        vec: regions.as_mut_ptr().expose_provenance(),
        vec_len: REGIONS,
        category_inverted: PAGE_IS_FILE | PAGE_IS_PFNZERO,
        category_mask: PAGE_IS_FILE | PAGE_IS_PFNZERO,
        category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        ..ScanArg::default()
    };
    // SAFETY: the argument and the regions it points to are valid and of the kernel's sizes; the kernel writes no more
    // than `vec_len` regions. Nothing is changed in the pages, as no flag asks for it.
    let found = unsafe { libc::ioctl(pagemap, PAGEMAP_SCAN, &raw mut arg) };
    let Ok(found) = usize::try_from(found) else {
        return Err(io::Error::last_os_error());
    };
    let next = arg.walk_end;
    if found > REGIONS || next <= range.start {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((found, next))
}
