//! When the system has no mappings or address space left, births first take the room of slots at rest, then fail with an
//! error, and nothing breaks.

use std::sync::{Mutex, PoisonError};

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    BirthError, Captured, Engine, EngineConfig, Func, Linker, Module, SealKey, Store, StoreError,
    StoreLimits, Val,
};

/// Both tests take all there is, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

fn captured(text: &str) -> (Captured, Func) {
    let (engine, key) = engine();
    captured_in(&engine, &key, text)
}

/// An engine that leaves it to the system to refuse.
fn engine() -> (Engine, SealKey) {
    let key = SealKey::derive(b"exhaustion");
    let config = EngineConfig { mappings: Some(usize::MAX), ..EngineConfig::new(key.clone()) };
    (Engine::new(config).unwrap(), key)
}

fn captured_in(engine: &Engine, key: &SealKey, text: &str) -> (Captured, Func) {
    let wasm = wat::parse_str(text).unwrap();
    let object = compile(&validate(&wasm).unwrap(), &CompileOptions::default()).unwrap();
    let module = Module::load(engine, &key.seal(object)).unwrap();
    let mut store = Store::for_module(engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(engine).instantiate(&mut store, &module).unwrap();
    let f = instance.func(&store, "f").unwrap();
    (store.capture().unwrap(), f)
}

#[test]
fn growth_and_births_fail_alike_when_no_mapping_is_left() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Each guest grows every second page range of its memory into another mapping.
    let text = r#"(module (memory 1) (table 1 4000000 funcref)
      (func (export "f") (result i32)
        (i32.or (memory.grow (i32.const 1)) (table.grow (ref.null func) (i32.const 3000)))))"#;
    let (captured, f) = captured(text);
    let mut born = Vec::new();
    let refused = loop {
        let mut store = match captured.birth(()) {
            Ok(store) => store,
            Err(BirthError::Slot(error)) => break format!("a birth: {error}"),
            Err(error) => panic!("{error:?}"),
        };
        let grown = f.call(&mut store, &[]).unwrap();
        born.push(store);
        if grown == [Val::I32(-1)] {
            break "a growth".to_owned();
        }
        assert!(born.len() < 200_000, "nothing is exhausted");
    };
    println!("after {} stores the system refused {refused}", born.len());
    let mut used = born.pop().unwrap();
    drop(born);
    let engine = used.engine();
    used.recycle();
    engine.settle();
    used = captured.birth(()).unwrap();
    assert_eq!(f.call(&mut used, &[]).unwrap(), [Val::I32(1)]);
}

#[test]
fn births_fail_with_an_error_when_the_system_is_exhausted_and_work_again_after() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (engine, key) = engine();
    let text = r#"(module (memory 1) (func (export "f") (result i32) (i32.const 42)))"#;
    let (captured, f) = captured_in(&engine, &key, text);
    let (other, g) = captured_in(&engine, &key, text);
    let resting: Vec<_> = (0..20).map(|_| other.birth(()).unwrap()).collect();
    resting.into_iter().for_each(Store::recycle);
    assert_eq!(other.idle_slots(), 20);

    let mut born = Vec::new();
    let error = loop {
        match captured.birth(()) {
            Ok(store) => born.push(store),
            Err(error) => break error,
        }
        assert!(born.len() < 200_000, "nothing is exhausted");
    };
    assert!(matches!(error, BirthError::Slot(_)), "{error:?}");
    println!("{} stores fit: {error:?}", born.len());
    assert!(born.len() > 10_000);
    assert_eq!(other.idle_slots(), 0, "slots at rest are given back first");
    let last = born.last_mut().unwrap();
    assert_eq!(f.call(last, &[]).unwrap(), [Val::I32(42)]);
    let arena = Store::new(&last.engine(), StoreLimits::default(), ());
    assert!(matches!(arena, Ok(_) | Err(StoreError::Slot(_))));
    drop(arena);

    drop(born);
    for (captured, f) in [(captured, f), (other, g)] {
        let mut again = captured.birth(()).unwrap();
        assert_eq!(f.call(&mut again, &[]).unwrap(), [Val::I32(42)]);
    }
}
