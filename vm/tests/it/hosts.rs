//! Host functions: all arities and types, errors, panics, nesting, the store's data.

use std::sync::atomic::{AtomicU32, Ordering};

use faasm_vm::{
    Caller, Engine, FuncType, Instance, LinkError, Linker, Store, StoreLimits, Trap, TrapCode,
    TrapKind, Val, ValType,
};

use crate::support::{engine, module};

fn instance<T: Send + 'static>(
    engine: &Engine,
    linker: &Linker<T>,
    text: &str,
    data: T,
) -> (Store<T>, Instance) {
    let module = module(engine, text);
    let mut store = Store::for_module(engine, &module, StoreLimits::default(), data).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

#[test]
fn arguments_come_in_registers_and_on_the_stack() {
    let engine = engine();
    let mut linker = Linker::<Vec<String>>::new(&engine);
    linker
        .func_wrap("h", "none", |mut caller: Caller<'_, Vec<String>>| {
            caller.data_mut().push("none".to_owned());
        })
        .unwrap()
        .func_wrap(
            "h",
            "mixed",
            |mut caller: Caller<'_, Vec<String>>, a: i32, b: f32, c: u64, d: f64| {
                caller.data_mut().push(format!("{a} {b} {c} {d}"));
                -2.5_f32
            },
        )
        .unwrap()
        .func_wrap(
            "h",
            "twelve",
            |_: Caller<'_, Vec<String>>,
             a: i32,
             b: i64,
             c: i32,
             d: i64,
             e: i32,
             f: i64,
             g: f64,
             h: i32,
             i: i64,
             j: i32,
             k: i64,
             l: i32| {
                let small = [a, c, e, h, j, l].iter().map(|&v| i64::from(v)).sum::<i64>();
                small * 1000 + b + d + f + i + k + i64::from(g == 7.0) * 7
            },
        )
        .unwrap();
    let text = r#"(module
      (import "h" "none" (func $none))
      (import "h" "mixed" (func $mixed (param i32 f32 i64 f64) (result f32)))
      (import "h" "twelve" (func $twelve
        (param i32 i64 i32 i64 i32 i64 f64 i32 i64 i32 i64 i32) (result i64)))
      (memory 1)
      (func (export "f") (result f32 i64)
        (call $none)
        (call $mixed (i32.const -3) (f32.const 1.5) (i64.const -1) (f64.const 0.25))
        (call $twelve (i32.const 1) (i64.const 2) (i32.const 3) (i64.const 4) (i32.const 5)
          (i64.const 6) (f64.const 7) (i32.const 8) (i64.const 9) (i32.const 10) (i64.const 11)
          (i32.const 12))))"#;
    let (mut store, instance) = instance(&engine, &linker, text, Vec::new());
    let f = instance.func(&store, "f").unwrap();
    let results = f.call(&mut store, &[]).unwrap();
    assert_eq!(results, [Val::from(-2.5_f32), Val::I64(39_039)]);
    assert_eq!(*store.data(), ["none", "-3 1.5 18446744073709551615 0.25"]);
}

#[test]
fn functions_of_any_type_take_and_give_values() {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    let types = [ValType::V128, ValType::FUNCREF, ValType::EXTERNREF, ValType::I32];
    let back: Vec<_> = types.iter().rev().copied().collect();
    let ty = FuncType { params: types.into(), results: back.into() };
    linker
        .func_new("h", "reverse", ty, |_, params, results| {
            results.clone_from_slice(&params.iter().rev().copied().collect::<Vec<_>>());
            Ok(())
        })
        .unwrap();
    let text = r#"(module
      (import "h" "reverse" (func $r (param v128 funcref externref i32)
        (result i32 externref funcref v128)))
      (export "imported" (func $r))
      (func (export "f") (param v128 funcref externref i32) (result i32 externref funcref v128)
        (call $r (local.get 0) (local.get 1) (local.get 2) (local.get 3))))"#;
    let (mut store, instance) = instance(&engine, &linker, text, ());
    for name in ["f", "imported"] {
        let f = instance.func(&store, name).unwrap();
        let args =
            [Val::V128(1 << 100), Val::FuncRef(Some(f)), Val::ExternRef(Some(3)), Val::I32(4)];
        let results = f.call(&mut store, &args).unwrap();
        assert_eq!(results, args.iter().rev().copied().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn a_value_of_the_wrong_type_from_a_host_function_is_a_trap() {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    let ty = FuncType { params: Box::new([]), results: [ValType::I32].into() };
    linker
        .func_new("h", "lies", ty, |_, _, results| {
            results[0] = Val::I64(1);
            Ok(())
        })
        .unwrap();
    let text = r#"(module (import "h" "lies" (func $l (result i32)))
      (func (export "f") (result i32) (call $l)))"#;
    let (mut store, instance) = instance(&engine, &linker, text, ());
    let trap = instance.func(&store, "f").unwrap().call(&mut store, &[]).unwrap_err();
    assert!(trap.to_string().contains("another type"), "{trap}");
}

#[test]
fn errors_exits_and_panics_end_the_guest_and_spare_the_store() {
    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct DiskFull;
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "fail", |_: Caller<'_, ()>, how: i32| -> Result<i32, Trap> {
            match how {
                0 => Ok(7),
                1 => Err(Trap::host(DiskFull)),
                2 => Err(Trap::exit(3)),
                3 => Err(TrapCode::Unreachable.into()),
                _ => panic!("this panic is part of a test ({how})"),
            }
        })
        .unwrap();
    let text = r#"(module $m (import "h" "fail" (func $fail (param i32) (result i32)))
      (memory 1)
      (func $calls (export "f") (param i32) (result i32) (call $fail (local.get 0))))"#;
    let (mut store, instance) = instance(&engine, &linker, text, ());
    let f = instance.func(&store, "f").unwrap();
    let mut fail = |how| f.call(&mut store, &[Val::I32(how)]);
    for _ in 0..2 {
        let full = fail(1).unwrap_err();
        assert_eq!(full.to_string(), "the disk is full");
        assert_eq!(full.backtrace().frames()[0].name.as_deref(), Some("calls"));
        assert!(matches!(full.into_kind(), TrapKind::Host(e) if e.is::<DiskFull>()));
        assert_eq!(fail(2).unwrap_err().exit_code(), Some(3));
        assert_eq!(fail(3).unwrap_err().trap_code(), Some(TrapCode::Unreachable));
        let panicked = fail(4).unwrap_err().to_string();
        assert!(panicked.contains("part of a test (4)"), "{panicked}");
        assert_eq!(fail(0).unwrap(), [Val::I32(7)]);
    }
}

const NESTED: &str = r#"(module $nested
  (import "h" "down" (func $down (param i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "t") 1 funcref) (elem (i32.const 0) $level)
  (func $level (export "level") (param i32) (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (if (i32.eqz (local.get 0)) (then (return (i32.load (i32.const 0)))))
    (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (local.get 0)))
  (func (export "boom") (param i32) (result i32) (if (i32.eqz (local.get 0)) (then unreachable))
    (call $down (i32.sub (local.get 0) (i32.const 1)))))"#;

#[test]
fn host_and_guest_nest() {
    let engine = engine();
    let mut linker = Linker::<u32>::new(&engine);
    linker
        .func_wrap("h", "down", |mut caller: Caller<'_, u32>, left: i32| -> Result<i32, Trap> {
            *caller.data_mut() += 1;
            let level = caller.table_func(0).unwrap().typed::<i32, i32>(&caller).unwrap();
            level.call(&mut caller, left)
        })
        .unwrap();
    let (mut store, instance) = instance(&engine, &linker, NESTED, 0);
    let level = instance.func(&store, "level").unwrap();
    // 4 + 3 + 2 + 1, and the innermost says how many levels there were.
    assert_eq!(level.call(&mut store, &[Val::I32(4)]).unwrap(), [Val::I32(15)]);
    assert_eq!(*store.data(), 4);
}

#[test]
fn a_trap_passes_through_nested_levels_with_all_their_frames() {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "down", |mut caller: Caller<'_, ()>, left: i32| -> Result<i32, Trap> {
            let Some(faasm_vm::Extern::Func(boom)) = caller.export("boom") else { panic!() };
            match boom.call(&mut caller, &[Val::I32(left)])?[..] {
                [Val::I32(result)] => Ok(result),
                _ => panic!(),
            }
        })
        .unwrap();
    let (mut store, instance) = instance(&engine, &linker, NESTED, ());
    let boom = instance.func(&store, "boom").unwrap();
    let trap = boom.call(&mut store, &[Val::I32(2)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable));
    assert_eq!(trap.backtrace().frames().len(), 3, "{}", trap.backtrace());
}

#[test]
fn endless_nesting_overflows_the_guest_stack_into_a_trap() {
    static DEEPEST: AtomicU32 = AtomicU32::new(0);
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "down", |mut caller: Caller<'_, ()>, left: i32| -> Result<i32, Trap> {
            DEEPEST.fetch_add(1, Ordering::Relaxed);
            let level = caller.table_func(0).unwrap().typed::<i32, i32>(&caller).unwrap();
            level.call(&mut caller, left)
        })
        .unwrap();
    let (mut store, instance) = instance(&engine, &linker, NESTED, ());
    let level = instance.func(&store, "level").unwrap();
    let trap = level.call(&mut store, &[Val::I32(1_000_000)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow));
    assert!(DEEPEST.load(Ordering::Relaxed) > 10);
}

#[test]
fn a_host_function_that_needs_more_room_than_there_is_does_not_start() {
    let engine = engine();
    let mut linker = Linker::<u32>::new(&engine);
    linker
        .func_wrap_with_room(
            "h",
            "big",
            |mut caller: Caller<'_, u32>| *caller.data_mut() += 1,
            8 << 20,
        )
        .unwrap();
    let text =
        r#"(module (import "h" "big" (func $big)) (memory 1) (func (export "f") (call $big)))"#;
    let (mut store, instance) = instance(&engine, &linker, text, 0);
    let trap = instance.func(&store, "f").unwrap().call(&mut store, &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow));
    assert_eq!(*store.data(), 0);
}

#[test]
fn a_guest_interrupted_while_the_host_runs_does_not_go_on() {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("h", "stop", |caller: Caller<'_, ()>| caller.interrupt().request()).unwrap();
    let text = r#"(module (import "h" "stop" (func $stop)) (memory (export "m") 1)
      (func (export "f") (call $stop) (i32.store (i32.const 0) (i32.const 1))))"#;
    let (mut store, instance) = instance(&engine, &linker, text, ());
    let trap = instance.func(&store, "f").unwrap().call(&mut store, &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
    assert!(store.is_poisoned());
    let Some(faasm_vm::Extern::Memory(memory)) = instance.export(&store, "m") else { panic!() };
    assert_eq!(memory.view(&store).read_u32(0).unwrap(), 0);
}

#[test]
fn a_name_is_defined_once() {
    let mut linker = Linker::<()>::new(&engine());
    linker.func_wrap("h", "f", |_: Caller<'_, ()>| ()).unwrap();
    let error = linker.func_wrap("h", "f", |_: Caller<'_, ()>, _: i32| ()).unwrap_err();
    assert_eq!(error, LinkError::Duplicate { module: "h".to_owned(), name: "f".to_owned() });
}

#[test]
fn an_external_reference_is_no_function_pointer() {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    let call = |caller: Caller<'_, ()>| i32::from(caller.table_func(0).is_some());
    linker.func_wrap("h", "found", call).unwrap();
    let found = |tables: &str, external: u32| {
        let text = format!(
            r#"(module (import "h" "found" (func $found (result i32))) {tables}
              (func $f (export "f") (param externref) (result i32)
                (table.set {external} (i32.const 0) (local.get 0)) (call $found)))"#
        );
        let (mut store, instance) = instance(&engine, &linker, &text, ());
        let f = instance.func(&store, "f").unwrap();
        // In compiled code the number of a function, too.
        f.call(&mut store, &[Val::ExternRef(Some(0))]).unwrap()
    };
    assert_eq!(found("(table funcref (elem $f)) (table 1 externref)", 1), [Val::I32(1)]);
    assert_eq!(found("(table 1 externref)", 0), [Val::I32(0)]);
}
