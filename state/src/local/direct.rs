//! What goes to the global tier at once, and takes what is here along.

use std::ops::Range;
use std::sync::Arc;

use faasm_sfi::pending::Pending;

use super::{Namespace, global};
use crate::{
    Address, Condition, Entry, Fetched, GlobalOp, GlobalTier, Key, Merge, Merged, Op, Stat,
    StateError, Token, Value, Version, Wait, Written,
};

impl Namespace {
    /// Version and size of the value in the global tier.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`].
    pub fn stat(&self, key: &[u8]) -> Op<Option<Stat>> {
        self.ask(key, |tier, at| Ok(tier.stat(at)))
    }

    /// Bytes of the value in the global tier, as far as it has them.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`].
    pub fn get(&self, key: &[u8], range: Range<usize>) -> Op<Option<Fetched>> {
        self.ask(key, |tier, at| Ok(tier.get(at, &[range])))
    }

    pub(crate) fn fetch(&self, key: &Key, range: Range<usize>) -> Op<Option<Fetched>> {
        self.get(key.as_bytes(), range)
    }

    /// Makes `bytes` the whole value in the global tier if `when` holds, and then here, if the value is here: what was
    /// dirty here is gone.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::TooLarge`], [`StateError::Global`].
    pub fn put(&self, key: &[u8], bytes: Vec<u8>, when: Condition) -> Op<Written> {
        let max = self.inner.limits.max_value;
        match self.local(key) {
            Err(error) => Pending::ready(Err(error)),
            Ok(Some(value)) if bytes.len() <= max => value.put_through(bytes, when),
            Ok(_) => self.ask(key, |tier, at| {
                fits(at, bytes.len(), max)?;
                Ok(tier.set(at, bytes, when))
            }),
        }
    }

    /// Merges `change` into the value in the global tier if `when` holds; a replica that is here takes the result.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::TooLarge`], [`StateError::Global`].
    pub fn merge(&self, key: &[u8], change: Merge, when: Condition, wanted: bool) -> Op<Merged> {
        let max = self.inner.limits.max_value;
        let end = match &change {
            Merge::Numbers { offset, bytes, .. } => offset.saturating_add(bytes.len()),
            Merge::Union(_) => change.len(),
        };
        match self.local(key) {
            Err(error) => Pending::ready(Err(error)),
            Ok(Some(value)) if end <= max => value.merge_through(change, when),
            Ok(_) => self.ask(key, |tier, at| {
                fits(at, end, max)?;
                Ok(tier.merge(at, change, when, wanted))
            }),
        }
    }

    /// Deletes the value and the list of this key, in the global tier and then here. `false` if they were in neither.
    /// Handles to the value that others still have are dead; memory that is still mapped stays valid, and is nobody's.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`]: what is here stays then.
    pub fn delete(&self, key: &[u8]) -> Op<bool> {
        self.delete_if(key, Condition::ALWAYS)
    }

    /// The same, if `when` holds.
    ///
    /// # Errors
    ///
    /// As of [`Namespace::delete`].
    pub fn delete_if(&self, key: &[u8], when: Condition) -> Op<bool> {
        let value = match self.local(key) {
            Ok(Some(value)) => value,
            Ok(None) => return self.ask(key, |tier, at| Ok(tier.delete(at, when))),
            Err(error) => return Pending::ready(Err(error)),
        };
        let namespace = self.clone();
        value.delete(when).map(move |deleted| {
            deleted?;
            namespace.forget(&value);
            Ok(true)
        })
    }

    /// Forgets a replica of a value that the global tier does not have any more.
    pub(crate) fn drop_replica(&self, value: &Value) {
        value.end();
        self.forget(value);
    }

    /// Adds an element to the list of this key; the list's new length. The list is in the global tier alone.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::TooLarge`], [`StateError::Global`].
    pub fn append(&self, key: &[u8], element: &[u8]) -> Op<usize> {
        self.append_under(key, element, None)
    }

    pub(crate) fn append_under(
        &self,
        key: &[u8],
        element: &[u8],
        under: Option<Token>,
    ) -> Op<usize> {
        let max = self.inner.limits.max_value;
        self.ask(key, |tier, at| {
            fits(at, element.len(), max)?;
            Ok(tier.append(at, element.to_vec(), under))
        })
    }

    /// The first elements of the list of this key: at most `most`, and only whole ones with at most `max_bytes` bytes
    /// together.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`].
    pub fn read_appended(&self, key: &[u8], most: usize, max_bytes: usize) -> Op<Vec<Vec<u8>>> {
        self.ask(key, |tier, at| Ok(tier.read_appended(at, most, max_bytes)))
    }

    /// Takes those elements out; see [`GlobalTier::take_appended`]. The operation is the tier's own: who does not want it
    /// any more drops it, and nothing is taken then.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says.
    pub fn take_appended(
        &self,
        key: &[u8],
        (most, max_bytes): (usize, usize),
        wait: Wait,
        under: Option<Token>,
    ) -> Result<GlobalOp<Vec<Vec<u8>>>, StateError> {
        Ok(self.inner.tier.take_appended(&self.address(key)?, most, max_bytes, wait, under))
    }

    /// Empties the list of this key.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`].
    pub fn clear_appended(&self, key: &[u8]) -> Op<()> {
        self.clear_appended_under(key, None)
    }

    pub(crate) fn clear_appended_under(&self, key: &[u8], under: Option<Token>) -> Op<()> {
        self.ask(key, |tier, at| Ok(tier.clear_appended(at, under)))
    }

    /// Waits for another version than `seen`; see [`GlobalTier::watch`]. The operation is the tier's own: who does not
    /// want it any more drops it.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says.
    pub fn watch(&self, key: &[u8], seen: Version) -> Result<GlobalOp<Option<Stat>>, StateError> {
        Ok(self.inner.tier.watch(&self.address(key)?, seen))
    }

    /// What there is in the global tier with keys that begin with `prefix` and come after `after`, in the order of their
    /// bytes: at most `most`.
    ///
    /// # Errors
    ///
    /// [`StateError::KeyTooLong`] for `after`; [`StateError::Global`].
    pub fn list(&self, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Op<Vec<Entry>> {
        let after = match after.filter(|after| !after.is_empty()).map(Key::new).transpose() {
            Ok(after) => after,
            Err(error) => return Pending::ready(Err(error)),
        };
        let listed = self.inner.tier.list(&self.inner.name, prefix, after.as_ref(), most);
        listed.map(|listed| listed.map_err(StateError::Listing))
    }

    fn ask<T: Send + 'static>(
        &self,
        key: &[u8],
        operation: impl FnOnce(&dyn GlobalTier, &Address) -> Result<GlobalOp<T>, StateError>,
    ) -> Op<T> {
        let tier = Arc::clone(&self.inner.tier);
        let begun = self.address(key).and_then(|at| Ok((operation(&*tier, &at)?, at.key)));
        match begun {
            Ok((operation, key)) => {
                operation.map(move |done| done.map_err(|source| global(&key, source)))
            }
            Err(error) => Pending::ready(Err(error)),
        }
    }
}

fn fits(at: &Address, asked: usize, max: usize) -> Result<(), StateError> {
    if asked > max {
        return Err(StateError::TooLarge { key: at.key.clone(), asked, max });
    }
    Ok(())
}
