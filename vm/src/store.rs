//! Stores: one slot, what is instantiated in it, and the embedder's data.

use std::marker::PhantomData;
use std::time::Instant;

use crate::capture::{CaptureError, Captured};
use crate::engine::Engine;
use crate::module::Module;

/// One reservation with everything that is instantiated in it, and the embedder's `T`.
#[derive(Debug)]
pub struct Store<T: 'static> {
    data: PhantomData<T>,
}

/// Upper limits of what guests of a store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes of all memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
}

impl Default for StoreLimits {
    /// 4 GiB of memory and ten million table elements.
    fn default() -> Self {
        Self { memory_bytes: 4 << 30, table_elements: 10_000_000 }
    }
}

/// Why a store cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system has no address space, mappings or memory left.
    #[error("no slot can be reserved")]
    Slot(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The module asks for more than the limits allow.
    #[error("the module needs {what} beyond the store's limits")]
    Limit {
        /// Of what.
        what: &'static str,
    },
}

/// Ends a store's running call from any thread.
#[derive(Clone, Debug)]
pub struct Interrupt(());

impl Interrupt {
    /// Ends the store's present call, and its outer calls, with [`crate::TrapCode::Interrupted`].
    /// Without effect when no call runs.
    pub fn request(&self) {
        unimplemented!()
    }
}

/// A [`Store`], or a [`crate::Caller`] inside one of its calls.
pub trait AsStore {
    /// The embedder's data.
    type Data: 'static;
}

impl<T: 'static> AsStore for Store<T> {
    type Data = T;
}

impl<T: 'static> Store<T> {
    /// A store for any number of modules.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn new(engine: &Engine, limits: StoreLimits, data: T) -> Result<Self, StoreError> {
        let _ = (engine, limits, data);
        unimplemented!()
    }

    /// A store that has exactly the room that one instance of `module` needs: a Faaslet's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn for_module(
        engine: &Engine,
        module: &Module,
        limits: StoreLimits,
        data: T,
    ) -> Result<Self, StoreError> {
        let _ = (engine, module, limits, data);
        unimplemented!()
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        unimplemented!()
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        unimplemented!()
    }

    /// When calls from now on are interrupted.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        let _ = deadline;
        unimplemented!()
    }

    /// A handle that ends a running call from another thread.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        unimplemented!()
    }

    /// Whether a call was interrupted: the store can only be recycled or dropped.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        unimplemented!()
    }

    /// Captures everything in the store, to give birth to equal ones. The store itself can go on, but nothing more
    /// can be instantiated in it.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn capture(&mut self) -> Result<Captured, CaptureError> {
        unimplemented!()
    }

    /// Ends the store. One that was born from a [`Captured`] has its slot reset and kept for the next birth.
    pub fn recycle(self) {
        unimplemented!()
    }
}
