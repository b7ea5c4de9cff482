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

use std::ops::Range;

use faasm_sfi::shared::{RegionError, SharedRegion};

use crate::bits::BitSet;
use crate::dirty::PAGE;

/// The grain at which a difference counts: what a guest stores at once is a word or less, and is pushed whole.
pub(crate) const WORD: usize = 8;

/// Copies of some pages of a value.
#[derive(Default)]
pub(crate) struct Twin {
    /// Which pages there are copies of.
    saved: BitSet,
    /// By page; longer than the last one that is saved.
    copies: Vec<Option<Box<[u8; PAGE]>>>,
}

impl Twin {
    /// Bytes that the copies take.
    pub(crate) fn bytes(&self) -> usize {
        self.saved.count() * PAGE
    }

    pub(crate) fn contains(&self, page: usize) -> bool {
        self.saved.contains(page)
    }

    /// How many of `pages` are not saved.
    pub(crate) fn count_missing(&self, pages: Range<usize>) -> usize {
        self.saved.gaps_in(pages).map(|run| run.len()).sum()
    }

    /// Saves those of `pages` that are not saved yet, of a value of `size` bytes.
    pub(crate) fn save(
        &mut self,
        pages: Range<usize>,
        region: &SharedRegion,
        size: usize,
    ) -> Result<(), RegionError> {
        let missing: Vec<_> = self.saved.gaps_in(pages).collect();
        if let Some(last) = missing.last().filter(|last| self.copies.len() < last.end) {
            self.copies.resize_with(last.end, || None);
        }
        for page in missing.into_iter().flatten() {
            let mut copy = Box::new([0; PAGE]);
            let len = size.saturating_sub(page * PAGE).min(PAGE);
            region.read(page * PAGE, &mut copy[..len])?;
            self.copies[page] = Some(copy);
            self.saved.insert_range(page..page + 1);
        }
        Ok(())
    }

    fn copy(&self, page: usize) -> Option<&[u8; PAGE]> {
        self.copies.get(page)?.as_deref()
    }

    /// The bytes of `range` as they were saved; `None` for those that were not.
    pub(crate) fn read(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Option<&[u8]>)> {
        in_pages(range).map(|(page, within)| {
            let copy = self.copy(page);
            (page * PAGE + within.start, copy.map(|copy| &copy[within]))
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
        for (page, within) in in_pages(offset..offset + bytes.len()) {
            if let Some(copy) = self.copies.get_mut(page).and_then(Option::as_mut) {
                let from = page * PAGE + within.start - offset;
                copy[within.clone()].copy_from_slice(&bytes[from..from + within.len()]);
            }
        }
    }

    /// The value ends at `size` now, or ended there and is about to grow. What is `mapped` can be written to as soon as
    /// it has grown, with nobody asked: its copies stay, as the zeroes that it begins with then.
    pub(crate) fn zero_from(&mut self, size: usize, mapped: bool) {
        let end = size.div_ceil(PAGE);
        if mapped {
            let behind = self.copies.iter_mut().skip(end).flatten();
            behind.for_each(|copy| copy.fill(0));
        } else {
            self.saved.remove_range(end..self.copies.len().max(end));
            self.copies.truncate(end);
        }
        if let Some(last) = self.copies.get_mut(size / PAGE).and_then(Option::as_mut) {
            last[size % PAGE..].fill(0);
        }
    }

    /// Forgets the pages that `keep` does not want.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let saved: Vec<_> = self.saved.runs_in(0..self.copies.len()).collect();
        for page in saved.into_iter().flatten().filter(|page| !keep(*page)) {
            self.saved.remove_range(page..page + 1);
            self.copies[page] = None;
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl std::fmt::Debug for Twin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Twin").field("pages", &self.saved.count()).finish()
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
#[allow(clippy::single_range_in_vec_init, reason = "a list of one range is what is meant")]
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
        twin.zero_from(PAGE + 2, false);
        assert_eq!(twin.differences(PAGE..PAGE + 20, &region).unwrap(), [PAGE + 16..PAGE + 20]);
        twin.zero_from(PAGE, true);
        assert_eq!(twin.differences(PAGE..PAGE + 8, &region).unwrap(), [PAGE..PAGE + 8]);
        twin.zero_from(PAGE, false);
        assert!(!twin.contains(1) && twin.contains(0));
    }
}
