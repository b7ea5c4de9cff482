//! Threads of a guest: stores that are born beside it, with its shared memories.
//!
//! A thread begins as the guest's captured store was: tables, globals and own memories are those of the capture, not
//! what the guest has made of them since. What it shares with the guest is shared memories, as the threads proposal and
//! `wasi-threads` have it: one instance for each thread.

use std::any::TypeId;
use std::fmt;
use std::time::Instant;

use crate::capture::{BirthError, Origin};
use crate::instance::Instance;
use crate::shared_memory::SharedMemory;
use crate::store::Store;
use crate::store::core::{Placed, StoreCore};

/// What a thread of a guest is born from. It holds the guest's shared memories, and nothing else of it: while it is there,
/// or a thread that was born from it, the guest's own reset cannot use them again.
pub struct ThreadSeed {
    origin: Origin,
    shared: Vec<(u32, SharedMemory)>,
    placed: Vec<Placed>,
    instance: Instance,
    deadline: Option<Instant>,
}

impl ThreadSeed {
    pub(crate) fn of(core: &StoreCore, instance: Instance) -> Option<Self> {
        if core.shared.is_empty() {
            return None;
        }
        let origin = core.origin.as_ref()?.share();
        if !origin.has_instance(instance.index) {
            return None;
        }
        // A library that the guest has loaded since is not the thread's, nor is its memory.
        let (mut shared, mut placed) = (core.shared.clone(), core.placed.clone());
        shared.retain(|(index, _)| origin.has_memory(*index));
        placed.retain(|placed| origin.has_memory(placed.memory));
        Some(Self { origin, shared, placed, instance, deadline: core.deadline })
    }

    /// A store as the captured one was, but with the guest's shared memories, and the guest's deadline.
    ///
    /// # Errors
    ///
    /// [`BirthError`].
    pub fn birth<T: 'static>(&self, data: T) -> Result<Store<T>, BirthError> {
        if TypeId::of::<T>() != self.origin.data_type() {
            return Err(BirthError::WrongData);
        }
        let mut store = Store::from_core(self.origin.thread(&self.shared, &self.placed)?, data);
        store.set_deadline(self.deadline);
        Ok(store)
    }

    /// The instance that the guest was called in; valid in stores that are born from here.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.instance
    }
}

impl fmt::Debug for ThreadSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadSeed").field("shared", &self.shared).finish_non_exhaustive()
    }
}
