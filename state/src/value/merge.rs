//! Pushes that are merged: the difference to what was pulled is sent, and the merged value taken.
//!
//! # Protocol
//!
//! 1. Every page that is written to, through a pointer or not, is saved first as it was pulled (`twin`): the base.
//! 2. A push looks for what is written, takes its marks off, and notes the bytes as they are: what is sent. For sums the
//!    change is what is sent less the base; for the largest or smallest numbers it is what is sent.
//! 3. The answer is the new base. What is here becomes the answer, with what was written here in between: for sums, what
//!    is here by then less what was sent is added to it, and is still dirty. What is fetched is taken in the same way.
//!    Guests may be storing all the while: each number is exchanged as a whole.
//!    A value that has grown here grows there with its last number, to which nothing is added.
//! 4. Runs that are near one another are one change. Changes are sent one after the other; each is whole or not at all.
//! 5. A change that fails has its marks put back. But for one of which nobody knows whether it happened: a sum that was
//!    added twice could not be told from a right one, so it is never sent again, and the error says that it may be lost.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::Ordering;

use faasm_sfi::pending::Pending;
use faasm_sfi::shared::{RegionError, SharedRegion};

use super::{Op, Pushed, Value};
use crate::consistency::{Consistency, MergeKind};
use crate::gate::Permit;
use crate::tracking::Tracking;
use crate::{Combine, Condition, GlobalError, Merge, Merged, Number, StateError, Written};

/// Runs that are nearer to one another are sent together, in bytes: an answer costs more than so many.
const NEAR: usize = 4096;

/// A run of numbers on its way.
#[derive(Debug)]
struct Sent {
    run: Range<usize>,
    /// The numbers as they were here.
    bytes: Vec<u8>,
    change: Vec<u8>,
}

/// A merge on its way. What was not answered is dirty again when this is dropped.
struct InFlight {
    value: Value,
    how: (Combine, Number),
    when: Condition,
    left: VecDeque<Sent>,
    pushed: Pushed,
    in_step: bool,
    _permit: Permit,
}

/// The members of a set on their way, likewise.
struct SetInFlight {
    value: Value,
    sent: Option<Vec<u8>>,
    _permit: Permit,
}

impl Value {
    /// From now on its numbers are merged like this, so pages are saved before they are written to; or not any more.
    pub(crate) fn merge_as(&self, how: Option<(Combine, Number)>) {
        if self.tracking().merges != how
            && let Ok(mut tracking) = self.writing()
        {
            tracking.merges = how;
        }
    }

    /// Writes `bytes`, of which the base has been fetched, at `offset`.
    pub(crate) fn write_over_base(
        &self,
        how: (Combine, Number),
        offset: usize,
        bytes: &[u8],
    ) -> Result<bool, StateError> {
        let range = offset..offset.saturating_add(bytes.len());
        self.make_place_for_copy(range)?;
        let mut tracking = self.writing()?;
        tracking.merges = Some(how);
        let range = self.check(&tracking, offset, bytes.len())?;
        if tracking.is_missing(range.clone()) {
            return Ok(false);
        }
        let saved = tracking.save_base(&range, &self.inner.region);
        saved.map_err(|source| self.memory(source))?;
        self.put(offset, bytes)?;
        tracking.wrote(range);
        self.charge(&mut tracking);
        Ok(true)
    }

    /// Sends what was written here as a change to be merged.
    pub(crate) fn push_merged(&self, kind: MergeKind, when: Condition) -> Op<Pushed> {
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| match kind {
            MergeKind::Numbers(combine, number) => {
                value.send_numbers((combine, number), when, permit)
            }
            MergeKind::Set => value.send_members(when, permit),
            MergeKind::Append => Pending::ready(Ok(Pushed::NOTHING)),
        })
    }

    fn send_numbers(&self, how: (Combine, Number), when: Condition, permit: Permit) -> Op<Pushed> {
        match self.collect_numbers(how) {
            Ok(left) if left.is_empty() => Pending::ready(Ok(Pushed::NOTHING)),
            Ok(left) => {
                let (value, pushed) = (self.clone(), Pushed::NOTHING);
                let in_flight =
                    InFlight { value, how, when, left, pushed, in_step: true, _permit: permit };
                in_flight.go_on()
            }
            Err(error) => Pending::ready(Err(error)),
        }
    }

    /// Takes the marks off, and notes what is to be sent.
    fn collect_numbers(
        &self,
        (combine, number): (Combine, Number),
    ) -> Result<VecDeque<Sent>, StateError> {
        let mut tracking = self.writing()?;
        let (size, region) = (tracking.size, &self.inner.region);
        let found = tracking.find_writes(0..size, region);
        found.map_err(|source| self.memory(source))?;
        let mut dirty = tracking.dirty.runs_in(0..size);
        if !dirty.is_empty() && tracking.reach < size {
            self.reach_the_end(&mut tracking, &mut dirty, number.width())?;
        }
        let mut collected = VecDeque::new();
        for run in whole_numbers(&dirty, number.width(), size) {
            let bytes = region.read_vec(run.start, run.len());
            let bytes = bytes.map_err(|source| self.memory(source))?;
            let change = match combine {
                Combine::Max | Combine::Min => bytes.clone(),
                Combine::Sum => {
                    let mut change = bytes.clone();
                    for (offset, base) in tracking.twin.read(run.clone()) {
                        let base = base.ok_or_else(|| self.has_no_base((combine, number)))?;
                        let at = offset - run.start;
                        number.subtract(&mut change[at..at + base.len()], base);
                    }
                    change
                }
            };
            collected.push_back(Sent { run, bytes, change });
        }
        tracking.dirty.clear();
        tracking.replaced = false;
        if collected.is_empty() {
            tracking.forget_unmapped();
        }
        Ok(collected)
    }

    /// Has the last number sent along, if it is known here.
    fn reach_the_end(
        &self,
        tracking: &mut Tracking,
        dirty: &mut Vec<Range<usize>>,
        width: usize,
    ) -> Result<(), StateError> {
        let end = tracking.size - tracking.size % width;
        let last = end.saturating_sub(width)..end;
        let is_dirty = dirty.last().is_some_and(|run| last.start < run.end);
        if last.is_empty() || is_dirty || tracking.is_missing(last.clone()) {
            return Ok(());
        }
        let saved = tracking.save_base(&last, &self.inner.region);
        saved.map_err(|source| self.memory(source))?;
        dirty.push(last);
        Ok(())
    }

    fn has_no_base(&self, (combine, number): (Combine, Number)) -> StateError {
        StateError::NotUnder {
            key: self.key().clone(),
            what: "what was written to it under another consistency: pull it first",
            consistency: Consistency::Merge(MergeKind::Numbers(combine, number)),
        }
    }

    fn take_answer(
        &self,
        how: (Combine, Number),
        sent: &Sent,
        merged: &Merged,
    ) -> Result<bool, StateError> {
        let mut tracking = self.writing()?;
        let Written { before, after } = merged.written;
        let in_step = tracking.base == Some(before);
        tracking.base = in_step.then_some(after);
        tracking.reach = tracking.reach.max(sent.run.end);
        let run = sent.run.start..sent.run.end.min(tracking.size).max(sent.run.start);
        let answer = merged.result.as_deref().unwrap_or(&sent.bytes);
        let Some(answer) = answer.get(..run.len()) else { return Ok(false) };
        self.rebase(&mut tracking, how, run.start, (&sent.bytes[..run.len()], answer))?;
        tracking.twin.update(run.start, answer);
        self.charge(&mut tracking);
        Ok(in_step)
    }

    /// Copies what was fetched into the region, from `offset` on and inside the value, with what was written here on top.
    pub(super) fn fill_over_base(
        &self,
        tracking: &mut Tracking,
        how: (Combine, Number),
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), StateError> {
        let range = offset..offset + bytes.len();
        let bases = tracking.twin.read(range.clone());
        let bases: Vec<_> = bases.map(|(at, base)| (at, base.map(<[u8]>::to_vec))).collect();
        let ends = bases.iter().skip(1).map(|(at, _)| *at).chain([range.end]).collect::<Vec<_>>();
        for ((at, base), end) in bases.into_iter().zip(ends) {
            let new = &bytes[at - offset..end - offset];
            match base {
                Some(base) => self.rebase(tracking, how, at, (&base, new))?,
                // What is dirty there was written under another consistency, and has nothing to be added to.
                None => {
                    for clean in tracking.dirty.clean_runs_in(at..end) {
                        self.put(clean.start, &bytes[clean.start - offset..clean.end - offset])?;
                    }
                }
            }
        }
        tracking.twin.update(offset, bytes);
        Ok(())
    }

    /// Puts the `new` numbers of the global tier in the place of those that were the `base`, as long, from `offset` on. What
    /// was written since then stays on top of them, and is dirty: each number is exchanged for the one that is made of it,
    /// so that nothing is lost of what guests store meanwhile.
    fn rebase(
        &self,
        tracking: &mut Tracking,
        (combine, number): (Combine, Number),
        offset: usize,
        (base, new): (&[u8], &[u8]),
    ) -> Result<(), StateError> {
        let region = &self.inner.region;
        self.keep_before(offset..offset + new.len())?;
        let width = number.width();
        let mut now = region.read_vec(offset, new.len()).map_err(|source| self.memory(source))?;
        let numbers = now.chunks_mut(width).zip(base.chunks(width).zip(new.chunks(width)));
        for (n, (now, (base, new))) in numbers.enumerate() {
            let at = offset + n * width;
            if base != new {
                let settled = settle(region, (combine, number), at, now, (base, new));
                settled.map_err(|source| self.memory(source))?;
            }
            if now != base {
                tracking.dirty.mark(at..at + now.len());
            }
        }
        Ok(())
    }

    fn send_members(&self, when: Condition, permit: Permit) -> Op<Pushed> {
        let sent = match self.collect_set() {
            Ok(Some(sent)) => sent,
            Ok(None) => return Pending::ready(Ok(Pushed::NOTHING)),
            Err(error) => return Pending::ready(Err(error)),
        };
        let members = match crate::members(&sent) {
            Ok(members) => members.into_iter().map(<[u8]>::to_vec).collect(),
            Err(source) => {
                let key = self.key().clone();
                return Pending::ready(Err(StateError::Unmergeable { key, source }));
            }
        };
        let bytes = sent.len();
        let in_flight = SetInFlight { value: self.clone(), sent: Some(sent), _permit: permit };
        let address = &self.inner.address;
        let merged = self.inner.tier.merge(address, Merge::Union(members), when, true);
        merged.map(move |merged| match merged {
            Ok(merged) => in_flight.settle(merged, bytes),
            Err(source) => Err(in_flight.value.global(source)),
        })
    }

    fn collect_set(&self) -> Result<Option<Vec<u8>>, StateError> {
        let mut tracking = self.writing()?;
        if !tracking.is_known_dirty() {
            return Ok(None);
        }
        let set = self.inner.region.read_vec(0, tracking.size);
        let set = set.map_err(|source| self.memory(source))?;
        if crate::members(&set).is_ok() {
            tracking.dirty.clear();
            tracking.replaced = false;
        }
        Ok(Some(set))
    }
}

impl InFlight {
    /// Sends what is left, one change after the other.
    fn go_on(mut self) -> Op<Pushed> {
        let Some(next) = self.left.front_mut() else { return self.finish() };
        let (combine, number) = self.how;
        let (offset, bytes) = (next.run.start, std::mem::take(&mut next.change));
        self.pushed.bytes += bytes.len();
        let change = Merge::Numbers { combine, number, offset, bytes };
        let inner = &self.value.inner;
        let merged = inner.tier.merge(&inner.address, change, self.when, true);
        merged.then(move |merged| match merged {
            Ok(merged) => self.note(&merged),
            Err(source) => {
                if matches!((&source, combine), (GlobalError::Unknown(_), Combine::Sum)) {
                    self.left.pop_front();
                }
                Pending::ready(Err(self.value.global(source)))
            }
        })
    }

    fn note(mut self, merged: &Merged) -> Op<Pushed> {
        self.pushed.version = Some(merged.written.after);
        let Some(sent) = self.left.pop_front() else { return self.finish() };
        match self.value.take_answer(self.how, &sent, merged) {
            Ok(in_step) => self.in_step &= in_step,
            Err(error) => return Pending::ready(Err(error)),
        }
        self.go_on()
    }

    /// Fetches what others wrote, if anybody has.
    fn finish(self) -> Op<Pushed> {
        let pushed = self.pushed;
        if let Ok(mut tracking) = self.value.writing() {
            // Who wrote while this was on its way may have ended since.
            self.value.settle_suspects(&mut tracking);
            if !tracking.is_known_dirty() {
                tracking.forget_unmapped();
            }
            self.value.charge(&mut tracking);
        }
        if self.in_step {
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
        if let (false, Ok(mut tracking)) = (self.left.is_empty(), self.value.writing()) {
            let size = tracking.size;
            let runs = self.left.iter().map(|sent| sent.run.start..sent.run.end.min(size));
            runs.filter(|run| !run.is_empty()).for_each(|run| tracking.dirty.mark(run));
        }
    }
}

impl SetInFlight {
    fn settle(mut self, merged: Merged, bytes: usize) -> Result<Pushed, StateError> {
        let value = self.value.clone();
        let version = Some(merged.written.after);
        let Some(sent) = self.sent.take() else { return Ok(Pushed::NOTHING) };
        let Some(mut set) = merged.result else {
            return Ok(Pushed { bytes, version, stale: true });
        };
        let mut tracking = value.writing()?;
        let here = value.inner.region.read_vec(0, tracking.size);
        let here = here.map_err(|source| value.memory(source))?;
        let written_since = tracking.is_known_dirty() && here != sent;
        if written_since && let Ok(members) = crate::members(&here) {
            let members = members.into_iter().map(<[u8]>::to_vec).collect();
            // The answer is a set; should it be none, what is here stays, and is sent again.
            if Merge::Union(members).apply(&mut set).is_err() {
                return Ok(Pushed { bytes, version, stale: true });
            }
        }
        value.make_room(tracking.size, set.len())?;
        value.put(0, &set)?;
        tracking.pulled_whole(set.len(), merged.written.after);
        if written_since {
            tracking.replace(set.len());
        }
        value.charge(&mut tracking);
        Ok(Pushed { bytes, version, stale: false })
    }
}

impl Drop for SetInFlight {
    fn drop(&mut self) {
        if let (Some(_), Ok(mut tracking)) = (&self.sent, self.value.writing()) {
            let size = tracking.size;
            tracking.replace(size);
        }
    }
}

impl Number {
    /// Takes each number of `base` from that of `from`, which is as long; what is left of one at the end stays.
    fn subtract(self, from: &mut [u8], base: &[u8]) {
        match self {
            Self::I64 => each(from, base, |a, b| {
                i64::from_le_bytes(a).wrapping_sub(i64::from_le_bytes(b)).to_le_bytes()
            }),
            Self::F32 => each(from, base, |a, b| {
                (f32::from_le_bytes(a) - f32::from_le_bytes(b)).to_le_bytes()
            }),
            Self::F64 => each(from, base, |a, b| {
                (f64::from_le_bytes(a) - f64::from_le_bytes(b)).to_le_bytes()
            }),
        }
    }

    /// Has `here`, one number, take what was written since: it was `sent` and is `now`.
    fn add_since(self, combine: Combine, here: &mut [u8], now: &[u8], sent: &[u8]) {
        let mut change = now.to_vec();
        if combine == Combine::Sum {
            self.subtract(&mut change, sent);
        }
        let change = Merge::Numbers { combine, number: self, offset: 0, bytes: change };
        let mut merged = here.to_vec();
        if change.apply(&mut merged).is_ok() {
            here.copy_from_slice(&merged);
        }
    }
}

fn each<const N: usize>(one: &mut [u8], other: &[u8], both: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (one, _) = one.as_chunks_mut::<N>();
    let (other, _) = other.as_chunks::<N>();
    for (one, other) in one.iter_mut().zip(other) {
        *one = both(*one, *other);
    }
}

/// Puts one `new` number in the place of `now`, with what that has over the `base`; `now` is then what was replaced.
fn settle(
    region: &SharedRegion,
    (combine, number): (Combine, Number),
    at: usize,
    now: &mut [u8],
    (base, new): (&[u8], &[u8]),
) -> Result<(), RegionError> {
    loop {
        let exchanged = if now == base {
            exchange(region, at, now, new)?
        } else {
            let mut here = new.to_vec();
            number.add_since(combine, &mut here, now, base);
            exchange(region, at, now, &here)?
        };
        if exchanged {
            return Ok(());
        }
        region.read(at, now)?;
    }
}

/// Puts `to` in the place of `from` if that is there, at once where it is a number in its place; whether it was.
fn exchange(region: &SharedRegion, at: usize, from: &[u8], to: &[u8]) -> Result<bool, RegionError> {
    let relaxed = Ordering::Relaxed;
    let exchanged = if let (Ok(from), Ok(to)) = (from.try_into(), to.try_into()) {
        let (from, to) = (u64::from_ne_bytes(from), u64::from_ne_bytes(to));
        region.atomic_u64(at).map(|word| word.compare_exchange(from, to, relaxed, relaxed).is_ok())
    } else if let (Ok(from), Ok(to)) = (from.try_into(), to.try_into()) {
        let (from, to) = (u32::from_ne_bytes(from), u32::from_ne_bytes(to));
        region.atomic_u32(at).map(|word| word.compare_exchange(from, to, relaxed, relaxed).is_ok())
    } else {
        // What is left of a number at a value's end.
        return region.write(at, to).map(|()| true);
    };
    match exchanged {
        // A call has merged numbers there that are not where the value's own are.
        Err(RegionError::Misaligned { .. }) => region.write(at, to).map(|()| true),
        other => other,
    }
}

/// The runs at whole numbers of `width` bytes in a value of `size`, those that are near one another joined.
fn whole_numbers(runs: &[Range<usize>], width: usize, size: usize) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for run in runs {
        let run = run.start - run.start % width..run.end.next_multiple_of(width).min(size);
        match joined.last_mut() {
            Some(last) if run.start < last.end + NEAR => last.end = last.end.max(run.end),
            _ => joined.push(run),
        }
    }
    joined
}
