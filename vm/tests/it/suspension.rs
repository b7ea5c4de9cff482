//! Calls that wait: suspended, resumed, cancelled, timed out, nested.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use faasm_sfi::pending::{Completer, pending};
use faasm_vm::{
    Caller, Instance, Linker, Pending, Run, Store, StoreLimits, Suspended, Trap, TrapCode, Val,
    WaitError,
};

use crate::support::{engine, module};

/// What the guest's waits take, in order.
type Waits = Vec<Pending<i32>>;

const WAITER: &str = r#"(module $waiter
  (import "h" "wait" (func $wait (param i32) (result i32)))
  (import "h" "nest" (func $nest (param i32) (result i32)))
  (memory (export "m") 1)
  (func $run (export "run") (param $timeout i32) (result i32)
    (i32.store (i32.const 8) (i32.const 1))
    (i32.add (call $wait (local.get $timeout)) (i32.load (i32.const 8))))
  (func (export "twice") (param $timeout i32) (result i32)
    (i32.add (call $run (local.get $timeout)) (call $run (local.get $timeout))))
  (func (export "nested") (param i32) (result i32)
    (i32.add (call $nest (local.get 0)) (i32.const 1000)))
  (func (export "inner") (param i32) (result i32) (i32.add (call $run (local.get 0)) (i32.const 100))))"#;

/// Codes of waits that gave no value.
fn wait(mut caller: Caller<'_, Waits>, timeout: i32) -> i32 {
    let pending = caller.data_mut().remove(0);
    let deadline = (timeout > 0)
        .then(|| Instant::now() + Duration::from_millis(u64::from(timeout.unsigned_abs())));
    caller.wait(pending, deadline).unwrap_or_else(|error| match error {
        WaitError::Deadline => -1000,
        WaitError::Abandoned(_) => -2000,
        WaitError::Cancelled => -3000,
    })
}

fn waiter(waits: Waits) -> (Store<Waits>, Instance) {
    let engine = engine();
    let mut linker = Linker::<Waits>::new(&engine);
    linker
        .func_wrap("h", "wait", wait)
        .unwrap()
        .func_wrap(
            "h",
            "nest",
            |mut caller: Caller<'_, Waits>, timeout: i32| -> Result<i32, Trap> {
                let Some(faasm_vm::Extern::Func(inner)) = caller.export("inner") else { panic!() };
                let inner = inner.typed::<i32, i32>(&caller).unwrap();
                Ok(inner.call(&mut caller, timeout)? + 10)
            },
        )
        .unwrap();
    let module = module(&engine, WAITER);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), waits).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn begin(name: &str, timeout: i32, waits: usize) -> (Run<Waits>, Vec<Completer<i32>>) {
    let (completers, pendings) = (0..waits).map(|_| pending()).unzip();
    let (store, instance) = waiter(pendings);
    let function = instance.func(&store, name).unwrap();
    (function.start(store, &[Val::I32(timeout)]), completers)
}

fn waiting(run: Run<Waits>) -> Suspended<Waits> {
    match run {
        Run::Waiting(suspended) => suspended,
        Run::Done(_, outcome) => panic!("done: {outcome:?}"),
    }
}

fn done(run: Run<Waits>) -> (Store<Waits>, Result<i32, Trap>) {
    match run {
        Run::Done(store, Ok(values)) => match values[..] {
            [Val::I32(value)] => (store, Ok(value)),
            _ => panic!("{values:?}"),
        },
        Run::Done(store, Err(trap)) => (store, Err(trap)),
        Run::Waiting(suspended) => panic!("{suspended:?}"),
    }
}

#[test]
fn a_call_without_waits_is_done_at_once_and_ready_values_do_not_suspend() {
    let (store, instance) = waiter(vec![Pending::ready(5)]);
    let run = instance.func(&store, "run").unwrap();
    let (mut store, outcome) = done(run.start(store, &[Val::I32(0)]));
    assert_eq!(outcome.unwrap(), 6);
    store.data_mut().push(Pending::ready(7));
    assert_eq!(run.call(&mut store, &[Val::I32(0)]).unwrap(), [Val::I32(8)]);
    let (_, outcome) = done(run.start(store, &[]));
    assert!(outcome.unwrap_err().to_string().contains("arguments"));
}

#[test]
fn waits_suspend_and_resume_in_turn() {
    let (run, mut completers) = begin("twice", 0, 2);
    let first = waiting(run);
    assert_eq!(first.deadline(), None);
    let (sender, receiver) = channel();
    first.on_ready(Box::new(move || sender.send(()).unwrap()));
    // Nothing has come: it waits again.
    let first = waiting(first.resume());
    assert!(receiver.try_recv().is_err());
    let completer = completers.remove(0);
    std::thread::spawn(move || completer.complete(20)).join().unwrap();
    receiver.recv().unwrap();
    let second = waiting(first.resume());
    completers.remove(0).complete(30);
    let (_, outcome) = done(second.resume());
    assert_eq!(outcome.unwrap(), 52);
}

#[test]
fn a_wait_inside_nested_calls_suspends_the_whole_stack() {
    let (run, mut completers) = begin("nested", 0, 1);
    let suspended = waiting(run);
    completers.remove(0).complete(1);
    let (_, outcome) = done(suspended.resume());
    assert_eq!(outcome.unwrap(), 1112);
}

#[test]
fn waits_end_by_deadline_and_by_being_abandoned() {
    let (run, _completers) = begin("run", 20, 1);
    let mut suspended = waiting(run);
    let deadline = suspended.deadline().unwrap();
    let (_, outcome) = loop {
        match suspended.resume() {
            Run::Waiting(again) => suspended = again,
            run @ Run::Done(..) => break done(run),
        }
        std::thread::yield_now();
    };
    assert!(Instant::now() >= deadline);
    assert_eq!(outcome.unwrap(), -999);

    let (run, completers) = begin("run", 0, 1);
    let suspended = waiting(run);
    drop(completers);
    assert_eq!(done(suspended.resume()).1.unwrap(), -1999);
}

#[test]
fn cancelling_ends_all_waits_of_the_call() {
    let (run, _completers) = begin("twice", 0, 2);
    let (store, outcome) = done(waiting(run).cancel());
    assert_eq!(outcome.unwrap(), -5998);
    assert!(store.data().is_empty(), "both waits were begun");
    assert!(!store.is_poisoned());
}

#[test]
fn a_dropped_suspension_runs_to_its_end_and_drops_the_data() {
    let token = std::sync::Arc::new(());
    let (completer, value) = pending::<i32>();
    let held = std::sync::Arc::clone(&token);
    let (store, instance) = waiter(vec![value.map(move |value| {
        drop(held);
        value
    })]);
    let run = instance.func(&store, "run").unwrap().start(store, &[Val::I32(0)]);
    drop(waiting(run));
    drop(completer);
    assert_eq!(std::sync::Arc::strong_count(&token), 1);
}

#[test]
fn a_suspension_that_a_panic_drops_is_cancelled_too() {
    let begun = Instant::now();
    let (run, completers) = begin("twice", 20_000, 2);
    let suspended = waiting(run);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _dropped = suspended;
        panic!("this panic is part of a test");
    }));
    assert!(panicked.is_err());
    // The second wait cannot suspend in the middle of a panic, but must not wait either.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(completers);
}

#[test]
fn the_stores_deadline_ends_a_call_that_waits() {
    let (_completer, value) = pending();
    let (mut store, instance) = waiter(vec![value]);
    let end = Instant::now() + Duration::from_millis(20);
    store.set_deadline(Some(end));
    let mut suspended = waiting(instance.func(&store, "run").unwrap().start(store, &[Val::I32(0)]));
    assert_eq!(suspended.deadline(), Some(end));
    let (store, outcome) = loop {
        match suspended.resume() {
            Run::Waiting(again) => suspended = again,
            run @ Run::Done(..) => break done(run),
        }
        std::thread::yield_now();
    };
    assert_eq!(outcome.unwrap_err().trap_code(), Some(TrapCode::Interrupted));
    assert!(store.is_poisoned() && Instant::now() >= end);
}

#[test]
fn a_plain_call_blocks_its_thread_while_it_waits() {
    let (completer, value) = pending();
    let (mut store, instance) = waiter(vec![value]);
    let run = instance.func(&store, "run").unwrap();
    let done = std::thread::spawn(move || completer.complete(3));
    assert_eq!(run.call(&mut store, &[Val::I32(0)]).unwrap(), [Val::I32(4)]);
    done.join().unwrap();
}

#[test]
fn stores_that_wait_interleave_on_one_thread() {
    let mut runs: Vec<_> = (0..50).map(|_| begin("twice", 0, 2)).collect();
    let mut results = Vec::new();
    for round in 0..2 {
        for (at, (run, completers)) in runs.iter_mut().enumerate() {
            completers.remove(0).complete(i32::try_from(at).unwrap() * 10 + round);
            let Run::Waiting(_) = run else { panic!() };
        }
        runs = runs
            .into_iter()
            .rev()
            .filter_map(|(run, completers)| match waiting(run).resume() {
                Run::Done(_, Ok(values)) => {
                    results.push(values[0]);
                    None
                }
                run => Some((run, completers)),
            })
            .collect();
        runs.reverse();
    }
    let mut expected: Vec<_> = (0..50).map(|at| Val::I32(at * 20 + 3)).collect();
    expected.reverse();
    assert_eq!(results, expected);
}
