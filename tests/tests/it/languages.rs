//! The languages that functions are written in: the SDKs, and programs of checks, over the modules that are committed.

use crate::host::{TestHost, name, wasm};

/// Runs a program of named checks: all that it has hold, and it has so many.
fn assert_checks(host: &TestHost, program: &str, count: usize) {
    let said = host.text(program, "");
    let good = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!((good, said.lines().count()), (count, count), "{program}: {said}");
}

fn assert_programs(programs: &[(&str, usize)]) {
    let host = TestHost::start();
    for (program, count) in programs {
        host.upload(program);
        assert_checks(&host, program, *count);
        // Once more, born from the same Proto in a slot that was reset.
        assert_checks(&host, program, *count);
    }
    host.assert_nobody_is_left();
}

#[test]
fn c_finds_its_surroundings() {
    assert_programs(&[("environment", 10), ("stdio", 5), ("time", 5)]);
}

#[test]
fn c_is_what_its_standard_says() {
    assert_programs(&[("language", 9), ("memory", 7), ("simd", 3)]);
}

#[test]
fn cpp_has_its_library() {
    assert_programs(&[("cpp", 3), ("random", 6), ("helpers", 4)]);
}

#[test]
fn cpp_throws_and_c_jumps() {
    assert_programs(&[("exception", 5), ("setjmp", 3)]);
}

#[test]
fn c_keeps_state_between_calls_that_it_chains() {
    assert_programs(&[("state", 11)]);
}

#[test]
fn c_chains_calls_by_pointer_and_by_name() {
    let host = TestHost::having(&["chain"]);
    for other in ["chain-b", "chain-c"] {
        host.host.upload(&name(other), &wasm("chain")).unwrap();
    }
    assert_checks(&host, "chain", 5);
    assert_eq!(host.text("chain-b", "a"), "abc");
    host.assert_nobody_is_left();
}

#[test]
fn a_check_that_fails_is_seen() {
    let host = TestHost::having(&["environment"]);
    let outcome = host.outcome("environment", b"no such check");
    let said = String::from_utf8_lossy(&outcome.output).into_owned();
    assert!(outcome.return_code == 1 && said.starts_with("FAILED none: "), "{said}");
    assert_eq!(host.text("environment", "optarg"), "ok optarg\n");
}
