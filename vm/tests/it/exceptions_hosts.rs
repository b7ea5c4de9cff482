//! Exceptions across host functions, in both directions.

use std::sync::atomic::{AtomicUsize, Ordering};

use faasm_sfi::pending::pending;
use faasm_vm::{
    CallError, Caller, Engine, EngineConfig, Extern, FuncType, GcError, GcRef, Instance, Linker,
    Pending, Run, Store, StoreError, StoreLimits, Tag, Trap, TrapCode, TrapKind, Val, ValType,
};

use crate::support::{engine, key, module};

/// `try_host` catches what the host throws, `thrower` is what the host calls, and `outer` calls the host which calls it.
const GUEST: &str = r#"(module $guest
  (import "h" "throw" (func $host_throw (param i32)))
  (import "h" "enter" (func $host_enter (param i32) (result i32)))
  (import "h" "enter_all" (func $host_enter_all (param i32) (result i32)))
  (tag $t (export "t") (param i32)) (tag $e (export "e"))
  (memory 1) (data (i32.const 0) "\05") (global $g (mut i32) (i32.const 7))
  (func $try_host (export "try_host") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $t $caught) (call $host_throw (local.get 0)))
      (return (i32.const -1)))
    (i32.add (i32.load (i32.const 0))) (i32.add (global.get $g)))
  (func (export "try_many") (param $n i32) (result i32) (local $sum i32)
    (loop $more
      (block $caught (result i32)
        (try_table (catch $t $caught) (call $host_throw (i32.const 3)))
        (unreachable))
      (local.set $sum (i32.add (local.get $sum)))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "thrower") (param i32) (result i32)
    (if (i32.eq (local.get 0) (i32.const 100)) (then (throw $t (local.get 0))))
    (if (i32.eq (local.get 0) (i32.const 101)) (then (throw $e)))
    (if (i32.eq (local.get 0) (i32.const 102)) (then (unreachable)))
    (if (i32.eq (local.get 0) (i32.const 103)) (then
      (return (i32.sub (call $try_host (i32.const 103)) (i32.const 12)))))
    (local.get 0))
  (func (export "outer") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $t $caught) (call $host_enter (local.get 0)))
      (return))
    (i32.add (global.get $g)))
  (func (export "outer_many") (param $n i32) (result i32) (local $sum i32)
    (loop $more
      (block $caught (result i32)
        (try_table (catch $t $caught) (drop (call $host_enter_all (i32.const 100))))
        (unreachable))
      (local.set $sum (i32.add (local.get $sum)))
      (block $caught (result i32)
        (try_table (catch $t $caught) (drop (call $host_enter (i32.const 100))))
        (unreachable))
      (local.set $sum (i32.add (local.get $sum)))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))"#;

fn tag<T: 'static>(caller: &Caller<'_, T>, name: &str) -> Tag {
    match caller.export(name) {
        Some(Extern::Tag(tag)) => tag,
        other => panic!("{name}: {other:?}"),
    }
}

/// Throws tag `t` with its argument; with 0, a trap.
fn throw(mut caller: Caller<'_, ()>, value: i32) -> Result<(), Trap> {
    if value == 0 {
        return Err(Trap::code(TrapCode::Unreachable));
    }
    let tag = tag(&caller, "t");
    Err(caller.throw(tag, &[Val::I32(value)]))
}

/// Calls `thrower`; what that throws is thrown on, and what has tag `e` becomes a result.
fn enter(caller: &mut Caller<'_, ()>, value: i32) -> Result<i32, Trap> {
    let Some(Extern::Func(thrower)) = caller.export("thrower") else { panic!() };
    let trap = match thrower.call(caller, &[Val::I32(value)]) {
        Ok(results) if results == [Val::I32(value)] => return Ok(value),
        Ok(results) => panic!("{results:?}"),
        Err(trap) => trap,
    };
    match trap.exception() {
        Some(exception) if exception.tag(caller) == Ok(tag(caller, "e")) => Ok(-5),
        _ => Err(trap),
    }
}

fn world(collect_always: bool) -> (Store<()>, Instance) {
    let mut config = EngineConfig::new(key());
    config.collect_always = collect_always;
    let engine = Engine::new(config).unwrap();
    let mut linker = Linker::new(&engine);
    let ty = FuncType { params: [ValType::I32].into(), results: [ValType::I32].into() };
    linker
        .func_wrap("h", "throw", throw)
        .unwrap()
        .func_wrap("h", "enter", |mut caller: Caller<'_, ()>, value: i32| enter(&mut caller, value))
        .unwrap()
        .func_new("h", "enter_all", ty, |mut caller, params, results| {
            let Val::I32(value) = params[0] else { panic!("{params:?}") };
            results[0] = Val::I32(enter(&mut caller, value)?);
            Ok(())
        })
        .unwrap();
    let module = module(&engine, GUEST);
    let limits = StoreLimits { gc_heap_bytes: 128 << 10, ..StoreLimits::default() };
    let mut store = Store::for_module(&engine, &module, limits, ()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn call(store: &mut Store<()>, instance: Instance, name: &str, arg: i32) -> Result<i32, Trap> {
    let func = instance.func(store, name).unwrap().typed::<i32, i32>(store).unwrap();
    func.call(store, arg)
}

fn both(test: impl Fn(&mut Store<()>, Instance)) {
    for collect_always in [false, true] {
        let (mut store, instance) = world(collect_always);
        test(&mut store, instance);
    }
}

#[test]
fn the_guest_catches_what_the_host_throws() {
    both(|store, instance| {
        assert_eq!(call(store, instance, "try_host", 100).unwrap(), 100 + 5 + 7);
        let trap = call(store, instance, "try_host", 0).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable), "a trap stays a trap");
    });
}

#[test]
fn the_host_sees_what_the_guest_throws_and_throws_it_on() {
    both(|store, instance| {
        assert_eq!(call(store, instance, "outer", 3).unwrap(), 3, "nothing was thrown");
        assert_eq!(call(store, instance, "outer", 100).unwrap(), 107, "thrown on and caught");
        assert_eq!(call(store, instance, "outer", 103).unwrap(), 103, "caught in the inner call");
        assert_eq!(call(store, instance, "outer", 101).unwrap(), -5, "the host made it a result");
        let trap = call(store, instance, "outer", 102).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable));
        let names = trap.backtrace().frames().iter().map(|frame| frame.function);
        assert_eq!(names.collect::<Vec<_>>(), [5, 6], "of both calls");
    });
}

#[test]
fn an_uncaught_exception_keeps_its_backtrace_across_the_host() {
    let other = r#"(module (import "h" "enter" (func $enter (param i32) (result i32)))
      (tag $t (export "t") (param i32)) (tag $e (export "e"))
      (func (export "thrower") (param i32) (result i32) (throw $t (local.get 0)))
      (func (export "outer") (result i32) (call $enter (i32.const 100))))"#;
    let engine = engine();
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("h", "enter", |mut caller: Caller<'_, ()>, value: i32| enter(&mut caller, value))
        .unwrap();
    let module = module(&engine, other);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let outer = instance.func(&store, "outer").unwrap();
    let trap = outer.call(&mut store, &[]).unwrap_err();
    assert!(matches!(trap.kind(), TrapKind::Exception(_)));
    let payload = trap.exception().unwrap().payload(&mut store).unwrap();
    assert_eq!(payload, [Val::I32(100)]);
    let functions: Vec<_> = trap.backtrace().frames().iter().map(|frame| frame.function).collect();
    assert_eq!(functions, [1, 2]);
}

#[test]
fn throws_across_the_host_leave_nothing_behind() {
    for name in ["try_many", "outer_many"] {
        let (mut store, instance) = world(false);
        // Each exception takes 16 bytes of a heap that has 64 KiB at first and 128 at most.
        let times = if name == "try_many" { 3 } else { 200 };
        assert_eq!(call(&mut store, instance, name, 20_000).unwrap(), 20_000 * times, "{name}");
    }
}

#[test]
fn the_embedder_makes_and_reads_exceptions() {
    let engine = engine();
    let mut store = Store::new(&engine, StoreLimits::default(), ()).unwrap();
    let tag = Tag::new(&mut store, &[ValType::I32, ValType::V128]).unwrap();
    let early = GcRef::new_exception(&mut store, tag, &[Val::I32(1), Val::V128(2)]);
    assert_eq!(early, Err(GcError::Exhausted), "no instance has made a heap yet");
    let mut linker = Linker::new(&engine);
    linker.define("h", "tag", Extern::Tag(tag));
    let text = r#"(module (import "h" "tag" (tag $t (param i32 v128)))
      (func (export "f") (param exnref) (result i32 v128)
        (block $caught (result i32 v128)
          (try_table (catch $t $caught) (throw_ref (local.get 0)))
          (unreachable))))"#;
    let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
    let f = instance.func(&store, "f").unwrap();
    let payload = [Val::I32(-1), Val::V128(u128::MAX - 5)];
    let exception = GcRef::new_exception(&mut store, tag, &payload).unwrap();
    assert_eq!(exception.payload(&mut store).unwrap(), payload);
    assert_eq!(f.call(&mut store, &[Val::ExnRef(Some(exception))]).unwrap(), payload);
    let trap = f.call(&mut store, &[Val::ExnRef(None)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::NullException));
    for wrong in [&payload[..1], &[Val::I64(0), payload[1]]] {
        assert_eq!(GcRef::new_exception(&mut store, tag, wrong), Err(GcError::WrongType));
    }
    let number = GcRef::new_i31(&mut store, 5);
    assert_eq!(number.tag(&store), Err(GcError::Kind));
    store.release_refs();
    assert_eq!(exception.tag(&store), Err(GcError::Stale));
    let trap = f.call(&mut store, &[Val::ExnRef(Some(exception))]).unwrap_err();
    let TrapKind::Host(error) = trap.kind() else { panic!("{trap:?}") };
    assert!(matches!(error.downcast_ref(), Some(CallError::Arguments)));
    let (mut other, _) = world(false);
    assert!(matches!(Tag::new(&mut other, &[]), Err(StoreError::Sealed)));
    assert_eq!(GcRef::new_exception(&mut other, tag, &payload), Err(GcError::Stale));
}

#[test]
fn an_exception_of_another_store_passes_as_a_trap() {
    let (mut inner, instance) = world(false);
    let thrower = instance.func(&inner, "thrower").unwrap();
    let foreign = thrower.call(&mut inner, &[Val::I32(100)]).unwrap_err().exception().unwrap();
    let engine = engine();
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("h", "throw", move |_: Caller<'_, ()>| -> Result<(), Trap> {
            Err(Trap::throw(foreign))
        })
        .unwrap();
    let text = r#"(module (import "h" "throw" (func $throw)) (tag)
      (func (export "f") (block $caught (try_table (catch_all $caught) (call $throw)))))"#;
    let module = module(&engine, text);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let trap = instance.func(&store, "f").unwrap().call(&mut store, &[]).unwrap_err();
    assert_eq!(trap.exception(), Some(foreign));
    assert_eq!(foreign.tag(&store), Err(GcError::Stale));
    assert_eq!(foreign.payload(&mut inner).unwrap(), [Val::I32(100)]);
}

#[test]
fn a_guest_that_waited_inside_a_try_catches_what_comes_of_it() {
    let engine = engine();
    let mut linker = Linker::<Vec<Pending<i32>>>::new(&engine);
    linker
        .func_wrap("h", "wait", |mut caller: Caller<'_, Vec<Pending<i32>>>| -> Result<i32, Trap> {
            let pending = caller.data_mut().remove(0);
            let value = caller.wait(pending, None).map_err(Trap::host)?;
            let tag = tag(&caller, "t");
            if value > 0 { Ok(value) } else { Err(caller.throw(tag, &[Val::I32(value)])) }
        })
        .unwrap();
    let text = r#"(module (import "h" "wait" (func $wait (result i32)))
      (tag $t (export "t") (param i32)) (memory 1) (data (i32.const 0) "\09")
      (func (export "f") (result i32)
        (block $caught (result i32)
          (try_table (catch $t $caught) (drop (call $wait)) (return (call $wait)))
          (unreachable))
        (i32.sub (i32.load (i32.const 0)))))"#;
    let module = module(&engine, text);
    let (completers, waits): (Vec<_>, _) = (0..2).map(|_| pending()).unzip();
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), waits).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let mut run = instance.func(&store, "f").unwrap().start(store, &[]);
    for (completer, value) in completers.into_iter().zip([3, -20]) {
        let Run::Waiting(suspended) = run else { panic!("{run:?}") };
        completer.complete(value);
        run = suspended.resume();
    }
    let Run::Done(_, outcome) = run else { panic!("{run:?}") };
    assert_eq!(outcome.unwrap(), [Val::I32(-29)]);
}

#[test]
fn an_interrupt_while_the_host_throws_wins() {
    let engine = engine();
    let mut linker = Linker::new(&engine);
    let thrown = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&thrown);
    linker
        .func_wrap("h", "throw", move |mut caller: Caller<'_, ()>| -> Result<(), Trap> {
            caller.interrupt().request();
            count.fetch_add(1, Ordering::Relaxed);
            let tag = tag(&caller, "t");
            Err(caller.throw(tag, &[]))
        })
        .unwrap();
    let text = r#"(module (import "h" "throw" (func $throw)) (tag $t (export "t"))
      (func (export "f")
        (loop $more (block $caught (try_table (catch $t $caught) (call $throw))) (br $more))))"#;
    let module = module(&engine, text);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let trap = instance.func(&store, "f").unwrap().call(&mut store, &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
    assert_eq!(thrown.load(Ordering::Relaxed), 1, "the landing was not reached");
    assert!(store.is_poisoned());
}
