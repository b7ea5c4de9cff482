//! A copy of pages as they were when they were last in step with the global tier: what writes are found by that nobody
//! flags, and what the difference is to that a merge sends.
//!
//! # Invariants
//!
//! 1. A page is saved before anybody can write to it through a pointer, and from then on is what the global tier has of
//!    it as far as this host knows: what is fetched and what is pushed is written into it, what is written here is not.
//! 2. Bytes past the value's end are zero in a copy, as they are in the region when the value grows over them.
//!
//! # Not here
//!
//! Which pages are saved, and when: `tracking`.

use std::collections::BTreeMap;
use std::ops::Range;

use faasm_sfi::shared::{RegionError, SharedRegion};

use crate::dirty::PAGE;

/// The grain at which a difference counts: what a guest stores at once is a word or less, and is pushed whole.
pub(crate) const WORD: usize = 8;

/// Copies of some pages of a value.
#[derive(Default)]
pub(crate) struct Twin {
    pages: BTreeMap<usize, Box<[u8; PAGE]>>,
}

impl Twin {
    /// Bytes that the copies take.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.len() * PAGE
    }

    pub(crate) fn contains(&self, page: usize) -> bool {
        self.pages.contains_key(&page)
    }

    /// Saves those of `pages` that are not saved yet, of a value of `size` bytes.
    pub(crate) fn save(
        &mut self,
        pages: Range<usize>,
        region: &SharedRegion,
        size: usize,
    ) -> Result<(), RegionError> {
        for page in pages {
            if self.pages.contains_key(&page) {
                continue;
            }
            let mut copy = Box::new([0; PAGE]);
            let len = size.saturating_sub(page * PAGE).min(PAGE);
            region.read(page * PAGE, &mut copy[..len])?;
            self.pages.insert(page, copy);
        }
        Ok(())
    }

    /// The bytes of `range` as they were saved; `None` for those that were not.
    pub(crate) fn read(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Option<&[u8]>)> {
        in_pages(range).map(|(page, within)| {
            let saved = self.pages.get(&page);
            (page * PAGE + within.start, saved.map(|copy| &copy[within]))
        })
    }

    /// Where the region differs from the copies in `range`, at whole words inside `range`.
    pub(crate) fn differences(
        &self,
        range: Range<usize>,
        region: &SharedRegion,
    ) -> Result<Vec<Range<usize>>, RegionError> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut there = [0; PAGE];
        for (offset, saved) in self.read(range) {
            let Some(saved) = saved else { continue };
            let there = &mut there[..saved.len()];
            region.read(offset, there)?;
            if there == saved {
                continue;
            }
            for at in unequal_words(offset, there, saved) {
                let word = at..(at - at % WORD + WORD).min(offset + saved.len());
                match found.last_mut() {
                    Some(last) if last.end == word.start => last.end = word.end,
                    _ => found.push(word),
                }
            }
        }
        Ok(found)
    }

    /// Takes what the global tier has: `bytes` from `offset` on, as far as pages are saved.
    pub(crate) fn update(&mut self, offset: usize, bytes: &[u8]) {
        if self.pages.is_empty() {
            return;
        }
        for (page, within) in in_pages(offset..offset + bytes.len()) {
            if let Some(copy) = self.pages.get_mut(&page) {
                let from = page * PAGE + within.start - offset;
                copy[within.clone()].copy_from_slice(&bytes[from..from + within.len()]);
            }
        }
    }

    /// The value ends at `size` now, or ended there and is about to grow.
    pub(crate) fn zero_from(&mut self, size: usize) {
        let gone = self.pages.split_off(&size.div_ceil(PAGE));
        drop(gone);
        if let Some(last) = self.pages.get_mut(&(size / PAGE)) {
            last[size % PAGE..].fill(0);
        }
    }

    /// Forgets the pages that `keep` does not want.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        self.pages.retain(|page, _| keep(*page));
    }

    pub(crate) fn clear(&mut self) {
        self.pages.clear();
    }
}

impl std::fmt::Debug for Twin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Twin").field("pages", &self.pages.len()).finish()
    }
}

/// A range of bytes page by page: which, and where in it.
fn in_pages(range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    let pages = if range.is_empty() { 0..0 } else { range.start / PAGE..range.end.div_ceil(PAGE) };
    pages.map(move |page| {
        let start = page * PAGE;
        (page, range.start.max(start) - start..range.end.min(start + PAGE) - start)
    })
}

/// The words that are not equal: where each begins, clipped to the bytes, of which the first is at `offset`.
fn unequal_words<'a>(
    offset: usize,
    one: &'a [u8],
    other: &'a [u8],
) -> impl Iterator<Item = usize> + 'a {
    let head = (offset.next_multiple_of(WORD) - offset).min(one.len());
    let first = (head > 0 && one[..head] != other[..head]).then_some(offset);
    let (one, other) = (&one[head..], &other[head..]);
    let rest = one.chunks(WORD).zip(other.chunks(WORD)).enumerate();
    let start = offset + head;
    first
        .into_iter()
        .chain(rest.filter(|(_, (one, other))| one != other).map(move |(n, _)| start + n * WORD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_whole_words_inside_the_range() {
        let region = SharedRegion::create(2 * PAGE, 2 * PAGE).unwrap();
        let mut twin = Twin::default();
        twin.save(0..2, &region, PAGE + 20).unwrap();
        for at in [3, 8, 16, PAGE - 1, PAGE, PAGE + 19, PAGE + 25] {
            region.write(at, &[1]).unwrap();
        }
        let all = twin.differences(0..PAGE + 20, &region).unwrap();
        assert_eq!(all, [0..24, PAGE - 8..PAGE + 8, PAGE + 16..PAGE + 20]);
        let some = twin.differences(4..17, &region).unwrap();
        assert_eq!(some, [8..17]);
        twin.update(PAGE - 1, &[1, 1]);
        let left = twin.differences(0..PAGE + 20, &region).unwrap();
        assert_eq!(left, [0..24, PAGE + 16..PAGE + 20]);
        twin.zero_from(PAGE + 2);
        assert_eq!(twin.differences(PAGE..PAGE + 20, &region).unwrap(), [PAGE + 16..PAGE + 20]);
        twin.zero_from(PAGE);
        assert!(!twin.contains(1) && twin.contains(0));
    }
}
