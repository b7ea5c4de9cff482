//! Growth that is refused: by the module, by the store's limits, by what can be addressed.

use faasm_vm::{Instance, Linker, Store, StoreError, StoreLimits, Val};

use crate::support::{engine, module};

fn limited(text: &str, limits: StoreLimits) -> (Store<()>, Instance) {
    let engine = engine();
    let module = module(&engine, text);
    let mut store = Store::for_module(&engine, &module, limits, ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn call(store: &mut Store<()>, instance: Instance, name: &str, arg: Val) -> Val {
    instance.func(store, name).unwrap().call(store, &[arg]).unwrap()[0]
}

const GROWING: &str = r#"(module
  (memory $a 1 100) (memory $b 1) (memory $wide i64 1)
  (table $t 10 1000 funcref) (table $open 10 funcref)
  (func (export "a") (param i32) (result i32) (memory.grow $a (local.get 0)))
  (func (export "b") (param i32) (result i32) (memory.grow $b (local.get 0)))
  (func (export "wide") (param i64) (result i64) (memory.grow $wide (local.get 0)))
  (func (export "t") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
  (func (export "open") (param i32) (result i32) (table.grow $open (ref.null func) (local.get 0)))
  (func (export "edge") (param i32) (result i32)
    (i32.store8 $a (i32.sub (i32.mul (memory.size $a) (i32.const 65536)) (i32.const 1)) (i32.const 7))
    (i32.load8_u $a (i32.sub (i32.mul (memory.size $a) (i32.const 65536)) (i32.const 1)))))"#;

#[test]
fn a_module_does_not_grow_over_its_own_limits() {
    let (mut store, instance) = limited(GROWING, StoreLimits::default());
    for n in [100, 0x7fff_ffff, -1] {
        assert_eq!(call(&mut store, instance, "a", Val::I32(n)), Val::I32(-1), "{n}");
        assert_eq!(call(&mut store, instance, "t", Val::I32(n.max(991))), Val::I32(-1), "{n}");
    }
    assert_eq!(call(&mut store, instance, "a", Val::I32(99)), Val::I32(1));
    assert_eq!(call(&mut store, instance, "t", Val::I32(990)), Val::I32(10));
    assert_eq!(call(&mut store, instance, "edge", Val::I32(0)), Val::I32(7));
    assert_eq!(call(&mut store, instance, "a", Val::I32(0)), Val::I32(100));
}

#[test]
fn the_stores_limits_are_of_all_memories_and_tables_together() {
    let limits =
        StoreLimits { memory_bytes: 10 << 16, table_elements: 100, ..StoreLimits::default() };
    let (mut store, instance) = limited(GROWING, limits);
    assert!(!store.growth_was_refused());
    assert_eq!(call(&mut store, instance, "a", Val::I32(4)), Val::I32(1));
    assert_eq!(call(&mut store, instance, "b", Val::I32(3)), Val::I32(1));
    // Ten pages are in use: 5 + 4 + 1.
    for name in ["a", "b"] {
        assert_eq!(call(&mut store, instance, name, Val::I32(1)), Val::I32(-1), "{name}");
    }
    assert_eq!(call(&mut store, instance, "wide", Val::I64(1)), Val::I64(-1));
    assert!(store.growth_was_refused());
    assert_eq!(call(&mut store, instance, "t", Val::I32(40)), Val::I32(10));
    assert_eq!(call(&mut store, instance, "open", Val::I32(41)), Val::I32(-1));
    assert_eq!(call(&mut store, instance, "open", Val::I32(40)), Val::I32(10));
    assert_eq!(call(&mut store, instance, "edge", Val::I32(0)), Val::I32(7));
}

#[test]
fn growth_beyond_what_can_be_addressed_is_refused() {
    let (mut store, instance) = limited(GROWING, StoreLimits::default());
    for n in [1 << 20, 1 << 32, 1 << 47, 1 << 48, i64::MAX, i64::MIN, -1] {
        assert_eq!(call(&mut store, instance, "wide", Val::I64(n)), Val::I64(-1), "{n}");
    }
    assert_eq!(call(&mut store, instance, "b", Val::I32(65536)), Val::I32(-1));
    assert_eq!(call(&mut store, instance, "open", Val::I32(-1)), Val::I32(-1));
    assert_eq!(call(&mut store, instance, "wide", Val::I64(1)), Val::I64(1));
}

#[test]
fn a_module_that_begins_over_the_limits_has_no_store() {
    let engine = engine();
    let limits =
        StoreLimits { memory_bytes: 1 << 20, table_elements: 100, ..StoreLimits::default() };
    for text in
        ["(module (memory 17))", "(module (memory 8) (memory 9))", "(module (table 101 funcref))"]
    {
        let module = module(&engine, text);
        let store = Store::for_module(&engine, &module, limits, ());
        let refused = match store {
            Err(error) => Err(error),
            Ok(mut store) => match Linker::new(&engine).instantiate(&mut store, &module) {
                Ok(_) => Ok(()),
                Err(faasm_vm::InstantiateError::Store(error)) => Err(error),
                Err(error) => panic!("{error:?}"),
            },
        };
        assert!(matches!(refused, Err(StoreError::Limit { .. })), "{text}: {refused:?}");
    }
}

#[test]
fn what_is_too_large_to_reserve_is_an_error() {
    let engine = engine();
    // 2^46 bytes: valid, and more than there is.
    let module = module(&engine, "(module (memory i64 0x40000000))");
    let limits = StoreLimits { memory_bytes: u64::MAX, ..StoreLimits::default() };
    let Err(error) = Store::for_module(&engine, &module, limits, ()) else {
        let mut store = Store::for_module(&engine, &module, limits, ()).unwrap();
        let error = Linker::new(&engine).instantiate(&mut store, &module).unwrap_err();
        assert!(!error.to_string().is_empty());
        return;
    };
    assert!(matches!(error, StoreError::Slot(_) | StoreError::Limit { .. }), "{error:?}");
}
