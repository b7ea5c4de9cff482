//! What a chain of calls has pushed, so that each of them sees it: versions by key, handed on from call to call.
//!
//! # Invariants
//!
//! 1. A stamp only grows: the version of a key is the latest that any call of the chain has pushed.
//! 2. There are at most [`Stamps::MOST`]. What does not fit is not lost: from then on the chain looks at the global tier
//!    for every key (`all` is set), which costs a round trip a read and answers no less.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Key, Version};

/// What a call must see at least of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// This version or a later one.
    AtLeast(Version),
    /// What the global tier has now: the value was deleted, or the versions are not known any more.
    Newest,
}

/// What a chain of calls has pushed. A clone is another handle to the same stamps; see [`Stamps::snapshot`].
#[derive(Clone, Debug, Default)]
pub struct Stamps {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    keys: HashMap<Key, Stamp>,
    /// Stands for every key that is not there.
    all: bool,
}

impl Stamps {
    /// How many keys are stamped one by one.
    pub const MOST: usize = 1024;

    /// A copy that does not follow what is stamped later: what a call hands to one that it chains.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self { inner: Arc::new(Mutex::new(self.lock().clone())) }
    }

    /// Whether nothing was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let inner = self.lock();
        inner.keys.is_empty() && !inner.all
    }

    /// Takes what another call of the chain has pushed, when its outcome is known.
    pub fn merge(&self, other: &Self) {
        if Arc::ptr_eq(&self.inner, &other.inner) || other.is_empty() {
            return;
        }
        let Inner { keys, all } = other.lock().clone();
        let mut inner = self.lock();
        inner.all |= all;
        keys.into_iter().for_each(|(key, stamp)| inner.note(key, stamp));
    }

    pub(crate) fn note(&self, key: &Key, stamp: Stamp) {
        self.lock().note(key.clone(), stamp);
    }

    pub(crate) fn of(&self, key: &Key) -> Option<Stamp> {
        let inner = self.lock();
        inner.keys.get(key).copied().or(inner.all.then_some(Stamp::Newest))
    }

    /// Whole at every unlock.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note(&mut self, key: Key, stamp: Stamp) {
        if let Some(there) = self.keys.get_mut(&key) {
            *there = there.later(stamp);
        } else if self.keys.len() < Stamps::MOST {
            self.keys.insert(key, stamp);
        } else {
            self.all = true;
        }
    }
}

impl Stamp {
    fn later(self, other: Self) -> Self {
        match (self, other) {
            (Self::AtLeast(one), Self::AtLeast(other)) => Self::AtLeast(one.max(other)),
            (Self::Newest, _) | (_, Self::Newest) => Self::Newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        Key::new(format!("{n}").as_bytes()).unwrap()
    }

    #[test]
    fn stamps_only_grow_and_go_from_call_to_call() {
        let parent = Stamps::default();
        parent.note(&key(1), Stamp::AtLeast(Version(5)));
        let child = parent.snapshot();
        parent.note(&key(1), Stamp::AtLeast(Version(3)));
        child.note(&key(1), Stamp::AtLeast(Version(7)));
        child.note(&key(2), Stamp::Newest);
        assert_eq!(parent.of(&key(1)), Some(Stamp::AtLeast(Version(5))));
        assert_eq!(parent.of(&key(2)), None);
        parent.merge(&child);
        parent.merge(&parent.clone());
        assert_eq!(parent.of(&key(1)), Some(Stamp::AtLeast(Version(7))));
        assert_eq!(parent.of(&key(2)), Some(Stamp::Newest));
    }

    #[test]
    fn what_does_not_fit_is_looked_up() {
        let stamps = Stamps::default();
        (0..Stamps::MOST + 1).for_each(|n| stamps.note(&key(n), Stamp::AtLeast(Version(1))));
        assert_eq!(stamps.of(&key(0)), Some(Stamp::AtLeast(Version(1))));
        assert_eq!(stamps.of(&key(Stamps::MOST)), Some(Stamp::Newest));
        assert_eq!(stamps.of(&key(usize::MAX)), Some(Stamp::Newest), "it may have been pushed");
        let child = Stamps::default();
        child.merge(&stamps);
        assert_eq!(child.of(&key(usize::MAX)), Some(Stamp::Newest));
    }
}
