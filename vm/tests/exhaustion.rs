//! When the system has no mappings or address space left, births fail with an error and nothing breaks.

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    BirthError, Engine, EngineConfig, Linker, Module, SealKey, Store, StoreError, StoreLimits, Val,
};

#[test]
fn births_fail_with_an_error_when_the_system_is_exhausted_and_work_again_after() {
    let key = SealKey::derive(b"exhaustion");
    let engine = Engine::new(EngineConfig::new(key.clone())).unwrap();
    let text = r#"(module (memory 1) (func (export "f") (result i32) (i32.const 42)))"#;
    let wasm = wat::parse_str(text).unwrap();
    let object = compile(&validate(&wasm).unwrap(), &CompileOptions::default()).unwrap();
    let module = Module::load(&engine, &key.seal(object)).unwrap();
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    let f = instance.func(&store, "f").unwrap();
    let captured = store.capture().unwrap();

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
    let last = born.last_mut().unwrap();
    assert_eq!(f.call(last, &[]).unwrap(), [Val::I32(42)]);
    let arena = Store::new(&engine, StoreLimits::default(), ());
    assert!(matches!(arena, Ok(_) | Err(StoreError::Slot(_))));
    drop(arena);

    drop(born);
    let mut again = captured.birth(()).unwrap();
    assert_eq!(f.call(&mut again, &[]).unwrap(), [Val::I32(42)]);
}
