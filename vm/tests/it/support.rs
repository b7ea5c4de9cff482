//! From text to instances, in a line each.

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Engine, EngineConfig, Instance, Linker, Module, SealKey, Store, StoreLimits};

pub(crate) fn key() -> SealKey {
    SealKey::derive(b"the tests' key")
}

pub(crate) fn engine() -> Engine {
    let mut config = EngineConfig::new(key());
    // Many tests at once share the address space.
    config.arena_bytes = 64 << 30;
    Engine::new(config).unwrap()
}

/// Compiled and sealed.
pub(crate) fn object(text: &str) -> Vec<u8> {
    let wasm = wat::parse_str(text).unwrap();
    let validated = validate(&wasm).unwrap();
    key().seal(compile(&validated, &CompileOptions::default()).unwrap())
}

pub(crate) fn module(engine: &Engine, text: &str) -> Module {
    Module::load(engine, &object(text)).unwrap()
}

/// A store for several modules.
pub(crate) fn arena(engine: &Engine) -> Store<()> {
    Store::new(engine, StoreLimits::default(), ()).unwrap()
}

/// An instance without imports, in a store of its own kind.
pub(crate) fn faaslet(text: &str) -> (Store<()>, Instance) {
    let engine = engine();
    let module = module(&engine, text);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    (store, instance)
}
