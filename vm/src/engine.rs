//! What all modules and stores of a process share: the seal's key, sizes, the fault handler and the watchdog.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use faasm_abi::object::{Digest, SealError, SealKey};
use faasm_sfi::dirty::{Scanner, Strategy};
use faasm_sfi::watchdog::Watchdog;

use crate::idle::IdleLists;
use crate::mappings::{MappingBudget, Mappings, OutOfMappings};
use crate::profiling::Profiling;
use crate::reclaim::Reclaimer;

/// A handle to what modules and stores share; cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) inner: Arc<EngineInner>,
}

#[derive(Debug)]
pub(crate) struct EngineInner {
    pub(crate) config: EngineConfig,
    pub(crate) watchdog: Watchdog,
    pub(crate) scanner: Scanner,
    pub(crate) idle: IdleLists,
    pub(crate) reclaimer: Reclaimer,
    pub(crate) mappings: Arc<MappingBudget>,
    /// How many this process may use.
    pub(crate) processors: usize,
    /// Numbers stores, so that a handle is good only for the store (and its born copies) that it came from.
    stores: AtomicU64,
}

/// Settings of an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The key that objects must be sealed with.
    pub seal: SealKey,
    /// Bytes of the guest stack and the context together, in a store of one module.
    pub stack_bytes: usize,
    /// Bytes of address space that a store for several modules reserves.
    pub arena_bytes: usize,
    /// How many slots that are ready for birth a captured store keeps, at most.
    pub idle_slots: usize,
    /// How many all captured stores keep together, at most.
    pub all_idle_slots: usize,
    /// How many mappings slots and modules may take together. `None`: as many as the system gives this process, but a
    /// sixteenth, which is left to threads, allocators and files.
    pub mappings: Option<usize>,
    /// How slots are reset: the fastest way, unless that is what is measured or tested.
    pub reset: Strategy,
    /// Whether each object is preceded by a collection: slow, to find references that are not known as roots.
    pub collect_always: bool,
    /// Who is told of the code of loaded modules.
    pub profiling: Profiling,
}

impl EngineConfig {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(seal: SealKey) -> Self {
        Self {
            seal,
            stack_bytes: 1 << 20,
            arena_bytes: 1 << 40,
            idle_slots: 64,
            all_idle_slots: 1024,
            mappings: None,
            reset: Strategy::Fastest,
            collect_always: false,
            profiling: Profiling::None,
        }
    }
}

/// Bytes whose seal held, or whose digest is in such bytes. Only [`Engine::unseal`] and [`Trusted::vouch`] make them, so
/// who asks for them asks that this was checked.
#[derive(Clone, Copy)]
pub struct Trusted<'a>(&'a [u8]);

impl<'a> Trusted<'a> {
    /// The bytes.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Some of them; `None` where there are none.
    #[must_use]
    pub fn get(self, range: Range<usize>) -> Option<Self> {
        self.0.get(range).map(Self)
    }

    /// `bytes`, if these bytes are their BLAKE3.
    #[must_use]
    pub fn vouch<'b>(self, bytes: &'b [u8]) -> Option<Trusted<'b>> {
        (Digest::of(bytes).as_bytes()[..] == *self.0).then_some(Trusted(bytes))
    }
}

impl fmt::Debug for Trusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trusted").field("len", &self.0.len()).finish()
    }
}

/// Why an [`Engine`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The signal handlers.
    #[error("the fault handler cannot be installed")]
    Handler(#[from] faasm_sfi::fault::InstallError),
    /// The watchdog's thread.
    #[error("the watchdog's thread cannot be started")]
    Watchdog(#[source] std::io::Error),
    /// The way to reset slots.
    #[error("slots cannot be reset in the way that was asked for")]
    Scanner(#[source] faasm_sfi::dirty::RestoreError),
    /// The thread that restores mappings.
    #[error("the reclaimer's thread cannot be started")]
    Reclaimer(#[source] std::io::Error),
    /// The profile's file.
    #[error(transparent)]
    Profile(#[from] faasm_sfi::profile::ProfileError),
}

impl Engine {
    /// Makes an engine and installs the process's fault handler if it is not there yet.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        faasm_sfi::fault::install()?;
        config.profiling.begin()?;
        let watchdog = Watchdog::start().map_err(EngineError::Watchdog)?;
        let scanner = Scanner::with(config.reset).map_err(EngineError::Scanner)?;
        let reclaimer = Reclaimer::start().map_err(EngineError::Reclaimer)?;
        // A random start, so that handles of another engine's stores are not taken for this one's.
        let stores = AtomicU64::new(RandomState::new().hash_one(()));
        let idle = IdleLists::new(config.all_idle_slots);
        let mappings = MappingBudget::new(config.mappings);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let inner = EngineInner {
            config,
            watchdog,
            scanner,
            idle,
            reclaimer,
            mappings,
            processors,
            stores,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The key that objects must be sealed with.
    #[must_use]
    pub fn seal(&self) -> &SealKey {
        &self.inner.config.seal
    }

    pub(crate) fn profiling(&self) -> Profiling {
        self.inner.config.profiling
    }

    /// Checks the seal of a file, which from then on is believed as our own writing.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn unseal<'a>(&self, file: &'a [u8]) -> Result<Trusted<'a>, SealError> {
        self.inner.config.seal.open(file).map(Trusted)
    }

    /// Waits until every slot that was given up before is ready for a birth again, or gone.
    pub fn settle(&self) {
        self.inner.reclaimer.settle();
    }

    /// Mappings for a module or an image, for which slots at rest make room.
    pub(crate) fn take_mappings(&self, count: usize) -> Result<Mappings, OutOfMappings> {
        self.with_room(|_| true, || self.inner.mappings.take(count))
    }

    /// What `attempt` answers; as long as it is refused for want of room, slots at rest are given back, and it is tried
    /// again.
    pub(crate) fn with_room<T, E>(
        &self,
        is_want_of_room: impl Fn(&E) -> bool,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let make_room = || self.inner.idle.make_room() || self.inner.reclaimer.settle();
        loop {
            match attempt() {
                Err(error) if is_want_of_room(&error) && make_room() => {}
                outcome => return outcome,
            }
        }
    }

    pub(crate) fn next_store(&self) -> u64 {
        self.inner.stores.fetch_add(1, Ordering::Relaxed)
    }
}
