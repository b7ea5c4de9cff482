//! Manifests and chunks of stores: the same again after a restoration, and whatever they say, an error or a store like
//! it.

use std::path::{Path, PathBuf};

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    EngineConfig, ExternRefs, Global, GlobalType, Limits, Linker, Memory, MemoryType, Module,
    RefType, SharedMemory, Store, StoreLimits, Table, TableType, Val, ValType,
};

use super::*;
use crate::chunks::MemoryChunks;

fn key() -> SealKey {
    SealKey::derive(b"the tests' key")
}

fn engine() -> Engine {
    let mut config = EngineConfig::new(key());
    config.arena_bytes = 64 << 30;
    Engine::new(config).unwrap()
}

fn memory_type(min: u64, max: u64, shared: bool) -> MemoryType {
    let limits = Limits { min, max: Some(max) };
    MemoryType { limits, memory64: false, shared, page_size_log2: 16 }
}

/// A store and what restores it.
struct World {
    engine: Engine,
    modules: Vec<Module>,
    linker: Linker<()>,
    about: About,
    manifest: Vec<u8>,
    chunks: MemoryChunks,
}

impl World {
    /// Of linked instances that have run, and objects.
    fn new() -> Self {
        let engine = engine();
        let mut linker = Linker::new(&engine);
        linker.func_wrap("h", "f", |_: faasm_vm::Caller<'_, ()>, x: i32| x + 1).unwrap();
        let mut host = linker.clone();
        let ty = memory_type(1, 2, true);
        host.define_shared_memory("h", "s", SharedMemory::new(&engine, ty).unwrap());
        let mut store = Store::new(&engine, StoreLimits::default(), ()).unwrap();
        let texts = [
            r#"(module (import "h" "f" (func $f (param i32) (result i32)))
              (memory (export "m") 1 4) (global $g (mut i64) (i64.const 7)) (table (export "t") 3 9 funcref)
              (elem (i32.const 1) $f) (export "f" (func $f))
              (func (export "run") (drop (memory.grow (i32.const 1)))
                (i32.store (i32.const 70000) (call $f (i32.const 1))) (global.set $g (i64.const -1))))"#,
            r#"(module (import "m" "m" (memory 2)) (import "h" "s" (memory $s 1 2 shared)) (import "m" "f" (func $f (param i32) (result i32)))
              (data $d "passive") (table 2 funcref) (elem declare func $f)
              (func (export "run") (result i32) (data.drop $d) (i32.store $s (i32.const 8) (i32.const 6)) (call $f (i32.load (i32.const 70000)))))"#,
            r#"(module (type $s (struct (field (mut i32)) (field (mut anyref)) (field (ref null func))))
              (type $a (array (mut (ref null $s)))) (table (export "t") 2 anyref)
              (global $g (mut (ref null $a)) (ref.null $a)) (elem declare func $f) (func $f)
              (func (export "run")
                (global.set $g (array.new_default $a (i32.const 3)))
                (array.set $a (global.get $g) (i32.const 1)
                  (struct.new $s (i32.const 5) (ref.i31 (i32.const 9)) (ref.func $f)))
                (table.set (i32.const 0) (global.get $g))
                (table.set (i32.const 1) (ref.i31 (i32.const 3)))))"#,
        ];
        let mut modules = Vec::new();
        for text in texts {
            let wasm = wat::parse_str(text).unwrap();
            let object = compile(&validate(&wasm).unwrap(), &CompileOptions::default()).unwrap();
            let module = Module::load(&engine, &key().seal(object)).unwrap();
            let instance = host.instantiate(&mut store, &module).unwrap();
            instance.func(&store, "run").unwrap().call(&mut store, &[]).unwrap();
            host.instance(&store, "m", instance);
            modules.push(module);
        }
        let about = About { modules: vec![None; 3], source: "a test".into(), ..About::default() };
        let chunks = MemoryChunks::default();
        let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
        let published = publish(&snapshot, &about, &chunks, &key()).unwrap();
        assert_eq!(published.new_chunks, chunks.len());
        Self { engine, modules, linker, about, manifest: published.manifest, chunks }
    }

    /// What is in the manifest, without its seal.
    fn bytes(&self) -> Vec<u8> {
        key().open(&self.manifest).unwrap().to_vec()
    }

    /// The manifest of the store that these bytes make, or why they make none.
    fn again(&self, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let sealed = key().seal(bytes);
        let manifest = Manifest::open(&self.engine, &sealed).map_err(|error| error.to_string())?;
        let snapshot =
            read(&manifest, Source::here(&self.chunks)).map_err(|error| error.to_string())?;
        let mut store = Store::restore(&self.engine, &snapshot, &self.modules, &self.linker, ())
            .map_err(|error| error.to_string())?;
        let snapshot = store.snapshot(ExternRefs::Keep).unwrap();
        let again = publish(&snapshot, manifest.about(), &self.chunks, &key()).unwrap();
        Ok(key().open(&again.manifest).unwrap().to_vec())
    }

    /// Whether these bytes make nothing, or a store whose manifest they are.
    fn is_refused(&self, changed: Vec<u8>, what: &str) -> bool {
        let Ok(again) = self.again(changed.clone()) else { return true };
        // A changed byte of a page is the new store's, or an address, which is written anew; or an object may be out
        // of reach, and is collected.
        assert!(again == changed || self.again(again.clone()).as_ref() == Ok(&again), "{what}");
        false
    }
}

#[test]
fn a_restored_store_has_the_same_manifest() {
    let world = World::new();
    assert_eq!(world.again(world.bytes()).as_ref(), Ok(&world.bytes()));
    assert_eq!(world.again(world.bytes()).as_ref(), Ok(&world.bytes()));
}

#[test]
fn whatever_byte_of_a_manifest_is_another_there_is_an_error_or_a_store_that_has_it() {
    let world = World::new();
    let bytes = world.bytes();
    let (mut refused, mut restored) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            match world.is_refused(changed, &format!("byte {at}, bit {bit}")) {
                true => refused += 1,
                false => restored += 1,
            }
        }
    }
    assert!(refused > 1000 && restored > 10, "{refused} refused, {restored} restored");
}

#[test]
fn whatever_byte_of_a_page_is_another_there_is_an_error_or_a_store_that_has_it() {
    let world = World::new();
    let manifest = Manifest::open(&world.engine, &world.manifest).unwrap();
    let rows = manifest.chunks().to_vec();
    let (mut refused, mut restored) = (0, 0);
    for (index, row) in rows.iter().enumerate() {
        let stored = world.chunks.get(row.digest).unwrap().unwrap();
        let raw = chunk::open(&stored, row.raw_bytes()).unwrap();
        for at in (index..raw.len()).step_by(37) {
            let mut changed = raw.clone();
            changed[at] ^= 1 << (at % 8);
            let digest = Digest::of(&changed);
            world.chunks.put(digest, &chunk::store(&changed)).unwrap();
            let mut rows = rows.clone();
            rows[index] = ChunkRow { digest, ..*row };
            let file = manifest::write(manifest.store(), &rows, &world.about, &key());
            let bytes = key().open(&file).unwrap().to_vec();
            match world.is_refused(bytes, &format!("byte {at} of {row:?}")) {
                true => refused += 1,
                false => restored += 1,
            }
        }
    }
    assert!(refused > 2 && restored > 100, "{refused} refused, {restored} restored");
}

#[test]
fn what_has_not_its_digest_is_not_there() {
    let world = World::new();
    let manifest = Manifest::open(&world.engine, &world.manifest).unwrap();
    let digest = manifest.chunks()[1].digest;
    let good = world.chunks.get(digest).unwrap().unwrap();
    let far = MemoryChunks::default();
    let missing = |source: Source<'_>| match read(&manifest, source) {
        Err(FetchError::Missing(found)) => found,
        other => panic!("{other:?}"),
    };
    for bad in [vec![], good[..good.len() - 1].to_vec(), chunk::store(&vec![7; 4096])] {
        world.chunks.put(digest, &bad).unwrap();
        assert_eq!(missing(Source::here(&world.chunks)), digest);
        far.put(digest, &bad).unwrap();
        let source = Source { near: &world.chunks, far: Some(&far) };
        assert_eq!(missing(source), digest);
        assert_eq!(world.chunks.get(digest).unwrap().unwrap(), bad, "what is bad is not taken");
    }
    // A good one from far takes its place.
    far.put(digest, &good).unwrap();
    let source = Source { near: &world.chunks, far: Some(&far) };
    read(&manifest, source).unwrap();
    assert_eq!(world.chunks.get(digest).unwrap().unwrap(), good);
}

#[test]
fn only_missing_chunks_are_fetched() {
    let world = World::new();
    let manifest = Manifest::open(&world.engine, &world.manifest).unwrap();
    let near = MemoryChunks::default();
    let first = manifest.chunks()[0].digest;
    near.put(first, &world.chunks.get(first).unwrap().unwrap()).unwrap();
    let source = Source { near: &near, far: Some(&world.chunks) };
    assert_eq!(fetch(&manifest, source).unwrap(), manifest.chunks().len() - 1);
    assert_eq!(fetch(&manifest, Source::here(&near)).unwrap(), 0);
    assert_eq!(near.len(), world.chunks.len());
}

#[test]
fn a_damaged_image_is_assembled_again() {
    let world = World::new();
    let manifest = Manifest::open(&world.engine, &world.manifest).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = ImageCache::open(&folder.path().join("images")).unwrap();
    let assemble = |check| {
        image(&cache, &world.engine, &manifest, Source::here(&world.chunks), check).unwrap()
    };
    assert_eq!(assemble(Check::Seal).1, Check::Bytes, "it was not there");
    assert_eq!(assemble(Check::Seal).1, Check::Seal);
    let (image, check) = assemble(Check::Bytes);
    assert!(check == Check::Bytes && is_of(&image, &manifest));
    let path = folder.path().join("images").join(manifest.digest().to_string());
    let file = std::fs::read(&path).unwrap();
    let first = file.iter().position(|&byte| byte != 0).unwrap();
    let hole = file.chunks_exact(4096).position(|page| page == [0; 4096]).unwrap() * 4096;
    for at in [first, hole, file.len() - 1] {
        let mut changed = file.clone();
        changed[at] ^= 1;
        // By another file, as one that is mapped is never written.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, changed).unwrap();
        let (image, _) = assemble(Check::Bytes);
        assert!(is_of(&image, &manifest), "byte {at}");
        assert!(std::fs::read(&path).unwrap() == file, "byte {at}");
    }
}

/// A store without modules, so that its manifest depends on no compiler.
fn plain() -> (Engine, Store<()>) {
    let engine = engine();
    let mut store = Store::new(&engine, StoreLimits::default(), ()).unwrap();
    let memory = Memory::new(&mut store, memory_type(8, 9, false)).unwrap();
    memory.view(&store).write(5000, b"in the second page").unwrap();
    memory.view(&store).write(300_000, &[7; 9000]).unwrap();
    let limits = Limits { min: 1, max: Some(3) };
    let table = TableType { element: RefType::EXTERNREF, limits, table64: false };
    let table = Table::new(&mut store, table, Val::ExternRef(Some(8))).unwrap();
    table.grow(&mut store, 1, Val::ExternRef(Some(9))).unwrap();
    let global = GlobalType { value: ValType::I64, mutable: true };
    Global::new(&mut store, global, Val::I64(-1)).unwrap();
    (engine, store)
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn about() -> About {
    let host = manifest::HostImport {
        module: "env".into(),
        name: "f".into(),
        signature: "(param i32)".into(),
    };
    About { source: "golden".into(), hosts: vec![host], ..About::default() }
}

#[test]
fn the_format_is_as_it_was() {
    let (engine, mut store) = plain();
    let snapshot = store.snapshot(ExternRefs::Keep).unwrap();
    let chunks = MemoryChunks::default();
    let published = publish(&snapshot, &about(), &chunks, &key()).unwrap();
    let path = golden().join("version-1.manifest");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &published.manifest).unwrap();
    }
    let expected = std::fs::read(&path).unwrap();
    let manifest = Manifest::open(&engine, &expected).unwrap();
    let kept = MemoryChunks::default();
    for row in manifest.chunks() {
        let path = golden().join(format!("version-1-{:x}.chunk", row.offset));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, chunks.get(row.digest).unwrap().unwrap()).unwrap();
        }
        // Compressed by whatever version of zstd: it is what becomes of it that must stay.
        kept.put(row.digest, &std::fs::read(&path).unwrap()).unwrap();
    }
    assert_eq!(read(&manifest, Source::here(&kept)).unwrap(), snapshot);
    let same = |row: &ChunkRow| ChunkRow { stored: 8, ..*row };
    let now = Manifest::open(&engine, &published.manifest).unwrap();
    let rows = |manifest: &Manifest<'_>| manifest.chunks().iter().map(same).collect::<Vec<_>>();
    assert_eq!(
        rows(&now),
        rows(&manifest),
        "BLESS=1 accepts the new format: it needs a new version"
    );
    assert!(
        manifest::write(&snapshot, manifest.chunks(), &about(), &key()) == expected,
        "BLESS=1 accepts the new format, whose version must be another"
    );
    let mut restored = Store::restore(&engine, &snapshot, &[], &Linker::new(&engine), ()).unwrap();
    assert_eq!(restored.snapshot(ExternRefs::Keep).unwrap(), snapshot);
}
