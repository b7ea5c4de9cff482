//! Files of stores: the same again after a restoration, and whatever a file says, an error or a store like it.

use std::ops::Range;
use std::path::Path;

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    EngineConfig, ExternRefs, Global, GlobalType, Limits, Linker, Memory, MemoryType, Module,
    RefType, SharedMemory, Store, StoreLimits, Table, TableType, Val, ValType,
};

use super::*;

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
    file: Vec<u8>,
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
        let file = write(&store.snapshot(ExternRefs::Refuse).unwrap(), &key());
        Self { engine, modules, linker, file }
    }

    /// What is in the file, without its seal.
    fn bytes(&self) -> Vec<u8> {
        key().open(&self.file).unwrap().to_vec()
    }

    /// The file of the store that these bytes make, or why they make none.
    fn again(&self, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let snapshot = read(&self.engine, &key().seal(bytes)).map_err(|error| error.to_string())?;
        let mut store = Store::restore(&self.engine, &snapshot, &self.modules, &self.linker, ())
            .map_err(|error| error.to_string())?;
        let file = write(&store.snapshot(ExternRefs::Keep).unwrap(), &key());
        Ok(key().open(&file).unwrap().to_vec())
    }

    fn section(&self, index: usize) -> Range<usize> {
        let start = usize::try_from(word(&self.file, 16 + index * SECTION_BYTES)).unwrap();
        let len = usize::try_from(word(&self.file, 24 + index * SECTION_BYTES)).unwrap();
        start..start + len
    }
}

#[test]
fn a_restored_store_has_the_same_file() {
    let world = World::new();
    assert_eq!(world.again(world.bytes()).as_ref(), Ok(&world.bytes()));
}

#[test]
fn whatever_byte_is_another_there_is_an_error_or_a_store_that_has_this_file() {
    let world = World::new();
    let bytes = world.bytes();
    let pages = world.section(2);
    // Of the pages a sample; of the rest every bit.
    let everywhere = (0..pages.start).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit)));
    let sample = pages.clone().step_by(5).map(|at| (at, 1 << (at % 8)));
    let (mut refused, mut restored) = (0, 0);
    for (at, bits) in everywhere.chain(sample) {
        let mut changed = bytes.clone();
        changed[at] ^= bits;
        match world.again(changed.clone()) {
            Err(_) => refused += 1,
            Ok(again) => {
                restored += 1;
                // A changed byte of a page is the new store's, or an address, which is written anew; or an object
                // may be out of reach, and is collected.
                let is_own = again == changed
                    || (pages.contains(&at) && world.again(again.clone()).as_ref() == Ok(&again));
                assert!(is_own, "byte {at} of {pages:?}");
            }
        }
    }
    assert!(refused > 1000 && restored > 10, "{refused} refused, {restored} restored");
}

#[test]
fn cut_and_longer_files_are_refused() {
    let world = World::new();
    let bytes = world.bytes();
    for len in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert!(world.again(bytes[..len].to_vec()).is_err(), "{len} bytes");
    }
    assert!(world.again([&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn what_is_not_sealed_with_the_engines_key_is_not_looked_at() {
    let world = World::new();
    let foreign = SealKey::derive(b"another key").seal(world.bytes());
    assert_eq!(read(&world.engine, &foreign), Err(ReadError::Seal(SealError::Wrong)));
    assert_eq!(read(&world.engine, &world.bytes()), Err(ReadError::Seal(SealError::Missing)));
    let object = key().seal(b"\x7fELF".to_vec());
    assert_eq!(read(&world.engine, &object), Err(ReadError::Magic));
    let mut newer = world.bytes();
    newer[8] = 1;
    assert_eq!(read(&world.engine, &key().seal(newer)), Err(ReadError::Version { found: 1 }));
}

/// A store without modules, so that its file depends on no compiler.
fn plain() -> (Engine, Store<()>) {
    let engine = engine();
    let mut store = Store::new(&engine, StoreLimits::default(), ()).unwrap();
    let memory = Memory::new(&mut store, memory_type(1, 3, false)).unwrap();
    memory.view(&store).write(5000, b"in the second page").unwrap();
    let limits = Limits { min: 1, max: Some(3) };
    let table = TableType { element: RefType::EXTERNREF, limits, table64: false };
    let table = Table::new(&mut store, table, Val::ExternRef(Some(8))).unwrap();
    table.grow(&mut store, 1, Val::ExternRef(Some(9))).unwrap();
    let global = GlobalType { value: ValType::I64, mutable: true };
    Global::new(&mut store, global, Val::I64(-1)).unwrap();
    (engine, store)
}

#[test]
fn the_format_is_as_it_was() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/version-0.snapshot");
    let (engine, mut store) = plain();
    let snapshot = store.snapshot(ExternRefs::Keep).unwrap();
    let file = write(&snapshot, &key());
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &file).unwrap();
    }
    let expected = std::fs::read(&golden).unwrap();
    assert!(file == expected, "BLESS=1 accepts the new format, whose version must be another");
    assert_eq!(read(&engine, &expected).as_ref(), Ok(&snapshot));
    let mut restored = Store::restore(&engine, &snapshot, &[], &Linker::new(&engine), ()).unwrap();
    assert_eq!(write(&restored.snapshot(ExternRefs::Keep).unwrap(), &key()), expected);
}
