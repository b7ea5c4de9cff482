//! The languages that functions are written in: the SDKs, and programs of checks, over the modules that are committed.

use std::fs;
use std::process::Command;

use faasm_runtime::call::CallError;
use faasm_runtime::manifest::Manifest;

use crate::host::{TestHost, name, root, wasm};
use crate::process::{binary, code, text};

/// Makes functions `LANGUAGE-NAME` of the modules that are committed for a language.
fn upload_built(host: &TestHost, language: &str, names: &[&str]) {
    for module in names {
        let path = root().join(format!("guests/{language}/build/{module}.wasm"));
        let wasm = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let function = name(&format!("{language}-{module}"));
        host.host.upload(&function, &wasm).unwrap_or_else(|error| panic!("{function}: {error:?}"));
    }
}

/// Runs a program of named checks: all that it has hold, and it has so many.
pub(crate) fn assert_checks(host: &TestHost, program: &str, count: usize) {
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
    assert_programs(&[("state", 12)]);
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

#[test]
fn the_rust_sdk_keeps_its_promises() {
    let host = TestHost::start();
    upload_built(&host, "rust", &["checks", "echo"]);
    assert_checks(&host, "rust-checks", 10);
    assert_checks(&host, "rust-checks", 10);
    let input = b"\0\xff and more";
    let outcome = host.outcome("rust-echo", input);
    assert_eq!((outcome.return_code, outcome.output.as_slice()), (0, &input[..]));
    let outcome = host.outcome("rust-echo", b"fail 42 the reason");
    assert_eq!((outcome.return_code, outcome.output.as_slice()), (42, &b"the reason"[..]));
    host.assert_nobody_is_left();
}

#[test]
fn rust_has_the_threads_of_its_standard_library() {
    let host = TestHost::start();
    upload_built(&host, "rust", &["threads"]);
    assert_checks(&host, "rust-threads", 14);
    assert_checks(&host, "rust-threads", 14);
    let error = host.error("rust-threads", b"panic");
    assert!(
        matches!(&error, CallError::Trapped { reason, .. } if reason == "unreachable"),
        "{error:?}"
    );
    assert_eq!(host.outcome("rust-threads", b"exit").return_code, 9);
    assert_checks(&host, "rust-threads", 14);
    host.assert_nobody_is_left();
}

#[test]
fn rust_counts_under_a_lock_that_chained_calls_share() {
    let host = TestHost::start();
    upload_built(&host, "rust", &["counter"]);
    assert_eq!(host.text("rust-counter", "key 8 100"), "800");
    assert_eq!(host.text("rust-counter", "key 4 50"), "1000");
    assert_eq!(host.text("rust-counter", "other 1 1"), "1");
    host.assert_nobody_is_left();
}

#[test]
fn rust_counts_words_as_c_does() {
    let host = TestHost::having(&["put-text", "wordcount"]);
    upload_built(&host, "rust", &["wordcount"]);
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    host.text("put-text", &format!("text\n{readme}"));
    let counted = host.text("wordcount", "text 3");
    assert!(counted.starts_with("words "), "{counted}");
    for parts in ["1", "4", "64"] {
        assert_eq!(host.text("rust-wordcount", &format!("text {parts}")), counted);
    }
}

#[test]
fn the_assemblyscript_package_keeps_its_promises() {
    let host = TestHost::start();
    upload_built(&host, "assemblyscript", &["checks", "echo", "counter"]);
    assert_checks(&host, "assemblyscript-checks", 10);
    assert_checks(&host, "assemblyscript-checks", 10);
    let outcome = host.outcome("assemblyscript-echo", "grüße".as_bytes());
    assert_eq!((outcome.return_code, outcome.output.as_slice()), (0, "grüße".as_bytes()));
    let error = host.error("assemblyscript-echo", b"trap");
    assert!(matches!(error, CallError::Trapped { .. }), "{error:?}");
    assert_eq!(host.text("assemblyscript-counter", "key 8 100"), "800");
    assert_eq!(host.outcome("assemblyscript-counter", b"key").return_code, 1);
    host.assert_nobody_is_left();
}

/// A host that has the runtime of functions in JavaScript, as `demo/javascript`.
fn javascript() -> TestHost {
    let host = TestHost::start();
    let runtime = fs::read(root().join("guests/javascript/build/javascript.wasm")).unwrap();
    host.host.upload(&name("javascript"), &runtime).unwrap();
    host
}

#[test]
fn javascript_begins_behind_its_top_level() {
    let host = javascript();
    for function in ["checks", "echo"] {
        let path = root().join(format!("guests/javascript/functions/{function}.js"));
        let function = name(&format!("javascript-{function}"));
        let script = fs::read(path).unwrap();
        let manifest = Manifest::default();
        host.host.upload_script(&function, &name("javascript"), &script, manifest).unwrap();
    }
    assert_checks(&host, "javascript-checks", 12);
    assert_checks(&host, "javascript-checks", 12);
    let input = b"\0\xff and more";
    assert_eq!(host.outcome("javascript-echo", input).output, input);
    let thrown = host.outcome("javascript-echo", b"throw");
    assert_eq!(thrown.return_code, 1);
    assert!(text(&thrown.output).starts_with("Error: as was asked for\n"), "{thrown:?}");
    host.assert_nobody_is_left();
}

#[test]
fn the_runtime_of_javascript_runs_its_input() {
    let host = javascript();
    let module = "import { output } from 'faasm'; output(String(6 * 7));";
    assert_eq!(host.text("javascript", module), "42");
    assert_eq!(host.text("javascript", "let x = 1"), "");
    assert_eq!(host.outcome("javascript", b"throw new Error('why')").return_code, 1);
}

#[test]
fn a_script_that_does_not_begin_is_refused() {
    let host = javascript();
    for (script, why) in [
        ("throw new Error('early')", "early"),
        ("import 'fs'", "there is no module 'fs'"),
        ("let let", "SyntaxError"),
    ] {
        let (no, runtime) = (name("no"), name("javascript"));
        let refused =
            host.host.upload_script(&no, &runtime, script.as_bytes(), Manifest::default());
        let said = format!("{:?}", refused.unwrap_err());
        assert!(said.contains(why), "{script}: {said}");
    }
}

/// Lua prints what Lua prints on the machine itself.
#[test]
fn lua_does_real_work() {
    let folder = root().join("guests/lua");
    let data = tempfile::tempdir().unwrap();
    let ran = Command::new(binary())
        .arg("run")
        .arg(folder.join("build/lua.wasm"))
        .args(["--dir", &format!("{}::/mnt", folder.display())])
        .args(["--dir", &format!("{}::/data", data.path().display())])
        .args(["--", "/mnt/example.lua", "/data"])
        .output()
        .unwrap();
    let expected = fs::read_to_string(folder.join("example.out")).unwrap();
    assert_eq!(code(&ran), 0, "{}", text(&ran.stderr));
    assert_eq!(text(&ran.stdout), expected);
}

/// What a native build of the same sources says, too: `guests/tflite/test.sh`.
#[test]
fn tensorflow_lite_classifies_from_a_snapshot_that_has_the_model() {
    let host = TestHost::start();
    let folder = root().join("guests/tflite");
    let wasm = fs::read(folder.join("build/mobilenet.wasm")).unwrap();
    host.host.upload(&name("mobilenet"), &wasm).unwrap();
    let expected = fs::read_to_string(folder.join("example.out")).unwrap();
    for (image, line) in expected.lines().enumerate().take(2) {
        assert_eq!(host.text("mobilenet", &image.to_string()), line);
    }
}
