//! Nothing that a call wrote is there in the next one.

use std::time::Duration;

use faasm_runtime::call::CallError;

use crate::host::{TestHost, end};

#[test]
fn a_reset_faaslet_is_clean() {
    let host = TestHost::having(&["leak-check"]);
    for _ in 0..20 {
        assert_eq!(host.text("leak-check", ""), "clean");
    }
}

#[test]
fn many_calls_at_a_time_are_all_clean() {
    let host = TestHost::having(&["leak-check", "zygote-check"]);
    let calls: Vec<_> = (0..100)
        .map(|i| host.begin(if i % 2 == 0 { "leak-check" } else { "zygote-check" }, b"", None))
        .collect();
    for call in calls {
        let outcome = end(call).result.unwrap();
        assert_eq!(outcome.return_code, 0, "{}", String::from_utf8_lossy(&outcome.output));
    }
}

/// Writes a mark, then does what its input says: returns, traps, or loops. Answers whether the mark was there.
const MARKER: &str = r#"(module
  (import "env" "__faasm_read_input" (func $read (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $write (param i32 i32)))
  (memory (export "memory") 2 100)
  (table (export "__indirect_function_table") 3 funcref)
  (elem (i32.const 1) $main)
  (elem $passive func $main)
  (global $mark (mut i32) (i32.const 0))
  (data $kept "k")
  (func $seen (result i32)
    (i32.or (i32.or (global.get $mark) (i32.load (i32.const 70000)))
      (i32.or
        (i32.or (i32.ne (memory.size) (i32.const 2)) (i32.eqz (ref.is_null (table.get (i32.const 2)))))
        (i32.ne (i32.load8_u (i32.const 0)) (i32.const 0)))))
  (func $main (export "main") (result i32)
    (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (i32.ne (call $seen) (i32.const 0))))
    (call $write (i32.const 1024) (i32.const 1))
    (global.set $mark (i32.const 1))
    (i32.store (i32.const 70000) (i32.const 1))
    (table.set (i32.const 2) (ref.func $main))
    (memory.init $kept (i32.const 0) (i32.const 0) (i32.const 1))
    (data.drop $kept)
    (elem.drop $passive)
    (drop (memory.grow (i32.const 3)))
    (i32.store (i32.const 300000) (i32.const 1))
    (drop (call $read (i32.const 16) (i32.const 1)))
    (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 116)) (then unreachable))
    (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 108)) (then (loop $l (br $l))))
    (i32.const 0)))"#;

#[test]
fn a_call_that_trapped_or_was_interrupted_leaves_nothing() {
    let host = TestHost::with(|config| config.threads = std::num::NonZero::new(1));
    host.upload_wat("marker", MARKER);
    for _ in 0..3 {
        assert_eq!(host.text("marker", ""), "0");
        assert!(matches!(host.error("marker", b"t"), CallError::Trapped { .. }));
        assert_eq!(host.text("marker", ""), "0");
        let late = end(host.begin("marker", b"l", Some(Duration::from_millis(50))));
        assert!(matches!(late.result, Err(CallError::Deadline { .. })), "{late:?}");
        assert_eq!(host.text("marker", ""), "0");
    }
}
