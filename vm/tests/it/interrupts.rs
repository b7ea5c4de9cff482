//! Deadlines and interrupts end every kind of guest, wherever it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faasm_sfi::pending::pending;
use faasm_vm::{
    Caller, Captured, Instance, InstantiateError, Linker, Pending, Run, Store, StoreLimits, Trap,
    TrapCode, Val,
};

use crate::support::{engine, module};

/// One export for each kind of instruction that a guest can spend its life in; none of them ends by itself.
const ENDLESS: &str = r#"(module $endless
  (import "h" "host" (func $host (param i32) (result i32)))
  (import "h" "nest" (func $nest))
  (type $unary (func (param i32) (result i32)))
  (memory 1 20000)
  (table $calls 4 funcref) (elem (table $calls) (i32.const 0) func $leaf $leaf)
  (table $grown 10 2000000 funcref)
  (global $g (mut i64) (i64.const 0))
  (data $d "some bytes") (elem $e func $leaf $leaf)
  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "branch") (loop (br 0)))
  (func (export "arithmetic") (local i64)
    (loop (local.set 0 (i64.mul (local.get 0) (i64.const 0x5851f42d4c957f2d))) (br 0)))
  (func (export "division") (local i64)
    (loop (local.set 0 (i64.div_u (i64.const -1) (i64.or (local.get 0) (i64.const 1)))) (br 0)))
  (func (export "float") (local f64)
    (loop (local.set 0 (f64.sqrt (f64.add (local.get 0) (f64.const 1.5)))) (br 0)))
  (func (export "load") (loop (drop (i32.load (i32.const 8))) (br 0)))
  (func (export "store") (loop (i64.store offset=3 (i32.const 100) (i64.const -1)) (br 0)))
  (func (export "vector") (local v128)
    (loop
      (local.set 0 (f32x4.sqrt (f32x4.mul (local.get 0) (v128.load (i32.const 16)))))
      (v128.store (i32.const 32) (local.get 0)) (br 0)))
  (func (export "global") (loop (global.set $g (i64.add (global.get $g) (i64.const 1))) (br 0)))
  (func (export "table") (param i32)
    (loop (br_table 0 0 0 (i32.and (i32.load (i32.const 0)) (i32.const 1)))))
  (func (export "call") (loop (drop (call $leaf (i32.const 1))) (br 0)))
  (func (export "indirect")
    (loop (drop (call_indirect $calls (type $unary) (i32.const 1) (i32.const 1))) (br 0)))
  (func (export "host") (loop (drop (call $host (i32.const 1))) (br 0)))
  (func $tail (export "tail") (return_call $tail))
  (func $tails (export "tails") (param i32) (result i32)
    (table.set $calls (i32.const 2) (ref.func $tails))
    (return_call_indirect $calls (type $unary) (local.get 0) (i32.const 2)))
  (elem declare func $tails)
  (func $fib (param i32) (result i32)
    (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (i32.const 1))))
    (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
      (call $fib (i32.sub (local.get 0) (i32.const 2)))))
  (func (export "recursion") (loop (drop (call $fib (i32.const 60))) (br 0)))
  (func (export "fill") (drop (memory.grow (i32.const 16384)))
    (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x40000000)) (br 0)))
  (func (export "small fill") (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 40)) (br 0)))
  (func (export "copy") (drop (memory.grow (i32.const 16384)))
    (loop (memory.copy (i32.const 1) (i32.const 0) (i32.const 0x3fffffff)) (br 0)))
  (func (export "copy down") (drop (memory.grow (i32.const 16384)))
    (loop (memory.copy (i32.const 0) (i32.const 1) (i32.const 0x3fffffff)) (br 0)))
  (func (export "init") (loop (memory.init $d (i32.const 0) (i32.const 0) (i32.const 10)) (br 0)))
  (func (export "drop") (loop (data.drop $d) (elem.drop $e) (br 0)))
  (func (export "grow") (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func (export "grow in vain") (loop (drop (memory.grow (i32.const 60000))) (br 0)))
  (func (export "table grow") (loop (drop (table.grow $grown (ref.null func) (i32.const 0))) (br 0)))
  (func (export "table fill") (drop (table.grow $grown (ref.null func) (i32.const 1900000)))
    (loop (table.fill $grown (i32.const 0) (ref.func $leaf) (i32.const 1900000)) (br 0)))
  (func (export "table copy") (drop (table.grow $grown (ref.null func) (i32.const 1900000)))
    (loop (table.copy $grown $grown (i32.const 1) (i32.const 0) (i32.const 1900000)) (br 0)))
  (func (export "table init")
    (loop (table.init $grown $e (i32.const 0) (i32.const 0) (i32.const 2)) (br 0)))
  (func (export "table get")
    (loop (table.set $grown (i32.const 1) (table.get $grown (i32.const 0))) (br 0)))
  (func (export "nested") (call $nest))
  (func (export "spin") (loop (br 0)))
  (func (export "fine") (result i32) (i32.const 42)))"#;

/// The endless exports.
fn kinds() -> Vec<String> {
    let info = faasm_compiler::validate(&wat::parse_str(ENDLESS).unwrap()).unwrap().info().clone();
    let names = info.exports.into_iter().map(|export| export.name);
    names.filter(|name| name != "fine").collect()
}

fn endless() -> (Captured, Instance) {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "host", |_: Caller<'_, ()>, x: i32| x + 1)
        .unwrap()
        .func_wrap("h", "nest", |mut caller: Caller<'_, ()>| -> Result<(), Trap> {
            let Some(faasm_vm::Extern::Func(spin)) = caller.export("spin") else { panic!() };
            spin.call(&mut caller, &[]).map(drop)
        })
        .unwrap();
    let module = module(&engine, ENDLESS);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store.capture().unwrap(), instance)
}

/// Calls `kind` in a store of its own and checks how it ends.
fn ends(captured: &Captured, instance: Instance, kind: &str, prepare: impl FnOnce(&mut Store<()>)) {
    let mut store = captured.birth(()).unwrap();
    let func = instance.func(&store, kind).unwrap();
    let args: Vec<Val> = func.ty(&store).params.iter().map(|_| Val::I32(1)).collect();
    prepare(&mut store);
    let begun = Instant::now();
    let trap = func.call(&mut store, &args).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted), "{kind}: {trap:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{kind}");
    assert!(store.is_poisoned(), "{kind}");
    store.recycle();
    // The slot is as good as new, whatever the interrupt left half done.
    let mut again = captured.birth(()).unwrap();
    let fine = instance.func(&again, "fine").unwrap();
    assert_eq!(fine.call(&mut again, &[]).unwrap(), [Val::I32(42)], "{kind}");
    again.recycle();
}

fn soon(store: &mut Store<()>) {
    store.set_deadline(Some(Instant::now() + Duration::from_millis(3)));
}

#[test]
fn a_deadline_ends_a_guest_at_every_kind_of_instruction() {
    let (captured, instance) = endless();
    let kinds = kinds();
    assert!(kinds.len() >= 30, "{kinds:?}");
    for kind in kinds {
        ends(&captured, instance, &kind, soon);
    }
}

#[test]
fn two_threads_under_load_are_interrupted_at_every_kind_of_instruction() {
    let (captured, instance) = endless();
    let done = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        // A third that computes all the time, so that the others are preempted anywhere.
        let stop = Arc::clone(&done);
        scope.spawn(move || {
            let mut n = 1_u64;
            while !stop.load(Ordering::Relaxed) {
                n = std::hint::black_box(n.wrapping_mul(3));
            }
        });
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let captured = captured.clone();
                scope.spawn(move || {
                    let mut kinds = kinds();
                    kinds.rotate_left(thread * 7);
                    for kind in kinds {
                        ends(&captured, instance, &kind, soon);
                        requested(&captured, instance, &kind);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
}

/// As [`ends`], by requests of another thread. One before the call begins is without effect, so they are repeated.
fn requested(captured: &Captured, instance: Instance, kind: &str) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        ends(captured, instance, kind, |store| {
            let interrupt = store.interrupt();
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    interrupt.request();
                    std::thread::yield_now();
                }
            });
        });
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_start_function_ends_at_the_deadline() {
    let engine = engine();
    for body in [
        "(loop (br 0))",
        "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0))",
    ] {
        let text = format!("(module (memory 1) (func $start {body}) (start $start))");
        let module = module(&engine, &text);
        let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
        soon(&mut store);
        let error = Linker::new(&engine).instantiate(&mut store, &module).unwrap_err();
        let InstantiateError::Trap(trap) = error else { panic!("{error:?}") };
        assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
        assert!(store.is_poisoned());
    }
}

#[test]
fn initial_values_end_at_the_deadline() {
    let engine = engine();
    for init in ["array.new $a (i32.const 1)", "array.new_default $a"] {
        // Nearly as long as the limit of the heap lets it be.
        let text = format!(
            "(module (type $a (array (mut i8))) (global (ref $a) ({init} (i32.const 900000000))))"
        );
        let module = module(&engine, &text);
        let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
        store.set_deadline(Some(Instant::now()));
        let error = Linker::new(&engine).instantiate(&mut store, &module).unwrap_err();
        let InstantiateError::Trap(trap) = error else { panic!("{error:?}") };
        assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
        assert!(store.is_poisoned());
    }
}

#[test]
fn an_interrupt_of_a_suspended_call_takes_effect_when_it_is_resumed() {
    let engine = engine();
    let mut linker = Linker::<Option<Pending<i32>>>::new(&engine);
    linker
        .func_wrap("h", "wait", |mut caller: Caller<'_, Option<Pending<i32>>>| {
            let pending = caller.data_mut().take().unwrap();
            caller.wait(pending, None).unwrap_or(-1)
        })
        .unwrap();
    let text = r#"(module (import "h" "wait" (func $wait (result i32))) (memory 1)
      (func (export "f") (drop (call $wait)) (loop (br 0))))"#;
    let module = module(&engine, text);
    let (completer, pending) = pending();
    let limits = StoreLimits::default();
    let mut store = Store::for_module(&engine, &module, limits, Some(pending)).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.func(&store, "f").unwrap();
    let Run::Waiting(suspended) = f.start(store, &[]) else { panic!("it does not wait") };
    suspended.interrupt().request();
    completer.complete(1);
    let Run::Done(store, outcome) = suspended.resume() else { panic!("it waits again") };
    assert_eq!(outcome.unwrap_err().trap_code(), Some(TrapCode::Interrupted));
    assert!(store.is_poisoned());
}
