//! Room for a value's bytes in its namespace's budget, and what it gives up for others.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::{Inner, Value};
use crate::StateError;
use crate::tracking::Tracking;

impl Value {
    /// Notes that the value is used.
    pub(crate) fn touch(&self) {
        self.inner.used.store(self.inner.budget.tick(), Ordering::Relaxed);
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.inner.used.load(Ordering::Relaxed)
    }

    /// Has room for the bytes of `range` that are not here. Not under `tracking`.
    pub(super) fn make_place(&self, range: Range<usize>) -> Result<(), StateError> {
        let asked = self.tracking().not_held(&range);
        self.room_for(asked)
    }

    /// Has room for a copy of `range`, to find writes by. Not under `tracking`.
    pub(super) fn make_place_for_copy(&self, range: Range<usize>) -> Result<(), StateError> {
        let asked = self.tracking().not_copied(&range);
        self.room_for(asked)
    }

    /// Has room for `asked` bytes more. Not under `tracking`.
    pub(super) fn room_for(&self, asked: usize) -> Result<(), StateError> {
        let room = self.inner.budget.make_room(asked);
        room.map_err(|max| StateError::OverBudget { key: self.key().clone(), asked, max })
    }

    /// What was fetched had to make room for others again and again.
    pub(super) fn has_no_room(&self, asked: usize) -> StateError {
        let max = self.inner.budget.usage().max;
        StateError::OverBudget { key: self.key().clone(), asked, max }
    }

    /// Tells the budget what the value holds.
    pub(super) fn charge(&self, tracking: &mut Tracking) {
        let now = tracking.held_bytes();
        let before = std::mem::replace(&mut tracking.charged, now);
        if now != before {
            self.inner.budget.charge(before, now);
        }
    }

    /// Gives up about `wanted` bytes that are clean and not mapped; how many it gave up.
    pub(crate) fn evict(&self, wanted: usize) -> usize {
        let Some(_permit) = self.inner.gate.try_enter() else { return 0 };
        let Ok(mut tracking) = self.inner.tracking.try_write() else { return 0 };
        self.settle_suspects(&mut tracking);
        let before = tracking.held_bytes();
        for run in tracking.evict(wanted) {
            // What cannot be given back stays zero, and is not counted: it is fetched again all the same.
            if self.inner.region.discard(run.clone()).is_err() {
                let _ = self.inner.region.fill(run.start, run.len(), 0);
            }
        }
        self.charge(&mut tracking);
        before.saturating_sub(tracking.held_bytes())
    }

    /// Looks once more at what could be written through pointers, when nobody has any more.
    pub(super) fn settle_suspects(&self, tracking: &mut Tracking) {
        let size = tracking.size;
        if tracking.is_left_suspect() && tracking.find_writes(0..size, &self.inner.region).is_ok() {
            tracking.forget_unmapped();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let tracking = self.tracking.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.budget.charge(tracking.charged, 0);
    }
}
