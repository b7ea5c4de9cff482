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

/// A table that nobody changes, with a hole, and functions of another type at its end.
const CONSTANT_TABLE: &str = r#"(module
  (type $t (func (param i32) (result i32)))
  (memory 1)
  (table 20 funcref)
  (elem (i32.const 2) $one $two $one $two)
  (elem (i32.const 7) $other $one)
  (func $one (type $t) (i32.add (local.get 0) (i32.const 1)))
  (func $two (type $t) (i32.add (local.get 0) (i32.const 2)))
  (func $other (param i64))
  (func (export "any") (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0)))
  (func (export "row") (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 1)
      (i32.add (i32.const 2) (i32.and (local.get 0) (i32.const 3)))))
  (func (export "longer row") (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1)
      (i32.add (i32.and (local.get 0) (i32.const 7)) (i32.const 2))))
  (func (export "wrapped") (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1)
      (i32.add (i32.and (local.get 0) (i32.const 3)) (i32.const -1))))
  (func (export "loaded") (param i32 i32) (result i32)
    (i32.store (i32.const 8) (local.get 0))
    (call_indirect (type $t) (local.get 1) (i32.load (i32.const 8)))))"#;

#[test]
fn calls_through_a_constant_table_find_their_function_or_trap() {
    let (mut store, instance) = faaslet(CONSTANT_TABLE);
    let mut call = |name: &str, index: i32| {
        let func = instance.func(&store, name).unwrap();
        let results = func.call(&mut store, &[Val::I32(index), Val::I32(40)]);
        results.map(|results| results[0]).map_err(|error| error.to_string())
    };
    let (one, two) = (Val::I32(41), Val::I32(42));
    for name in ["any", "loaded"] {
        for (index, result) in [(2, one), (3, two), (4, one), (5, two), (8, one)] {
            assert_eq!(call(name, index), Ok(result), "{name} {index}");
        }
        for (index, trap) in [
            (0, "uninitialized element"),
            (6, "uninitialized element"),
            (7, "indirect call type mismatch"),
            (9, "uninitialized element"),
            (19, "uninitialized element"),
            (20, "undefined element"),
            (-1, "undefined element"),
            (i32::MIN, "undefined element"),
        ] {
            let error = call(name, index).unwrap_err();
            assert!(error.contains(trap), "{name} {index}: {error}");
        }
    }
    for index in [0, 2, 4, -4, i32::MIN] {
        assert_eq!(call("row", index), Ok(one));
        assert_eq!(call("row", index + 1), Ok(two));
    }
    assert_eq!(call("longer row", -2), Ok(one));
    assert!(call("longer row", 5).unwrap_err().contains("indirect call type mismatch"));
    assert!(call("longer row", 4).unwrap_err().contains("uninitialized element"));
    assert_eq!(call("wrapped", 3), Ok(one));
    assert!(call("wrapped", 0).unwrap_err().contains("undefined element"));
}

/// What is done without calls and what with them, joined in many ways.
const PARTS: &str = r#"(module
  (memory 1)
  (global $calls (mut i32) (i32.const 0))
  (func $count (param i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.get 0))
  (func (export "calls") (result i32) (global.get $calls))
  (func (export "many") (param $a i32) (param $b i64) (param $c f64) (param $d i32) (param $e i32)
      (result i32 i64 f64)
    (local $x i32) (local $y i32) (local $z f64)
    (local.set $x (i32.load offset=4 (local.get $d)))
    (local.set $y (i32.mul (local.get $a) (i32.const 3)))
    (local.set $z (f64.add (local.get $c) (f64.const 0.5)))
    (if (i32.and (local.get $e) (i32.const 1))
      (then (local.set $x (call $count (i32.add (local.get $x) (local.get $y))))))
    (local.set $b (i64.add (local.get $b) (i64.extend_i32_u (local.get $d))))
    (if (i32.and (local.get $e) (i32.const 2))
      (then (local.set $y (call $count (i32.sub (local.get $x) (local.get $a))))))
    (i32.add (i32.add (local.get $x) (local.get $y)) (local.get $e))
    (local.get $b)
    (local.get $z))
  (func (export "loop") (param $n i32) (param $e i32) (result i32) (local $sum i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const -1))))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (if (i32.eq (local.get $n) (local.get $e))
        (then (local.set $sum (call $count (local.get $sum)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (data (i32.const 4) "\07\00\00\00"))"#;

#[test]
fn a_function_in_parts_answers_as_a_whole_one() {
    let (mut store, instance) = faaslet(PARTS);
    let many = instance.func(&store, "many").unwrap();
    for e in 0..4 {
        let args =
            [Val::I32(5), Val::I64(1 << 40), Val::F64(2.0f64.to_bits()), Val::I32(0), Val::I32(e)];
        let (mut x, mut y) = (7, 15);
        if e & 1 != 0 {
            x += y;
        }
        if e & 2 != 0 {
            y = x - 5;
        }
        let expected = [Val::I32(x + y + e), Val::I64(1 << 40), Val::F64(2.5f64.to_bits())];
        assert_eq!(many.call(&mut store, &args).unwrap(), expected, "{e}");
    }
    let looping = instance.func(&store, "loop").unwrap();
    for (n, e, expected) in [(0, 0, -1), (4, 9, 10), (4, 1, 10), (4, 4, 10)] {
        let answer = looping.call(&mut store, &[Val::I32(n), Val::I32(e)]).unwrap();
        assert_eq!(answer, [Val::I32(expected)]);
    }
    let calls = instance.func(&store, "calls").unwrap();
    assert_eq!(calls.call(&mut store, &[]).unwrap(), [Val::I32(6)]);
}
