//! Lists, versions, and what there is: what the global tier alone knows.

use super::{View, refused};
use crate::{GlobalOp, Op, Stat, StateError, Version, Wait};

impl View {
    /// Adds an element to the end of the key's list; the list's new length.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::TooLarge`], [`StateError::Global`].
    pub fn append(&self, key: &[u8], element: &[u8]) -> Op<usize> {
        match self.look(key) {
            Ok(kept) => {
                let view = self.clone();
                let appended = self.namespace.append_under(key, element, kept.writes());
                appended.map(move |appended| view.told(&kept, appended))
            }
            Err(error) => refused(error),
        }
    }

    /// The first elements of the list; see [`crate::Namespace::read_appended`].
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`].
    pub fn read_appended(&self, key: &[u8], most: usize, max_bytes: usize) -> Op<Vec<Vec<u8>>> {
        match self.look(key) {
            Ok(_) => self.namespace.read_appended(key, most, max_bytes),
            Err(error) => refused(error),
        }
    }

    /// Takes elements out of the list; see [`crate::GlobalTier::take_appended`]. The operation is the tier's own: who
    /// does not want it any more drops it, and nothing is taken then.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`].
    pub fn take_appended(
        &self,
        key: &[u8],
        (most, max_bytes): (usize, usize),
        wait: Wait,
    ) -> Result<GlobalOp<Vec<Vec<u8>>>, StateError> {
        let kept = self.look(key)?;
        self.namespace.take_appended(key, (most, max_bytes), wait, kept.writes())
    }

    /// Empties the list.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`].
    pub fn clear_appended(&self, key: &[u8]) -> Op<()> {
        match self.look(key) {
            Ok(kept) => {
                let view = self.clone();
                let cleared = self.namespace.clear_appended_under(key, kept.writes());
                cleared.map(move |cleared| view.told(&kept, cleared))
            }
            Err(error) => refused(error),
        }
    }

    /// Version and size of the value in the global tier.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`].
    pub fn stat(&self, key: &[u8]) -> Op<Option<Stat>> {
        match self.look(key) {
            Ok(_) => self.namespace.stat(key),
            Err(error) => refused(error),
        }
    }

    /// Waits until the value's version is another than `seen`; see [`crate::GlobalTier::watch`]. The operation is the
    /// tier's own: who does not want it any more drops it.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`].
    pub fn watch(&self, key: &[u8], seen: Version) -> Result<GlobalOp<Option<Stat>>, StateError> {
        self.look(key)?;
        self.namespace.watch(key, seen)
    }

    /// How many elements the key's list has.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`].
    pub fn count_appended(&self, key: &[u8]) -> Op<usize> {
        let key = match self.look(key) {
            Ok(kept) => kept.key,
            Err(error) => return refused(error),
        };
        // The first key that begins with this one is itself, if it is there.
        self.namespace.list(key.as_bytes(), None, 1).map(move |entries| {
            let first = entries?.into_iter().next().filter(|entry| entry.key == key);
            Ok(first.map_or(0, |entry| entry.appended))
        })
    }
}
