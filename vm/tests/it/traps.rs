//! Why and where guests stop.

use std::time::{Duration, Instant};

use faasm_vm::{Linker, Store, StoreLimits, Trap, TrapCode, Val};

use crate::support::{arena, engine, faaslet, module};

const TRAPS: &str = r#"(module $traps
  (type $void (func))
  (memory 1)
  (table 3 funcref)
  (elem (i32.const 0) $wrong)
  (func $wrong (param i32))
  (func $deepest (param i32)
    (block $interrupted (block $overflow (block $conversion (block $zero (block $mismatch
    (block $uninitialized (block $undefined (block $memory (block $unreachable
      (br_table $unreachable $memory $undefined $uninitialized $mismatch $zero $conversion $overflow
        (local.get 0)))
      unreachable)
      (drop (i32.load offset=65533 (i32.const 0))) (return))
      (call_indirect (type $void) (i32.const 3)) (return))
      (call_indirect (type $void) (i32.const 1)) (return))
      (call_indirect (type $void) (i32.const 0)) (return))
      (drop (i32.div_s (i32.const 1) (i32.sub (local.get 0) (local.get 0)))) (return))
      (drop (i32.trunc_f32_s (f32.div (f32.const 0) (f32.const 0)))) (return))
      (drop (i32.div_s (i32.const 0x80000000) (i32.sub (i32.const 6) (local.get 0)))) (return)))
  (func $middle (param i32) (call $deepest (local.get 0)) (memory.grow (i32.const 0)) drop)
  (func (export "trap") (param i32) (call $middle (local.get 0)) (memory.grow (i32.const 0)) drop)
  (func $endless (export "endless") (loop (br 0)))
  (func $recurse (export "recurse") (param i32) (result i32)
    (i32.add (i32.const 1) (call $recurse (i32.add (local.get 0) (i32.const 1)))))
  (func (export "fine") (result i32) (i32.const 42)))"#;

fn names(trap: &Trap) -> Vec<&str> {
    trap.backtrace().frames().iter().filter_map(|frame| frame.name.as_deref()).collect()
}

#[test]
fn every_kind_of_trap_has_its_message_and_a_named_backtrace() {
    let (mut store, instance) = faaslet(TRAPS);
    let trap = instance.func(&store, "trap").unwrap();
    let fine = instance.func(&store, "fine").unwrap();
    let messages = [
        "unreachable",
        "out of bounds memory access",
        "undefined element",
        "uninitialized element",
        "indirect call type mismatch",
        "integer divide by zero",
        "invalid conversion to integer",
        "integer overflow",
    ];
    for (kind, message) in (0..).zip(messages) {
        let error = trap.call(&mut store, &[Val::I32(kind)]).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(names(&error)[..2], ["deepest", "middle"], "{message}: {}", error.backtrace());
        assert_eq!(error.backtrace().frames().len(), 3, "{}", error.backtrace());
        assert_eq!(error.backtrace().frames()[0].module.as_deref(), Some("traps"));
        assert_eq!(fine.call(&mut store, &[]).unwrap(), [Val::I32(42)]);
    }
}

#[test]
fn the_stack_overflows_into_a_trap_again_and_again() {
    let (mut store, instance) = faaslet(TRAPS);
    let recurse = instance.func(&store, "recurse").unwrap().typed::<i32, i32>(&store).unwrap();
    for _ in 0..3 {
        let trap = recurse.call(&mut store, 0).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow));
        assert_eq!(trap.to_string(), "call stack exhausted");
        assert!(names(&trap).len() > 10);
        assert!(names(&trap).iter().all(|name| *name == "recurse"));
    }
}

#[test]
fn an_endless_loop_is_interrupted_by_another_thread() {
    let (mut store, instance) = faaslet(TRAPS);
    let endless = instance.func(&store, "endless").unwrap();
    let interrupt = store.interrupt();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A request before the call begins is without effect, so it is repeated until it has had one.
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                interrupt.request();
                std::thread::yield_now();
            }
        });
        let trap = endless.call(&mut store, &[]).unwrap_err();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
        assert_eq!(trap.to_string(), "interrupted");
    });
    assert!(store.is_poisoned());
    let refused = endless.call(&mut store, &[]).unwrap_err();
    assert!(refused.to_string().contains("recycled"), "{refused}");
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let engine = engine();
    let module = module(&engine, TRAPS);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    let endless = instance.func(&store, "endless").unwrap();
    let begun = Instant::now();
    store.set_deadline(Some(begun + Duration::from_millis(30)));
    let trap = endless.call(&mut store, &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
    assert_eq!(names(&trap), ["endless"]);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(30) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn traps_cross_instances_with_all_their_frames() {
    let engine = engine();
    let inner = module(
        &engine,
        r#"(module $inner (memory 1)
          (func $fails (export "f") (param i32) (drop (i32.load (local.get 0)))))"#,
    );
    let outer = module(
        &engine,
        r#"(module $outer (import "inner" "f" (func $f (param i32))) (memory 1)
          (func $calls (export "g") (param i32)
            (i32.store (i32.const 0) (i32.const 7)) (call $f (local.get 0)) (drop (memory.grow (i32.const 0))))
          (func (export "peek") (result i32) (i32.load (i32.const 0))))"#,
    );
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let first = linker.instantiate(&mut store, &inner).unwrap();
    linker.instance(&store, "inner", first);
    let second = linker.instantiate(&mut store, &outer).unwrap();
    let g = second.func(&store, "g").unwrap();
    let trap = g.call(&mut store, &[Val::I32(-1)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::MemoryOutOfBounds));
    let frames: Vec<_> = trap
        .backtrace()
        .frames()
        .iter()
        .map(|f| (f.module.as_deref(), f.name.as_deref()))
        .collect();
    assert_eq!(frames, [(Some("inner"), Some("fails")), (Some("outer"), Some("calls"))]);
    let peek = second.func(&store, "peek").unwrap();
    assert_eq!(peek.call(&mut store, &[]).unwrap(), [Val::I32(7)]);
}

#[test]
fn hostile_names_in_backtraces_are_short_and_printable() {
    let long = "x".repeat(90_000);
    let mangled = format!("_RMC1a{}e", "R".repeat(490));
    let text = format!(
        r#"(module $"a\1b[31m{long}"
          (func $"{mangled}" (export "f") unreachable)
          (func $"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE" (export "g") unreachable)
          (func $"b\0a\00{long}" (export "h") unreachable))"#
    );
    let (mut store, instance) = faaslet(&text);
    let mut backtrace = |name: &str| {
        let trap = instance.func(&store, name).unwrap().call(&mut store, &[]).unwrap_err();
        let frame = &trap.backtrace().frames()[0];
        assert!(frame.module.as_ref().unwrap().len() <= 512);
        assert!(frame.name.as_ref().unwrap().len() <= 512);
        trap.backtrace().to_string()
    };
    for name in ["f", "g", "h"] {
        let text = backtrace(name);
        assert!(text.len() < 1100 && text.lines().count() == 1, "{text:?}");
        assert!(text.starts_with("   0: a?[31mxxx") && !text.trim_end().contains(char::is_control));
    }
    assert!(backtrace("g").contains("!core::fmt::Write::write_fmt+"), "{}", backtrace("g"));
}
