//! The locks that calls ask for, by key.

use std::time::Duration;

use faasm_sfi::pending::Pending;

use super::Namespace;
use crate::global_lock::Holding;
use crate::{CallId, Key, Mode, Op, StateError, Token};

impl Namespace {
    /// Takes the local lock of this key for `call`, now or when its turn comes. It holds off others who ask for it, on
    /// this host, and nobody else; whether a value of the key exists does not matter.
    ///
    /// The wait ends as abandoned if the call is released meanwhile.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`]: a call that asks for what it has is told so, and does not wait for
    /// itself.
    pub fn lock(&self, key: &[u8], call: CallId, mode: Mode) -> Result<Pending<()>, StateError> {
        let key = Key::new(key)?;
        self.inner.locks.lock(&key, call, mode).map_err(|source| StateError::Lock { key, source })
    }

    /// Gives the local lock of this key up.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`] if `call` does not hold it in this mode.
    pub fn unlock(&self, key: &[u8], call: CallId, mode: Mode) -> Result<(), StateError> {
        let key = Key::new(key)?;
        self.inner.locks.unlock(&key, call, mode).map_err(|source| StateError::Lock { key, source })
    }

    /// Takes the global lock of this key for `call`, now or when its turn comes, within `patience`; of zero: if it can be
    /// had now; without one: however long that takes. It holds off others who ask for it, on any host, and is a lease that
    /// is renewed until the call gives it up or is released. A wait that is dropped leaves nothing behind; one of a call
    /// that is released ends as abandoned.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`]: a call that asks for what it has is told so, and does not wait for
    /// itself, and with [`crate::LockError::Taken`] that others had it for so long; [`StateError::LockLost`]: it had it,
    /// and lost it; [`StateError::Global`].
    pub fn lock_global(
        &self,
        key: &[u8],
        call: CallId,
        mode: Mode,
        patience: Option<Duration>,
    ) -> Op<()> {
        match Key::new(key) {
            Ok(key) => self.inner.global_locks.lock(&key, call, mode, patience),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    /// Gives the global lock of this key up.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`] if `call` does not hold it; [`StateError::LockLost`] if it had ended
    /// before; [`StateError::Global`]: it ends with its lease then.
    pub fn unlock_global(&self, key: &[u8], call: CallId) -> Op<()> {
        match Key::new(key) {
            Ok(key) => self.inner.global_locks.unlock(&key, call),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    /// Gives up all locks that `call` holds or waits for. The runtime calls this at the end of every call, however it
    /// ended.
    pub fn release_call(&self, call: CallId) {
        self.inner.locks.release_call(call);
        self.inner.global_locks.release_call(call);
    }

    pub(crate) fn holding(&self, key: &Key, call: CallId) -> Result<Option<Holding>, StateError> {
        self.inner.global_locks.holding(key, call)
    }

    pub(crate) fn note_verified(&self, key: &Key, call: CallId, under: Token) {
        self.inner.global_locks.note_verified(key, call, under);
    }

    /// The tier has said that this token is good for nothing, and the call has been told.
    pub(crate) fn forget_lock(&self, key: &Key, call: CallId, under: Option<Token>) {
        if let Some(token) = under {
            self.inner.global_locks.forget(key, call, token);
        }
    }
}
