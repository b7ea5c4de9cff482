//! Leases and notices of change, for global tiers that are inside one process.
//!
//! # Protocol
//!
//! 1. A lock has a writer or any number of readers; each has a token and a time when its lease ends. Those who cannot
//!    have it wait in order of arrival, readers behind a writer that waits.
//! 2. A lease that has ended is taken off whenever anybody looks at the lock. While somebody waits, the timer looks when
//!    the next one ends.
//! 3. Who waits for a change first asks for the notice, then looks: a change in between is not missed. A change is
//!    noted after it was made.
//! 4. No foreign code runs under a lock: those who wait are completed after it.
//! 5. A lock that is pinned ([`Arbiter::pin`]) is given to nobody, whoever has left it, until the last [`Pin`] is dropped.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use faasm_sfi::pending::{Completer, Hook, Pending, pending};

use crate::timer::Alarm;
use crate::{Address, GlobalError, GlobalOp, Mode, Timer, Token};

/// Locks by lease, and notices of change, of one tier.
#[derive(Debug, Default)]
pub struct Arbiter {
    leases: Arc<Leases>,
    changes: Mutex<HashMap<Address, Vec<Completer<()>>>>,
}

#[derive(Debug, Default)]
struct Leases {
    table: Mutex<Table>,
    timer: Timer,
}

#[derive(Debug, Default)]
struct Table {
    /// Those that somebody holds.
    locks: HashMap<Address, Lock>,
    last_epoch: u64,
    last_waiter: u64,
    nonces: RandomState,
}

#[derive(Debug)]
struct Lock {
    /// The mode of all holders.
    mode: Mode,
    holders: Vec<Holder>,
    queue: VecDeque<Waiter>,
    /// How many writes under it are not done.
    pins: usize,
    /// When the timer looks for leases that have ended.
    looks_at: Option<Instant>,
}

#[derive(Debug)]
struct Holder {
    token: Token,
    ends: Instant,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    mode: Mode,
    lease: Duration,
    /// When it waits no longer.
    alarm: Option<Alarm>,
    completer: Completer<Result<Option<Token>, GlobalError>>,
}

/// Those whose lock has been given to them: they are told outside the table's lock.
type Granted = Vec<(Waiter, Token)>;

impl Arbiter {
    /// Locks whose epochs are all above `epoch`: what a tier that outlives the process has seen.
    #[must_use]
    pub fn after(epoch: u64) -> Self {
        let arbiter = Self::default();
        arbiter.leases.table().last_epoch = epoch;
        arbiter
    }

    /// See [`GlobalTier::lock`](crate::GlobalTier::lock).
    pub fn lock(
        &self,
        at: &Address,
        mode: Mode,
        lease: Duration,
        patience: Option<Duration>,
    ) -> GlobalOp<Option<Token>> {
        let (completer, waiting) = pending();
        let mut table = self.leases.table();
        table.last_waiter += 1;
        let id = table.last_waiter;
        completer.on_unwanted(self.leases.hook(at, move |leases, at| leases.refuse(at, id)));
        let lock = table.locks.entry(at.clone()).or_insert_with(|| Lock::held_by_nobody(mode));
        lock.queue.push_back(Waiter { id, mode, lease, alarm: None, completer });
        let impatient = (patience == Some(Duration::ZERO)).then_some(id);
        self.leases.settle(table, at, impatient);
        if let Some(patience) = patience.filter(|_| !waiting.is_done()) {
            self.leases.limit(at, id, patience);
        }
        waiting
    }

    /// See [`GlobalTier::renew`](crate::GlobalTier::renew).
    ///
    /// # Errors
    ///
    /// [`GlobalError::Fenced`].
    pub fn renew(&self, at: &Address, token: Token, lease: Duration) -> Result<(), GlobalError> {
        let now = Instant::now();
        let mut table = self.leases.table();
        let holders = table.locks.get_mut(at).map_or(&mut [][..], |lock| &mut lock.holders);
        let holder = holders.iter_mut().find(|holder| holder.token == token && now < holder.ends);
        holder.ok_or(GlobalError::Fenced)?.ends = end(now, lease);
        Ok(())
    }

    /// See [`GlobalTier::unlock`](crate::GlobalTier::unlock).
    ///
    /// # Errors
    ///
    /// [`GlobalError::Fenced`].
    pub fn unlock(&self, at: &Address, token: Token) -> Result<(), GlobalError> {
        self.leases.unlock(at, token)
    }

    /// Whether a write under `token` may happen now. The tier asks where writes to `at` are ordered, so that a lock
    /// cannot change hands between the answer and the write: it holds on to what is returned until it has written.
    ///
    /// # Errors
    ///
    /// [`GlobalError::Fenced`].
    pub fn check(&self, at: &Address, token: Option<Token>) -> Result<Held<'_>, GlobalError> {
        let Some(token) = token else {
            return Ok(Held { table: None });
        };
        let now = Instant::now();
        let table = self.leases.table();
        let lock = table.locks.get(at).filter(|lock| lock.mode == Mode::Write);
        let held =
            |lock: &Lock| lock.holders.iter().any(|held| held.token == token && now < held.ends);
        if lock.is_some_and(held) {
            Ok(Held { table: Some(table) })
        } else {
            Err(GlobalError::Fenced)
        }
    }

    /// Like [`Arbiter::check`], for a tier whose writes take a while: until what is returned is dropped, this lock does
    /// not change hands, and the others can be looked at.
    ///
    /// # Errors
    ///
    /// [`GlobalError::Fenced`].
    pub fn pin(&self, at: &Address, token: Token) -> Result<Pin, GlobalError> {
        let mut table = self.check(at, Some(token))?.table;
        let lock = table.as_mut().and_then(|table| table.locks.get_mut(at));
        lock.ok_or(GlobalError::Fenced)?.pins += 1;
        Ok(Pin { leases: Arc::clone(&self.leases), at: at.clone() })
    }

    /// Done with the next change that is noted at this address.
    pub fn next_change(&self, at: &Address) -> Pending<()> {
        let (completer, change) = pending();
        let mut changes = self.changes();
        let waiting = changes.entry(at.clone()).or_default();
        let given_up: Vec<_> = waiting.extract_if(.., |waits| !waits.is_wanted()).collect();
        waiting.push(completer);
        drop(changes);
        drop(given_up);
        change
    }

    /// Notes a change at this address.
    pub fn changed(&self, at: &Address) {
        let waiting = self.changes().remove(at);
        waiting.into_iter().flatten().for_each(|completer| completer.complete(()));
    }

    fn changes(&self) -> MutexGuard<'_, HashMap<Address, Vec<Completer<()>>>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this is there, no lock changes hands.
#[derive(Debug)]
pub struct Held<'a> {
    table: Option<MutexGuard<'a, Table>>,
}

/// While this is there, its lock does not change hands.
#[derive(Debug)]
pub struct Pin {
    leases: Arc<Leases>,
    at: Address,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut table = self.leases.table();
        if let Some(lock) = table.locks.get_mut(&self.at) {
            lock.pins -= 1;
        }
        self.leases.settle(table, &self.at, None);
    }
}

impl Leases {
    /// Takes ended leases off, gives the lock to those whose turn it is, and looks again when the next lease ends if
    /// somebody still waits.
    /// Whoever is `impatient` is refused if its turn has not come by then.
    fn settle(
        self: &Arc<Self>,
        mut table: MutexGuard<'_, Table>,
        at: &Address,
        impatient: Option<u64>,
    ) {
        let now = Instant::now();
        let (granted, given_up, next) = table.settle(at, now);
        let refused = impatient.and_then(|id| table.take_out(at, id));
        drop(table);
        given_up.into_iter().for_each(|waiter| drop(self.end(waiter)));
        for (waiter, token) in granted {
            // It may be given up in this moment, by somebody who has not seen it.
            let give_up = self.hook(at, move |leases, at| {
                let _ = leases.unlock(at, token);
            });
            self.end(waiter).complete_or(Ok(Some(token)), |_| give_up());
        }
        refused.into_iter().for_each(|waiter| self.end(waiter).complete(Ok(None)));
        let Some(next) = next else { return };
        let look = self.hook(at, |leases, at| leases.settle(leases.table(), at, None));
        if self.timer.at(next, look).is_none()
            && let Some(lock) = self.table().locks.get_mut(at)
        {
            lock.looks_at = None;
        }
    }

    fn unlock(self: &Arc<Self>, at: &Address, token: Token) -> Result<(), GlobalError> {
        let now = Instant::now();
        let mut table = self.table();
        let lock = table.locks.get_mut(at).ok_or(GlobalError::Fenced)?;
        let held = lock.holders.iter().position(|holder| holder.token == token);
        let holder = lock.holders.swap_remove(held.ok_or(GlobalError::Fenced)?);
        self.settle(table, at, None);
        if now < holder.ends { Ok(()) } else { Err(GlobalError::Fenced) }
    }

    /// Has the waiter told after `patience` that its turn has not come.
    fn limit(self: &Arc<Self>, at: &Address, id: u64, patience: Duration) {
        let due = end(Instant::now(), patience);
        let hook = self.hook(at, move |leases, at| leases.refuse(at, id));
        let Some(alarm) = self.timer.at(due, hook) else { return };
        let mut table = self.table();
        if let Some((lock, place)) = table.waiter(at, id) {
            lock.queue[place].alarm = Some(alarm);
        } else {
            drop(table);
            self.timer.forget(alarm);
        }
    }

    /// Takes the waiter out of the queue, if it is still there, and tells it when those behind it have been let in.
    fn refuse(self: &Arc<Self>, at: &Address, id: u64) {
        let mut table = self.table();
        let Some(waiter) = table.take_out(at, id) else { return };
        self.settle(table, at, None);
        self.end(waiter).complete(Ok(None));
    }

    /// What is left to do for one that does not wait any more.
    fn end(&self, waiter: Waiter) -> Completer<Result<Option<Token>, GlobalError>> {
        waiter.alarm.into_iter().for_each(|alarm| self.timer.forget(alarm));
        waiter.completer
    }

    fn hook(
        self: &Arc<Self>,
        at: &Address,
        then: impl FnOnce(&Arc<Self>, &Address) + Send + 'static,
    ) -> Hook {
        let (leases, at) = (Arc::downgrade(self), at.clone());
        Box::new(move || {
            if let Some(leases) = leases.upgrade() {
                then(&leases, &at);
            }
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The lock that it waits for, and its place in the queue. Who asks for it has mostly come a moment ago.
    fn waiter(&mut self, at: &Address, id: u64) -> Option<(&mut Lock, usize)> {
        let lock = self.locks.get_mut(at)?;
        let place = lock.queue.iter().rposition(|waiter| waiter.id == id)?;
        Some((lock, place))
    }

    fn take_out(&mut self, at: &Address, id: u64) -> Option<Waiter> {
        let (lock, place) = self.waiter(at, id)?;
        lock.queue.remove(place)
    }

    fn settle(&mut self, at: &Address, now: Instant) -> (Granted, Vec<Waiter>, Option<Instant>) {
        let (mut granted, mut given_up) = (Granted::new(), Vec::new());
        let Entry::Occupied(mut entry) = self.locks.entry(at.clone()) else {
            return (granted, given_up, None);
        };
        let lock = entry.get_mut();
        if lock.pins > 0 {
            return (granted, given_up, None);
        }
        lock.holders.retain(|holder| now < holder.ends);
        while let Some(next) = lock.next() {
            if !next.completer.is_wanted() {
                given_up.push(next);
                continue;
            }
            self.last_epoch += 1;
            let epoch = self.last_epoch;
            let token = Token { epoch, nonce: self.nonces.hash_one(epoch) };
            lock.mode = next.mode;
            lock.holders.push(Holder { token, ends: end(now, next.lease) });
            granted.push((next, token));
        }
        let next_end = lock.holders.iter().map(|holder| holder.ends).min();
        let seen_to = lock.looks_at.filter(|at| now < *at);
        let look =
            next_end.filter(|end| !lock.queue.is_empty() && seen_to.is_none_or(|at| *end < at));
        lock.looks_at = look.or(seen_to);
        if lock.holders.is_empty() {
            entry.remove();
        }
        (granted, given_up, look)
    }
}

impl Lock {
    fn held_by_nobody(mode: Mode) -> Self {
        Self { mode, holders: Vec::new(), queue: VecDeque::new(), pins: 0, looks_at: None }
    }

    /// Takes the next one out of the queue, if it can have the lock or does not want it any more.
    fn next(&mut self) -> Option<Waiter> {
        let next = self.queue.front()?;
        let fits = self.holders.is_empty() || (self.mode, next.mode) == (Mode::Read, Mode::Read);
        (fits || !next.completer.is_wanted()).then(|| self.queue.pop_front())?
    }
}

/// When a lease that begins now ends; a century is as good as never.
fn end(now: Instant, lease: Duration) -> Instant {
    now + lease.min(Duration::from_secs(100 * 365 * 24 * 3600))
}

#[cfg(test)]
mod tests;
