//! What an author wrote: the runs of bytes in which its memory differs from the base.

use std::ops::Range;

use super::plan::{Operation, Plan};
use super::{WORD, index};

/// Bytes that are compared at once.
const BLOCK: usize = 64;
/// [`WORD`], as a length.
const WORD_BYTES: usize = 8;
/// Equal bytes between two changed ones that are taken along: a run's record, and beginning with it, cost about as much.
const TAKEN_ALONG: usize = WORD_BYTES;

/// What a diff is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The number of the base, as those who hold it number bases.
    pub base: u64,
    /// Who wrote: the number of a thread, or of a host if its threads share a memory. The diffs of a merge are taken
    /// in the order of these numbers, each once.
    pub author: u32,
}

/// Pages, or any other part of a memory, that may have been written.
#[derive(Clone, Copy, Debug)]
pub struct WrittenPages<'a> {
    /// Where they begin, in bytes.
    pub offset: u64,
    /// What was there; zeros where the base had no memory yet.
    pub base: &'a [u8],
    /// What is there now.
    pub now: &'a [u8],
}

/// Why no diff can be made of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    /// They have a different number of bytes in the base.
    #[error("the pages at byte {offset} have {now} bytes, and {base} in the base")]
    Lengths {
        /// Where they begin.
        offset: u64,
        /// Bytes now.
        now: usize,
        /// Bytes in the base.
        base: usize,
    },
    /// They are not in the memory, or begin or end inside a word.
    #[error(
        "the pages at byte {offset} have {length} bytes: they must begin and end at multiples of {WORD} bytes, or at the memory's end, byte {size}"
    )]
    Place {
        /// Where they begin.
        offset: u64,
        /// Their bytes.
        length: usize,
        /// The memory's bytes.
        size: u64,
    },
    /// They come before others, or have bytes in common with them.
    #[error(
        "the pages at byte {offset} come after pages that end at byte {end}: pages ascend and do not overlap"
    )]
    Order {
        /// Where they begin.
        offset: u64,
        /// Where those before end.
        end: u64,
    },
}

/// What one author changed in a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    stamp: Stamp,
    /// Bytes of the memory.
    size: u64,
    /// Ascending, not empty, with something between them.
    runs: Vec<Run>,
    /// Of all runs, one after the other.
    bytes: Vec<u8>,
}

/// A run of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Where it begins in the memory.
    pub(super) offset: u64,
    /// Where its bytes begin in the diff's.
    at: usize,
    /// How many there are.
    pub(super) length: usize,
}

impl Run {
    pub(super) const fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.length as u64
    }
}

impl Diff {
    /// What differs between pages and the base, but for what the plan ignores. Pages ascend; those that were not
    /// written can be left out.
    ///
    /// # Errors
    ///
    /// [`DiffError`].
    pub fn of<'a>(
        plan: &Plan,
        stamp: Stamp,
        pages: impl IntoIterator<Item = WrittenPages<'a>>,
    ) -> Result<Self, DiffError> {
        let mut diff = Self::empty(stamp, plan.size());
        let mut end = 0;
        for pages in pages {
            let range = place(&pages, plan.size(), end)?;
            end = range.end;
            let taken = |region: Operation| region != Operation::Ignore;
            for (_, part) in plan.regions(range).filter(|(region, _)| taken(region.operation)) {
                let within = index(part.start - pages.offset)..index(part.end - pages.offset);
                diff.compare(part.start, &pages.base[within.clone()], &pages.now[within]);
            }
        }
        Ok(diff)
    }

    /// A diff of an author that has changed nothing.
    pub(super) fn empty(stamp: Stamp, size: u64) -> Self {
        Self { stamp, size, runs: Vec::new(), bytes: Vec::new() }
    }

    /// What the diff is of.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Bytes of the memory that it is of.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many bytes it has of the memory.
    #[must_use]
    pub fn changed_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn parts(&self) -> (&[Run], &[u8]) {
        (&self.runs, &self.bytes)
    }

    /// The runs in a range, cut to it, with their bytes.
    pub(super) fn runs(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, &[u8])> {
        let first = self.runs.partition_point(|run| run.range().end <= range.start);
        self.runs[first..].iter().map_while(move |run| {
            let cut = run.offset.max(range.start)..run.range().end.min(range.end);
            let at = |place: u64| run.at + index(place - run.offset);
            (!cut.is_empty()).then(|| (cut.clone(), &self.bytes[at(cut.start)..at(cut.end)]))
        })
    }

    /// Adds the bytes at `offset`, which is not before the last run's end; joins the two where they touch.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8]) {
        match self.runs.last_mut() {
            Some(last) if last.range().end == offset => last.length += bytes.len(),
            _ => self.runs.push(Run { offset, at: self.bytes.len(), length: bytes.len() }),
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds what differs, in words counted from `offset`: a value lies in one word, as regions hold whole values.
    fn compare(&mut self, offset: u64, base: &[u8], now: &[u8]) {
        let mut open = 0..0;
        let (blocks, _) = now.as_chunks::<BLOCK>();
        let (base_blocks, base_rest) = base.as_chunks::<BLOCK>();
        let mut flush = |open: &Range<usize>| {
            if !open.is_empty() {
                self.push(offset + open.start as u64, &now[open.clone()]);
            }
        };
        let mut changed = |word: Range<usize>| {
            if word.start > open.end + TAKEN_ALONG || open.is_empty() {
                flush(&open);
                open.start = word.start;
            }
            open.end = word.end;
        };
        for (index, (was, is)) in base_blocks.iter().zip(blocks).enumerate() {
            for word in differing(was, is) {
                let at = index * BLOCK + word * WORD_BYTES;
                changed(at..at + WORD_BYTES);
            }
        }
        let mut at = now.len() - base_rest.len();
        for was in base_rest.chunks(WORD_BYTES) {
            let word = at..at + was.len();
            if now[word.clone()] != *was {
                changed(word.clone());
            }
            at = word.end;
        }
        flush(&open);
    }
}

/// Where pages are, behind those that end at `end`.
fn place(pages: &WrittenPages<'_>, size: u64, end: u64) -> Result<Range<u64>, DiffError> {
    let WrittenPages { offset, base, now } = *pages;
    if base.len() != now.len() {
        return Err(DiffError::Lengths { offset, now: now.len(), base: base.len() });
    }
    let whole = |at: u64| at.is_multiple_of(WORD) || at == size;
    let behind = offset.checked_add(now.len() as u64).filter(|behind| *behind <= size);
    let Some(behind) = behind.filter(|behind| whole(offset) && whole(*behind)) else {
        return Err(DiffError::Place { offset, length: now.len(), size });
    };
    if offset < end {
        return Err(DiffError::Order { offset, end });
    }
    Ok(offset..behind)
}

/// Which words of two blocks differ.
fn differing(was: &[u8; BLOCK], is: &[u8; BLOCK]) -> impl Iterator<Item = usize> {
    let mut mask = 0_u8;
    if was != is {
        let words = was.as_chunks::<WORD_BYTES>().0.iter().zip(is.as_chunks::<WORD_BYTES>().0);
        for (bit, (was, is)) in words.enumerate() {
            mask |= u8::from(u64::from_ne_bytes(*was) != u64::from_ne_bytes(*is)) << bit;
        }
    }
    std::iter::from_fn(move || {
        let word = (mask != 0).then(|| mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(word)
    })
}
