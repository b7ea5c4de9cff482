//! Thirty thousand guests wait on two threads, in a process with the system's default limits: each costs its touched pages and at most two mappings, and finds after its
//! wait what it had on its stack and in its memory.

use std::sync::Barrier;
use std::sync::mpsc::channel;

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_sfi::pending::{Completer, pending};
use faasm_vm::{
    Caller, Captured, Engine, EngineConfig, Func, Linker, Module, Pending, Run, SealKey, Store,
    StoreLimits, Suspended, Val,
};

const WAITERS: usize = 30_000;

/// Keeps a number on its stack and in its memory while it waits, and says whether both are still there.
const GUEST: &str = r#"(module
  (import "h" "wait" (func $wait (result i32)))
  (memory 1)
  (func (export "run") (param $mine i32) (result i32) (local $answer i32)
    (i32.store (i32.const 1024) (local.get $mine))
    (local.set $answer (call $wait))
    (if (i32.ne (i32.load (i32.const 1024)) (local.get $mine)) (then unreachable))
    (i32.add (local.get $answer) (local.get $mine))))"#;

type Data = Option<Pending<i32>>;

fn capture() -> (Captured, Func) {
    let key = SealKey::derive(b"waiters");
    let engine = Engine::new(EngineConfig::new(key.clone())).unwrap();
    let wasm = wat::parse_str(GUEST).unwrap();
    let object = compile(&validate(&wasm).unwrap(), &CompileOptions::default()).unwrap();
    let module = Module::load(&engine, &key.seal(object)).unwrap();
    let mut linker = Linker::<Data>::new(&engine);
    linker
        .func_wrap("h", "wait", |mut caller: Caller<'_, Data>| -> i32 {
            let pending = caller.data_mut().take().unwrap();
            caller.wait(pending, None).unwrap()
        })
        .unwrap();
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), None).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.func(&store, "run").unwrap();
    (store.capture().unwrap(), run)
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Starts a waiter with this number.
fn start(captured: &Captured, run: Func, mine: usize) -> (Suspended<Data>, Completer<i32>) {
    let (completer, value) = pending();
    let store = captured.birth(Some(value)).unwrap();
    match run.start(store, &[Val::I32(i32::try_from(mine).unwrap())]) {
        Run::Waiting(suspended) => (suspended, completer),
        Run::Done(_, outcome) => panic!("{outcome:?}"),
    }
}

#[test]
fn thirty_thousand_wait_on_two_threads() {
    let (captured, run) = capture();
    let before = mappings();
    let all_wait = Barrier::new(3);
    let (completers, to_complete) = channel();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (captured, all_wait, completers) = (&captured, &all_wait, completers.clone());
            scope.spawn(move || {
                let (ready, resumable) = channel();
                let mut waiters = std::collections::HashMap::new();
                for mine in (thread..WAITERS).step_by(2) {
                    let (suspended, completer) = start(captured, run, mine);
                    let ready = ready.clone();
                    suspended.on_ready(Box::new(move || ready.send(mine).unwrap()));
                    waiters.insert(mine, suspended);
                    completers.send((mine, completer)).unwrap();
                }
                all_wait.wait();
                while !waiters.is_empty() {
                    let mine = resumable.recv().unwrap();
                    match waiters.remove(&mine).unwrap().resume() {
                        Run::Done(store, Ok(values)) => {
                            let expected = i32::try_from(mine * 4).unwrap();
                            assert_eq!(values, [Val::I32(expected)]);
                            store.recycle();
                        }
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
        drop(completers);
        all_wait.wait();
        let used = mappings() - before;
        println!("{used} mappings for {WAITERS} waiting guests");
        assert!(used <= 2 * WAITERS + 50, "{used} mappings");
        let mut all: Vec<_> = to_complete.iter().take(WAITERS).collect();
        assert_eq!(all.len(), WAITERS);
        // In an order that has nothing to do with that of the starts.
        all.sort_by_key(|(mine, _)| mine.wrapping_mul(2_654_435_761) % 65_537);
        for (mine, completer) in all {
            completer.complete(i32::try_from(mine * 3).unwrap());
        }
    });
    assert!(captured.idle_slots() > 0);
}
