//! What the example functions promise.

use faasm_runtime::call::CallError;

use crate::host::TestHost;

#[test]
fn echo_answers_its_input_byte_by_byte() {
    let host = TestHost::having(&["echo"]);
    let large: Vec<u8> =
        (0..3 << 20).map(|i: u32| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    for input in [&b""[..], b"hello", b"with: a colon", b"\0\xff\0", &large] {
        let outcome = host.outcome("echo", input);
        assert_eq!(outcome.return_code, 0);
        assert!(
            outcome.output == input,
            "{} bytes came back for {}",
            outcome.output.len(),
            input.len()
        );
    }
}

#[test]
fn a_function_returns_its_exit_code() {
    let host = TestHost::having(&["exit", "noop"]);
    for code in [0, 1, 42, 255] {
        let outcome = host.outcome("exit", code.to_string().as_bytes());
        assert_eq!((outcome.return_code, outcome.output.as_slice()), (code, &b"leaving"[..]));
    }
    assert_eq!(host.outcome("noop", b"").output, b"");
}

#[test]
fn initialisation_runs_once_before_the_capture() {
    let host = TestHost::having(&["zygote-check"]);
    let first = host.text("zygote-check", "");
    assert_eq!(host.text("zygote-check", ""), first);
}

/// A function that has a place in its memory, which each part of its life adds a digit to; the last writes it.
fn life(after_restore: &str) -> String {
    let add = |digit: u32| {
        format!(
            "(i32.store (i32.const 0) (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 10)) (i32.const {digit})))"
        )
    };
    format!(
        r#"(module
          (import "env" "__faasm_write_output" (func $write (param i32 i32)))
          (import "env" "__faasm_chain_ptr" (func $chain (param i32 i32 i32) (result i32)))
          (import "env" "__faasm_await_call" (func $await (param i32) (result i32)))
          (memory (export "memory") 1)
          (table (export "__indirect_function_table") 2 funcref)
          (elem (i32.const 1) $chained)
          (func $chained (result i32) (i32.load (i32.const 0)))
          (func (export "_faasm_zygote") {})
          (func (export "after_restore") {after_restore} {})
          (func (export "faasm_main") (result i32) {}
            (i32.store (i32.const 4) (call $await (call $chain (i32.const 1) (i32.const 0) (i32.const 0))))
            (call $write (i32.const 0) (i32.const 8)) (i32.const 0)))"#,
        add(1),
        add(2),
        add(3)
    )
}

#[test]
fn every_call_runs_what_a_newborn_must_before_its_entry() {
    let host = TestHost::start();
    host.upload_wat("life", &life(""));
    for _ in 0..3 {
        let output = host.outcome("life", b"").output;
        let [own, chained] = [&output[..4], &output[4..]];
        assert_eq!(own, 123_u32.to_le_bytes(), "zygote, restore, entry");
        assert_eq!(chained, 12_u32.to_le_bytes(), "a chained pointer's call is born, too");
    }
}

#[test]
fn a_newborn_that_cannot_be_restored_has_no_call() {
    let host = TestHost::start();
    let call =
        |function: &str, body: &str| {
            host.upload_wat(function, &format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (func (export "after_restore") {body}) (func (export "faasm_main")))"#
        ));
            host.call(function, b"").result
        };
    assert!(call("well", "(result i32) i32.const 0").is_ok());
    for (function, body) in [
        ("fails", "(result i32) i32.const 3"),
        ("exits", "(call $exit (i32.const 3))"),
        ("leaves", "(call $exit (i32.const 0))"),
    ] {
        let error = call(function, body).unwrap_err();
        assert!(
            matches!(&error, CallError::Init(text) if text.contains("after_restore")),
            "{error:?}"
        );
    }
    assert!(matches!(call("traps", "unreachable"), Err(CallError::Trapped { .. })));
    let timeout = Some(std::time::Duration::from_millis(50));
    host.upload_wat(
        "loops",
        r#"(module (func (export "after_restore") (loop br 0)) (func (export "faasm_main")))"#,
    );
    let loops = crate::host::end(host.begin("loops", b"", timeout)).result;
    assert!(matches!(loops, Err(CallError::Deadline { .. })), "{loops:?}");
}

#[test]
fn pi_is_estimated_by_chained_calls_that_append_state() {
    let host = TestHost::having(&["pi"]);
    let estimate = host.text("pi", "8 20000");
    assert!(estimate.starts_with("3.1"), "{estimate}");
    assert_eq!(host.text("pi", "8 20000"), estimate);
}

#[test]
fn words_are_counted_in_shared_state() {
    let host = TestHost::having(&["put-text", "wordcount"]);
    let text = "The cat and the dog; the CAT, and 2 birds.\n".repeat(5000);
    assert_eq!(host.text("put-text", &format!("text\n{text}")), text.len().to_string());
    let counted = host.text("wordcount", "text 4");
    let lines: Vec<_> = counted.lines().collect();
    assert_eq!(lines[..4], ["words 50000", "distinct 6", "15000 the", "10000 and"], "{counted}");
    assert_eq!(host.text("wordcount", "text 1"), counted);
    assert_eq!(host.text("wordcount", "text 64"), counted);
}

#[test]
fn state_keeps_its_promises_within_a_host() {
    let host = TestHost::having(&["state-check"]);
    assert_eq!(host.text("state-check", "a"), "ok");
    assert_eq!(host.text("state-check", "b"), "ok");
}

#[test]
fn one_namespace_does_not_see_anothers_state() {
    let host = TestHost::having(&["put-text"]);
    assert_eq!(host.text("put-text", "key\nsecret words"), "12");
    let other = faasm_runtime::name::FunctionName::new("other", "wordcount").unwrap();
    host.host.upload(&other, &crate::host::wasm("wordcount")).unwrap();
    let function = host.host.function(&other).unwrap();
    let finished = crate::host::end(host.host.invoke(function, b"key 1".to_vec(), None).finished);
    let seen = finished.result.map(|outcome| String::from_utf8_lossy(&outcome.output).into_owned());
    assert!(!seen.as_ref().is_ok_and(|text| text.contains("secret")), "{seen:?}");
}
