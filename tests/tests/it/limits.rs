//! Guests that loop, recurse, trap, take too much, or hand over bad pointers: each has its own end, and the host goes on.

use std::time::{Duration, Instant};

use faasm_runtime::ExecutorLimits;
use faasm_runtime::call::{CallError, Phase};
use faasm_runtime::problem::{Problem, ProblemType};

use crate::host::{TestHost, end};

#[test]
fn a_loop_ends_at_its_deadline_and_its_executor_serves_on() {
    let host = TestHost::having(&["loop", "loop-empty", "echo"]);
    for function in ["loop", "loop-empty"] {
        let begun = Instant::now();
        let finished = end(host.begin(function, b"", Some(Duration::from_millis(100))));
        let Err(CallError::Deadline { phase, allowed }) = finished.result else {
            panic!("{finished:?}")
        };
        assert_eq!((phase, allowed), (Phase::Running, Duration::from_millis(100)));
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    (0..4).for_each(|_| assert_eq!(host.text("echo", "on"), "on"));
    host.assert_nobody_is_left();
}

#[test]
fn a_call_whose_deadline_passes_in_the_queue_never_runs() {
    let host = TestHost::with(|config| config.threads = std::num::NonZero::new(1));
    host.upload("loop");
    host.upload("echo");
    let looping = host.begin("loop", b"", Some(Duration::from_millis(200)));
    let queued = end(host.begin("echo", b"x", Some(Duration::from_millis(1))));
    assert!(
        matches!(queued.result, Err(CallError::Deadline { phase: Phase::Queued, .. })),
        "{queued:?}"
    );
    assert!(end(looping).result.is_err());
}

#[test]
fn a_sleeping_call_ends_at_its_deadline_without_holding_a_thread() {
    let host = TestHost::with(|config| config.threads = std::num::NonZero::new(1));
    host.upload("sleep");
    host.upload("echo");
    let sleeping = host.begin("sleep", b"60000", Some(Duration::from_secs(1)));
    assert_eq!(host.text("echo", "meanwhile"), "meanwhile");
    let finished = end(sleeping);
    assert!(
        matches!(finished.result, Err(CallError::Deadline { phase: Phase::Waiting, .. })),
        "{finished:?}"
    );
}

#[test]
fn endless_recursion_is_a_stack_overflow() {
    let host = TestHost::having(&["recurse", "recurse-memory", "echo"]);
    for _ in 0..3 {
        let error = host.error("recurse", b"");
        assert!(matches!(error, CallError::StackOverflow { .. }), "{error:?}");
        assert_eq!(error.problem_type(), ProblemType::StackOverflow);
        // The stack in memory runs below address 0 before the native one is used up, or after.
        let error = host.error("recurse-memory", b"");
        assert!(
            matches!(error, CallError::StackOverflow { .. } | CallError::Trapped { .. }),
            "{error:?}"
        );
    }
    assert_eq!(host.text("echo", "on"), "on");
}

#[test]
fn recursion_through_host_calls_is_a_stack_overflow_too() {
    let host = TestHost::having(&["recurse-host", "echo"]);
    for _ in 0..3 {
        let error = host.error("recurse-host", b"");
        assert!(matches!(error, CallError::StackOverflow { .. }), "{error:?}");
    }
    assert_eq!(host.text("echo", "on"), "on");
}

#[test]
fn each_trap_has_its_reason_and_a_backtrace() {
    let host = TestHost::having(&["trap", "echo"]);
    for (input, words) in [
        ("divide", "integer divide by zero"),
        ("overflow", "integer overflow"),
        ("conversion", "integer overflow"),
        ("memory", "out of bounds memory access"),
        ("far-memory", "out of bounds memory access"),
        ("signature", "indirect call type mismatch"),
        ("null", "uninitialized element"),
        ("table", "undefined element"),
        ("", "unreachable"),
    ] {
        let error = host.error("trap", input.as_bytes());
        let CallError::Trapped { reason, backtrace } = &error else { panic!("{input}: {error:?}") };
        assert_eq!(reason, words, "{input}");
        assert!(backtrace.contains("main"), "{input}: {backtrace:?}");
    }
    assert_eq!(host.text("echo", "on"), "on");
}

#[test]
fn memory_ends_at_the_limit() {
    let host = TestHost::with(|config| config.memory_bytes = 64 << 20);
    host.upload("hog");
    for _ in 0..2 {
        let said = host.text("hog", "");
        let pages: u32 = said.split(' ').nth(2).unwrap().parse().unwrap();
        assert!((1000..=1024).contains(&pages), "{said}");
    }
}

#[test]
fn a_guest_that_fails_for_want_of_memory_has_its_own_error() {
    let host = TestHost::with(|config| config.memory_bytes = 16 << 20);
    let grow = r#"(module (memory 1) (func (export "main")
        (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))))"#;
    host.upload_wat("greedy", grow);
    let error = host.error("greedy", b"");
    assert!(matches!(error, CallError::OutOfMemory { limit: 0x100_0000, .. }), "{error:?}");
    assert_eq!(error.problem_type(), ProblemType::GuestOutOfMemory);
    // The next call in the same slot is not blamed for it.
    host.upload_wat("modest", r#"(module (memory 1) (func (export "main") unreachable))"#);
    assert!(matches!(host.error("modest", b""), CallError::Trapped { .. }));
}

#[test]
fn pointers_and_lengths_outside_memory_are_refused() {
    let host = TestHost::having(&["bad-pointer", "echo"]);
    let cases = [
        "output-beyond",
        "output-across",
        "output-long",
        "output-negative",
        "output-wrap",
        "input-beyond",
        "key-beyond",
        "key-endless",
        "state-offset",
        "state-offset-negative",
        "state-empty-key",
        "state-length",
        "chain-function",
        "chain-null",
        "chain-type",
        "await-unknown",
        "await-output",
        "wasi-iovec",
        "wasi-iovec-wrap",
        "wasi-iovecs",
        "wasi-random",
    ];
    for case in cases {
        match host.call("bad-pointer", case.as_bytes()).result {
            Ok(outcome) => assert_ne!(outcome.output, b"survived", "{case}: {outcome:?}"),
            Err(error) => assert!(matches!(error, CallError::Trapped { .. }), "{case}: {error:?}"),
        }
    }
    assert_eq!(host.text("echo", "on"), "on");
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let host = TestHost::with(|config| {
        config.threads = std::num::NonZero::new(1);
        config.limits = ExecutorLimits { queued: 4, ..ExecutorLimits::default() };
    });
    host.upload("loop");
    let calls: Vec<_> =
        (0..20).map(|_| host.begin("loop", b"", Some(Duration::from_millis(200)))).collect();
    let ends: Vec<_> = calls.into_iter().map(|call| end(call).result.unwrap_err()).collect();
    let refused =
        ends.iter().filter(|error| error.problem_type() == ProblemType::Overloaded).count();
    assert!((15..=16).contains(&refused), "{refused} of 20 were refused");
    assert!(
        ends.iter()
            .all(|error| matches!(error, CallError::Overloaded(_) | CallError::Deadline { .. }))
    );
    host.upload("echo");
    assert_eq!(host.text("echo", "on"), "on");
}
