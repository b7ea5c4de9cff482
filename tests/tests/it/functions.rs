//! What the example functions promise.

use crate::host::TestHost;

#[test]
fn echo_answers_its_input_byte_by_byte() {
    let host = TestHost::having(&["echo"]);
    let large: Vec<u8> =
        (0..3 << 20).map(|i: u32| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    for input in [&b""[..], b"hello", b"\0\xff\0", &large] {
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
