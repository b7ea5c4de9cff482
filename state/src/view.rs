//! A call's view of its namespace: every operation as the value's consistency wants it, under the locks that the call
//! holds.
//!
//! # What each consistency adds
//!
//! | | reads | writes | pushes |
//! |---|---|---|---|
//! | `eventual` | – | – | under the call's global write lock, if it holds it |
//! | `session` | of a replica that is older than what the chain has pushed: it catches up first | – | as above; stamped |
//! | `strong` | under a global lock of this call: from the replica, which has caught up once since the lock was given; without one: from the replica if it is the newest and nobody writes to it, else from the global tier | need the global write lock | the same |
//! | `merge` | – | keep what they write over, to know the difference | send the difference, and take the merged value |
//!
//! # Protocol of `strong`
//!
//! 1. Who writes holds the global write lock, so there is one writer, and the tier refuses pushes of a former one.
//! 2. What a writer finds dirty here when its lock is new was left by one that ended before it pushed: nobody has been
//!    told of it, and it is dropped.
//! 3. Giving the lock up pushes what is dirty first. Should that fail, the lock stays.
//! 4. Who reads without a lock never sees what is not pushed: while something here is dirty or mapped, it is answered by
//!    the global tier.

mod list;
mod push;
mod read;
mod write;

use std::time::Duration;

use faasm_sfi::pending::Pending;

use crate::consistency::{Consistency, MergeKind, PointerWrites};
use crate::global_lock::Holding;
use crate::stamps::Stamp;
use crate::{
    CallId, Key, MergeError, Mode, Namespace, Op, Stamps, StateError, Token, Value, Version,
};

pub use push::Extent;
pub use read::Access;

/// A call's view of its namespace; see the module's page. A clone is another handle to the same one.
#[derive(Clone, Debug)]
pub struct View {
    namespace: Namespace,
    call: CallId,
    stamps: Stamps,
}

/// What holds for a key at this moment.
#[derive(Clone, Debug)]
struct Kept {
    key: Key,
    consistency: Consistency,
    pointer_writes: PointerWrites,
    /// The global lock that the call holds.
    holding: Option<Holding>,
}

impl Kept {
    fn writes(&self) -> Option<Token> {
        self.holding.filter(|holding| holding.mode == Mode::Write).map(|holding| holding.token)
    }

    /// A `strong` value is only written under its lock.
    fn may_write(&self, what: &'static str) -> Result<(), StateError> {
        if self.consistency == Consistency::Strong && self.writes().is_none() {
            return Err(StateError::NeedsLock { key: self.key.clone(), what, lock: "write" });
        }
        Ok(())
    }

    /// A set is written as a whole, and a list is appended to.
    fn has_bytes(&self, what: &'static str) -> Result<(), StateError> {
        match self.consistency {
            Consistency::Merge(MergeKind::Set | MergeKind::Append) => Err(self.not_under(what)),
            _ => Ok(()),
        }
    }

    /// What is merged is not done or left by what is there.
    fn is_not_merged(&self, what: &'static str) -> Result<(), StateError> {
        match self.consistency {
            Consistency::Merge(_) => Err(self.not_under(what)),
            _ => Ok(()),
        }
    }

    /// Whether `bytes` can be the whole value, as far as that follows from them.
    fn may_be(&self, bytes: &[u8]) -> Result<(), StateError> {
        match self.consistency {
            Consistency::Merge(MergeKind::Append) => Err(self.not_under("a value beside its list")),
            Consistency::Merge(MergeKind::Set) => {
                crate::members(bytes).map(drop).map_err(|source| self.unmergeable(source))
            }
            _ => Ok(()),
        }
    }

    /// Numbers that are merged never become fewer.
    fn may_become(&self, size: usize, from: usize) -> Result<(), StateError> {
        match self.consistency {
            Consistency::Merge(MergeKind::Numbers(..)) if size < from => {
                Err(self.not_under("making it shorter"))
            }
            _ => Ok(()),
        }
    }

    fn unmergeable(&self, source: MergeError) -> StateError {
        StateError::Unmergeable { key: self.key.clone(), source }
    }

    fn not_under(&self, what: &'static str) -> StateError {
        StateError::NotUnder { key: self.key.clone(), what, consistency: self.consistency }
    }
}

/// An operation that was refused before it began.
fn refused<T: Send>(error: StateError) -> Op<T> {
    Pending::ready(Err(error))
}

impl View {
    pub(crate) fn new(namespace: Namespace, call: CallId, stamps: Stamps) -> Self {
        Self { namespace, call, stamps }
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// What the chain of calls has pushed, as far as this one knows.
    #[must_use]
    pub fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// Takes the global lock of this key, now or when its turn comes, within `patience`; of zero: if it can be had now;
    /// without one: however long that takes. It is kept up until the call gives it up or ends.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`] where the call would wait for itself, and with
    /// [`crate::LockError::Taken`] where others had it for so long; [`StateError::LockLost`]; [`StateError::Global`].
    pub fn lock_global(&self, key: &[u8], mode: Mode, patience: Option<Duration>) -> Op<()> {
        self.namespace.lock_global(key, self.call, mode, patience)
    }

    /// Gives the global lock of this key up. What is dirty of a `strong` value is pushed first, if it is the write lock.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`] if the call does not hold it; [`StateError::LockLost`] if it was
    /// lost; and as of [`View::push`], then the call holds it still.
    pub fn unlock_global(&self, key: &[u8]) -> Op<()> {
        let kept = match self.look(key) {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let (namespace, call, key) = (self.namespace.clone(), self.call, key.to_vec());
        let written = kept.holding.is_some_and(|has| has.mode == Mode::Write && has.verified);
        if kept.consistency != Consistency::Strong || !written {
            return namespace.unlock_global(&key, call);
        }
        self.push(&key, Extent::Dirty).then(move |pushed| match pushed {
            Ok(_) => namespace.unlock_global(&key, call),
            Err(error) => refused(error),
        })
    }

    /// The token of the global lock that the call holds of this key: for resources outside that can refuse a late
    /// holder.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::LockLost`].
    pub fn token(&self, key: &[u8]) -> Result<Option<Token>, StateError> {
        Ok(self.look(key)?.holding.map(|holding| holding.token))
    }

    /// What holds for this key.
    fn look(&self, key: &[u8]) -> Result<Kept, StateError> {
        let key = Key::new(key)?;
        let holding = self.namespace.holding(&key, self.call)?;
        let rule = self.namespace.rule(&key);
        let (consistency, pointer_writes) = (rule.consistency, rule.pointer_writes);
        Ok(Kept { key, consistency, pointer_writes, holding })
    }

    /// The value, which has caught up as far as its consistency wants it; `None` if it is in neither tier.
    fn opened(&self, kept: &Kept) -> Op<Option<Value>> {
        let (view, kept) = (self.clone(), kept.clone());
        self.namespace.open(kept.key.as_bytes()).then(move |opened| match opened {
            Ok(Some(value)) => view.fresh(&kept, value),
            other => Pending::ready(other),
        })
    }

    /// The same, made here if it is not here, and at least of this size.
    fn made(&self, kept: &Kept, size: usize) -> Op<Value> {
        let value = match self.namespace.value(kept.key.as_bytes(), size) {
            Ok(value) => value,
            Err(error) => return refused(error),
        };
        let (namespace, key) = (self.namespace.clone(), kept.key.clone());
        self.fresh(kept, value).map(move |fresh| match fresh? {
            Some(value) => value.grow(size).map(|()| value),
            // It was deleted elsewhere.
            None => namespace.value(key.as_bytes(), size),
        })
    }

    /// Has a replica catch up as far as its consistency wants it.
    fn fresh(&self, kept: &Kept, value: Value) -> Op<Option<Value>> {
        match (kept.consistency, kept.holding) {
            (Consistency::Session, _) => match self.stamps.of(&kept.key) {
                None => Pending::ready(Ok(Some(value))),
                Some(Stamp::AtLeast(version)) => self.catch_up(value, Some(version)),
                Some(Stamp::Newest) => self.catch_up(value, None),
            },
            (Consistency::Strong, Some(holding)) if !holding.verified => {
                let (view, key) = (self.clone(), kept.key.clone());
                self.verify(value, holding).map(move |fresh| {
                    let fresh = fresh?;
                    view.namespace.note_verified(&key, view.call, holding.token);
                    Ok(fresh)
                })
            }
            _ => Pending::ready(Ok(Some(value))),
        }
    }

    /// Under a lock that is new.
    fn verify(&self, value: Value, holding: Holding) -> Op<Option<Value>> {
        if holding.mode == Mode::Read || !value.is_dirty() {
            return self.catch_up(value, None);
        }
        let view = self.clone();
        value.pull().then(move |pulled| match pulled {
            Ok(Some(_)) => Pending::ready(Ok(Some(value))),
            Ok(None) => {
                view.namespace.drop_replica(&value);
                Pending::ready(Ok(None))
            }
            Err(error) => refused(error),
        })
    }

    fn catch_up(&self, value: Value, at_least: Option<Version>) -> Op<Option<Value>> {
        let namespace = self.namespace.clone();
        value.catch_up(at_least).map(move |there| {
            if there? {
                return Ok(Some(value));
            }
            namespace.drop_replica(&value);
            Ok(None)
        })
    }
}
