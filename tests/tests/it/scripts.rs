//! Functions that are scripts for a runtime: the runtime's initialisation has the script as its input.

use faasm_runtime::ForgeError;
use faasm_runtime::host::{Host, HostConfig, Uploaded};
use faasm_runtime::manifest::Manifest;
use faasm_runtime::name::FunctionName;
use faasm_runtime::problem::{Problem, ProblemType, explain};

use crate::host::{TestHost, end, name};

/// Its initialisation keeps the script, and fails for one that begins with `!`, which it prints. A call answers the
/// script and then the input.
const RUNTIME: &str = r#"(module
    (import "env" "__faasm_read_input" (func $input (param i32 i32) (result i32)))
    (import "env" "__faasm_write_output" (func $output (param i32 i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $n (mut i32) (i32.const 0))
    (func (export "_faasm_zygote") (result i32)
        (global.set $n (call $input (i32.const 1024) (i32.const 8192)))
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (global.get $n))
        (if (result i32) (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 33))
            (then
                (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
                (i32.const 1))
            (else (i32.const 0))))
    (func (export "main")
        (call $output (i32.const 1024)
            (i32.add (global.get $n)
                (call $input (i32.add (i32.const 1024) (global.get $n)) (i32.const 8192))))))"#;

fn upload(host: &Host, function: &str, script: &str) -> Result<Uploaded, ForgeError> {
    host.upload_script(&name(function), &name("runtime"), script.as_bytes(), Manifest::default())
}

fn with_runtime() -> TestHost {
    let host = TestHost::start();
    host.upload_wat("runtime", RUNTIME);
    host
}

#[test]
fn scripts_of_one_runtime_are_functions_of_their_own() {
    let host = with_runtime();
    let uploaded = upload(&host.host, "one", "first ").unwrap();
    assert!(!uploaded.compiled && !uploaded.replaced);
    upload(&host.host, "two", "second ").unwrap();
    assert_eq!(host.text("one", "call"), "first call");
    assert_eq!(host.text("two", "call"), "second call");
    assert!(upload(&host.host, "one", "other ").unwrap().replaced);
    assert_eq!(host.text("one", "call"), "other call");
    // Without a script the runtime is a function like any other.
    assert_eq!(host.text("runtime", "call"), "call");
    host.assert_nobody_is_left();
}

#[test]
fn a_script_needs_its_runtime_only_when_it_is_uploaded() {
    let host = with_runtime();
    upload(&host.host, "one", "first ").unwrap();
    // Another runtime of the same name leaves what it was uploaded with.
    host.upload("echo");
    host.host.upload(&name("runtime"), &crate::host::wasm("echo")).unwrap();
    assert_eq!(host.text("one", "call"), "first call");
    host.host.remove(&name("runtime")).unwrap();
    assert_eq!(host.text("one", "call"), "first call");
    let error = upload(&host.host, "two", "second ").unwrap_err();
    assert_eq!(error.problem_type(), ProblemType::FunctionNotFound);
    assert!(error.hint().unwrap().contains("faasm upload demo/runtime"), "{error:?}");
    assert!(host.host.function(&name("two")).is_none());
}

#[test]
fn scripts_stay_after_a_restart() {
    let host = with_runtime();
    upload(&host.host, "one", "first ").unwrap();
    host.host.remove(&name("runtime")).unwrap();
    let TestHost { host, dir } = host;
    host.shut_down(crate::host::PATIENCE);
    drop(host);
    let data = dir.path().join("data");
    // Restored from its snapshot, and then initialised again with the script that the registry kept.
    for without_snapshot in [false, true] {
        if without_snapshot {
            std::fs::remove_dir_all(data.join("protos")).unwrap();
        }
        let host = Host::start(HostConfig::new(data.clone())).unwrap();
        let call = host.invoke(host.function(&name("one")).unwrap(), b"call".to_vec(), None);
        let outcome = end(call.finished).result.unwrap();
        assert_eq!(outcome.output, b"first call", "{without_snapshot}");
        host.shut_down(crate::host::PATIENCE);
    }
}

#[test]
fn a_script_that_fails_is_refused_with_what_it_printed() {
    let host = with_runtime();
    upload(&host.host, "one", "first ").unwrap();
    let error = upload(&host.host, "one", "!line 3: no such name").unwrap_err();
    assert_eq!(error.problem_type(), ProblemType::InvalidModule);
    assert_eq!(error.printed(), Some("!line 3: no such name"));
    assert_eq!(explain(&error), "`_faasm_zygote` returned 1, and 0 is success");
    assert_eq!(host.text("one", "call"), "first call");
    let nobody = FunctionName::new("faasm", "python").unwrap();
    let error = host.host.upload_script(&name("two"), &nobody, b"x", Manifest::default());
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "there is no runtime `faasm/python`");
}
