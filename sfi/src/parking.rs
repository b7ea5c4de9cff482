//! Where guests wait for one another at a place in memory that they share: a futex in the process.
//!
//! # Protocol
//!
//! 1. Who waits takes the lock, looks whether the memory still has the value that it expects, and only then becomes a
//!    line of the list, with the duty to wake it; then the lock is given back and the guest waits.
//! 2. Who wakes has written the memory before; it takes the lock, takes the oldest lines of the place out of the list,
//!    gives the lock back, and completes them.
//!    Either the waiter's look came first, then its line is found; or it comes later, then it sees what was written
//!    before the lock was taken. So no wake-up is lost.
//! 3. Who stops waiting (its time is over, its call ends) takes its line out again. If the line is gone, somebody has
//!    counted it as woken, and so it was, unless its call ends.
//!
//! Waking where nobody waits takes the lock and allocates nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;
#[cfg(not(all(loom, test)))]
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

#[cfg(all(loom, test))]
use loom::sync::{Mutex, MutexGuard};

use crate::pending::{Completer, Pending, pending};
use crate::wait::{self, WaitError};

/// The guests that wait at places of one shared memory.
#[derive(Default)]
pub struct ParkingLot {
    lines: Mutex<Lines>,
}

/// Who waits: by place, the oldest first.
#[derive(Default)]
struct Lines {
    parked: BTreeMap<Ticket, Completer<()>>,
    tickets: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    place: u64,
    number: u64,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Somebody woke it.
    Woken,
    /// The memory did not have the expected value: it did not wait.
    Unexpected,
    /// Nobody woke it in time.
    TimedOut,
    /// The guest's call was cancelled or interrupted.
    Cancelled,
}

impl ParkingLot {
    /// Waits at `place` until somebody wakes it, no longer than until `deadline`, if `is_expected` holds. That is called
    /// under the lock: it looks at the memory and nothing else. The guest is suspended where that is possible, else the
    /// thread is blocked (see [`crate::wait`]).
    pub fn park(
        &self,
        place: u64,
        is_expected: impl FnOnce() -> bool,
        deadline: Option<Instant>,
    ) -> Parked {
        let Some((ticket, woken)) = self.enter(place, is_expected) else {
            return Parked::Unexpected;
        };
        let Err(error) = wait::wait(woken, deadline) else { return Parked::Woken };
        let was_parked = self.lock().parked.remove(&ticket).is_some();
        match error {
            WaitError::Cancelled => Parked::Cancelled,
            WaitError::Deadline | WaitError::Abandoned(_) if was_parked => Parked::TimedOut,
            WaitError::Deadline | WaitError::Abandoned(_) => Parked::Woken,
        }
    }

    /// Wakes up to `count` of those that wait at `place`, the oldest first; how many it woke.
    pub fn unpark(&self, place: u64, count: u32) -> u32 {
        let woken = self.leave(place, count);
        let number = u32::try_from(woken.len()).unwrap_or(u32::MAX);
        woken.into_iter().for_each(|line| line.complete(()));
        number
    }

    /// How many wait, wherever they do.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().parked.len()
    }

    fn enter(
        &self,
        place: u64,
        is_expected: impl FnOnce() -> bool,
    ) -> Option<(Ticket, Pending<()>)> {
        let mut lines = self.lock();
        if !is_expected() {
            return None;
        }
        let (completer, woken) = pending();
        let ticket = Ticket { place, number: lines.tickets };
        lines.tickets += 1;
        lines.parked.insert(ticket, completer);
        Some((ticket, woken))
    }

    fn leave(&self, place: u64, count: u32) -> Vec<Completer<()>> {
        let mut lines = self.lock();
        let all = Ticket { place, number: 0 }..=Ticket { place, number: u64::MAX };
        let mut woken = Vec::new();
        for _ in 0..count {
            let Some((&oldest, _)) = lines.parked.range(all.clone()).next() else { break };
            woken.extend(lines.parked.remove(&oldest));
        }
        woken
    }

    /// The list is whole at every unlock.
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ParkingLot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkingLot").field("waiting", &self.waiting()).finish()
    }
}

#[cfg(all(loom, test))]
mod model;
#[cfg(all(not(loom), test))]
mod tests;
