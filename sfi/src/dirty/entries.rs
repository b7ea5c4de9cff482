//! The entries of `/proc/self/pagemap` (kernel documentation, *pagemap*): the search without `PAGEMAP_SCAN`.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::HOST_PAGE;

const BYTES: usize = 8;
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const FILE: u64 = 1 << 61;

/// How many entries are read at once.
const ENTRIES: usize = 512;

/// Calls `each` with the pages that are there or away and not file, ascending. The entries say all but *zero page*, which
/// is then taken for a written one.
pub(super) fn written(
    pagemap: &File,
    range: Range<usize>,
    mut each: impl FnMut(Range<usize>),
) -> io::Result<()> {
    let mut entries = [0; ENTRIES * BYTES];
    let mut at = range.start;
    while at < range.end {
        let pages = ((range.end - at) / HOST_PAGE).min(ENTRIES);
        let bytes = &mut entries[..pages * BYTES];
        pagemap.read_exact_at(bytes, (at / HOST_PAGE * BYTES) as u64)?;
        for entry in bytes.as_chunks().0 {
            let entry = u64::from_ne_bytes(*entry);
            if entry & (PRESENT | SWAPPED) != 0 && entry & FILE == 0 {
                each(at..at + HOST_PAGE);
            }
            at += HOST_PAGE;
        }
    }
    Ok(())
}
