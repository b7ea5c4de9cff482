//! Our side: engine, compiler and key.

use anyhow::Result;
use faasm_abi::object::SealKey;
use faasm_compiler::{CompileOptions, compile, validate};

/// Our engine, with a key of its own.
pub(crate) struct Ours {
    /// The engine.
    pub(crate) engine: faasm_vm::Engine,
    key: SealKey,
}

impl Ours {
    /// A new engine.
    pub(crate) fn new() -> Result<Self> {
        Self::with_strategy(faasm_vm::Strategy::default())
    }

    /// A new engine that resets in this way.
    pub(crate) fn with_strategy(strategy: faasm_vm::Strategy) -> Result<Self> {
        let key = SealKey::derive(b"benchmarks");
        let mut config = faasm_vm::EngineConfig::new(key.clone());
        config.reset = strategy;
        Ok(Self { engine: faasm_vm::Engine::new(config)?, key })
    }

    /// Compiles for this machine and loads.
    pub(crate) fn module(&self, wasm: &[u8]) -> Result<faasm_vm::Module> {
        let object = compile(&validate(wasm)?, &CompileOptions::default())?;
        Ok(faasm_vm::Module::load(&self.engine, &self.key.seal(object))?)
    }
}
