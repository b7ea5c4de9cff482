//! Chained calls over a fake port.

use std::sync::Arc;

use faasm_hostif::{ChainedOutcome, Host, HostBuilder, Target};
use faasm_vm::{Run, TrapCode, Val};

use crate::support::{Bench, FakeCalls, Guest};

/// Names lie at 0 ("echo"), 16 ("nobody"), 32 ("lost"), 48 ("open"); `malloc` hands out memory from 4096 on, never
/// more than 1000 bytes.
const GUEST: &str = r#"(module
  (import "env" "__faasm_chain_name" (func $name (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_chain_ptr" (func $ptr (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_await_call" (func $await (param i32) (result i32)))
  (import "env" "__faasm_await_call_output" (func $output (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (table 4 funcref)
  (elem (i32.const 1) $entry $other)
  (global $next (mut i32) (i32.const 4096))
  (data (i32.const 0) "echo\00")
  (data (i32.const 16) "nobody\00")
  (data (i32.const 32) "lost\00")
  (data (i32.const 48) "open\00")
  (data (i32.const 64) "in\00put")
  (func $entry (result i32) (i32.const 0))
  (func $other (param i32))
  (func (export "malloc") (param i32) (result i32)
    (if (i32.gt_u (local.get 0) (i32.const 1000)) (then (return (i32.const 0))))
    (global.set $next (i32.add (global.get $next) (i32.const 1024)))
    (global.get $next))
  (func (export "chain") (param i32 i32 i32) (result i32)
    (call $name (local.get 0) (local.get 1) (local.get 2)))
  (func (export "pointer") (param i32) (result i32)
    (call $ptr (local.get 0) (i32.const 64) (i32.const 6)))
  (func (export "await") (param i32) (result i32) (call $await (local.get 0)))
  (func (export "output") (param i32 i32 i32) (result i32)
    (call $output (local.get 0) (local.get 1) (local.get 2)))
  (func (export "word") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "_start") (local $kept i32) (local $code i32)
    (local.set $kept (call $name (i32.const 48) (i32.const 64) (i32.const 6)))
    (local.set $code (call $await (local.get $kept)))
    (call $exit (i32.sub (i32.add (local.get $kept) (local.get $code)) (i32.const 1000)))))"#;

fn numbers<const N: usize>(numbers: [u32; N]) -> [Val; N] {
    numbers.map(Val::from)
}

fn guest() -> (Arc<FakeCalls>, Guest) {
    let calls = Arc::new(FakeCalls::default());
    let guest = Bench::new().guest(&host(&calls), b"", GUEST);
    (calls, guest)
}

fn host(calls: &Arc<FakeCalls>) -> Host {
    HostBuilder::new().calls(calls.clone()).build().unwrap()
}

#[test]
fn calls_are_begun_by_name_with_their_input_and_awaited() {
    let (calls, mut guest) = guest();
    let id = guest.number("chain", &numbers([0, 64, 6]));
    assert_eq!(guest.number("await", &[Val::I32(id)]), 42);
    let begun = calls.begun.lock().unwrap();
    assert_eq!(begun[0].0, guest.store.data().id());
    assert_eq!((&begun[0].1, &begun[0].2[..]), (&Target::Name("echo".into()), &b"in\0put"[..]));
}

#[test]
fn calls_are_begun_by_pointer_if_it_is_one_to_an_entry() {
    let (calls, mut guest) = guest();
    guest.number("pointer", &numbers([1]));
    assert_eq!(calls.begun.lock().unwrap()[0].1, Target::Pointer(1));
    for index in [0, 2, 3, 4, u32::MAX] {
        assert_eq!(
            guest.refusal("pointer", &numbers([index])),
            format!(
                "__faasm_chain_ptr: argument function is {index}, at which the table has no function of type () -> i32"
            )
        );
    }
    assert_eq!(calls.begun.lock().unwrap().len(), 1);
}

#[test]
fn output_comes_in_memory_of_the_guests_own() {
    let (_, mut guest) = guest();
    let id = guest.number("chain", &numbers([0, 64, 6])).cast_unsigned();
    assert_eq!(guest.number("output", &numbers([id, 200, 204])), 42);
    let at = guest.number("word", &numbers([200]));
    assert_eq!(at, 4096 + 1024);
    assert_eq!(guest.number("word", &numbers([204])), 6);
    assert_eq!(guest.number("word", &[Val::I32(at)]).to_le_bytes(), *b"in\0p");
    assert_eq!(guest.number("word", &[Val::I32(at + 4)]).to_le_bytes(), *b"ut\0\0");
}

#[test]
fn output_without_room_ends_the_call() {
    let (_, mut guest) = guest();
    let id = guest.number("chain", &numbers([0, 0, 1000])).cast_unsigned();
    assert_eq!(
        guest.refusal("output", &numbers([id, 200, 204])),
        "__faasm_await_call_output: the guest's malloc gave no room for 1001 bytes"
    );
    assert!(guest.refusal("output", &numbers([id, 65_533, 204])).contains("argument output: "));
    assert!(
        guest.refusal("output", &numbers([id, 200, u32::MAX])).contains("argument output_len: ")
    );
}

#[test]
fn a_call_that_is_unknown_or_lost_has_failed() {
    let (_, mut guest) = guest();
    assert_eq!(guest.number("await", &numbers([77])), 1);
    let lost = guest.number("chain", &numbers([32, 0, 0])).cast_unsigned();
    assert_eq!(guest.number("await", &numbers([lost])), 1);
    assert_eq!(
        guest.refusal("chain", &numbers([16, 0, 0])),
        r#"__faasm_chain_name: the call cannot be chained: there is no function "nobody""#
    );
}

#[test]
fn a_host_without_functions_says_so() {
    let mut guest = Bench::new().guest(&HostBuilder::new().build().unwrap(), b"", GUEST);
    assert_eq!(
        guest.refusal("chain", &numbers([0, 0, 0])),
        "__faasm_chain_name: the host has no other functions here"
    );
}

#[test]
fn who_waits_can_be_cancelled() {
    let calls = Arc::new(FakeCalls::default());
    let guest = Bench::new().guest(&host(&calls), b"", GUEST);
    let func = guest.instance.func(&guest.store, "_start").unwrap();
    let Run::Waiting(suspended) = func.start(guest.store, &[]) else { panic!("it does not wait") };
    let Run::Done(_, result) = suspended.cancel() else { panic!("it waits again") };
    assert_eq!(result.unwrap_err().trap_code(), Some(TrapCode::Interrupted));
}

#[test]
fn who_waits_is_suspended_and_goes_on() {
    let calls = Arc::new(FakeCalls::default());
    let guest = Bench::new().guest(&host(&calls), b"", GUEST);
    let mut waits = 0;
    let ended = guest.run_suspending(|| {
        waits += 1;
        calls.end_all(&ChainedOutcome { return_value: 7, ..ChainedOutcome::default() });
    });
    assert_eq!((ended.code(), waits), (7, 1));
}

/// A guest that sleeps in its `malloc`, which the host calls: the wait suspends the outermost call.
#[test]
fn waiting_inside_a_host_call_suspends_too() {
    let guest = r#"(module
      (import "env" "__faasm_chain_name" (func $chain (param i32 i32 i32) (result i32)))
      (import "env" "__faasm_await_call_output" (func $output (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "echo\00")
      (func $malloc (export "malloc") (param i32) (result i32)
        (i32.store (i32.const 528) (i32.const 1))
        (i64.store (i32.const 536) (i64.const 1000000))
        (drop (call $poll (i32.const 512) (i32.const 600) (i32.const 1) (i32.const 700)))
        (i32.const 1024))
      (func (export "_start")
        (drop (call $output (call $chain (i32.const 16) (i32.const 16) (i32.const 4))
          (i32.const 64) (i32.const 68)))
        (call $exit (i32.load8_u (i32.add (i32.load (i32.const 64)) (i32.const 1))))))"#;
    let calls = Arc::new(FakeCalls::default());
    let mut waits = 0;
    let ended = Bench::new().guest(&host(&calls), b"", guest).run_suspending(|| waits += 1);
    assert_eq!((ended.code(), waits), (i32::from(b'c'), 1));
}
