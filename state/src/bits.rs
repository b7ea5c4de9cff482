//! A set of small numbers as a bitmap, by ranges: pages of a value, bytes of a page.

use std::ops::Range;

const BITS: usize = u64::BITS as usize;

/// A set of numbers; grows with the largest one inserted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BitSet {
    /// Bit `n % 64` of word `n / 64` says whether `n` is in the set. Words that are missing are zero.
    words: Vec<u64>,
}

impl BitSet {
    pub(crate) fn insert_range(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let words = range.end.div_ceil(BITS);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        self.for_words(range, |word, mask| *word |= mask);
    }

    pub(crate) fn remove_range(&mut self, range: Range<usize>) {
        let end = range.end.min(self.words.len() * BITS);
        self.for_words(range.start..end, |word, mask| *word &= !mask);
    }

    pub(crate) fn contains(&self, n: usize) -> bool {
        self.words.get(n / BITS).is_some_and(|word| word >> (n % BITS) & 1 == 1)
    }

    pub(crate) fn contains_range(&self, range: Range<usize>) -> bool {
        range.is_empty() || self.next_clear(range.start) >= range.end
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    /// How many numbers are in the set.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The longest runs of members inside `range`, ascending.
    pub(crate) fn runs_in(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            let start = self.next_set(at)?;
            if start >= range.end {
                return None;
            }
            at = self.next_clear(start).min(range.end);
            Some(start..at)
        })
    }

    /// The longest runs of numbers in `range` that are not members, ascending.
    pub(crate) fn gaps_in(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        gaps(range.clone(), self.runs_in(range))
    }

    fn next_set(&self, from: usize) -> Option<usize> {
        self.scan(from, |word| word)
    }

    fn next_clear(&self, from: usize) -> usize {
        self.scan(from, |word| !word).unwrap_or(from.max(self.words.len() * BITS))
    }

    /// The first number from `from` on, below the last word's end, whose bit is set in the words that `view` shows.
    fn scan(&self, from: usize, view: impl Fn(u64) -> u64) -> Option<usize> {
        let first = from / BITS;
        let words = self.words.get(first..)?;
        words.iter().zip(first..).find_map(|(word, index)| {
            let below = if index == first { low_bits(from % BITS) } else { 0 };
            let shown = view(*word) & !below;
            (shown != 0).then(|| index * BITS + shown.trailing_zeros() as usize)
        })
    }

    /// Calls `change` with each word of `range` and the mask of the range's bits in it. All words exist.
    fn for_words(&mut self, range: Range<usize>, change: impl Fn(&mut u64, u64)) {
        if range.is_empty() {
            return;
        }
        let (first, last) = (range.start / BITS, (range.end - 1) / BITS);
        for (word, index) in self.words[first..=last].iter_mut().zip(first..) {
            let below = if index == first { low_bits(range.start % BITS) } else { 0 };
            let upto = if index == last { low_bits((range.end - 1) % BITS + 1) } else { u64::MAX };
            change(word, upto & !below);
        }
    }
}

/// What `runs` (ascending, apart, inside `range`) leave of `range`.
pub(crate) fn gaps(
    range: Range<usize>,
    runs: impl Iterator<Item = Range<usize>>,
) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    let edges = runs.chain(std::iter::once(end..end));
    edges
        .scan(range.start, |at, run| {
            let gap = *at..run.start;
            *at = run.end;
            Some(gap)
        })
        .filter(|gap| !gap.is_empty())
}

/// A word with its `n` lowest bits set, `n` up to 64.
fn low_bits(n: usize) -> u64 {
    if n >= BITS { u64::MAX } else { (1 << n) - 1 }
}

#[cfg(test)]
mod tests;
