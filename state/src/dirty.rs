//! Which bytes of a value were written here since the last push.
//!
//! # Layout
//!
//! Exact to the byte, in two levels: pages that are dirty as a whole are a bit each; a page that is dirty in part has a
//! bitmap of its own, of a bit per byte. Two hosts that write different bytes of one page and push them both keep
//! their writes, as a vector that many update needs; marks at page grain would send the neighbour's stale bytes along.
//! The cost is bounded by an eighth of the pages that are dirty in part, however the marks are scattered.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::bits::{BitSet, gaps};

/// Bytes per page of the bitmaps: fixed, so that what is tracked does not depend on the machine. 4 KiB, not more: a
/// pull or a mark then costs what was touched, and a bit per page of a value of 256 MiB is 8 KiB of bitmap.
pub(crate) const PAGE: usize = 4096;

/// A set of dirty bytes.
#[derive(Debug, Default)]
pub(crate) struct DirtyMap {
    /// Pages of which every byte is dirty.
    whole: BitSet,
    /// Pages of which some bytes are dirty and some are not. Never in `whole`, never empty, never full.
    partial: BTreeMap<usize, BitSet>,
}

impl DirtyMap {
    pub(crate) fn is_empty(&self) -> bool {
        self.partial.is_empty() && self.whole.is_empty()
    }

    /// Whether any byte of a page is dirty.
    pub(crate) fn has_any(&self, page: usize) -> bool {
        self.whole.contains(page) || self.partial.contains_key(&page)
    }

    pub(crate) fn clear(&mut self) {
        self.whole.clear();
        self.partial.clear();
    }

    /// Marks the bytes of `range`.
    pub(crate) fn mark(&mut self, range: Range<usize>) {
        let (edges, inner) = split(&range);
        for (page, bytes) in edges.into_iter().flatten() {
            if self.whole.contains(page) {
                continue;
            }
            let marks = self.partial.entry(page).or_default();
            marks.insert_range(bytes);
            if marks.contains_range(0..PAGE) {
                self.partial.remove(&page);
                self.whole.insert_range(page..page + 1);
            }
        }
        self.forget_partial(inner.clone());
        self.whole.insert_range(inner);
    }

    /// Takes the marks off the bytes of `range`.
    pub(crate) fn unmark(&mut self, range: Range<usize>) {
        let (edges, inner) = split(&range);
        for (page, bytes) in edges.into_iter().flatten() {
            if self.whole.contains(page) {
                self.whole.remove_range(page..page + 1);
                self.partial.entry(page).or_default().insert_range(0..PAGE);
            }
            if let Some(marks) = self.partial.get_mut(&page) {
                marks.remove_range(bytes);
                if marks.is_empty() {
                    self.partial.remove(&page);
                }
            }
        }
        self.forget_partial(inner.clone());
        self.whole.remove_range(inner);
    }

    /// The longest runs of dirty bytes inside `range`, ascending.
    pub(crate) fn runs_in(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let pages = range.start / PAGE..range.end.div_ceil(PAGE);
        let whole = self.whole.runs_in(pages.clone()).map(|run| run.start * PAGE..run.end * PAGE);
        let partial = self.partial.range(pages).flat_map(|(page, marks)| {
            let start = page * PAGE;
            marks.runs_in(0..PAGE).map(move |run| start + run.start..start + run.end)
        });
        let mut runs: Vec<_> = whole.chain(partial).collect();
        runs.sort_unstable_by_key(|run| run.start);
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(runs.len());
        let clip = |run: Range<usize>| run.start.max(range.start)..run.end.min(range.end);
        for run in runs.into_iter().map(clip).filter(|run| !run.is_empty()) {
            match joined.last_mut() {
                Some(last) if last.end == run.start => last.end = run.end,
                _ => joined.push(run),
            }
        }
        joined
    }

    /// The longest runs of bytes in `range` that are not dirty, ascending.
    pub(crate) fn clean_runs_in(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        gaps(range.clone(), self.runs_in(range).into_iter())
    }

    fn forget_partial(&mut self, pages: Range<usize>) {
        if pages.is_empty() || self.partial.is_empty() {
            return;
        }
        let mut after = self.partial.split_off(&pages.start);
        self.partial.append(&mut after.split_off(&pages.end));
    }
}

/// A range of bytes as the pages it covers in part, with the bytes in them, and the pages it covers whole.
#[allow(clippy::type_complexity, reason = "two optional edges; a named type would be read once")]
fn split(range: &Range<usize>) -> ([Option<(usize, Range<usize>)>; 2], Range<usize>) {
    if range.is_empty() {
        return ([None, None], 0..0);
    }
    let (first, last) = (range.start / PAGE, range.end / PAGE);
    let (head, tail) = (range.start % PAGE, range.end % PAGE);
    if first == last {
        return ([Some((first, head..tail)), None], 0..0);
    }
    let front = (head != 0).then_some((first, head..PAGE));
    let back = (tail != 0).then_some((last, 0..tail));
    ([front, back], first + usize::from(head != 0)..last)
}

#[cfg(test)]
mod tests;
