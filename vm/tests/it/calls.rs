//! Calls into guests: both kinds of store, both code shapes, all types.

use faasm_vm::{CallError, Linker, TypedFuncError, Val};

use crate::support::{arena, engine, faaslet, module};

const FIB: &str = r#"(module
  (memory (export "memory") 1)
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#;

#[test]
fn a_function_runs_in_the_fused_shape() {
    let (mut store, instance) = faaslet(FIB);
    let fib = instance.func(&store, "fib").unwrap();
    assert_eq!(fib.call(&mut store, &[Val::I32(20)]).unwrap(), [Val::I32(6765)]);
    let typed = fib.typed::<i32, i32>(&store).unwrap();
    assert_eq!(typed.call(&mut store, 10).unwrap(), 55);
}

#[test]
fn a_function_runs_in_the_split_shape() {
    let text = r#"(module
      (memory (export "m") i64 1)
      (global $g (mut i64) (i64.const 5))
      (func (export "swap") (param i64) (result i64)
        (i64.store (i64.const 16) (local.get 0))
        (global.set $g (i64.add (global.get $g) (i64.load (i64.const 16))))
        (global.get $g)))"#;
    let (mut store, instance) = faaslet(text);
    let swap = instance.func(&store, "swap").unwrap().typed::<i64, i64>(&store).unwrap();
    assert_eq!(swap.call(&mut store, 37).unwrap(), 42);
    assert_eq!(swap.call(&mut store, 1).unwrap(), 43);
}

#[test]
fn both_kinds_of_store_run_the_same_module() {
    let engine = engine();
    let module = module(&engine, FIB);
    let mut store = arena(&engine);
    let linker = Linker::new(&engine);
    for _ in 0..3 {
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let fib = instance.func(&store, "fib").unwrap();
        assert_eq!(fib.call(&mut store, &[Val::I32(10)]).unwrap(), [Val::I32(55)]);
    }
}

#[test]
fn all_types_pass_in_and_out() {
    let text = r#"(module
      (func (export "id") (param i32 i64 f32 f64 v128 funcref externref)
        (result i32 i64 f32 f64 v128 funcref externref)
        local.get 0 local.get 1 local.get 2 local.get 3 local.get 4 local.get 5 local.get 6))"#;
    let (mut store, instance) = faaslet(text);
    let id = instance.func(&store, "id").unwrap();
    let args = [
        Val::I32(-1),
        Val::I64(i64::MIN),
        Val::F32(0x7fa0_0001),
        Val::F64(f64::to_bits(-0.0)),
        Val::V128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
        Val::FuncRef(Some(id)),
        Val::ExternRef(Some(7)),
    ];
    assert_eq!(id.call(&mut store, &args).unwrap(), args);
    let nulls =
        [args[0], args[1], args[2], args[3], args[4], Val::FuncRef(None), Val::ExternRef(None)];
    assert_eq!(id.call(&mut store, &nulls).unwrap(), nulls);
}

#[test]
fn typed_calls_take_and_give_tuples() {
    let text = r#"(module (func (export "f") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
        local.get 3 local.get 2 local.get 1 local.get 0))"#;
    let (mut store, instance) = faaslet(text);
    let f = instance.func(&store, "f").unwrap();
    let typed = f.typed::<(i32, u64, f32, f64), (f64, f32, i64, u32)>(&store).unwrap();
    assert_eq!(typed.call(&mut store, (-1, 2, 3.5, 4.5)).unwrap(), (4.5, 3.5, 2, u32::MAX));
    assert!(matches!(f.typed::<i32, i32>(&store), Err(TypedFuncError::Type(_))));
}

#[test]
fn wrong_arguments_and_foreign_handles_are_errors() {
    let (mut store, instance) = faaslet(FIB);
    let (mut other, _) = faaslet(FIB);
    let fib = instance.func(&store, "fib").unwrap();
    let error = |trap: faasm_vm::Trap| match trap.into_kind() {
        faasm_vm::TrapKind::Host(error) => *error.downcast::<CallError>().unwrap(),
        kind => panic!("{kind:?}"),
    };
    assert_eq!(error(fib.call(&mut store, &[]).unwrap_err()), CallError::Arguments);
    assert_eq!(error(fib.call(&mut store, &[Val::I64(1)]).unwrap_err()), CallError::Arguments);
    assert_eq!(error(fib.call(&mut other, &[Val::I32(1)]).unwrap_err()), CallError::OtherStore);
    let typed = fib.typed::<i32, i32>(&store).unwrap();
    assert_eq!(error(typed.call(&mut other, 1).unwrap_err()), CallError::OtherStore);
    assert!(instance.export(&other, "fib").is_none());
}

#[test]
fn two_threads_run_many_stores() {
    let engine = engine();
    let module = module(&engine, FIB);
    let work = || {
        for round in 0..200 {
            let mut store = faasm_vm::Store::for_module(
                &engine,
                &module,
                faasm_vm::StoreLimits::default(),
                round,
            )
            .unwrap();
            let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
            let fib = instance.func(&store, "fib").unwrap().typed::<i32, i32>(&store).unwrap();
            assert_eq!(fib.call(&mut store, 15).unwrap(), 610);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
}
