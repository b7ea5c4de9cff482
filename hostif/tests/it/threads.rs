//! Threads of a guest, on threads of the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use faasm_hostif::{
    CallId, Cause, Host, HostBuilder, HostLimits, HostState, Job, NoThread, Team, Threads,
};
use faasm_vm::{Captured, Instance, Run, Store, Trap, TrapCode, Val};

use crate::support::Bench;

/// A thread of the system for each job, up to some; then none.
struct Spawn(AtomicUsize);

impl Threads for Spawn {
    fn run(&self, job: Job) -> Result<(), NoThread> {
        let one_less = |left: usize| left.checked_sub(1);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        taken.map_err(|_| NoThread)?;
        std::thread::spawn(move || job(Box::new(())));
        Ok(())
    }
}

/// A guest with a memory of `memory`, whose threads add one to the word at 0 and notify it.
fn counts(memory: &str, thread: &str) -> String {
    format!(
        r#"(module
          (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
          (import "env" "__faasm_write_output" (func $output (param i32 i32)))
          (import "env" "__faasm_thread_exit" (func $exit))
          (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
          (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
          {memory}
          (global $own (mut i32) (i32.const 1))
          (func $add (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
            (drop (memory.atomic.notify (i32.const 0) (i32.const -1))))
          (func $await (param $n i32) (local $now i32)
            (loop $again
              (local.set $now (i32.atomic.load (i32.const 0)))
              (if (i32.lt_u (local.get $now) (local.get $n)) (then
                (drop (memory.atomic.wait32 (i32.const 0) (local.get $now) (i64.const -1)))
                (br $again)))))
          (func (export "wasi_thread_start") (param $tid i32) (param $arg i32) {thread})
          (func (export "spawn") (param i32) (result i32) (call $spawn (local.get 0)))
          (func (export "many") (param $n i32) (result i32) (local $i i32)
            (global.set $own (i32.const 77))
            (loop $next
              (if (i32.le_s (call $spawn (local.get $i)) (i32.const 0)) (then unreachable))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
            (call $await (local.get $n))
            (i32.atomic.load (i32.const 4)))
          (func (export "spin") (param i32) (result i32)
            (drop (call $spawn (local.get 0))) (loop $for_ever (br $for_ever)) (i32.const 0)))"#
    )
}

const IMPORTED: &str = r#"(import "env" "memory" (memory 1 4 shared))"#;
const DEFINED: &str = r#"(memory (export "memory") 1 4 shared)"#;
const ADD: &str = "(drop (i32.atomic.rmw.add (i32.const 4) (global.get $own))) (call $add)";

/// What is called, and with which threads.
struct Program {
    host: Host,
    captured: Captured,
    instance: Instance,
    threads: Arc<Spawn>,
}

/// How a call ended.
struct Ended {
    store: Store<HostState>,
    result: Result<Vec<Val>, Trap>,
    cause: Option<Cause>,
}

impl Program {
    fn new(host: Host, wat: &str) -> Self {
        let bench = Bench::new();
        let mut guest = bench.guest(&host, b"", wat);
        guest.store.set_deadline(None);
        let captured = guest.store.capture().unwrap();
        Self { host, captured, instance: guest.instance, threads: Arc::new(Spawn(1000.into())) }
    }

    fn plain(wat: &str) -> Self {
        Self::new(HostBuilder::new().build().unwrap(), wat)
    }

    fn born(&self, team: Option<&Team>) -> Store<HostState> {
        let mut state = self.host.call(CallId(1), Vec::new());
        if let Some(team) = team {
            state = state.with_team(team.clone());
        }
        self.captured.birth(state).unwrap()
    }

    /// Runs the export as a call's main thread, until all of its threads have gone.
    fn call(&self, name: &str, arg: i32) -> Ended {
        let team = Team::new(Arc::clone(&self.threads) as Arc<dyn Threads>);
        let mut store = self.born(Some(&team));
        store.set_deadline(Some(Instant::now() + Duration::from_secs(60)));
        team.set_main(store.interrupt());
        let func = self.instance.func(&store, name).unwrap();
        let mut run = func.start(store, &[Val::I32(arg)]);
        let (mut store, result) = loop {
            run = match run {
                Run::Done(store, result) => break (store, result),
                Run::Waiting(waiting) => {
                    let (bell, rings) = channel();
                    let end = bell.clone();
                    waiting.on_ready(Box::new(move || bell.send(()).unwrap_or_default()));
                    team.wake_main_with(Box::new(move || end.send(()).unwrap_or_default()));
                    rings.recv_timeout(Duration::from_secs(60)).unwrap();
                    waiting.resume()
                }
            };
        };
        let (gone, all) = channel();
        let _ = team.end();
        team.on_gone(Box::new(move || gone.send(()).unwrap()));
        all.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(team.members(), 0);
        store.data_mut().rejoin();
        Ended { store, result, cause: team.take_cause() }
    }

    fn number(&self, name: &str, arg: i32) -> i32 {
        let ended = self.call(name, arg);
        assert!(matches!(ended.cause, Some(Cause::Main)), "{:?}", ended.cause);
        let result = ended.result.unwrap();
        ended.store.recycle();
        match result[..] {
            [Val::I32(number)] => number,
            ref other => panic!("{other:?}"),
        }
    }
}

#[test]
fn threads_share_the_memory_and_have_globals_of_their_own() {
    for memory in [IMPORTED, DEFINED] {
        let program = Program::plain(&counts(memory, ADD));
        for n in [1, 2, 7, 30] {
            // Each adds its own global, which is not what the main thread has made of its.
            assert_eq!(program.number("many", n), n, "{memory}");
        }
    }
}

#[test]
fn a_thread_spawns_others_which_have_numbers_of_their_own() {
    let thread = "(drop (i32.atomic.rmw.or (i32.const 4) (i32.shl (i32.const 1) (local.get $tid))))
        (if (i32.lt_u (local.get $arg) (i32.const 5)) (then
          (drop (call $spawn (i32.add (local.get $arg) (i32.const 1))))))
        (call $add)";
    let program = Program::plain(&counts(IMPORTED, thread));
    assert_eq!(program.number("many", 1) & 2, 2);
    let wat = counts(IMPORTED, thread)
        .replace("(call $await (local.get $n))", "(call $await (i32.const 6))");
    assert_eq!(Program::plain(&wat).number("many", 1), 0b111_1110);
}

#[test]
fn a_slot_that_had_threads_is_byte_for_byte_a_fresh_one() {
    let thread = "(i32.store (i32.add (i32.const 1000) (i32.mul (local.get $tid) (i32.const 100))) (i32.const -1))
        (global.set $own (i32.const 5)) (call $output (i32.const 0) (i32.const 8)) (call $add)";
    let program = Program::plain(&counts(IMPORTED, thread));
    let pages = |store: &Store<HostState>| {
        let address = store.slot_address();
        (address, store.accessible_pages())
    };
    let fresh = program.born(None);
    let (_, before) = pages(&fresh);
    fresh.recycle();
    for _ in 0..3 {
        let ended = program.call("many", 9);
        assert!(ended.result.is_ok(), "{:?}", ended.cause);
        let (address, after_call) = pages(&ended.store);
        assert!(after_call != before);
        ended.store.recycle();
        let again = program.born(None);
        let (same, after) = pages(&again);
        assert_eq!(same, address, "the slot is used again, its memory restored in place");
        assert!(again.is_reused() && after == before);
        again.recycle();
    }
}

#[test]
fn output_of_any_thread_is_the_calls() {
    let thread = "(i32.store (i32.const 8) (i32.const 0x64636261)) (call $output (i32.const 8) (i32.const 4)) (call $add)";
    let program = Program::plain(&counts(IMPORTED, thread));
    let mut ended = program.call("many", 3);
    assert!(ended.result.is_ok());
    assert_eq!(ended.store.data_mut().take_output(), b"abcd");
}

#[test]
fn a_trap_or_an_exit_of_a_thread_ends_a_main_thread_that_spins_or_waits() {
    for name in ["spin", "many"] {
        let trapped = Program::plain(&counts(IMPORTED, "unreachable")).call(name, 1);
        let Some(Cause::Thread { result: Err(trap), .. }) = trapped.cause else {
            panic!("{:?}", trapped.cause);
        };
        assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable));
        assert_eq!(trapped.result.unwrap_err().trap_code(), Some(TrapCode::Interrupted));
        trapped.store.recycle();

        let exited = Program::plain(&counts(IMPORTED, "(call $proc_exit (i32.const 42))"));
        let exited = exited.call(name, 1);
        assert!(
            matches!(exited.cause, Some(Cause::Thread { result: Ok(42), .. })),
            "{:?}",
            exited.cause
        );
    }
}

#[test]
fn the_main_threads_end_ends_the_others() {
    for thread in [
        "(loop $for_ever (br $for_ever))",
        "(loop $for_ever (drop (call $yield)) (br $for_ever))",
        "(loop $for_ever (call $output (i32.const 0) (i32.const 60000)) (br $for_ever))",
        "(drop (memory.atomic.wait32 (i32.const 100) (i32.const 0) (i64.const -1))) unreachable",
    ] {
        let program = Program::plain(&counts(IMPORTED, thread));
        for n in 1..4 {
            assert!(program.number("spawn", n) > 0);
        }
    }
}

#[test]
fn a_thread_ends_itself_and_nothing_else() {
    let program = Program::plain(&counts(IMPORTED, "(call $add) (call $exit) unreachable"));
    assert_eq!(program.number("many", 5), 0);
}

#[test]
fn what_cannot_be_spawned_is_told_so() {
    const AGAIN: i32 = -6;
    const NOT_SUPPORTED: i32 = -58;
    let wait = "(drop (memory.atomic.wait32 (i32.const 100) (i32.const 0) (i64.const -1)))";
    let limits = HostLimits { threads: 0, ..HostLimits::default() };
    let host = HostBuilder::new().limits(limits).build().unwrap();
    assert_eq!(Program::new(host, &counts(IMPORTED, wait)).number("spawn", 0), AGAIN);

    let program = Program::plain(&counts(IMPORTED, wait));
    program.threads.0.store(0, Ordering::Relaxed);
    assert_eq!(program.number("spawn", 0), AGAIN);

    // No team: the initialisation of a function, or a program that is not one.
    let mut store = program.born(None);
    let spawn = program.instance.func(&store, "spawn").unwrap();
    let refused = spawn.call(&mut store, &[Val::I32(0)]).unwrap();
    assert!(matches!(refused[..], [Val::I32(NOT_SUPPORTED)]), "{refused:?}");

    let unshared = counts(r#"(memory 1)"#, "")
        .replace("atomic.rmw.add", "load")
        .replace("(drop (i32.load (i32.const 0) (i32.const 1)))", "");
    assert_eq!(Program::plain(&unshared).number("spawn", 0), NOT_SUPPORTED);

    let nowhere = counts(IMPORTED, wait).replace("\"wasi_thread_start\"", "\"start\"");
    let trap = Program::plain(&nowhere).call("spawn", 0).result.unwrap_err();
    assert!(trap.to_string().contains("wasi_thread_start"), "{trap}");
}
