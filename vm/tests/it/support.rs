//! From text to instances, in a line each.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    Engine, EngineConfig, Instance, Linker, Module, SealKey, Store, StoreLimits, Strategy,
};

pub(crate) fn key() -> SealKey {
    SealKey::derive(b"the tests' key")
}

pub(crate) fn engine() -> Engine {
    engine_with(Strategy::default())
}

/// One that resets slots in this way.
pub(crate) fn engine_with(strategy: Strategy) -> Engine {
    let mut config = EngineConfig::new(key());
    config.reset = strategy;
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

/// Calls an export of a new instance that takes nothing and returns an `i32`.
pub(crate) fn call(engine: &Engine, module: &Module, name: &str) -> i32 {
    let mut store = Store::for_module(engine, module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(engine).instantiate(&mut store, module).unwrap();
    let func = instance.func(&store, name).unwrap().typed::<(), i32>(&store).unwrap();
    func.call(&mut store, ()).unwrap()
}

/// An empty folder that goes away with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("faasm-vm-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
