//! Diff and merge: what several hosts wrote to copies of one memory, brought together.
//!
//! ```text
//! Regions ─Plan::new→ Plan ─┬─ on each host: Diff::of(plan, written pages) ─encode→ bytes
//!                           └─ where they meet: decode → Merge::new(plan, diffs) ─apply→ the memory
//! ```
//!
//! # What a merge gives
//!
//! A [`Diff`] holds *values*: the bytes that its author left where they differ from the base. What they mean is said by
//! the [`Plan`], region by region, when they are merged. With `b` the value in the base, `n` the author's, and `v` what
//! is there so far, which is `b` at first:
//!
//! | operation | becomes |
//! |---|---|
//! | sum, subtract | `v + (n - b)` |
//! | product | `v · f`, where `b · f = n` |
//! | max, min | the larger, the smaller of `v` and `n` |
//! | overwrite | `n` |
//! | xor | `v ^ b ^ n` |
//! | ignore | `v` |
//!
//! * A value that its author left as it was says nothing, under every operation.
//! * A value that one author alone changed becomes what that author wrote, to the bit, unless `max` or `min` decides
//!   for the base: sums and products of floats leave no rounding behind where there is nothing to add up.
//! * Integers wrap. Maxima and minima of floats are WebAssembly's: a NaN wins, and -0 is less than 0.
//! * Diffs are merged in the order of their authors, whatever the order they came in. So the result is always the same,
//!   also for what does not commute: sums and products of floats, which round, and `overwrite`, where the last author
//!   wins.
//!
//! # Invariants
//!
//! * A diff may be from anywhere: decoding it is total, and merging it changes nothing outside of the window, whatever
//!   it holds.
//! * A merge that fails has changed nothing of its window.

mod combine;
mod diff;
mod format;
mod number;
mod plan;

pub use diff::{Diff, DiffError, Stamp, WrittenPages};
pub use format::DecodeError;
pub use plan::{Gaps, Operation, Plan, PlanError, Region, ValueType};

use std::ops::Range;

use combine::{Segment, Unmergeable};

/// Parts of a memory that are given out by [`Merge::touched`] are whole pages of this size.
const PAGE: u64 = 4096;
/// Windows and pages begin and end at multiples of this, so that no value lies across their ends.
const WORD: u64 = 8;

/// Why diffs cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A diff says what was written to another memory.
    #[error("the diff of author {author} is against base {found}, and base {base} is merged here")]
    Base {
        /// Whose diff it is.
        author: u32,
        /// The base that it is against.
        found: u64,
        /// The base that is merged.
        base: u64,
    },
    /// A diff is of a memory of another size.
    #[error(
        "the diff of author {author} is of a memory of {found} bytes, and the plan of one of {size}"
    )]
    Size {
        /// Whose diff it is.
        author: u32,
        /// The diff's size, in bytes.
        found: u64,
        /// The plan's size, in bytes.
        size: u64,
    },
    /// Merged twice, sums and products would be wrong.
    #[error("there are two diffs of author {author}: each author's changes count once")]
    Twice {
        /// Whose diffs they are.
        author: u32,
    },
    /// A diff has a part of a value.
    #[error(
        "the diff of author {author} has a part of the value at byte {offset}: it was made with another plan"
    )]
    Torn {
        /// Whose diff it is.
        author: u32,
        /// Where the run or its part begins or ends.
        offset: u64,
    },
    /// No factor makes the value of the base the author's.
    #[error(
        "author {author} wrote to byte {offset} what no factor makes of the base's value, such as of 0: a product begins at 1"
    )]
    NoFactor {
        /// Whose diff it is.
        author: u32,
        /// Where the value is.
        offset: u64,
    },
    /// The window is no part of the memory, or cuts a value in two.
    #[error(
        "a window must have base and memory of the same length, lie in the memory and begin and end at multiples of {WORD} bytes; this one begins at byte {offset} and has {base} and {target} bytes"
    )]
    Window {
        /// Where it begins.
        offset: u64,
        /// Bytes of the base.
        base: usize,
        /// Bytes of the memory.
        target: usize,
    },
}

/// A part of the memory that is merged: whole pages, as a rule.
#[derive(Debug)]
pub struct Window<'a> {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// What was there when the authors began.
    pub base: &'a [u8],
    /// What is there: the base, or with changes of authors that share this memory.
    pub target: &'a mut [u8],
}

/// Diffs that fit a plan and one another.
#[derive(Clone, Debug)]
pub struct Merge<'a> {
    plan: &'a Plan,
    /// By author.
    diffs: Vec<&'a Diff>,
}

impl<'a> Merge<'a> {
    /// Takes the diffs of all authors against the base of this number.
    ///
    /// # Errors
    ///
    /// [`MergeError`].
    pub fn new(
        plan: &'a Plan,
        base: u64,
        diffs: impl IntoIterator<Item = &'a Diff>,
    ) -> Result<Self, MergeError> {
        let mut diffs: Vec<&Diff> = diffs.into_iter().collect();
        diffs.sort_by_key(|diff| diff.stamp().author);
        for diff in &diffs {
            let (stamp, found) = (diff.stamp(), diff.size());
            if stamp.base != base {
                return Err(MergeError::Base { author: stamp.author, found: stamp.base, base });
            }
            if found != plan.size() {
                return Err(MergeError::Size { author: stamp.author, found, size: plan.size() });
            }
        }
        let author = |diff: &Diff| diff.stamp().author;
        match diffs.windows(2).find(|pair| author(pair[0]) == author(pair[1])) {
            Some(pair) => Err(MergeError::Twice { author: author(pair[0]) }),
            None => Ok(Self { plan, diffs }),
        }
    }

    /// The parts of the memory in which a merge can change anything, as ascending ranges of whole pages: the windows
    /// that are worth applying.
    #[must_use]
    pub fn touched(&self) -> Vec<Range<u64>> {
        let whole = |run: Range<u64>| {
            let end = run.end.div_ceil(PAGE).saturating_mul(PAGE);
            run.start / PAGE * PAGE..end.min(self.plan.size())
        };
        let runs = self.diffs.iter().flat_map(|diff| diff.runs(0..self.plan.size()));
        let mut pages: Vec<_> = runs.map(|(run, _)| whole(run)).collect();
        pages.sort_by_key(|range| range.start);
        pages.dedup_by(|next, last| {
            let joined = next.start <= last.end;
            if joined {
                last.end = last.end.max(next.end);
            }
            joined
        });
        pages
    }

    /// Merges what the diffs have of the window into it.
    ///
    /// # Errors
    ///
    /// [`MergeError`]; the window is as it was then.
    pub fn apply(&self, window: Window<'_>) -> Result<(), MergeError> {
        let Window { offset, base, target } = window;
        let range = self.range(offset, base.len(), target.len())?;
        for diff in &self.diffs {
            self.segments(diff, &range).try_for_each(|segment| {
                segment.check(&base[segment.within.clone()]).map_err(|wrong| {
                    let author = diff.stamp().author;
                    match wrong {
                        Unmergeable::Torn { offset } => MergeError::Torn { author, offset },
                        Unmergeable::NoFactor { offset } => MergeError::NoFactor { author, offset },
                    }
                })
            })?;
        }
        for diff in &self.diffs {
            for segment in self.segments(diff, &range) {
                segment.combine(&base[segment.within.clone()], &mut target[segment.within.clone()]);
            }
        }
        Ok(())
    }

    /// What a window covers.
    fn range(&self, offset: u64, base: usize, target: usize) -> Result<Range<u64>, MergeError> {
        let end = offset.checked_add(target as u64).filter(|end| *end <= self.plan.size());
        let whole = |at: u64| at.is_multiple_of(WORD) || at == self.plan.size();
        match end {
            Some(end) if base == target && whole(offset) && whole(end) => Ok(offset..end),
            _ => Err(MergeError::Window { offset, base, target }),
        }
    }

    /// The parts of a diff in a range, each in one region.
    fn segments<'s>(
        &'s self,
        diff: &'s Diff,
        range: &Range<u64>,
    ) -> impl Iterator<Item = Segment<'s>> {
        let start = range.start;
        diff.runs(range.clone()).flat_map(move |(run, bytes)| {
            self.plan.regions(run.clone()).map(move |(region, part)| {
                let of = |from: u64| index(part.start - from)..index(part.end - from);
                Segment {
                    region,
                    offset: part.start,
                    new: &bytes[of(run.start)],
                    within: of(start),
                }
            })
        })
    }
}

/// A distance inside something that is in memory.
fn index(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or_else(|_| unreachable!("it is inside a slice"))
}

#[cfg(test)]
mod tests;
