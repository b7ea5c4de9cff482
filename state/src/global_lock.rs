//! Global locks that calls of this host hold: leases of the global tier, kept up for as long as their calls last.
//!
//! # Protocol
//!
//! 1. A call asks the tier and waits. The tier's operation lies in the table meanwhile, so that the end of the call, or of
//!    its wait, drops it there: the tier then knows that nobody wants the lock any more. Who waits for a time gives it to
//!    the tier, which answers when it has left the queue.
//! 2. When the tier has given it, the entry becomes `Held`, with the time when its lease ends by this host's clock. What
//!    counts is the tier's clock, by which it refuses what comes under an old token.
//! 3. The keeper, a timer, renews it at a third of the lease. Where that fails for want of an answer, it tries again
//!    soon. Where the tier says that the token is no good, or the lease has ended meanwhile, the entry becomes `Lost`.
//! 4. A lost lock is told to its call once, at the next thing that it does with the value; then the entry is gone.
//! 5. A call that asks for a lock that it holds or waits for, in any mode, gets an error: it could only wait for itself.
//! 6. The end of a call, however it ended, takes its entries out; what was held is given up at the tier, and nobody
//!    waits for that: should it fail, the lease ends.
//!
//! # Invariants
//!
//! Nothing of the tier, and nobody's wait, is called, completed or dropped under the table's lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use faasm_sfi::pending::{Completer, Hook, Pending, pending};

use crate::{
    Address, CallId, GlobalError, GlobalOp, GlobalTier, Key, LockError, Mode, Op, StateError,
    Timer, Token,
};

/// All global locks that calls of one namespace hold here. A clone is another handle to them.
#[derive(Clone)]
pub(crate) struct GlobalLocks {
    inner: Arc<Inner>,
}

struct Inner {
    tier: Arc<dyn GlobalTier>,
    namespace: Arc<str>,
    lease: Duration,
    /// How many a call may hold and wait for, together.
    most: usize,
    table: Mutex<Table>,
    keeper: Arc<Timer>,
}

#[derive(Default)]
struct Table {
    calls: HashMap<CallId, HashMap<Key, Entry>>,
    last_ticket: u64,
}

/// Tells one entry from a later one of the same call and key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticket(u64);

struct Entry {
    ticket: Ticket,
    mode: Mode,
    state: State,
}

impl Entry {
    fn waits(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }
}

enum State {
    Waiting { asked: GlobalOp<Option<Token>>, told: Completer<Result<(), StateError>> },
    Held { token: Token, ends: Instant, verified: bool },
    Lost,
}

/// A lock that a call holds at this moment, as far as this host knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) mode: Mode,
    pub(crate) token: Token,
    /// The call has seen since it got the lock that the replica here is the newest.
    pub(crate) verified: bool,
}

/// What an entry gave when its wait was settled, for outside the lock.
enum Settled {
    Given(Completer<Result<(), StateError>>),
    Refused(Completer<Result<(), StateError>>, GlobalError),
    Unwanted(Completer<Result<(), StateError>>, Token),
    Taken(Completer<Result<(), StateError>>),
    Abandoned(Completer<Result<(), StateError>>),
}

impl GlobalLocks {
    pub(crate) fn new(
        tier: Arc<dyn GlobalTier>,
        namespace: Arc<str>,
        (lease, most): (Duration, usize),
        keeper: Arc<Timer>,
    ) -> Self {
        let table = Mutex::default();
        Self { inner: Arc::new(Inner { tier, namespace, lease, most, table, keeper }) }
    }

    /// Takes the lock, now or when its turn comes; [`LockError::Taken`] if that is not within `patience`.
    pub(crate) fn lock(
        &self,
        key: &Key,
        call: CallId,
        mode: Mode,
        patience: Option<Duration>,
    ) -> Op<()> {
        let ticket = match self.inner.may_ask(key, call) {
            Ok(ticket) => ticket,
            Err(error) => return Pending::ready(Err(error)),
        };
        let (tier, address, lease) = (&self.inner.tier, self.inner.address(key), self.inner.lease);
        let asked = tier.lock(&address, mode, lease, patience);
        let (told, waiting) = pending();
        // Called before the entry is there, it finds nothing; so it is asked for once more below.
        let settle = move |inner: &Arc<Inner>, key: &Key| inner.settle(key, call, ticket);
        asked.on_done(self.inner.hook(key, settle));
        told.on_unwanted(self.inner.hook(key, move |inner, key| inner.leave(key, call, ticket)));
        let entry = Entry { ticket, mode, state: State::Waiting { asked, told } };
        let refused = self.inner.insert(key, call, entry);
        drop(refused);
        self.inner.settle(key, call, ticket);
        waiting
    }

    /// Gives the lock up.
    pub(crate) fn unlock(&self, key: &Key, call: CallId) -> Op<()> {
        let entry = self.inner.table().remove_if(key, call, |entry| !entry.waits());
        let not_held = LockError::NotHeld { mode: Mode::Write };
        match entry {
            Some(Entry { state: State::Held { token, .. }, .. }) => {
                let key = key.clone();
                self.inner.tier.unlock(&self.inner.address(&key), token).map(move |done| match done
                {
                    Err(GlobalError::Fenced) => Err(StateError::LockLost { key }),
                    done => done.map_err(|source| StateError::Global { key, source }),
                })
            }
            Some(Entry { state: State::Lost, .. }) => {
                Pending::ready(Err(StateError::LockLost { key: key.clone() }))
            }
            Some(Entry { state: State::Waiting { .. }, .. }) | None => {
                Pending::ready(Err(StateError::Lock { key: key.clone(), source: not_held }))
            }
        }
    }

    /// What the call holds of this key.
    ///
    /// # Errors
    ///
    /// [`StateError::LockLost`], once: the call held it and does not any more.
    pub(crate) fn holding(&self, key: &Key, call: CallId) -> Result<Option<Holding>, StateError> {
        let mut table = self.inner.table();
        let Some(entry) = table.calls.get(&call).and_then(|keys| keys.get(key)) else {
            return Ok(None);
        };
        match entry.state {
            State::Waiting { .. } => Ok(None),
            State::Held { token, ends, verified } if Instant::now() < ends => {
                Ok(Some(Holding { mode: entry.mode, token, verified }))
            }
            State::Held { .. } | State::Lost => {
                drop(table.remove(key, call));
                Err(StateError::LockLost { key: key.clone() })
            }
        }
    }

    /// Notes that the replica here is the newest, under this token.
    pub(crate) fn note_verified(&self, key: &Key, call: CallId, under: Token) {
        let mut table = self.inner.table();
        let entry = table.calls.get_mut(&call).and_then(|keys| keys.get_mut(key));
        if let Some(State::Held { token, verified, .. }) = entry.map(|entry| &mut entry.state) {
            *verified |= *token == under;
        }
    }

    /// Takes the entry out, if it is of this token.
    pub(crate) fn forget(&self, key: &Key, call: CallId, under: Token) {
        let mut table = self.inner.table();
        let entry = table.calls.get(&call).and_then(|keys| keys.get(key));
        if entry
            .is_some_and(|entry| matches!(entry.state, State::Held { token, .. } if token == under))
        {
            table.remove(key, call);
        }
    }

    /// Gives up all that the call holds or waits for.
    pub(crate) fn release_call(&self, call: CallId) {
        let entries = self.inner.table().calls.remove(&call);
        for (key, entry) in entries.into_iter().flatten() {
            if let State::Held { token, .. } = entry.state {
                self.inner.give_up(&key, token);
            }
        }
    }
}

impl Inner {
    /// A ticket for a call that neither holds the lock nor waits for it, and may have one more.
    fn may_ask(&self, key: &Key, call: CallId) -> Result<Ticket, StateError> {
        let mut table = self.table();
        let has = table.calls.get(&call);
        let misuse = |source| Err(StateError::Lock { key: key.clone(), source });
        match has.and_then(|keys| keys.get(key)).map(|entry| (entry.mode, &entry.state)) {
            Some((held, State::Held { .. })) => return misuse(LockError::AlreadyHeld { held }),
            Some((_, State::Waiting { told, .. })) if told.is_wanted() => {
                return misuse(LockError::AlreadyWaiting);
            }
            Some((_, State::Lost)) => {
                drop(table.remove(key, call));
                return Err(StateError::LockLost { key: key.clone() });
            }
            Some((_, State::Waiting { .. })) => {}
            None if has.is_some_and(|keys| keys.len() >= self.most) => {
                return misuse(LockError::TooMany { max: self.most });
            }
            None => {}
        }
        table.last_ticket += 1;
        Ok(Ticket(table.last_ticket))
    }

    /// Puts an entry in; what was in its place is for the caller to drop, outside the lock.
    fn insert(&self, key: &Key, call: CallId, entry: Entry) -> Option<Entry> {
        self.table().calls.entry(call).or_default().insert(key.clone(), entry)
    }

    /// Looks whether the tier has answered.
    fn settle(self: &Arc<Self>, key: &Key, call: CallId, ticket: Ticket) {
        let Some(settled) = self.table().settle(key, call, ticket, self.lease) else { return };
        match settled {
            Settled::Given(told) => {
                self.keep(key, call, ticket, self.lease / 3);
                let unseen = self.hook(key, move |inner, key| inner.give_back(key, call, ticket));
                told.complete_or(Ok(()), |_| unseen());
            }
            Settled::Refused(told, source) => {
                told.complete(Err(StateError::Global { key: key.clone(), source }));
            }
            Settled::Unwanted(told, token) => {
                drop(told);
                self.give_up(key, token);
            }
            Settled::Taken(told) => {
                let (key, source) = (key.clone(), LockError::Taken);
                told.complete(Err(StateError::Lock { key, source }));
            }
            Settled::Abandoned(told) => drop(told),
        }
    }

    /// It was given to somebody who does not know it.
    fn give_back(&self, key: &Key, call: CallId, ticket: Ticket) {
        let given = |entry: &Entry| entry.ticket == ticket && !entry.waits();
        let entry = self.table().remove_if(key, call, given);
        if let Some(Entry { state: State::Held { token, .. }, .. }) = entry {
            self.give_up(key, token);
        }
    }

    /// Nobody waits any more: the tier need not give the lock.
    fn leave(&self, key: &Key, call: CallId, ticket: Ticket) {
        let left = |entry: &Entry| entry.ticket == ticket && entry.waits();
        let entry = self.table().remove_if(key, call, left);
        drop(entry);
    }

    fn hook(
        self: &Arc<Self>,
        key: &Key,
        then: impl FnOnce(&Arc<Self>, &Key) + Send + 'static,
    ) -> Hook {
        let (inner, key) = (Arc::downgrade(self), key.clone());
        Box::new(move || {
            if let Some(inner) = inner.upgrade() {
                then(&inner, &key);
            }
        })
    }

    /// Has the lock renewed after `pause`.
    fn keep(self: &Arc<Self>, key: &Key, call: CallId, ticket: Ticket, pause: Duration) {
        let (inner, key, due) = (Arc::downgrade(self), key.clone(), Instant::now() + pause);
        let renew = move || match inner.upgrade() {
            // Too early, if the system has no thread for the keeper: then the lock is held for one lease.
            Some(inner) if due <= Instant::now() => inner.renew(key, call, ticket),
            Some(_) | None => {}
        };
        self.keeper.at(due, Box::new(renew));
    }

    fn renew(self: &Arc<Self>, key: Key, call: CallId, ticket: Ticket) {
        let Some(token) = self.table().token(&key, call, ticket) else { return };
        let asked = Instant::now();
        let renewed = self.tier.renew(&self.address(&key), token, self.lease);
        let inner: Weak<Self> = Arc::downgrade(self);
        drop(renewed.map(move |renewed| {
            if let Some(inner) = inner.upgrade() {
                inner.note_renewal(&key, (call, ticket), asked, &renewed);
            }
        }));
    }

    fn note_renewal(
        self: &Arc<Self>,
        key: &Key,
        (call, ticket): (CallId, Ticket),
        asked: Instant,
        renewed: &Result<(), GlobalError>,
    ) {
        let kept = self.table().note_renewal(key, (call, ticket), asked + self.lease, renewed);
        match (kept, renewed) {
            (true, Ok(())) => self.keep(key, call, ticket, self.lease / 3),
            (true, Err(_)) => self.keep(key, call, ticket, self.lease / 10),
            (false, _) => {}
        }
    }

    /// Nobody waits for the answer: should there be none, the lease ends.
    fn give_up(&self, key: &Key, token: Token) {
        drop(self.tier.unlock(&self.address(key), token));
    }

    fn address(&self, key: &Key) -> Address {
        Address { namespace: Arc::clone(&self.namespace), key: key.clone() }
    }

    /// No foreign code runs under the lock, so a poisoned lock is a sound one.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn entry(&mut self, key: &Key, call: CallId, ticket: Ticket) -> Option<&mut Entry> {
        self.calls.get_mut(&call)?.get_mut(key).filter(|entry| entry.ticket == ticket)
    }

    fn remove_if(
        &mut self,
        key: &Key,
        call: CallId,
        which: impl Fn(&Entry) -> bool,
    ) -> Option<Entry> {
        self.calls.get(&call)?.get(key).filter(|entry| which(entry))?;
        self.remove(key, call)
    }

    fn remove(&mut self, key: &Key, call: CallId) -> Option<Entry> {
        let keys = self.calls.get_mut(&call)?;
        let entry = keys.remove(key);
        if keys.is_empty() {
            self.calls.remove(&call);
        }
        entry
    }

    fn settle(
        &mut self,
        key: &Key,
        call: CallId,
        ticket: Ticket,
        lease: Duration,
    ) -> Option<Settled> {
        let waits =
            |entry: &Entry| matches!(&entry.state, State::Waiting { asked, .. } if asked.is_done());
        self.entry(key, call, ticket).filter(|entry| waits(entry))?;
        let entry = self.remove(key, call)?;
        let State::Waiting { asked, told } = entry.state else { return None };
        let given = match asked.try_take() {
            Ok(Ok(Ok(Some(token)))) if told.is_wanted() => token,
            Ok(Ok(Ok(Some(token)))) => return Some(Settled::Unwanted(told, token)),
            Ok(Ok(Ok(None))) => return Some(Settled::Taken(told)),
            Ok(Ok(Err(error))) => return Some(Settled::Refused(told, error)),
            Ok(Err(_)) | Err(_) => return Some(Settled::Abandoned(told)),
        };
        let state = State::Held { token: given, ends: Instant::now() + lease, verified: false };
        self.calls.entry(call).or_default().insert(key.clone(), Entry { state, ..entry });
        Some(Settled::Given(told))
    }

    fn token(&mut self, key: &Key, call: CallId, ticket: Ticket) -> Option<Token> {
        match self.entry(key, call, ticket)?.state {
            State::Held { token, .. } => Some(token),
            State::Waiting { .. } | State::Lost => None,
        }
    }

    /// Whether the lock is still held.
    fn note_renewal(
        &mut self,
        key: &Key,
        (call, ticket): (CallId, Ticket),
        until: Instant,
        renewed: &Result<(), GlobalError>,
    ) -> bool {
        let Some(entry) = self.entry(key, call, ticket) else { return false };
        let State::Held { ends, .. } = &mut entry.state else { return false };
        match renewed {
            Ok(()) => *ends = until.max(*ends),
            Err(GlobalError::Fenced) => entry.state = State::Lost,
            Err(_) if *ends <= Instant::now() => entry.state = State::Lost,
            Err(_) => {}
        }
        matches!(entry.state, State::Held { .. })
    }
}

#[cfg(test)]
mod tests;
