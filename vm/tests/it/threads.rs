//! Shared memories: several stores on several threads, atomic operators, wait and notify, growth, capture and birth.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use faasm_vm::{
    AccessError, CaptureError, Captured, Engine, Extern, GuestMemoryError, Instance,
    InstantiateError, Limits, Linker, Memory, MemoryType, Module, Run, SharedMemory,
    SharedMemoryError, Store, StoreError, StoreLimits, Trap, TrapCode, Val,
};

use crate::support::{arena, engine, faaslet, module};

const PAGE: u64 = 1 << 16;

fn memory_type(min: u64, max: u64) -> MemoryType {
    let limits = Limits { min, max: Some(max) };
    MemoryType { limits, memory64: false, shared: true, page_size_log2: 16 }
}

fn shared(engine: &Engine, min: u64, max: u64) -> SharedMemory {
    SharedMemory::new(engine, memory_type(min, max)).unwrap()
}

/// A store of its own, as a thread has, with an instance of `module` that imports the memory.
fn thread_of(engine: &Engine, module: &Module, memory: &SharedMemory) -> (Store<()>, Instance) {
    let mut linker = Linker::new(engine);
    linker.define_shared_memory("env", "memory", memory.clone());
    let mut store = Store::for_module(engine, module, StoreLimits::default(), ()).unwrap();
    let instance = linker.instantiate(&mut store, module).unwrap();
    (store, instance)
}

fn call(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    args: &[Val],
) -> Result<Vec<Val>, Trap> {
    instance.func(store, name).unwrap().call(store, args)
}

fn code(outcome: Result<Vec<Val>, Trap>) -> Option<TrapCode> {
    outcome.unwrap_err().trap_code()
}

const WORKER: &str = r#"(module
  (import "env" "memory" (memory $memory 1 64 shared))
  (export "memory" (memory $memory))
  (data $d "passive")
  (func (export "count") (param i32) (result i32)
    (loop
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (drop (i64.atomic.rmw.xor (i32.const 8) (i64.const -1)))
      (call $locked)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.atomic.load (i32.const 0)))
  (func $locked
    (loop (br_if 0 (i32.atomic.rmw8.cmpxchg_u (i32.const 16) (i32.const 0) (i32.const 1))))
    (i32.store (i32.const 20) (i32.add (i32.load (i32.const 20)) (i32.const 1)))
    (i32.atomic.store8 (i32.const 16) (i32.const 0)))
  (func (export "spin")
    (drop (i32.atomic.rmw.add (i32.const 40) (i32.const 1)))
    (loop
      (drop (i64.atomic.rmw.and (i32.const 48) (i64.const 7)))
      (br_if 0 (i32.eqz (i32.atomic.rmw16.cmpxchg_u (i32.const 56) (i32.const 1) (i32.const 2))))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 5) (local.get 1)))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32) (memory.init $d (local.get 0) (i32.const 0) (i32.const 7)))
  (func (export "until_size") (param i32) (result i32)
    (loop (br_if 0 (i32.lt_u (memory.size) (local.get 0))))
    (i32.load (i32.sub (i32.shl (local.get 0) (i32.const 16)) (i32.const 4))))
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "take_turns") (param $me i32) (param $turns i32) (local $now i32)
    (loop $again
      (local.set $now (i32.atomic.load (i32.const 32)))
      (if (i32.ge_u (local.get $now) (local.get $turns)) (then (return)))
      (if (i32.eq (i32.and (local.get $now) (i32.const 1)) (local.get $me))
        (then
          (i32.atomic.store (i32.const 32) (i32.add (local.get $now) (i32.const 1)))
          (drop (memory.atomic.notify (i32.const 32) (i32.const 1))))
        (else
          (drop (memory.atomic.wait32 (i32.const 32) (local.get $now) (i64.const -1)))))
      (br $again))))"#;

/// Two threads at once; what each returns.
fn on_two_threads<V: Send>(
    memory: &SharedMemory,
    body: impl Fn(i32, &mut Store<()>, Instance) -> V + Sync,
) -> [V; 2] {
    let engine = engine();
    let module = module(&engine, WORKER);
    let together = Barrier::new(2);
    std::thread::scope(|scope| {
        let threads = [0, 1].map(|number| {
            let (mut store, instance) = thread_of(&engine, &module, memory);
            let (body, together) = (&body, &together);
            scope.spawn(move || {
                together.wait();
                body(number, &mut store, instance)
            })
        });
        threads.map(|thread| thread.join().unwrap())
    })
}

#[test]
fn what_two_threads_count_atomically_or_under_a_lock_adds_up() {
    const TIMES: i32 = 50_000;
    let memory = shared(&engine(), 1, 1);
    on_two_threads(&memory, |_, store, instance| {
        call(store, instance, "count", &[Val::I32(TIMES)]).unwrap()
    });
    let mut bytes = [0; 24];
    memory.read(0, &mut bytes).unwrap();
    let word = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(8), word(12), word(20)), (2 * TIMES, 0, 0, 2 * TIMES));
}

/// A copy of an aligned word is whole, and the words that a host reads one after the other never go back.
#[test]
fn the_host_copies_while_guests_write() {
    let memory = shared(&engine(), 1, 1);
    on_two_threads(&memory, |number, store, instance| {
        if number == 0 {
            call(store, instance, "count", &[Val::I32(20_000)]).unwrap();
            return;
        }
        let (mut before, mut bytes) = (0, [0; 4]);
        while before < 20_000 {
            memory.read(0, &mut bytes).unwrap();
            let now = u32::from_le_bytes(bytes);
            assert!((before..=20_000).contains(&now), "{before}, then {now}");
            before = now;
            exported(store, instance).view(store).write(1000, &[7; 5000]).unwrap();
        }
    });
    let mut written = [0; 5000];
    memory.read(1000, &mut written).unwrap();
    assert_eq!(written, [7; 5000]);
}

#[test]
fn threads_that_spin_at_atomic_accesses_are_interrupted() {
    let (memory, engine) = (shared(&engine(), 1, 1), engine());
    let module = module(&engine, WORKER);
    std::thread::scope(|scope| {
        let spinning = [(); 2].map(|()| {
            let (mut store, instance) = thread_of(&engine, &module, &memory);
            let interrupt = store.interrupt();
            (interrupt, scope.spawn(move || code(call(&mut store, instance, "spin", &[]))))
        });
        let mut running = [0];
        while running != [2] {
            memory.read(40, &mut running).unwrap();
        }
        for (interrupt, thread) in spinning {
            interrupt.request();
            assert_eq!(thread.join().unwrap(), Some(TrapCode::Interrupted));
        }
    });
}

#[test]
fn threads_that_take_turns_by_wait_and_notify_lose_no_wake_up() {
    const TURNS: i32 = 10_000;
    let memory = shared(&engine(), 1, 1);
    on_two_threads(&memory, |me, store, instance| {
        call(store, instance, "take_turns", &[Val::I32(me), Val::I32(TURNS)]).unwrap()
    });
    let mut turns = [0; 4];
    memory.read(32, &mut turns).unwrap();
    assert_eq!((i32::from_le_bytes(turns), memory.waiting()), (TURNS, 0));
}

#[test]
fn a_thread_that_runs_sees_the_memory_grow_and_its_new_bytes() {
    let memory = shared(&engine(), 1, 8);
    let found = on_two_threads(&memory, |number, store, instance| {
        let (name, argument) = if number == 0 { ("until_size", 4) } else { ("grow", 3) };
        call(store, instance, name, &[Val::I32(argument)]).unwrap()
    });
    assert_eq!(found, [vec![Val::I32(0)], vec![Val::I32(1)]]);
    assert_eq!((memory.size(), memory.grow(5)), (4, Err(AccessError::Limit)));
    assert_eq!((memory.grow(4), memory.grow(0)), (Ok(4), Ok(8)));
}

#[test]
fn threads_that_grow_at_once_each_get_pages_of_their_own() {
    let memory = shared(&engine(), 1, 64);
    let found = on_two_threads(&memory, |_, store, instance| {
        let grow = || call(store, instance, "grow", &[Val::I32(1)]).unwrap()[0];
        std::iter::repeat_with(grow).take(40).collect::<Vec<_>>()
    });
    let mut all: Vec<_> = found.into_iter().flatten().map(i32).collect();
    all.sort_unstable();
    assert_eq!(all[..17], [-1; 17], "80 growths and room for 63");
    assert!((1..64).eq(all[17..].iter().copied()), "{all:?}");
}

#[test]
fn behind_the_length_everything_traps_until_the_memory_grows() {
    let (engine, end) = (engine(), Val::I32(65536));
    let memory = shared(&engine, 1, 2);
    let (mut store, instance) = thread_of(&engine, &module(&engine, WORKER), &memory);
    let attempts: [(&str, &[Val]); 7] = [
        ("load", &[end]),
        ("load", &[Val::I32(65533)]),
        ("store", &[end, Val::I32(1)]),
        ("fill", &[Val::I32(65530), Val::I32(7)]),
        ("copy", &[Val::I32(0), Val::I32(65530), Val::I32(7)]),
        ("copy", &[Val::I32(65530), Val::I32(0), Val::I32(7)]),
        ("init", &[Val::I32(65530)]),
    ];
    for (name, args) in attempts {
        let trap = code(call(&mut store, instance, name, args));
        assert_eq!(trap, Some(TrapCode::MemoryOutOfBounds), "{name} {args:?}");
    }
    let handle = exported(&store, instance);
    assert!(handle.view(&store).write(65533, &[0; 4]).is_err());
    memory.grow(1).unwrap();
    for (name, args) in attempts {
        call(&mut store, instance, name, args).unwrap();
    }
    for beyond in [131_072, 1 << 30, -4] {
        let trap = code(call(&mut store, instance, "load", &[Val::I32(beyond)]));
        assert_eq!(trap, Some(TrapCode::MemoryOutOfBounds), "{beyond}");
    }
    handle.view(&store).write(65533, &[1; 4]).unwrap();
    let mut bytes = [0; 6];
    memory.read(65532, &mut bytes).unwrap();
    assert_eq!(bytes, [b's', 1, 1, 1, 1, 0]);
}

fn exported(store: &Store<()>, instance: Instance) -> Memory {
    match instance.export(store, "memory") {
        Some(Extern::Memory(memory)) => memory,
        other => panic!("{other:?}"),
    }
}

fn i32(value: Val) -> i32 {
    match value {
        Val::I32(value) => value,
        other => panic!("{other:?}"),
    }
}

/// Runs until so many guests wait.
fn until_waiting(memory: &SharedMemory, count: usize) {
    while memory.waiting() != count {
        std::thread::yield_now();
    }
}

#[test]
fn a_wait_ends_by_its_value_its_time_or_a_notify() {
    let engine = engine();
    let memory = shared(&engine, 1, 1);
    let (mut store, instance) = thread_of(&engine, &module(&engine, WORKER), &memory);
    let mut wait =
        |name: &str, args: &[Val]| i32(call(&mut store, instance, name, args).unwrap()[0]);
    assert_eq!(wait("wait", &[Val::I32(64), Val::I32(1), Val::I64(-1)]), 1, "another value");
    assert_eq!(wait("wait", &[Val::I32(64), Val::I32(0), Val::I64(0)]), 2, "no time");
    let begin = Instant::now();
    assert_eq!(wait("wait64", &[Val::I32(64), Val::I64(0), Val::I64(3_000_000)]), 2, "some time");
    assert!(begin.elapsed() >= Duration::from_millis(3));
    assert_eq!(wait("notify", &[Val::I32(64), Val::I32(-1)]), 0, "nobody waits");
    memory.write(72, &u64::MAX.to_le_bytes()).unwrap();
    assert_eq!(wait("wait64", &[Val::I32(64), Val::I64(0), Val::I64(-1)]), 1);
    let woken = std::thread::scope(|scope| {
        let notifier = scope.spawn(|| {
            until_waiting(&memory, 1);
            memory.notify(72, 5)
        });
        assert_eq!(wait("wait64", &[Val::I32(64), Val::I64(-1), Val::I64(-1)]), 0);
        notifier.join().unwrap()
    });
    assert_eq!((woken, memory.waiting()), (1, 0));
}

#[test]
fn waiting_needs_a_shared_memory_an_aligned_place_and_one_in_bounds() {
    const WAITS: &str = r#"
      (func (export "wait") (param i32) (result i32)
        (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const 0)))
      (func (export "wait64") (param i32) (result i32)
        (memory.atomic.wait64 (local.get 0) (i64.const 0) (i64.const 0)))
      (func (export "notify") (param i32) (result i32)
        (memory.atomic.notify offset=4 (local.get 0) (i32.const 1)))"#;
    for (kind, unshared) in [("1 2 shared", None), ("1 2", Some(TrapCode::ExpectedSharedMemory))] {
        let (mut store, instance) = faaslet(&format!("(module (memory {kind}) {WAITS})"));
        let mut trap = |name: &str, at: i32| {
            call(&mut store, instance, name, &[Val::I32(at)])
                .err()
                .and_then(|trap| trap.trap_code())
        };
        for name in ["wait", "wait64", "notify"] {
            assert_eq!(trap(name, 65534), Some(TrapCode::UnalignedAtomic), "{kind} {name}");
            assert_eq!(trap(name, 65536), Some(TrapCode::MemoryOutOfBounds), "{kind} {name}");
            assert_eq!(trap(name, -8), Some(TrapCode::MemoryOutOfBounds), "{kind} {name}");
        }
        assert_eq!(trap("notify", 65532), Some(TrapCode::MemoryOutOfBounds));
        assert_eq!(
            (trap("wait", 8), trap("wait64", 8), trap("notify", 8)),
            (unshared, unshared, None)
        );
    }
}

#[test]
fn an_interrupt_or_the_deadline_ends_a_wait_that_blocks_its_thread() {
    let engine = engine();
    let memory = shared(&engine, 1, 1);
    let module = module(&engine, WORKER);
    let for_ever = [Val::I32(0), Val::I32(0), Val::I64(-1)];
    let (mut store, instance) = thread_of(&engine, &module, &memory);
    let interrupt = store.interrupt();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until_waiting(&memory, 1);
            interrupt.request();
        });
        let ended = call(&mut store, instance, "wait", &for_ever);
        assert_eq!(code(ended), Some(TrapCode::Interrupted));
    });
    assert!(store.is_poisoned() && memory.waiting() == 0);
    let (mut store, instance) = thread_of(&engine, &module, &memory);
    store.set_deadline(Some(Instant::now() + Duration::from_millis(5)));
    assert_eq!(code(call(&mut store, instance, "wait", &for_ever)), Some(TrapCode::Interrupted));
    assert_eq!((memory.waiting(), memory.notify(0, 1)), (0, 0));
}

fn suspended(run: Run<()>) -> faasm_vm::Suspended<()> {
    match run {
        Run::Waiting(suspended) => suspended,
        Run::Done(_, outcome) => panic!("done: {outcome:?}"),
    }
}

#[test]
fn a_call_that_may_suspend_waits_without_its_thread() {
    let engine = engine();
    let memory = shared(&engine, 1, 1);
    let module = module(&engine, WORKER);
    let wait = |timeout| {
        let (store, instance) = thread_of(&engine, &module, &memory);
        let function = instance.func(&store, "wait").unwrap();
        suspended(function.start(store, &[Val::I32(0), Val::I32(0), Val::I64(timeout)]))
    };
    let (first, second, third) = (wait(-1), wait(1_000_000), wait(-1));
    assert_eq!((first.deadline(), memory.waiting()), (None, 3));
    let (ready, told) = std::sync::mpsc::channel();
    first.on_ready(Box::new(move || ready.send(()).unwrap()));
    let (mut store, instance) = thread_of(&engine, &module, &memory);
    let woken = call(&mut store, instance, "notify", &[Val::I32(0), Val::I32(1)]).unwrap();
    assert_eq!((i32(woken[0]), told.recv()), (1, Ok(())));
    assert!(matches!(first.resume(), Run::Done(_, Ok(values)) if values == [Val::I32(0)]));
    let mut second = second;
    let timed_out = loop {
        match second.resume() {
            Run::Waiting(again) => second = again,
            Run::Done(_, outcome) => break outcome.unwrap(),
        }
    };
    assert_eq!((timed_out, memory.waiting()), (vec![Val::I32(2)], 1));
    let Run::Done(_, ended) = third.cancel() else { panic!("a call that was cancelled waits") };
    assert_eq!((code(ended), memory.waiting()), (Some(TrapCode::Interrupted), 0));
}

const OWNER: &str = r#"(module
  (memory (export "memory") 1 5 shared)
  (data (i32.const 100) "active")
  (func (export "init") (drop (memory.grow (i32.const 1))) (i32.store (i32.const 131000) (i32.const 42)))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "store") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1))))"#;

/// A store that owns a shared memory, after its initialisation.
fn owner() -> (Store<()>, Instance) {
    let (mut store, instance) = faaslet(OWNER);
    call(&mut store, instance, "init", &[]).unwrap();
    (store, instance)
}

fn load(store: &mut Store<()>, instance: Instance, at: i32) -> i32 {
    i32(call(store, instance, "load", &[Val::I32(at)]).unwrap()[0])
}

fn birth(captured: &Captured) -> Store<()> {
    captured.birth(()).unwrap()
}

#[test]
fn each_birth_has_a_shared_memory_of_its_own_with_the_captured_bytes() {
    let (mut store, instance) = owner();
    let captured = store.capture().unwrap();
    call(&mut store, instance, "store", &[Val::I32(200), Val::I32(1)]).unwrap();
    let (mut one, mut two) = (birth(&captured), birth(&captured));
    call(&mut one, instance, "store", &[Val::I32(200), Val::I32(2)]).unwrap();
    assert_eq!(load(&mut two, instance, 200), 0);
    assert_eq!((load(&mut one, instance, 131_000), load(&mut two, instance, 131_000)), (42, 42));
    let memory = exported(&one, instance).shared(&one).unwrap();
    assert!(!memory.same_as(&exported(&two, instance).shared(&two).unwrap()));
    let mut bytes = [0; 6];
    memory.read(100, &mut bytes).unwrap();
    assert_eq!((&bytes, memory.size()), (b"active", 2));
}

#[test]
fn a_reset_leaves_the_old_memory_to_who_holds_it_and_the_next_life_has_a_new_one() {
    let (mut store, instance) = owner();
    let captured = store.capture().unwrap();
    let fresh = birth(&captured);
    let pages = fresh.accessible_pages();
    let mut life = birth(&captured);
    let held = exported(&life, instance).shared(&life).unwrap();
    call(&mut life, instance, "store", &[Val::I32(131_000), Val::I32(7)]).unwrap();
    assert_eq!(call(&mut life, instance, "grow", &[]).unwrap(), [Val::I32(2)]);
    let engine = life.engine();
    life.recycle();
    engine.settle();
    assert_eq!(captured.idle_slots(), 1);
    held.write(131_004, &[9; 4]).unwrap();
    let mut next = birth(&captured);
    assert!(next.is_reused() && next.accessible_pages() == pages);
    assert_eq!((load(&mut next, instance, 131_000), load(&mut next, instance, 131_004)), (42, 0));
    assert_eq!((held.size(), exported(&next, instance).size(&next)), (3, 2));
    let beyond = call(&mut next, instance, "load", &[Val::I32(131_072)]);
    assert_eq!(code(beyond), Some(TrapCode::MemoryOutOfBounds));
}

/// Pages that other stores wrote are in no page table of the slot that is reset.
#[test]
fn a_reset_in_place_forgets_what_others_wrote_who_are_gone() {
    let (mut store, instance) = owner();
    let captured = store.capture().unwrap();
    let pages = birth(&captured).accessible_pages();
    let life = birth(&captured);
    let memory = exported(&life, instance).shared(&life).unwrap();
    let engine = engine();
    let (mut other, there) = thread_of(&engine, &module(&engine, WORKER), &memory);
    call(&mut other, there, "fill", &[Val::I32(50_000), Val::I32(60_000)]).unwrap();
    memory.write(124_000, b"by the host").unwrap();
    let ended = std::thread::spawn(move || drop((other, memory)));
    ended.join().unwrap();
    life.recycle();
    let next = birth(&captured);
    assert!(next.is_reused() && next.accessible_pages() == pages);
    drop((next, store));
}

#[test]
fn a_memory_that_others_hold_cannot_be_captured() {
    let (mut store, instance) = owner();
    let held = exported(&store, instance).shared(&store).unwrap();
    assert!(matches!(store.capture(), Err(CaptureError::SharedMemory)));
    drop(held);
    assert!(store.capture().is_ok());
    let engine = engine();
    let memory = shared(&engine, 1, 1);
    let (mut store, _) = thread_of(&engine, &module(&engine, WORKER), &memory);
    assert!(matches!(store.capture(), Err(CaptureError::SharedMemory)));
    drop(memory);
    assert!(store.capture().is_ok(), "the linker is gone, too");
}

#[test]
fn one_memory_in_a_store_is_one_memory_whoever_imports_it() {
    let engine = engine();
    let worker = module(&engine, WORKER);
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let memory = shared(&engine, 1, 3);
    linker.define_shared_memory("env", "memory", memory.clone());
    let one = linker.instantiate(&mut store, &worker).unwrap();
    let two = linker.instantiate(&mut store, &worker).unwrap();
    assert_eq!(exported(&store, one), exported(&store, two));
    let owner = linker.instantiate(&mut store, &module(&engine, OWNER)).unwrap();
    linker.define("env", "memory", Extern::Memory(exported(&store, owner)));
    let three = linker.instantiate(&mut store, &worker).unwrap();
    call(&mut store, three, "store", &[Val::I32(8), Val::I32(5)]).unwrap();
    assert_eq!((load(&mut store, owner, 8), load(&mut store, two, 8)), (5, 0));
    assert_eq!(call(&mut store, three, "grow", &[Val::I32(2)]).unwrap(), [Val::I32(1)]);
    assert_eq!(exported(&store, owner).size(&store), 3);
    let own = Memory::new(&mut store, memory_type(1, 2)).unwrap();
    assert!(own.shared(&store).is_some() && own.size(&store) == 1);
}

#[test]
fn shared_memories_are_matched_by_their_type() {
    let engine = engine();
    let fits = |memory: &SharedMemory, asked: &str| {
        let module =
            module(&engine, &format!(r#"(module (import "env" "memory" (memory {asked})))"#));
        let mut linker = Linker::<()>::new(&engine);
        linker.define_shared_memory("env", "memory", memory.clone());
        let missing = linker.missing(&module).is_empty();
        let linked = linker.instantiate(&mut arena(&engine), &module);
        assert_eq!(missing, linked.is_ok());
        assert!(linked.is_ok() || matches!(linked, Err(InstantiateError::Import(_))));
        missing
    };
    let memory = shared(&engine, 2, 3);
    for (asked, expected) in [
        ("2 3 shared", true),
        ("0 9 shared", true),
        ("3 3 shared", false),
        ("2 2 shared", false),
        ("2 3", false),
        ("i64 2 3 shared", false),
    ] {
        assert_eq!(fits(&memory, asked), expected, "{asked}");
    }
    memory.grow(1).unwrap();
    assert!(fits(&memory, "3 3 shared"), "the present size counts");
}

#[test]
fn a_store_counts_a_shared_memory_once_and_others_cannot_make_it_take_more() {
    let engine = engine();
    let worker = module(&engine, WORKER);
    let limits = StoreLimits { memory_bytes: 3 * PAGE, ..StoreLimits::default() };
    let memory = shared(&engine, 1, 9);
    let mut linker = Linker::new(&engine);
    linker.define_shared_memory("env", "memory", memory.clone());
    let mut store = Store::new(&engine, limits, ()).unwrap();
    let instance = linker.instantiate(&mut store, &worker).unwrap();
    linker.instantiate(&mut store, &worker).unwrap();
    let grow =
        |store: &mut Store<()>| i32(call(store, instance, "grow", &[Val::I32(1)]).unwrap()[0]);
    assert_eq!((grow(&mut store), grow(&mut store), grow(&mut store)), (1, 2, -1));
    memory.grow(3).unwrap();
    assert_eq!(grow(&mut store), -1);
    let private = Memory::new(&mut store, MemoryType { shared: false, ..memory_type(1, 1) });
    assert!(matches!(private, Err(StoreError::Limit { .. })));
    let mut other = Store::new(&engine, limits, ()).unwrap();
    let refused = linker.instantiate(&mut other, &worker);
    assert!(matches!(refused, Err(InstantiateError::Store(StoreError::Limit { .. }))));
}

#[test]
fn what_is_no_shared_memory_or_too_large_is_refused() {
    let engine = engine();
    let refused = |ty| SharedMemory::new(&engine, ty).unwrap_err();
    let unshared = MemoryType { shared: false, ..memory_type(1, 1) };
    assert!(matches!(refused(unshared), SharedMemoryError::NotShared));
    let without_end = MemoryType { limits: Limits { min: 1, max: None }, ..memory_type(1, 1) };
    assert!(matches!(refused(without_end), SharedMemoryError::NotShared));
    let large = MemoryType { memory64: true, ..memory_type(1 << 40, 1 << 41) };
    assert!(matches!(refused(large), SharedMemoryError::Limit));
    let memory = shared(&engine, 1, 1);
    let outside = GuestMemoryError::OutOfBounds { ptr: 65533, len: 4, memory: PAGE };
    assert_eq!(memory.read(65533, &mut [0; 4]), Err(outside));
    assert_eq!(memory.write(65533, &[0; 4]), Err(outside));
    assert!(memory.write(u64::MAX, &[0]).is_err());
}

#[test]
fn memories_of_other_widths_and_pages_are_shared_and_checked_too() {
    const GUEST: &str = r#"
      (func (export "load") (param i32) (result i32) (i32.load8_u $m (ADDRESS)))
      (func (export "add") (param i32) (result i32) (i32.atomic.rmw8.add_u $m (ADDRESS) (i32.const 1)))
      (func (export "grow") (result i32) (drop (memory.grow $m (ONE))) (memory.size $m) WRAP)"#;
    let kinds = [
        (
            "i64 1 3 shared",
            "i64.extend_i32_u (local.get 0)",
            "i64.const 1",
            "(i32.wrap_i64)",
            1 << 16,
        ),
        ("1000 3000 shared (pagesize 1)", "local.get 0", "i32.const 1", "", 1000),
    ];
    for (kind, address, one, wrap, len) in kinds {
        let text = GUEST.replace("ADDRESS", address).replace("ONE", one).replace("WRAP", wrap);
        let engine = engine();
        let owner =
            module(&engine, &format!(r#"(module (memory $m (export "memory") {kind}) {text})"#));
        let other = module(
            &engine,
            &format!(r#"(module (import "env" "memory" (memory $m {kind})) {text})"#),
        );
        let mut store = Store::for_module(&engine, &owner, StoreLimits::default(), ()).unwrap();
        let instance = Linker::new(&engine).instantiate(&mut store, &owner).unwrap();
        let memory = exported(&store, instance).shared(&store).unwrap();
        let (mut second, there) = thread_of(&engine, &other, &memory);
        for (store, instance) in [(&mut store, instance), (&mut second, there)] {
            for name in ["load", "add"] {
                call(store, instance, name, &[Val::I32(len - 1)]).unwrap();
                let trap = code(call(store, instance, name, &[Val::I32(len)]));
                assert_eq!(trap, Some(TrapCode::MemoryOutOfBounds), "{kind} {name}");
            }
        }
        let grown = call(&mut second, there, "grow", &[]).unwrap();
        assert_eq!(u64::try_from(i32(grown[0])), Ok(memory.size()));
        call(&mut store, instance, "add", &[Val::I32(len)]).unwrap();
        assert_eq!(call(&mut second, there, "load", &[Val::I32(len)]).unwrap(), [Val::I32(1)]);
    }
}
