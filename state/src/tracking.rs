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
//! 6. A page that guests can write through pointers, and are not trusted to flag, is in `suspect`, and its copy in `twin`
//!    from before they could. What they wrote is found by comparing the two, and is dirty from then on.
//! 7. `held` has every page of the region that may take memory.
//!
//! # Not here
//!
//! The bytes, and the talk with the global tier.

use std::ops::Range;

use faasm_sfi::shared::{RegionError, SharedRegion};

use crate::bits::BitSet;
use crate::dirty::{DirtyMap, PAGE};
use crate::twin::Twin;
use crate::{Combine, Number, Version};

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
    suspect: BitSet,
    /// Pages that are in guests' memories, or were in those of calls that have ended while others have not.
    mapped: BitSet,
    /// How many mappings exist now.
    maps: usize,
    /// Those who write through pointers flag what they write: being mapped says nothing any more.
    flagged: bool,
    /// Pages as they were pulled or pushed last.
    pub(crate) twin: Twin,
    /// How long the global value is at least, as far as is known here.
    pub(crate) reach: usize,
    /// How its numbers are merged, if they are: pages that are written are saved in `twin` first, as their differences are
    /// pushed.
    pub(crate) merges: Option<(Combine, Number)>,
    /// Pages that may take memory.
    held: BitSet,
    /// What the namespace's budget was told last, in bytes.
    pub(crate) charged: usize,
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
            suspect: BitSet::default(),
            mapped: BitSet::default(),
            maps: 0,
            flagged: false,
            twin: Twin::default(),
            reach: 0,
            merges: None,
            held: BitSet::default(),
            charged: 0,
        }
    }

    /// Whether a push may have something to send.
    pub(crate) fn is_dirty(&self) -> bool {
        self.is_known_dirty() || self.may_be_written()
    }

    /// Whether a push has something to send, as far as is known without looking for it.
    pub(crate) fn is_known_dirty(&self) -> bool {
        self.replaced || !self.dirty.is_empty()
    }

    /// Whether guests may have written through pointers what they have not flagged.
    fn may_be_written(&self) -> bool {
        !self.flagged && !self.suspect.is_empty()
    }

    /// Marks what guests have written through pointers to `within`.
    pub(crate) fn find_writes(
        &mut self,
        within: Range<usize>,
        region: &SharedRegion,
    ) -> Result<(), RegionError> {
        if !self.may_be_written() {
            return Ok(());
        }
        let within = within.start..within.end.min(self.size);
        let suspects: Vec<_> = self.suspect.runs_in(pages(&within)).collect();
        for run in suspects {
            let run = (run.start * PAGE).max(within.start)..(run.end * PAGE).min(within.end);
            for written in self.twin.differences(run, region)? {
                self.dirty.mark(written);
            }
        }
        Ok(())
    }

    /// Whether the last page, which the value does not fill, is one that guests may have written to.
    pub(crate) fn is_last_page_suspect(&self) -> bool {
        let last = self.size / PAGE;
        !self.size.is_multiple_of(PAGE) && self.may_be_written() && self.suspect.contains(last)
    }

    /// The runs of bytes, at whole pages, that must be fetched before `range` can be read. They may reach past the
    /// value's end: the global value may be longer than is known here.
    pub(crate) fn missing(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let gaps = self.pulled.gaps_in(pages(&range));
        gaps.map(|run| run.start * PAGE..run.end * PAGE).collect()
    }

    /// The bytes of `range` that have been fetched or written whole.
    pub(crate) fn pulled_in(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let runs = self.pulled.runs_in(pages(&range));
        runs.map(|run| (run.start * PAGE).max(range.start)..(run.end * PAGE).min(range.end))
            .collect()
    }

    /// Whether any byte of `range` must be fetched before it can be read.
    pub(crate) fn is_missing(&self, range: Range<usize>) -> bool {
        !self.pulled.contains_range(pages(&range))
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
        self.held.insert_range(pages(&range));
        self.dirty.mark(range);
    }

    /// Notes a write through a pointer.
    pub(crate) fn flag(&mut self, range: Range<usize>) {
        self.trust_flags();
        self.dirty.mark(range);
    }

    fn trust_flags(&mut self) {
        self.flagged |= self.maps > 0;
        if self.flagged && self.merges.is_none() {
            self.twin.clear();
        }
    }

    /// Notes that the whole value was written: it has this size now.
    pub(crate) fn replace(&mut self, size: usize) {
        self.resize(size);
        self.replaced = true;
        self.dirty.clear();
        self.dirty.mark(0..size);
        self.pulled.insert_range(pages(&(0..size)));
        self.held.insert_range(pages(&(0..size)));
    }

    /// Notes that the whole value is now the global one, of this size and version.
    pub(crate) fn pulled_whole(&mut self, size: usize, version: Version) {
        self.resize(size);
        self.replaced = false;
        self.dirty.clear();
        self.pulled.insert_range(pages(&(0..size)));
        self.held.insert_range(pages(&(0..size)));
        self.base = Some(version);
        self.reach = size;
        self.forget_unmapped();
    }

    /// Whether bytes can be pulled into their places one after the other: nothing would be lost should the pull fail, and
    /// nobody sees the pages.
    pub(crate) fn may_be_filled_in_place(&self) -> bool {
        self.maps == 0 && !self.is_dirty() && self.merges.is_none() && self.twin.bytes() == 0
    }

    /// Whether whatever is fetched can be put in place as it is.
    pub(crate) fn is_plain(&self) -> bool {
        self.dirty.is_empty() && self.suspect.is_empty() && self.twin.bytes() == 0
    }

    /// Whether no page of `run` has a copy, to find writes by or to push differences to.
    pub(crate) fn is_unwatched(&self, run: &Range<usize>) -> bool {
        let (pages, missing) = (pages(run).len(), self.twin.count_missing(pages(run)));
        pages == missing
    }

    /// Notes that the bytes of `run`, which begins with a page that is not known, are about to change.
    pub(crate) fn is_coming(&mut self, run: &Range<usize>) {
        self.leftover.insert_range(pages(run));
        self.held.insert_range(pages(run));
    }

    /// Notes that all bytes are about to change, but for those that are dirty: none is known any more.
    pub(crate) fn all_is_coming(&mut self) {
        let pulled: Vec<_> = self.pulled.runs_in(0..usize::MAX).collect();
        pulled.into_iter().for_each(|run| self.leftover.insert_range(run));
        self.pulled.clear();
        self.is_coming(&(0..self.size));
    }

    /// Notes that all bytes are here that were coming, of a global value of this size and version.
    pub(crate) fn landed(&mut self, size: usize, version: Version) {
        let all = 0..self.size.next_multiple_of(PAGE);
        self.fetched(std::slice::from_ref(&all), version);
        self.base = Some(version);
        self.reach = size;
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
            let run = run.start / PAGE..run.end.div_ceil(PAGE).min(end);
            self.pulled.insert_range(run.clone());
            self.held.insert_range(run);
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
        self.twin.zero_from(size.min(before), self.maps > 0);
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
        self.pulled.remove_range(last..last + 1);
        self.leftover.insert_range(last..last + 1);
    }

    /// Notes a mapping of `range`, whole pages. Writes through it are looked for if it is `watched`.
    pub(crate) fn map(
        &mut self,
        range: &Range<usize>,
        watched: bool,
        region: &SharedRegion,
    ) -> Result<(), RegionError> {
        let pages = pages(range);
        if watched && (!self.flagged || self.merges.is_some()) {
            self.twin.save(pages.clone(), region, self.size)?;
        }
        if watched {
            self.suspect.insert_range(pages.clone());
        }
        self.maps += 1;
        self.held.insert_range(pages.clone());
        self.mapped.insert_range(pages);
        Ok(())
    }

    /// Notes the end of a mapping. Its pages stay suspect until the next push, unless their writers flag.
    pub(crate) fn unmap(&mut self) {
        self.maps -= 1;
        if self.maps > 0 {
            return;
        }
        self.mapped.clear();
        if self.flagged {
            self.flagged = false;
            self.forget_unmapped();
        }
    }

    /// Saves the pages of `range`, if differences to them are pushed.
    pub(crate) fn save_base(
        &mut self,
        range: &Range<usize>,
        region: &SharedRegion,
    ) -> Result<(), RegionError> {
        self.twin.save(pages(range), region, self.size)
    }

    /// Takes the marks off what a push of `extent` sends, and says what that is; `None` if there is nothing.
    pub(crate) fn take(
        &mut self,
        extent: Extent,
        region: &SharedRegion,
    ) -> Result<Option<Batch>, RegionError> {
        match extent {
            // A mask is a flag for every byte.
            Extent::Only(_) => self.trust_flags(),
            Extent::Full | Extent::Dirty => {
                self.find_writes(0..self.size, region)?;
                if !self.is_known_dirty() {
                    self.forget_unmapped();
                    return Ok(None);
                }
            }
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
        Ok((!nothing).then_some(Batch { size, runs, replaced, all_known }))
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

    /// Forgets what was kept to find writes by, of pages that nobody can write to any more.
    pub(crate) fn forget_unmapped(&mut self) {
        if self.maps > 0 {
            return;
        }
        self.suspect.clear();
        if self.merges.is_some() {
            let dirty = &self.dirty;
            self.twin.retain(|page| dirty.has_any(page));
        } else {
            self.twin.clear();
        }
    }

    /// Bytes that the value may take here, with what is kept to find writes by.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.count() * PAGE + self.twin.bytes()
    }

    /// Whether guests that have gone may have written what was not looked for yet.
    pub(crate) fn is_left_suspect(&self) -> bool {
        self.maps == 0 && self.may_be_written()
    }

    /// How many bytes of `range` would be copied to find writes by.
    pub(crate) fn not_copied(&self, range: &Range<usize>) -> usize {
        if self.flagged && self.merges.is_none() {
            return 0;
        }
        let range = range.start..range.end.min(self.size).max(range.start);
        self.twin.count_missing(pages(&range)) * PAGE
    }

    /// How many bytes of `range` would be held that are not.
    pub(crate) fn not_held(&self, range: &Range<usize>) -> usize {
        self.held.gaps_in(pages(range)).map(|run| run.len() * PAGE).sum()
    }

    /// Forgets clean pages that nobody has mapped, about `wanted` bytes of them: the runs, at whole pages, whose memory is
    /// to be given back. They are fetched again when somebody wants them.
    pub(crate) fn evict(&mut self, wanted: usize) -> Vec<Range<usize>> {
        if self.replaced || self.gone {
            return Vec::new();
        }
        let mut left = wanted.div_ceil(PAGE);
        let mut evicted: Vec<Range<usize>> = Vec::new();
        let candidates: Vec<_> = self.pulled.runs_in(0..usize::MAX).collect();
        for page in candidates.into_iter().flatten() {
            if left == 0 {
                break;
            }
            let kept = (self.maps > 0 && self.mapped.contains(page))
                || self.suspect.contains(page)
                || self.twin.contains(page)
                || self.dirty.has_any(page);
            if kept || !self.held.contains(page) {
                continue;
            }
            left -= 1;
            match evicted.last_mut() {
                Some(last) if last.end == page => last.end += 1,
                _ => evicted.push(page..page + 1),
            }
        }
        for run in &evicted {
            self.pulled.remove_range(run.clone());
            self.leftover.remove_range(run.clone());
            self.held.remove_range(run.clone());
        }
        evicted.into_iter().map(|run| run.start * PAGE..run.end * PAGE).collect()
    }
}

/// The pages that hold bytes of `range`.
fn pages(range: &Range<usize>) -> Range<usize> {
    if range.is_empty() {
        return 0..0;
    }
    range.start / PAGE..range.end.div_ceil(PAGE)
}
