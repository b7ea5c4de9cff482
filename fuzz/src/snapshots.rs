//! Snapshots that were changed by someone who has the key: the seal holds, and what is behind it must still be checked.

use std::sync::LazyLock;

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_snapshot::bundle::Bundle;
use faasm_snapshot::transfer::{publish, read, Source};
use faasm_snapshot::{About, Manifest, MemoryChunks, chunk, manifest};
use faasm_vm::{
    Engine, EngineConfig, ExternRefs, Linker, Module, SealKey, Store, StoreLimits,
};

/// Has a bit of everything that a store has.
const WHOLE: &str = r#"(module $whole
  (memory (export "m") 1 4) (memory $s 1 2 shared)
  (table (export "t") 4 30 funcref) (table 3 externref)
  (global (mut i32) (i32.const 7)) (global v128 (v128.const i64x2 1 2))
  (type $p (struct (field (mut i32)))) (global $o (mut (ref null $p)) (ref.null $p))
  (elem (i32.const 0) $own) (data (i32.const 8) "active") (data $d "passive")
  (func $own (export "own") (global.set $o (struct.new $p (i32.const 4)))))"#;

struct World {
    engine: Engine,
    module: Module,
    manifest: Vec<u8>,
    chunks: MemoryChunks,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut config = EngineConfig::new(key());
    config.arena_bytes = 64 << 30;
    let engine = Engine::new(config).expect("the engine starts");
    let wasm = wat::parse_str(WHOLE).expect("the text is a module");
    let object = compile(&validate(&wasm).expect("it is valid"), &CompileOptions::default());
    let sealed = key().seal(object.expect("it compiles"));
    let module = Module::load(&engine, &sealed).expect("it loads");
    let mut store = Store::new(&engine, StoreLimits::default(), ()).expect("a store");
    let instance = Linker::new(&engine).instantiate(&mut store, &module).expect("an instance");
    let own = instance.func(&store, "own").expect("a function");
    own.call(&mut store, &[]).expect("it returns");
    let snapshot = store.snapshot(ExternRefs::Refuse).expect("a snapshot");
    let chunks = MemoryChunks::default();
    let about = About { modules: vec![None], ..About::default() };
    let published = publish(&snapshot, &about, &chunks, &key()).expect("memory takes chunks");
    let manifest = key().open(&published.manifest).expect("our seal").to_vec();
    World { engine, module, manifest, chunks }
});

fn key() -> SealKey {
    SealKey::derive(b"fuzz")
}

/// Reads what the fuzzer's bytes make: a chunk, an export, a manifest as it is, or a real one with changes, whose store
/// is restored. Nothing of it is run.
///
/// # Panics
///
/// When a restored store has no snapshot.
pub fn snapshot_open(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else { return };
    let world = &*WORLD;
    let manifest = match how % 8 {
        // Refused or not, it is an answer.
        0 => return drop(chunk::open(data, usize::from(how) * 4096)),
        1 => return drop(Bundle::of(data)),
        2 => return drop(manifest::named(data)),
        3 => key().seal(data.to_vec()),
        _ => key().seal(changed(&world.manifest, data)),
    };
    let Ok(manifest) = Manifest::open(&world.engine, &manifest) else { return };
    let Ok(snapshot) = read(&manifest, Source::here(&world.chunks)) else { return };
    let modules = std::slice::from_ref(&world.module);
    let linker = Linker::new(&world.engine);
    if let Ok(mut store) = Store::restore(&world.engine, &snapshot, modules, &linker, ()) {
        store.snapshot(ExternRefs::Keep).expect("a restored store has a snapshot");
    }
}

/// The real manifest with bytes overwritten: a place (three bytes) and a value for each change.
fn changed(manifest: &[u8], data: &[u8]) -> Vec<u8> {
    let mut manifest = manifest.to_vec();
    let length = manifest.len();
    for change in data.as_chunks::<4>().0 {
        let place = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize;
        manifest[place % length] = change[3];
    }
    manifest
}
