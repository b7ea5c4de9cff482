//! Functions that call functions.

use faasm_runtime::ExecutorLimits;
use faasm_runtime::call::CallError;

use crate::host::TestHost;

#[test]
fn ten_thousand_functions_wait_for_one_another_on_two_threads() {
    let host = TestHost::having(&["chain-wait", "echo"]);
    let said = host.text("chain-wait", "chain-wait*9999 echo at the bottom");
    assert_eq!(said, "at the bottom");
    host.assert_nobody_is_left();
}

/// Chains as many calls of its own function 1 as its input has bytes, then awaits them in order. Each keeps a number
/// on its stack and in memory while it waits for a call of its own, and returns whether both were right.
const FAN: &str = r#"(module
  (import "env" "__faasm_read_input" (func $read (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $write (param i32 i32)))
  (import "env" "__faasm_chain_ptr" (func $chain (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_await_call" (func $await (param i32) (result i32)))
  (memory (export "memory") 3)
  (table (export "__indirect_function_table") 3 funcref)
  (elem (i32.const 1) $waits $leaf)
  (func $leaf (result i32) (i32.const 7))
  (func $waits (result i32)
    (local $value i32) (local $call i32)
    (drop (call $read (i32.const 0) (i32.const 4)))
    (local.set $value (i32.mul (i32.load (i32.const 0)) (i32.const -1640531535)))
    (i32.store (i32.const 8) (local.get $value))
    (local.set $call (call $chain (i32.const 2) (i32.const 0) (i32.const 4)))
    (if (i32.ne (call $await (local.get $call)) (i32.const 7)) (then (return (i32.const 1))))
    (if (i32.ne (i32.load (i32.const 8)) (local.get $value)) (then (return (i32.const 2))))
    (i32.ne (local.get $value) (i32.mul (i32.load (i32.const 0)) (i32.const -1640531535))))
  (func (export "main") (result i32)
    (local $n i32) (local $i i32) (local $bad i32)
    (local.set $n (call $read (i32.const 0) (i32.const 0)))
    (loop $more
      (i32.store (i32.const 0) (local.get $i))
      (i32.store (i32.add (i32.const 65536) (i32.shl (local.get $i) (i32.const 2)))
        (call $chain (i32.const 1) (i32.const 0) (i32.const 4)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (local.get $n))))
    (local.set $i (i32.const 0))
    (loop $more
      (local.set $bad (i32.or (local.get $bad)
        (call $await (i32.load (i32.add (i32.const 65536) (i32.shl (local.get $i) (i32.const 2)))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $bad)))"#;

#[test]
fn many_waiting_faaslets_keep_their_own_values() {
    let host = TestHost::start();
    host.upload_wat("fan", FAN);
    for _ in 0..3 {
        let outcome = host.outcome("fan", &[0; 2000]);
        assert_eq!(outcome.return_code, 0);
    }
    host.assert_nobody_is_left();
}

#[test]
fn a_chained_calls_failure_is_its_return_value() {
    let host = TestHost::having(&["chain-wait", "trap", "exit"]);
    assert_eq!(host.outcome("chain-wait", b"exit 42").return_code, 42);
    assert_eq!(host.outcome("chain-wait", b"trap divide").return_code, 1);
}

#[test]
fn an_unknown_function_cannot_be_chained() {
    let host = TestHost::having(&["chain-wait"]);
    for input in ["nobody x", "../other/echo x"] {
        let error = host.error("chain-wait", input.as_bytes());
        let CallError::Trapped { reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.contains("there is no function"), "{reason}");
    }
}

#[test]
fn chained_calls_inherit_the_deadline() {
    let host = TestHost::having(&["chain-wait", "loop", "echo"]);
    let call =
        host.begin("chain-wait", b"chain-wait*3 loop", Some(std::time::Duration::from_millis(300)));
    let finished = crate::host::end(call);
    assert!(matches!(finished.result, Err(CallError::Deadline { .. })), "{finished:?}");
    assert_eq!(host.text("chain-wait", "echo on"), "on");
}

#[test]
fn too_many_living_faaslets_are_refused_and_the_chain_ends() {
    let host = TestHost::with(|config| {
        config.limits = ExecutorLimits { live: 50, ..ExecutorLimits::default() }
    });
    host.upload("chain-wait");
    host.upload("echo");
    assert_eq!(host.outcome("chain-wait", b"chain-wait*100 echo x").return_code, 1);
    assert_eq!(host.text("chain-wait", "chain-wait*40 echo x"), "x");
}

/// Chains five calls that need a lock which it holds, awaits the last, gives the lock up and awaits the others; returns
/// how many failed.
const HOLDER: &str = r#"(module
  (import "env" "__faasm_chain_ptr" (func $chain (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_await_call" (func $await (param i32) (result i32)))
  (import "env" "__faasm_lock_state_read" (func $lock_read (param i32)))
  (import "env" "__faasm_unlock_state_read" (func $unlock_read (param i32)))
  (import "env" "__faasm_lock_state_write" (func $lock_write (param i32)))
  (import "env" "__faasm_unlock_state_write" (func $unlock_write (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "lock\00")
  (table (export "__indirect_function_table") 2 funcref)
  (elem (i32.const 1) $waits)
  (func $waits (result i32)
    (call $lock_read (i32.const 16))
    (call $unlock_read (i32.const 16))
    (i32.const 0))
  (func (export "main") (result i32) (local $at i32) (local $failed i32)
    (call $lock_write (i32.const 16))
    (loop $more
      (i32.store offset=64 (local.get $at) (call $chain (i32.const 1) (i32.const 0) (i32.const 0)))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 20))))
    (loop $more
      (local.set $at (i32.sub (local.get $at) (i32.const 4)))
      (local.set $failed
        (i32.add (local.get $failed) (call $await (i32.load offset=64 (local.get $at)))))
      (if (i32.eq (local.get $at) (i32.const 16)) (then (call $unlock_write (i32.const 16))))
      (br_if $more (local.get $at)))
    (local.get $failed)))"#;

#[test]
fn those_that_wait_answer_when_others_are_refused() {
    let host = TestHost::with(|config| {
        // One executor takes the calls in their order.
        config.threads = std::num::NonZero::new(1);
        config.limits = ExecutorLimits { live: 3, ..ExecutorLimits::default() }
    });
    host.upload_wat("holder", HOLDER);
    for _ in 0..3 {
        // The holder and two of the five have room.
        assert_eq!(host.outcome("holder", b"").return_code, 3);
    }
    host.assert_nobody_is_left();
}

/// Begins eight calls of its function 1, then awaits them; returns how many returned 7. With an input of its own it gives
/// each of them 1 MiB of input; without one each has 1 MiB of output.
const BULK: &str = r#"(module
  (import "env" "__faasm_read_input" (func $read (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $write (param i32 i32)))
  (import "env" "__faasm_chain_ptr" (func $chain (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_await_call" (func $await (param i32) (result i32)))
  (memory (export "memory") 17)
  (table (export "__indirect_function_table") 2 funcref)
  (elem (i32.const 1) $leaf)
  (func $leaf (result i32)
    (if (i32.eqz (call $read (i32.const 0) (i32.const 0)))
      (then (call $write (i32.const 65536) (i32.const 1048576))))
    (i32.const 7))
  (func (export "main") (result i32)
    (local $len i32) (local $i i32) (local $good i32)
    (local.set $len (i32.mul (call $read (i32.const 0) (i32.const 0)) (i32.const 1048576)))
    (loop $more
      (i32.store (i32.shl (local.get $i) (i32.const 2))
        (call $chain (i32.const 1) (i32.const 65536) (local.get $len)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 8))))
    (local.set $i (i32.const 0))
    (loop $more
      (local.set $good (i32.add (local.get $good) (i32.eq (i32.const 7)
        (call $await (i32.load (i32.shl (local.get $i) (i32.const 2)))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 8))))
    (local.get $good)))"#;

#[test]
fn chained_calls_whose_bytes_have_no_room_fail() {
    let host = TestHost::with(|config| {
        // The one executor runs the parent while it chains: nothing is given back meanwhile.
        config.threads = std::num::NonZero::new(1);
        config.limits = ExecutorLimits { chained_bytes: 4 << 20, ..ExecutorLimits::default() };
    });
    host.upload_wat("bulk", BULK);
    for input in [&b"i"[..], b"", b"i", b""] {
        assert_eq!(host.outcome("bulk", input).return_code, 4, "{input:?}");
    }
}

/// Waits for a minute; the clock subscription is in its memory from the start.
const NAPPER: &str = r#"(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; userdata, tag 0 (clock), clock 1 (monotonic), 600 s, precision, relative
  (data (i32.const 0) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\70\c9\b2\8b\00\00\00")
  (func (export "main") (result i32)
    (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))"#;

#[test]
fn a_waiting_faaslet_costs_two_mappings_and_ends_with_the_host() {
    const WAITING: usize = 5_000;
    let host = TestHost::with(|config| config.limits.live = WAITING);
    host.upload_wat("napper", NAPPER);
    let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let before = mappings();
    let calls: Vec<_> = (0..WAITING).map(|_| host.begin("napper", b"", None)).collect();
    while host.host.live() < WAITING || host.host.queued() > 0 {
        std::thread::yield_now();
    }
    let each = (mappings() - before) as f64 / WAITING as f64;
    assert!(each <= 2.01, "{each} mappings for each waiting call");
    host.host.shut_down(std::time::Duration::ZERO);
    for call in calls {
        let error = crate::host::end(call).result.unwrap_err();
        assert!(matches!(error, CallError::Draining), "{error:?}");
    }
    assert_eq!(host.host.live(), 0);
}
