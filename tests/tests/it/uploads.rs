//! What is refused at upload, and what stays after a restart.

use std::time::{Duration, Instant};

use faasm_runtime::ForgeError;
use faasm_runtime::call::CallError;
use faasm_runtime::host::{Host, HostConfig};
use faasm_runtime::problem::{Problem, ProblemType, explain};

use crate::host::{TestHost, end, name, wasm};

fn refused(host: &TestHost, wasm: &[u8]) -> ForgeError {
    let error = host.host.upload(&name("bad"), wasm).unwrap_err();
    assert_eq!(error.problem_type(), ProblemType::InvalidModule, "{error:?}");
    assert!(host.host.function(&name("bad")).is_none());
    error
}

#[test]
fn truncated_and_changed_modules_are_refused() {
    let host = TestHost::having(&["echo"]);
    let good = wasm("echo");
    for length in [0, 3, 8, 100, good.len() / 2, good.len() - 1] {
        refused(&host, &good[..length]);
    }
    refused(&host, b"not a module at all");
    let mut changed = good.clone();
    changed[9] ^= 0xff;
    refused(&host, &changed);
    assert_eq!(host.text("echo", "on"), "on");
}

#[test]
fn unknown_imports_are_refused_by_name() {
    let host = TestHost::start();
    let text = explain(&refused(&host, &wasm("unknown-import")));
    assert!(text.contains("env.no_such_call"), "{text}");
    let wat = r#"(module (import "env" "__faasm_made_up" (func)) (import "env" "memory" (memory 1))
        (import "env" "__faasm_chain_ptr" (func (param i64))) (func (export "main")))"#;
    let error = refused(&host, &wat::parse_str(wat).unwrap());
    let text = explain(&error);
    for name in ["env.__faasm_made_up", "env.memory", "env.__faasm_chain_ptr"] {
        assert!(text.contains(name), "{text}");
    }
    assert_eq!(error.missing_imports().unwrap().0.len(), 3);
}

#[test]
fn a_module_that_takes_too_long_to_compile_is_refused() {
    let host = TestHost::with(|config| config.compile_time = Duration::ZERO);
    let text = explain(&refused(&host, &wasm("wordcount")));
    assert!(text.contains("takes more than 0 seconds"), "{text}");
}

#[test]
fn modules_that_cannot_be_initialised_are_refused() {
    let host = TestHost::with(|config| {
        config.memory_bytes = 16 << 20;
        config.init_time = Duration::from_millis(200);
    });
    let text = explain(&refused(&host, &wasm("zygote-fails")));
    assert!(text.contains("`_faasm_zygote` returned 3"), "{text}");
    for (wat, words) in [
        (
            r#"(module (func (export "main")) (func (export "_initialize") unreachable))"#,
            "unreachable",
        ),
        (
            r#"(module (func (export "main")) (func (export "_initialize") (loop $l (br $l))))"#,
            "interrupted",
        ),
        (r#"(module (func (export "main")) (memory 300))"#, "limit"),
        (r#"(module (func (export "main") (param i32)))"#, "() -> i32"),
        (r#"(module (func (export "nothing")))"#, "entry"),
        (
            r#"(module (func (export "main")) (memory 1) (data (i32.const 65536) "x"))"#,
            "out of bounds",
        ),
        (
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (func (export "main")) (func (export "_faasm_zygote") (call $exit (i32.const 0))))"#,
            "`_faasm_zygote` exited instead of returning",
        ),
        (
            r#"(module (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
              (func (export "main"))
              (func (export "wizer-initialize") (drop (call $close (i32.const 1)))))"#,
            "descriptor 1 was open when the initialisation began",
        ),
    ] {
        let text = explain(&refused(&host, &wat::parse_str(wat).unwrap()));
        assert!(text.contains(words), "{wat}: {text}");
    }
}

#[test]
fn a_restarted_host_has_its_functions_and_a_damaged_object_is_made_again() {
    let host = TestHost::having(&["echo", "zygote-check"]);
    let TestHost { host, dir } = host;
    drop(host);
    let data = dir.path().join("data");
    for object in std::fs::read_dir(data.join("objects")).unwrap() {
        let path = object.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let host = TestHost { host: Host::start(HostConfig::new(data)).unwrap(), dir };
    assert_eq!(host.host.functions().len(), 2);
    assert_eq!(host.text("echo", "again"), "again");
    host.text("zygote-check", "");
}

#[test]
fn a_host_that_stops_ends_a_call_that_was_about_to_start() {
    let slow = r#"(module (start $init)
        (func $init (local $i i32) (local.set $i (i32.const 200000000))
            (loop $more (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
        (func (export "main") (loop $more (br $more))))"#;
    let host = TestHost::start();
    host.upload_wat("slow", slow);
    let TestHost { host, dir } = host;
    drop(host);
    // Without its snapshot, the first call after the start makes the Proto: the host is told to stop meanwhile.
    let data = dir.path().join("data");
    std::fs::remove_dir_all(data.join("protos")).unwrap();
    let host = TestHost { host: Host::start(HostConfig::new(data)).unwrap(), dir };
    let call = host.begin("slow", b"", Some(Duration::from_mins(2)));
    while host.host.live() == 0 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    host.host.shut_down(Duration::ZERO);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    assert!(matches!(end(call).result, Err(CallError::Draining)));
}

#[test]
fn an_upload_replaces_and_calls_keep_what_they_began_with() {
    let host = TestHost::start();
    host.upload_wat("f", r#"(module (func (export "main") (result i32) i32.const 1))"#);
    let old = host.host.function(&name("f")).unwrap();
    let again = host.upload_wat("f", r#"(module (func (export "main") (result i32) i32.const 2))"#);
    assert!(again.replaced);
    assert_eq!(host.outcome("f", b"").return_code, 2);
    assert_eq!(
        end(host.host.invoke(old, Vec::new(), None).finished).result.unwrap().return_code,
        1
    );
    assert!(host.host.remove(&name("f")).unwrap());
    assert!(!host.host.remove(&name("f")).unwrap());
    assert!(host.host.function(&name("f")).is_none());
}

#[test]
fn the_same_module_is_compiled_once() {
    let host = TestHost::start();
    assert!(host.upload("echo").compiled);
    assert!(!host.upload("echo").compiled);
}
