//! Pushes.

use faasm_sfi::pending::Pending;

use super::{Kept, View, refused};
use crate::consistency::{Consistency, MergeKind};
use crate::stamps::Stamp;
use crate::value::How;
use crate::{Condition, GlobalError, Op, Pushed, StateError, Value, Version};

/// How much of a value a call pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that is known here, if anything is dirty.
    Full,
    /// What is dirty.
    Dirty,
}

impl View {
    /// Pushes a value that is here; see [`Value::push`] and [`Value::push_partial`].
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; as of [`Value::push`]; [`StateError::LockLost`] if the call held the global lock
    /// and does not any more; [`StateError::NeedsLock`] for a `strong` value; [`StateError::Unmergeable`] for one that is
    /// merged.
    pub fn push(&self, key: &[u8], extent: Extent) -> Op<Pushed> {
        match self.to_push(key) {
            Ok((kept, Some(value))) => self.push_kept(&kept, &value, extent),
            // What is not on this host was not written here.
            Ok((_, None)) => Pending::ready(Ok(Pushed::NOTHING)),
            Err(error) => refused(error),
        }
    }

    /// Pushes all that is known here of a value, if anything is dirty, where the global value is at this version.
    ///
    /// # Errors
    ///
    /// As of [`View::push`]; [`StateError::Global`] with [`GlobalError::Conflict`] where it is at another version: what
    /// is dirty stays so. [`StateError::NotUnder`] for a value that is merged.
    pub fn push_if(&self, key: &[u8], at: Version) -> Op<Pushed> {
        let looked = self.to_push(key).and_then(|(kept, value)| {
            kept.is_not_merged("a conditional push")?;
            Ok((kept, value))
        });
        match looked {
            Ok((kept, Some(value))) => {
                let when = Condition::at(at).under(kept.writes());
                self.noted(&kept, value.push_when(How::Full, when))
            }
            Ok((_, None)) => Pending::ready(Ok(Pushed::NOTHING)),
            Err(error) => refused(error),
        }
    }

    /// Pushes the bytes at which the value of `mask` is not zero; see [`Value::push_masked`].
    ///
    /// # Errors
    ///
    /// As of [`View::push`] and [`Value::push_masked`]; [`StateError::NotUnder`] for a value that is merged.
    pub fn push_masked(&self, key: &[u8], mask: &[u8]) -> Op<Pushed> {
        let looked = self.to_push(key).and_then(|(kept, value)| {
            kept.is_not_merged("a mask")?;
            Ok((kept, value))
        });
        let (kept, value) = match looked {
            Ok((kept, Some(value))) => (kept, value),
            Ok((_, None)) => return Pending::ready(Ok(Pushed::NOTHING)),
            Err(error) => return refused(error),
        };
        let view = self.clone();
        self.namespace.open(mask).then(move |mask| match mask {
            Ok(Some(mask)) => {
                let when = Condition::ALWAYS.under(kept.writes());
                view.noted(&kept, value.push_masked_when(&mask, when))
            }
            Ok(None) => Pending::ready(Ok(Pushed::NOTHING)),
            Err(error) => refused(error),
        })
    }

    fn to_push(&self, key: &[u8]) -> Result<(Kept, Option<Value>), StateError> {
        let kept = self.look(key)?;
        kept.may_write("a push")?;
        let value = self.namespace.local(key)?;
        Ok((kept, value))
    }

    pub(super) fn push_kept(&self, kept: &Kept, value: &Value, extent: Extent) -> Op<Pushed> {
        let when = Condition::ALWAYS.under(kept.writes());
        let pushed = match (kept.consistency, extent) {
            (Consistency::Merge(MergeKind::Append), _) => Pending::ready(Ok(Pushed::NOTHING)),
            (Consistency::Merge(kind), _) => value.push_merged(kind, when),
            (_, Extent::Full) => value.push_when(How::Full, when),
            (_, Extent::Dirty) => value.push_when(How::Dirty, when),
        };
        self.noted(kept, pushed)
    }

    /// Notes what a push did.
    fn noted(&self, kept: &Kept, pushed: Op<Pushed>) -> Op<Pushed> {
        let (view, kept) = (self.clone(), kept.clone());
        pushed.map(move |pushed| {
            let pushed = view.told(&kept, pushed)?;
            if let Some(version) = pushed.version {
                view.stamp(&kept, Stamp::AtLeast(version));
            }
            Ok(pushed)
        })
    }

    /// A write that the tier refused since its lock had ended is the loss of the lock, and is told as that.
    pub(super) fn told<T>(
        &self,
        kept: &Kept,
        done: Result<T, StateError>,
    ) -> Result<T, StateError> {
        done.map_err(|error| match error {
            StateError::Global { key, source: GlobalError::Fenced } => {
                self.namespace.forget_lock(&kept.key, self.call, kept.writes());
                StateError::LockLost { key }
            }
            error => error,
        })
    }

    pub(super) fn stamp(&self, kept: &Kept, stamp: Stamp) {
        if kept.consistency == Consistency::Session {
            self.stamps.note(&kept.key, stamp);
        }
    }
}
