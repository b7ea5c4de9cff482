//! What all modules and stores of a process share: the seal's key, sizes, the fault handler and the watchdog.

use std::sync::Arc;

use faasm_abi::object::SealKey;

/// A handle to what modules and stores share; cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) inner: Arc<EngineInner>,
}

#[derive(Debug)]
pub(crate) struct EngineInner {
    pub(crate) config: EngineConfig,
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
    /// How many slots that are ready for birth a captured store keeps.
    pub idle_slots: usize,
}

impl EngineConfig {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(seal: SealKey) -> Self {
        Self { seal, stack_bytes: 1 << 20, arena_bytes: 1 << 40, idle_slots: 1024 }
    }
}

/// Why an [`Engine`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The signal handlers or the watchdog could not be set up.
    #[error("the fault handler cannot be installed")]
    Handler(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Engine {
    /// Makes an engine and installs the process's fault handler if it is not there yet.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        Ok(Self { inner: Arc::new(EngineInner { config }) })
    }

    /// The key that objects must be sealed with.
    #[must_use]
    pub fn seal(&self) -> &SealKey {
        &self.inner.config.seal
    }
}
