//! Stores: one slot, what is instantiated in it, and the embedder's data.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Instant;

use faasm_sfi::slot::SlotError;
use serde::{Deserialize, Serialize};

use crate::capture::{self, CaptureError, Captured};
use crate::dynlink;
use crate::engine::Engine;
use crate::instance::Instance;
use crate::linker::Linker;
use crate::mappings::OutOfMappings;
use crate::module::Module;
use crate::place::number;
use crate::restore::{self, RestoreError};
use crate::shared_memory::SharedMemoryError;
use crate::snapshot::{self, ExternRefs, StoreSnapshot};

pub(crate) mod contents;
pub(crate) mod core;
pub(crate) mod creation;
pub(crate) mod plan;
pub(crate) mod types;

pub use core::CorePtr;
use core::StoreCore;
use creation::Room;

/// One reservation with everything that is instantiated in it, and the embedder's `T`.
///
/// It may be moved between threads, but a call runs, and a suspended call is resumed, on one.
pub struct Store<T: 'static> {
    /// Owned by this value, made by `Box::into_raw`. A raw pointer since the guest's host calls reach the same core
    /// while a call holds this value's borrow. Its `data` is a `Box<T>` made raw.
    core: NonNull<StoreCore>,
    data: PhantomData<T>,
}

// SAFETY: the core and the data are owned by the store alone, and nothing in the core is bound to a thread while no
// call runs: a suspended call owns its store inside a type that is not `Send`. Environments of host functions are
// `Send` and `Sync`.
unsafe impl<T: Send + 'static> Send for Store<T> {}

/// Upper limits of what guests of a store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLimits {
    /// Bytes of all memories together. A shared memory counts in each store that has it, once; other stores can make
    /// it grow over this store's limit, and then this store can grow no more.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Bytes of the heap of structures, arrays and exceptions.
    pub gc_heap_bytes: u64,
}

impl Default for StoreLimits {
    /// 16 GiB of memory, ten million table elements and 1 GiB of garbage-collected heap.
    fn default() -> Self {
        Self { memory_bytes: 16 << 30, table_elements: 10_000_000, gc_heap_bytes: 1 << 30 }
    }
}

/// Why a store cannot be made, or cannot hold what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system has no address space, mappings or memory left.
    #[error("no room for a store")]
    Slot(#[from] SlotError),
    /// Slots and modules have all mappings that they may have.
    #[error(transparent)]
    Mappings(#[from] OutOfMappings),
    /// A shared memory.
    #[error("no room for a shared memory")]
    Shared(#[from] SharedMemoryError),
    /// More than the limits, or the reservation, allow.
    #[error("the store's limit of {what} is reached")]
    Limit {
        /// Of what.
        what: &'static str,
    },
    /// The value is of another type, or of another store.
    #[error("the initial value does not have the type that is needed")]
    WrongType,
    /// The store was captured, born, or is for one module.
    #[error("nothing more can be put into this store")]
    Sealed,
}

impl StoreError {
    fn is_want_of_room(&self) -> bool {
        matches!(self, Self::Slot(_) | Self::Mappings(_))
    }
}

/// Ends a store's running call from any thread.
#[derive(Clone, Debug)]
pub struct Interrupt(pub(crate) faasm_sfi::interrupt::Interrupt);

impl Interrupt {
    /// Ends the store's present call, and its outer calls, with [`crate::TrapCode::Interrupted`].
    /// Without effect when no call runs.
    pub fn request(&self) {
        self.0.request();
    }

    /// Ends the store's present call as [`Self::request`], and every later one, as if its deadline had passed: also a call
    /// that is about to begin. What waits is to be resumed by whoever asks. The store's next life is not meant.
    pub fn expire(&self) {
        self.0.set_deadline(Some(Instant::now()));
    }
}

/// A [`Store`], or a [`crate::Caller`] inside one of its calls.
pub trait AsStore: sealed::Sealed {
    /// The embedder's data.
    type Data: 'static;
    /// The store's core.
    #[doc(hidden)]
    fn core_ptr(&self) -> CorePtr;
}

impl<T: 'static> AsStore for Store<T> {
    type Data = T;
    fn core_ptr(&self) -> CorePtr {
        CorePtr::new(self.core)
    }
}

impl<T: 'static> Store<T> {
    /// A store for any number of modules.
    ///
    /// # Errors
    ///
    /// [`StoreError::Slot`].
    pub fn new(engine: &Engine, limits: StoreLimits, data: T) -> Result<Self, StoreError> {
        let config = &engine.inner.config;
        let room = Room::Arena {
            stack_bytes: config.stack_bytes as u64,
            arena_bytes: config.arena_bytes as u64,
        };
        Self::with_room(engine, room, Vec::new(), limits, data)
    }

    /// A store that has exactly the room that one instance of `module` needs: a Faaslet's. If the module loads libraries
    /// ([`crate::dynlink`]: it imports `env.dlopen`), there is room for them too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Slot`], [`StoreError::Limit`].
    pub fn for_module(
        engine: &Engine,
        module: &Module,
        limits: StoreLimits,
        data: T,
    ) -> Result<Self, StoreError> {
        let stack_bytes = engine.inner.config.stack_bytes as u64;
        let room = match dynlink::loads_libraries(module) {
            true => Room::Program { stack_bytes },
            false => Room::Module { stack_bytes },
        };
        Self::with_room(engine, room, vec![module.clone()], limits, data)
    }

    fn with_room(
        engine: &Engine,
        room: Room,
        modules: Vec<Module>,
        limits: StoreLimits,
        data: T,
    ) -> Result<Self, StoreError> {
        let core = StoreCore::with_room(engine, room, modules, limits, TypeId::of::<T>())?;
        Ok(Self::from_core(core, data))
    }

    /// Puts `data` into a core that has none.
    pub(crate) fn from_core(mut core: Box<StoreCore>, data: T) -> Self {
        debug_assert!(core.data.is_null());
        core.data = Box::into_raw(Box::new(data)).cast();
        core.settle();
        Self { core: NonNull::from(Box::leak(core)), data: PhantomData }
    }

    /// Takes the store apart, dropping the data.
    fn into_core(self) -> Box<StoreCore> {
        let store = std::mem::ManuallyDrop::new(self);
        // SAFETY: the core came from a box (`from_core`) and this value, which is not used or dropped any more, was
        // its only owner.
        let mut core = unsafe { Box::from_raw(store.core.as_ptr()) };
        Self::drop_data(&mut core);
        core
    }

    fn drop_data(core: &mut StoreCore) {
        let data: *mut T = std::mem::replace(&mut core.data, std::ptr::null_mut()).cast();
        // SAFETY: `from_core`, the only maker of stores, put a `Box<T>` there, and it is taken out once.
        drop(unsafe { Box::from_raw(data) });
    }

    pub(crate) fn core(&self) -> &StoreCore {
        // SAFETY: the core lives as long as this value; while it is borrowed from here no call runs, as calls borrow
        // the store mutably.
        unsafe { self.core.as_ref() }
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        // SAFETY: as above, and the borrow is unique.
        unsafe { self.core.as_mut() }
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        // SAFETY: the core's data is a valid `T` for the store's life (`from_core`), borrowed as the store is.
        unsafe { &*self.core().data.cast() }
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the borrow is unique.
        unsafe { &mut *self.core_mut().data.cast() }
    }

    /// When calls are interrupted, from now on and until another deadline is set.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        let core = self.core_mut();
        core.deadline = deadline;
        core.interrupt.set_deadline(deadline);
    }

    /// A handle that ends a running call from another thread.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        self.core().share_interrupt()
    }

    /// Whether a call was interrupted: the store can only be recycled or dropped.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.core().poisoned
    }

    /// Whether a guest was refused memory since the store was made or born: a trap after that is likely for want of
    /// it.
    #[must_use]
    pub fn growth_was_refused(&self) -> bool {
        self.core().refused
    }

    /// Whether the store was born in a slot that had been reset, and not in a new one.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.core().reused
    }

    /// The engine that the store was made with.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.core().contents.engine.clone()
    }

    /// Frees the objects of the garbage-collected heap that nothing refers to, however long that takes.
    pub fn collect_garbage(&mut self) {
        crate::heap::collect(self.core_mut());
    }

    /// Bytes of the garbage-collected heap that objects take, in use or not yet collected.
    #[must_use]
    pub fn gc_heap_bytes(&self) -> u64 {
        crate::heap::taken(self.core())
    }

    /// Gives back all [`crate::GcRef`]s of this store: the collector frees what only they referred to.
    pub fn release_refs(&mut self) {
        self.core_mut().roots.get_mut().truncate(0);
    }

    /// Captures everything in the store, to give birth to equal ones. The store itself can go on, but nothing more
    /// can be instantiated in it.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn capture(&mut self) -> Result<Captured, CaptureError> {
        capture::capture(self.core_mut())
    }

    /// A snapshot of everything in the store, which goes on as before.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn snapshot(&mut self, externs: ExternRefs) -> Result<StoreSnapshot, CaptureError> {
        snapshot::snapshot(self.core_mut(), externs)
    }

    /// A store that is as the one of the snapshot was, in a slot of its own: `modules` are what was instantiated there
    /// (and perhaps others), `linker` has the host functions under the names by which they were imported.
    ///
    /// Handles of the old store are not this one's: take new ones from [`Self::instances`].
    ///
    /// # Errors
    ///
    /// [`RestoreError`].
    pub fn restore(
        engine: &Engine,
        snapshot: &StoreSnapshot,
        modules: &[Module],
        linker: &Linker<T>,
        data: T,
    ) -> Result<Self, RestoreError> {
        restore::restore(engine, snapshot, modules, linker, data)
    }

    /// The instances, in the order in which they were made, which is the same in a restored store.
    pub fn instances(&self) -> impl ExactSizeIterator<Item = Instance> + use<T> {
        let store = self.core().id;
        (0..number(self.core().contents.instances.len()))
            .map(move |index| Instance { store, index })
    }

    /// Address of the slot. For tests that restore elsewhere.
    #[doc(hidden)]
    #[must_use]
    pub fn slot_address(&self) -> usize {
        self.core().slot.address()
    }

    /// Every accessible page of the slot: its offset and its bytes. For tests that compare stores.
    #[doc(hidden)]
    #[must_use]
    pub fn accessible_pages(&self) -> Vec<(usize, Vec<u8>)> {
        capture::accessible_pages(self.core())
    }

    /// Ends the store. One that was born from a [`Captured`] has its slot reset and kept for the next birth.
    pub fn recycle(self) {
        capture::recycle(self.into_core());
    }
}

impl<T: 'static> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: the core came from a box (`from_core`), and this value was its only owner; `into_core`, which also
        // takes it, keeps this from running.
        let mut core = unsafe { Box::from_raw(self.core.as_ptr()) };
        Self::drop_data(&mut core);
    }
}

impl<T: 'static> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("id", &self.core().id).finish_non_exhaustive()
    }
}

pub(crate) mod sealed {
    /// Only this crate's types are stores.
    pub trait Sealed {}
    impl<T: 'static> Sealed for super::Store<T> {}
    impl<T: 'static> Sealed for crate::Caller<'_, T> {}
}
