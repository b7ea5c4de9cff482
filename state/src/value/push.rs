//! From the local tier to the global one.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use faasm_sfi::pending::Pending;

use super::before::Outflow;
use super::{Op, Value};
use crate::gate::Permit;
use crate::tracking::{Batch, Extent};
use crate::{Condition, Outgoing, Patch, StateError, Version, Written};

/// How many bytes a push copies before it sends them; more are read as they are sent.
const COPIED: usize = 64 << 10;

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// How many bytes were sent.
    pub bytes: usize,
    /// The version that the push made; `None` if there was nothing to push.
    pub version: Option<Version>,
    /// Others had pushed in between, and what they wrote could not be fetched. The push itself happened; the next push
    /// or pull fetches it.
    pub stale: bool,
}

/// How much a push sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// All that is known, if anything is dirty.
    Full,
    /// What is dirty.
    Dirty,
}

impl Pushed {
    pub(crate) const NOTHING: Self = Self { bytes: 0, version: None, stale: false };
}

/// A push on its way: until it is known to have happened, dropping this puts the marks back. It lets the next operation
/// in after that, as fields are dropped after `drop`.
struct InFlight {
    value: Value,
    /// Taken when the push has happened.
    batch: Option<Batch>,
    /// Put back too, if there are any.
    flags: Option<TakenFlags>,
    _permit: Permit,
}

/// The bytes of a mask that were zeroed: set again when this is dropped.
struct TakenFlags {
    mask: Value,
    runs: Vec<Range<usize>>,
}

impl Value {
    /// Sends the whole value, if anything of it is dirty: all bytes that are known here, and none that were never
    /// fetched. What guests wrote through pointers is dirty, if they flag it; as long as none of those who have the value
    /// mapped flags anything, what they wrote is found by comparing the mapped pages with a copy, in words of 8 bytes.
    ///
    /// # Errors
    ///
    /// [`StateError::Gone`], [`StateError::Memory`]; [`StateError::Global`]: the marks are as before, and the source
    /// says whether the write may have happened.
    pub fn push(&self) -> Op<Pushed> {
        self.push_when(How::Full, Condition::ALWAYS)
    }

    /// Sends the dirty bytes, exactly. If others have pushed since this value was last in step with the global tier,
    /// what was pulled before is then fetched again, so that their writes become visible here. What was written here
    /// meanwhile is not overwritten, but for what is written through a pointer in the moment of the copy, and, once
    /// anybody flags, what is not flagged ([`Value::flag_dirty`]).
    ///
    /// # Errors
    ///
    /// As of [`Value::push`].
    pub fn push_partial(&self) -> Op<Pushed> {
        self.push_when(How::Dirty, Condition::ALWAYS)
    }

    /// Sends the bytes at which `mask`, a value of the same size, is not zero, dirty or not, and makes those bytes of
    /// the mask zero. A flag that another thread sets meanwhile is sent now or stays for the next time.
    ///
    /// # Errors
    ///
    /// As of [`Value::push`], and [`StateError::MaskSize`]. If the push fails the mask's bytes are 1 again.
    pub fn push_masked(&self, mask: &Self) -> Op<Pushed> {
        self.push_masked_when(mask, Condition::ALWAYS)
    }

    /// The same, under a condition.
    pub(crate) fn push_masked_when(&self, mask: &Self, when: Condition) -> Op<Pushed> {
        let (value, mask) = (self.clone(), mask.clone());
        let (size, mask_size) = (value.size(), mask.size());
        if size != mask_size {
            let (key, mask) = (self.key().clone(), mask.key().clone());
            return Pending::ready(Err(StateError::MaskSize { key, size, mask, mask_size }));
        }
        mask.ensure(0, mask_size).then(move |ensured| match ensured {
            Ok(()) => value.push_taken(mask, mask_size, when),
            Err(error) => Pending::ready(Err(error)),
        })
    }

    fn push_taken(&self, mask: Value, size: usize, when: Condition) -> Op<Pushed> {
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| match mask.take_flags(size) {
            Ok(Some(flags)) => {
                value.send(Extent::Only(flags.runs.clone()), when, Some(flags), permit)
            }
            // The mask had to make room for others in between.
            Ok(None) => {
                drop(permit);
                value.push_masked_when(&mask, when)
            }
            Err(error) => Pending::ready(Err(error)),
        })
    }

    /// A push under a condition: with a version, only over that.
    pub(crate) fn push_when(&self, how: How, when: Condition) -> Op<Pushed> {
        let value = self.clone();
        let extent = match how {
            How::Full => Extent::Full,
            How::Dirty => Extent::Dirty,
        };
        self.inner.gate.enter().then(move |permit| value.send(extent, when, None, permit))
    }

    fn send(
        &self,
        extent: Extent,
        when: Condition,
        flags: Option<TakenFlags>,
        permit: Permit,
    ) -> Op<Pushed> {
        let (batch, outgoing) = match self.collect(extent) {
            Ok(Some(collected)) => collected,
            Ok(None) => return Pending::ready(Ok(Pushed::NOTHING)),
            Err(error) => return Pending::ready(Err(error)),
        };
        let (tier, address, bytes) = (&self.inner.tier, &self.inner.address, outgoing.len());
        let written = tier.push(address, outgoing, when);
        let in_flight =
            InFlight { value: self.clone(), batch: Some(batch), flags, _permit: permit };
        written.then(move |written| match written {
            Ok(written) => in_flight.settle(written, bytes),
            Err(source) => Pending::ready(Err(in_flight.value.global(source))),
        })
    }

    /// Takes the marks off what is to be sent, in one hold of the lock. Few bytes are copied in it too; many are read while
    /// they are sent, as they are now, unless they can be written through pointers that nobody flags.
    fn collect(&self, extent: Extent) -> Result<Option<(Batch, Outgoing)>, StateError> {
        let mut tracking = self.writing()?;
        let region = &self.inner.region;
        let batch = tracking.take(extent, region).map_err(|source| self.memory(source))?;
        self.charge(&mut tracking);
        let Some(batch) = batch else {
            return Ok(None);
        };
        let is_watched = !batch.runs.iter().all(|run| tracking.is_unwatched(run));
        let many = batch.runs.iter().map(Range::len).sum::<usize>() > COPIED;
        if many && !is_watched {
            self.inner.before.begin();
            let (size, runs, replaces) = (batch.size, batch.runs.clone(), batch.replaced);
            let bytes = Arc::new(Outflow::new(self.clone()));
            return Ok(Some((batch, Outgoing { size, runs, replaces, bytes })));
        }
        match Patch::gather(batch.size, &batch.runs, |offset, into| region.read(offset, into)) {
            Ok(patch) => {
                patch.chunks().for_each(|(offset, bytes)| tracking.twin.update(offset, bytes));
                let outgoing = Outgoing::copied(patch, batch.replaced);
                Ok(Some((batch, outgoing)))
            }
            Err(source) => {
                tracking.put_back(&batch);
                Err(self.memory(source))
            }
        }
    }

    /// Zeroes this value, a mask of `size` bytes, and says where it was not zero. Word by word and atomically: guests
    /// set flags through pointers meanwhile.
    /// `None` if not all of it is here.
    fn take_flags(&self, size: usize) -> Result<Option<TakenFlags>, StateError> {
        let writing = self.writing()?;
        if writing.is_missing(0..size) {
            return Ok(None);
        }
        self.keep_before(0..size)?;
        let mut taken = TakenFlags { mask: self.clone(), runs: Vec::new() };
        for offset in (0..size).step_by(size_of::<u64>()) {
            let word =
                self.inner.region.atomic_u64(offset).map_err(|source| self.memory(source))?;
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let flags = word.swap(0, Ordering::Acquire).to_ne_bytes();
            for (at, _) in (offset..size).zip(flags).filter(|(_, flag)| *flag != 0) {
                taken.note(at);
            }
        }
        Ok(Some(taken))
    }
}

impl InFlight {
    /// Notes that the push has happened, and fetches what others wrote if anybody has.
    fn settle(mut self, written: Written, bytes: usize) -> Op<Pushed> {
        let pushed = Pushed { bytes, version: Some(written.after), stale: false };
        let Some(batch) = self.batch.take() else {
            return Pending::ready(Ok(pushed));
        };
        self.value.inner.before.end();
        if let Some(flags) = &mut self.flags {
            flags.runs.clear();
        }
        let in_step = match self.value.writing() {
            Ok(mut tracking) => tracking.pushed(&batch, written.before, written.after),
            Err(error) => return Pending::ready(Err(error)),
        };
        if in_step {
            return Pending::ready(Ok(pushed));
        }
        self.value.refresh().map(move |done| {
            drop(self);
            Ok(Pushed { stale: !done, ..pushed })
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        self.value.inner.before.end();
        let mut tracking =
            self.value.inner.tracking.write().unwrap_or_else(PoisonError::into_inner);
        tracking.put_back(&batch);
    }
}

impl TakenFlags {
    fn note(&mut self, at: usize) {
        match self.runs.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => self.runs.push(at..at + 1),
        }
    }
}

impl Drop for TakenFlags {
    fn drop(&mut self) {
        // A push of the mask itself that is under way may send some of them: they are flags, as they were.
        for run in &self.runs {
            let set = self.mask.inner.region.fill(run.start, run.len(), 1);
            debug_assert!(set.is_ok(), "a region never shrinks, and the flags were in it");
        }
    }
}
