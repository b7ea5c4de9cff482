//! The guest's stack runs out: in every way to recurse, and never into anything but a trap.

use faasm_vm::{Caller, Extern, InstantiateError, Linker, Store, StoreLimits, Trap, TrapCode, Val};

use crate::support::{arena, engine, faaslet, module};

/// Calls `name` thrice: each time the stack is exhausted, and afterwards `fine` runs.
fn exhausts(text: &str, name: &str) {
    let (mut store, instance) = faaslet(text);
    let recurse = instance.func(&store, name).unwrap();
    let fine = instance.func(&store, "fine").unwrap();
    let args: Vec<Val> = recurse.ty(&store).params.iter().map(|_| Val::I32(1)).collect();
    for _ in 0..3 {
        let trap = recurse.call(&mut store, &args).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow), "{trap:?}");
        assert!(trap.backtrace().frames().len() > 3, "{}", trap.backtrace());
        assert_eq!(fine.call(&mut store, &[]).unwrap(), [Val::I32(42)]);
    }
}

const FINE: &str = r#"(func (export "fine") (result i32) (i32.const 42))"#;

#[test]
fn recursion_through_calls_tables_and_each_other_is_a_trap() {
    exhausts(
        &format!(
            r#"(module (memory 1) (table 1 funcref) (elem (i32.const 0) $f) {FINE}
              (func $f (export "f") (call_indirect (i32.const 0)) (i32.store (i32.const 0) (i32.const 1))))"#
        ),
        "f",
    );
    exhausts(
        &format!(
            r#"(module (memory 1) {FINE}
              (func $f (export "f") (param i32) (result i32) (i32.add (i32.const 1) (call $g (local.get 0))))
              (func $g (param i32) (result i32) (i32.mul (i32.const 3) (call $f (local.get 0)))))"#
        ),
        "f",
    );
}

#[test]
fn large_frames_do_not_step_over_the_guard() {
    // Values that live over the call take stack: 4000 of them take more than the guard, whose every page is probed.
    for n in [10, 100, 600, 4000] {
        let many = "i64 ".repeat(n);
        let set: String =
            (1..=n).map(|i| format!("(local.set {i} (i64.load (i32.const {i})))")).collect();
        let sum: String =
            (1..=n).map(|i| format!("(i64.store (i32.const {i}) (local.get {i}))")).collect();
        exhausts(
            &format!(
                r#"(module (memory 1) {FINE}
                  (func $f (export "f") (param i32) (local {many}) {set} (call $f (local.get 0)) {sum}))"#
            ),
            "f",
        );
    }
}

#[test]
fn many_parameters_and_results_overflow_like_others() {
    let n = 500;
    let (types, gets) =
        ("i32 ".repeat(n), (0..n).map(|i| format!("(local.get {i})")).collect::<String>());
    exhausts(
        &format!(
            r#"(module (memory 1) {FINE}
              (func $many (param {types}) (result {types}) {gets} (call $many))
              (func (export "f") (param i32) (result i32)
                {args} (call $many) {drops}))"#,
            args = "(local.get 0)".repeat(n),
            drops = "drop ".repeat(n - 1),
        ),
        "f",
    );
}

#[test]
fn recursion_through_the_host_is_a_trap() {
    let engine = engine();
    let mut linker = Linker::<u32>::new(&engine);
    linker
        .func_wrap("h", "again", |mut caller: Caller<'_, u32>, n: i32| -> Result<i32, Trap> {
            *caller.data_mut() += 1;
            let Some(Extern::Func(f)) = caller.export("f") else { panic!() };
            let values = f.call(&mut caller, &[Val::I32(n)])?;
            match values[..] {
                [Val::I32(n)] => Ok(n),
                _ => panic!("{values:?}"),
            }
        })
        .unwrap();
    let text = format!(
        r#"(module (import "h" "again" (func $again (param i32) (result i32))) (memory 1) {FINE}
          (func (export "f") (param i32) (result i32) (i32.add (i32.const 1) (call $again (local.get 0)))))"#
    );
    let module = module(&engine, &text);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), 0).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.func(&store, "f").unwrap();
    let fine = instance.func(&store, "fine").unwrap();
    for _ in 0..3 {
        *store.data_mut() = 0;
        let trap = f.call(&mut store, &[Val::I32(1)]).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow), "{trap:?}");
        assert!(*store.data() > 3, "{} entries nested", store.data());
        assert_eq!(fine.call(&mut store, &[]).unwrap(), [Val::I32(42)]);
    }
}

#[test]
fn recursion_across_instances_is_a_trap() {
    let engine = engine();
    let mut linker = Linker::new(&engine);
    let mut store = arena(&engine);
    let first = module(
        &engine,
        r#"(module $first (memory 1) (table (export "t") 1 funcref)
          (func (export "f") (param i32) (result i32)
            (i32.add (i32.const 1) (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))))"#,
    );
    let first = linker.instantiate(&mut store, &first).unwrap();
    linker.instance(&store, "first", first);
    let second = module(
        &engine,
        r#"(module $second (import "first" "f" (func $f (param i32) (result i32)))
          (import "first" "t" (table 1 funcref)) (memory 2) (elem (i32.const 0) $g)
          (func $g (export "g") (param i32) (result i32)
            (i32.store (i32.const 65536) (local.get 0))
            (i32.add (i32.const 1) (call $f (i32.load (i32.const 65536)))))
          (func (export "fine") (result i32) (i32.load (i32.const 65536))))"#,
    );
    let second = linker.instantiate(&mut store, &second).unwrap();
    let fine = second.func(&store, "fine").unwrap();
    for (instance, name) in [(first, "f"), (second, "g")] {
        let trap =
            instance.func(&store, name).unwrap().call(&mut store, &[Val::I32(5)]).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow), "{trap:?}");
        let modules: Vec<_> =
            trap.backtrace().frames().iter().filter_map(|frame| frame.module.as_deref()).collect();
        assert!(modules.contains(&"first") && modules.contains(&"second"), "{modules:?}");
        assert_eq!(fine.call(&mut store, &[]).unwrap(), [Val::I32(5)]);
    }
}

#[test]
fn a_start_function_that_recurses_is_a_trap() {
    let engine = engine();
    let module = module(&engine, "(module (memory 1) (func $f (call $f) (call $f)) (start $f))");
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let error = Linker::new(&engine).instantiate(&mut store, &module).unwrap_err();
    let InstantiateError::Trap(trap) = error else { panic!("{error:?}") };
    assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow));
}

#[test]
fn tail_calls_use_no_stack() {
    let (mut store, instance) = faaslet(
        r#"(module (memory 1)
          (func $even (export "even") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
            (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
          (func $odd (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
            (return_call $even (i32.sub (local.get 0) (i32.const 1)))))"#,
    );
    let even = instance.func(&store, "even").unwrap();
    assert_eq!(even.call(&mut store, &[Val::I32(3_000_000)]).unwrap(), [Val::I32(1)]);
}
