//! Local read and write locks that guests ask for by key.
//!
//! # Protocol
//!
//! 1. A lock is held by one writer or by any number of readers, each a call. It is kept here, by key, whether or not a
//!    value of that key exists.
//! 2. Those who cannot have it wait in order of arrival. A reader waits behind a writer that waits, so that writers are
//!    not starved.
//! 3. A call that asks for a lock that it holds or waits for, in any mode, gets an error: it could only wait for
//!    itself, at once or as soon as a writer stands between.
//! 4. When a holder leaves, those at the head of the queue who fit are made holders under the table's lock; their
//!    waits are completed after it.
//! 5. The end of a call takes away everything that it holds or waits for, however it ended. A wait that is taken away
//!    ends as abandoned.
//!
//! Tens of thousands may wait for one lock, so what is done under the table's lock looks at the head of the queue alone:
//! who has given up waiting stays in it until its turn comes, or until it asks again.
//!
//! Two calls that each wait for what the other holds wait until the deadline of one of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use faasm_sfi::pending::{Completer, Pending, pending};

use crate::Key;

/// The call that owns a lock. The runtime hands these out; one is not used again while anything of its call is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Together with other readers.
    Read,
    /// Alone.
    Write,
}

/// How a lock was misused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// The call has it already.
    #[error("the call already holds it, in {held:?} mode")]
    AlreadyHeld {
        /// In which mode.
        held: Mode,
    },
    /// The call, in another thread, waits for it already.
    #[error("the call already waits for it")]
    AlreadyWaiting,
    /// The call does not have it in the mode that it would give up.
    #[error("the call does not hold it in {mode:?} mode")]
    NotHeld {
        /// In which mode it would have been given up.
        mode: Mode,
    },
    /// Others have it, and the call does not wait for them.
    #[error("others have it")]
    Taken,
    /// The call has as many locks as it may.
    #[error("the call already has {max} locks")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

/// All local locks of a namespace.
#[derive(Debug)]
pub(crate) struct LockTable {
    table: Mutex<Table>,
    /// How many locks a call may hold and wait for, together.
    max_per_call: usize,
}

#[derive(Debug, Default)]
struct Table {
    /// Locks that somebody holds. Whoever waits, waits for a holder, so no other key has an entry.
    locks: HashMap<Key, Lock>,
    /// For each call the keys that it holds or waits for; not in a certain order.
    calls: HashMap<CallId, Vec<Key>>,
}

#[derive(Debug)]
struct Lock {
    /// The mode of all holders.
    mode: Mode,
    holders: Vec<CallId>,
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    call: CallId,
    mode: Mode,
    completer: Completer<()>,
}

impl LockTable {
    pub(crate) fn new(max_per_call: usize) -> Self {
        Self { table: Mutex::default(), max_per_call }
    }

    /// Takes the lock, now or when its turn comes.
    pub(crate) fn lock(
        &self,
        key: &Key,
        call: CallId,
        mode: Mode,
    ) -> Result<Pending<()>, LockError> {
        let mut table = self.table();
        let given_up = table.ask_again(key, call);
        let result = table.enqueue(key, call, mode, self.max_per_call);
        let left = table.settle(key);
        drop(table);
        drop(given_up);
        left.wake();
        result
    }

    /// Gives the lock up and lets the next ones have it.
    pub(crate) fn unlock(&self, key: &Key, call: CallId, mode: Mode) -> Result<(), LockError> {
        let mut table = self.table();
        let held = |lock: &Lock| lock.mode == mode && lock.holders.contains(&call);
        if !table.locks.get(key).is_some_and(held) {
            return Err(LockError::NotHeld { mode });
        }
        let left = table.leave(key, call);
        drop(table);
        left.wake();
        Ok(())
    }

    /// Gives up all that the call holds or waits for.
    pub(crate) fn release_call(&self, call: CallId) {
        let mut table = self.table();
        let keys = table.calls.get(&call).cloned().unwrap_or_default();
        let left: Vec<Left> = keys.iter().map(|key| table.leave(key, call)).collect();
        drop(table);
        left.into_iter().for_each(Left::wake);
    }

    /// Whether no call holds or waits for anything.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        let table = self.table();
        table.locks.is_empty() && table.calls.is_empty()
    }

    /// No foreign code runs under the lock, so a poisoned lock is a sound one.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose waits end when the table's lock is given back: they are completed, or dropped, outside it.
#[derive(Default)]
struct Left {
    granted: Vec<Completer<()>>,
    given_up: Vec<Waiter>,
}

impl Left {
    fn wake(self) {
        drop(self.given_up);
        self.granted.into_iter().for_each(|completer| completer.complete(()));
    }
}

impl Table {
    fn misuse(&self, key: &Key, call: CallId) -> LockError {
        match self.locks.get(key) {
            Some(lock) if lock.holders.contains(&call) => {
                LockError::AlreadyHeld { held: lock.mode }
            }
            _ => LockError::AlreadyWaiting,
        }
    }

    fn enqueue(
        &mut self,
        key: &Key,
        call: CallId,
        mode: Mode,
        most: usize,
    ) -> Result<Pending<()>, LockError> {
        let has = self.calls.get(&call).map_or(&[][..], Vec::as_slice);
        if has.contains(key) {
            return Err(self.misuse(key, call));
        }
        if has.len() >= most {
            return Err(LockError::TooMany { max: most });
        }
        self.calls.entry(call).or_default().push(key.clone());
        let lock = self.locks.entry(key.clone()).or_insert_with(|| Lock::held_by_nobody(mode));
        let (completer, waiting) = pending();
        lock.queue.push_back(Waiter { call, mode, completer });
        Ok(waiting)
    }

    /// Takes the call out of the lock, as a holder or in the queue.
    fn leave(&mut self, key: &Key, call: CallId) -> Left {
        self.forget(key, call);
        let Some(lock) = self.locks.get_mut(key) else {
            return Left::default();
        };
        // Who holds it does not wait for it (protocol, 3).
        let given_up = match lock.release(call) {
            true => Vec::new(),
            false => lock.take_waiters(|waiter| waiter.call == call),
        };
        let mut left = self.settle(key);
        left.given_up.extend(given_up);
        left
    }

    /// Takes the call out of the queue if it has given up waiting.
    fn ask_again(&mut self, key: &Key, call: CallId) -> Vec<Waiter> {
        let has = self.calls.get(&call).is_some_and(|keys| keys.contains(key));
        let Some(lock) = self.locks.get_mut(key).filter(|_| has) else {
            return Vec::new();
        };
        let given_up =
            lock.take_waiters(|waiter| waiter.call == call && !waiter.completer.is_wanted());
        if !given_up.is_empty() {
            self.forget(key, call);
        }
        given_up
    }

    /// Makes holders of those at the head of the queue who fit, but not of those who gave up waiting.
    fn settle(&mut self, key: &Key) -> Left {
        let mut left = Left::default();
        let Some(lock) = self.locks.get_mut(key) else {
            return left;
        };
        while let Some(next) = lock.next() {
            if next.completer.is_wanted() {
                lock.hold(next.call, next.mode);
                left.granted.push(next.completer);
            } else {
                left.given_up.push(next);
            }
        }
        if lock.holders.is_empty() {
            self.locks.remove(key);
        }
        for waiter in &left.given_up {
            self.forget(key, waiter.call);
        }
        left
    }

    fn forget(&mut self, key: &Key, call: CallId) {
        if let Some(keys) = self.calls.get_mut(&call) {
            keys.retain(|has| has != key);
            if keys.is_empty() {
                self.calls.remove(&call);
            }
        }
    }
}

impl Lock {
    fn held_by_nobody(mode: Mode) -> Self {
        Self { mode, holders: Vec::new(), queue: VecDeque::new() }
    }

    fn fits(&self, mode: Mode) -> bool {
        self.holders.is_empty() || (self.mode, mode) == (Mode::Read, Mode::Read)
    }

    /// Takes the next one out of the queue, if it can have the lock or does not want it any more.
    fn next(&mut self) -> Option<Waiter> {
        let next = self.queue.front()?;
        let goes = self.fits(next.mode) || !next.completer.is_wanted();
        goes.then(|| self.queue.pop_front())?
    }

    /// Whether the call was a holder; it is none any more.
    fn release(&mut self, call: CallId) -> bool {
        let held = self.holders.iter().position(|holder| *holder == call);
        held.map(|at| self.holders.swap_remove(at)).is_some()
    }

    fn hold(&mut self, call: CallId, mode: Mode) {
        self.mode = mode;
        self.holders.push(call);
    }

    fn take_waiters(&mut self, which: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let (taken, others): (VecDeque<_>, _) =
            std::mem::take(&mut self.queue).into_iter().partition(which);
        self.queue = others;
        Vec::from(taken)
    }
}

#[cfg(test)]
mod tests;
