//! What is known of a value here: its size, which of it has been fetched, which of it is newer than the global tier's.
//!
//! # Invariants
//!
//! 1. A byte is *known* if its page is pulled or the byte is dirty. Bytes that are not known mean nothing: a push never
//!    sends them, and a lazy fetch fills them, with zeroes where the global value has none. They are zero in the region
//!    already, but for pages in `leftover`, so that a fetch need not touch memory to say that there is nothing.
//! 2. A lazy fetch never overwrites a dirty byte. Only `pull` does, for all of the value at once.
//! 3. `base` is the version that all pulled pages are of, but for dirty bytes; `None` when they may be of several.
//! 4. While `replaced` is set, the value here is the whole truth: the next push replaces the global value, and nothing
//!    fetched may flow in.
//! 5. Marks of dirty bytes lie below `size`, pulled pages at or below the page that holds its last byte.
//!
//! # Not here
//!
//! The bytes, and the talk with the global tier.

use std::ops::Range;

use crate::Version;
use crate::bits::BitSet;
use crate::dirty::{DirtyMap, PAGE};

/// How much of a value a push sends.
#[derive(Debug)]
pub(crate) enum Extent {
    /// All that is known, if anything is dirty.
    Full,
    /// What is dirty.
    Dirty,
    /// These bytes, dirty or not.
    Only(Vec<Range<usize>>),
}

/// What a push sends, and what to mark again should it fail.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) size: usize,
    pub(crate) runs: Vec<Range<usize>>,
    /// The global value is replaced, not written into.
    pub(crate) replaced: bool,
    /// All that was known of the value is in it.
    all_known: bool,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Tracking {
    pub(crate) size: usize,
    pub(crate) pulled: BitSet,
    pub(crate) dirty: DirtyMap,
    pub(crate) base: Option<Version>,
    pub(crate) replaced: bool,
    /// Pages with bytes that were known once and need not be any more.
    leftover: BitSet,
    /// The value was deleted; handles to it are dead.
    pub(crate) gone: bool,
    /// Pages that guests may have written through pointers since the last push.
    mapped: BitSet,
    /// How many mappings exist now.
    maps: usize,
    /// Those who write through pointers flag what they write: being mapped says nothing any more.
    flagged: bool,
}

impl Tracking {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            pulled: BitSet::default(),
            dirty: DirtyMap::default(),
            base: Some(Version::ABSENT),
            replaced: false,
            leftover: BitSet::default(),
            gone: false,
            mapped: BitSet::default(),
            maps: 0,
            flagged: false,
        }
    }

    /// Whether a push would send anything.
    pub(crate) fn is_dirty(&self) -> bool {
        self.replaced || !self.dirty.is_empty() || self.mapping_is_dirt()
    }

    /// The runs of bytes, at whole pages, that must be fetched before `range` can be read. They may reach past the
    /// value's end: the global value may be longer than is known here.
    pub(crate) fn missing(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let gaps = self.pulled.gaps_in(pages(&range));
        gaps.map(|run| run.start * PAGE..run.end * PAGE).collect()
    }

    /// The runs of bytes, at whole pages, that have been fetched or written whole.
    pub(crate) fn pulled_runs(&self) -> Vec<Range<usize>> {
        let runs = self.pulled.runs_in(0..usize::MAX);
        runs.map(|run| run.start * PAGE..run.end * PAGE).collect()
    }

    /// Notes a write of `range`, which is inside the value.
    pub(crate) fn wrote(&mut self, range: Range<usize>) {
        let last_page_end =
            if range.end == self.size { range.end.next_multiple_of(PAGE) } else { range.end };
        self.pulled.insert_range(range.start.div_ceil(PAGE)..last_page_end / PAGE);
        self.dirty.mark(range);
    }

    /// Notes a write through a pointer.
    pub(crate) fn flag(&mut self, range: Range<usize>) {
        self.flagged |= self.maps > 0;
        self.dirty.mark(range);
    }

    /// Notes that the whole value was written: it has this size now.
    pub(crate) fn replace(&mut self, size: usize) {
        self.resize(size);
        self.replaced = true;
        self.dirty.clear();
        self.dirty.mark(0..size);
        self.pulled.insert_range(pages(&(0..size)));
    }

    /// Notes that the whole value is now the global one, of this size and version.
    pub(crate) fn pulled_whole(&mut self, size: usize, version: Version) {
        self.resize(size);
        self.replaced = false;
        self.dirty.clear();
        self.pulled.insert_range(pages(&(0..size)));
        self.base = Some(version);
        self.forget_unmapped();
    }

    /// The clean bytes of `asked`, at whole pages, that a fetch must zero if the global value ends at `end`.
    pub(crate) fn void(&self, asked: &[Range<usize>], end: usize) -> Vec<Range<usize>> {
        let within = asked.iter().flat_map(|run| self.leftover.runs_in(pages(run)));
        let past_end =
            within.map(|run| (run.start * PAGE).max(end)..(run.end * PAGE).min(self.size));
        past_end
            .filter(|run| !run.is_empty())
            .flat_map(|run| self.dirty.clean_runs_in(run))
            .collect()
    }

    /// Notes that `runs`, at whole pages, are now as in `version`, but for dirty bytes.
    pub(crate) fn fetched(&mut self, runs: &[Range<usize>], version: Version) {
        if self.pulled.is_empty() {
            self.base = Some(version);
        } else if self.base != Some(version) {
            self.base = None;
        }
        let end = self.size.div_ceil(PAGE);
        for run in runs {
            self.leftover.remove_range(run.start / PAGE..run.end / PAGE);
            self.pulled.insert_range(run.start / PAGE..run.end.div_ceil(PAGE).min(end));
        }
    }

    /// Changes the size. Bytes that are cut off are forgotten.
    pub(crate) fn resize(&mut self, size: usize) {
        let before = self.size;
        if size < before {
            self.dirty.unmark(size..before);
            self.pulled.remove_range(size.div_ceil(PAGE)..before.div_ceil(PAGE));
        } else if size > before {
            self.open_last_page();
        }
        self.size = size;
        if self.replaced {
            self.pulled.insert_range(pages(&(0..size)));
        }
    }

    /// Before growth: the last page counted as pulled with fewer bytes than it is about to have. The global value may
    /// have those, so the page is to be fetched again; unless guests can write it through pointers at this moment, as
    /// a fetch could overwrite what they have not flagged yet.
    fn open_last_page(&mut self) {
        let last = self.size / PAGE;
        if self.size.is_multiple_of(PAGE) || (self.maps > 0 && self.mapped.contains(last)) {
            return;
        }
        if self.mapping_is_dirt() {
            self.mark_mapped();
        }
        self.pulled.remove_range(last..last + 1);
        self.leftover.insert_range(last..last + 1);
    }

    /// Notes a mapping of `range`.
    pub(crate) fn map(&mut self, range: &Range<usize>) {
        self.maps += 1;
        self.mapped.insert_range(pages(range));
    }

    /// Notes the end of a mapping. Its pages stay suspect until the next push, unless their writers flag.
    pub(crate) fn unmap(&mut self) {
        self.maps -= 1;
        if self.maps == 0 && self.flagged {
            self.flagged = false;
            self.mapped.clear();
        }
    }

    /// Takes the marks off what a push of `extent` sends, and says what that is; `None` if there is nothing.
    pub(crate) fn take(&mut self, extent: Extent) -> Option<Batch> {
        if let (Extent::Full | Extent::Dirty, false) = (&extent, self.is_dirty()) {
            return None;
        }
        match extent {
            // A mask is a flag for every byte.
            Extent::Only(_) => self.flagged |= self.maps > 0,
            Extent::Full | Extent::Dirty if self.mapping_is_dirt() => self.mark_mapped(),
            Extent::Full | Extent::Dirty => {}
        }
        let (size, replaced) = (self.size, self.replaced);
        let all_known = replaced || matches!(extent, Extent::Full);
        let runs = match extent {
            _ if replaced => std::iter::once(0..size).collect(),
            Extent::Only(runs) => runs,
            Extent::Dirty => self.dirty.runs_in(0..size),
            Extent::Full => {
                let mut known = DirtyMap::default();
                let dirty = self.dirty.runs_in(0..size);
                self.pulled_runs().into_iter().chain(dirty).for_each(|run| known.mark(run));
                known.runs_in(0..size)
            }
        };
        for run in &runs {
            self.dirty.unmark(run.clone());
            self.leftover.insert_range(pages(run));
        }
        self.replaced = false;
        self.forget_unmapped();
        let nothing = runs.is_empty() && !replaced;
        (!nothing).then_some(Batch { size, runs, replaced, all_known })
    }

    /// Puts the marks of a push that failed back.
    pub(crate) fn put_back(&mut self, batch: &Batch) {
        self.replaced |= batch.replaced;
        for run in &batch.runs {
            self.dirty.mark(run.start..run.end.min(self.size).max(run.start));
        }
    }

    /// Notes a push over the version `before`. Whether what has been pulled is in step with the global tier now.
    pub(crate) fn pushed(&mut self, batch: &Batch, before: Version, after: Version) -> bool {
        let in_step = batch.all_known || self.base == Some(before);
        self.base = in_step.then_some(after);
        in_step || self.pulled.is_empty()
    }

    fn mapping_is_dirt(&self) -> bool {
        !self.flagged && !self.mapped.is_empty()
    }

    fn mark_mapped(&mut self) {
        let size = self.size;
        for run in self.mapped.runs_in(0..size.div_ceil(PAGE)) {
            self.dirty.mark(run.start * PAGE..(run.end * PAGE).min(size));
        }
    }

    fn forget_unmapped(&mut self) {
        if self.maps == 0 {
            self.mapped.clear();
        }
    }
}

/// The pages that hold bytes of `range`.
fn pages(range: &Range<usize>) -> Range<usize> {
    if range.is_empty() {
        return 0..0;
    }
    range.start / PAGE..range.end.div_ceil(PAGE)
}
