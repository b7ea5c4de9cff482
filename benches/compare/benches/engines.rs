//! Both sides, set up alike: our VM and wasmtime at its best settings.

use anyhow::Result;
use faasm_abi::object::SealKey;
use faasm_compiler::{CompileOptions, compile, validate};

/// Who the rival is.
pub(crate) const RIVAL: &str = "wasmtime 48";

/// Our engine, with a key of its own.
pub(crate) struct Ours {
    /// The engine.
    pub(crate) engine: faasm_vm::Engine,
    key: SealKey,
}

impl Ours {
    /// A new engine.
    pub(crate) fn new() -> Result<Self> {
        let key = SealKey::derive(b"benchmarks");
        let config = faasm_vm::EngineConfig::new(key.clone());
        Ok(Self { engine: faasm_vm::Engine::new(config)?, key })
    }

    /// Compiles for this machine and loads.
    pub(crate) fn module(&self, wasm: &[u8]) -> Result<faasm_vm::Module> {
        let object = compile(&validate(wasm)?, &CompileOptions::default())?;
        Ok(faasm_vm::Module::load(&self.engine, &self.key.seal(object))?)
    }
}

/// Wasmtime with default settings: traps by signals, no fuel, no epochs.
pub(crate) fn rival() -> Result<wasmtime::Engine> {
    Ok(wasmtime::Engine::new(&wasmtime::Config::new())?)
}
