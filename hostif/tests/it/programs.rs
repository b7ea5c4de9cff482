//! Real programs: what clang and wasi-libc made of C and C++.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use faasm_hostif::{Access, Host, HostBuilder, Input, Preopen};

use crate::support::{Bench, Ended, FakeCalls, namespace, program};

fn run(name: &str, host: &Host, input: &[u8]) -> Ended {
    let bench = Bench::new();
    let module = bench.module(&program(name));
    bench.place(host, input, &module).run()
}

fn tenant() -> Host {
    HostBuilder::new()
        .arg("function")
        .calls(Arc::new(FakeCalls::default()))
        .state(namespace())
        .build()
        .unwrap()
}

#[test]
fn hello_in_c_and_in_cpp() {
    for name in ["hello", "hello-cpp"] {
        let ended = run(name, &HostBuilder::new().arg(name).build().unwrap(), b"");
        assert_eq!(ended.code(), 0, "{name}");
        assert!(ended.printed.to_lowercase().contains("hello"), "{name}: {}", ended.printed);
    }
}

#[test]
fn the_tour_of_wasi_finds_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let host = HostBuilder::new()
        .arg("wasi-check")
        .arg("two words")
        .env("NAME", "value")
        .stdin(Input::Bytes((*b"first\nsecond\n").into()))
        .preopen(Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap())
        .build()
        .unwrap();
    let ended = run("wasi-check", &host, b"");
    let printed = &ended.printed;
    assert_eq!(ended.code(), 0, "{printed}");
    for line in
        ["arg 0 wasi-check", "arg 1 two words", "env NAME=value", "stdin first", "stdin second"]
    {
        assert!(printed.lines().any(|found| found == line), "{line:?} is not in\n{printed}");
    }
    assert!(printed.lines().filter(|line| line.starts_with("ok ")).count() > 40, "{printed}");
}

/// `tests/guests/tour.rs`, as rustc and its standard library made it.
#[test]
fn the_tour_in_rust_finds_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let host = HostBuilder::new()
        .arg("tour")
        .arg("an argument")
        .env("NAME", "value")
        .stdin(Input::Bytes((*b"first\nsecond\n").into()))
        .preopen(Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap())
        .build()
        .unwrap();
    let wasm = include_bytes!("../guests/tour.wasm");
    let bench = Bench::new();
    let ended = bench.place(&host, b"", &bench.module(wasm)).run();
    assert_eq!(ended.code(), 0, "{}", ended.printed);
    assert_eq!(
        ended.printed.lines().filter(|line| line.starts_with("ok ")).count(),
        28,
        "{}",
        ended.printed
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_exit_code_is_the_programs() {
    let dir = tempfile::tempdir().unwrap();
    let preopen = Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap();
    let host =
        HostBuilder::new().arg("wasi-check").arg("exit=77").preopen(preopen).build().unwrap();
    assert_eq!(run("wasi-check", &host, b"").code(), 77);
}

#[test]
fn echo_gives_back_its_input() {
    let ended = run("echo", &tenant(), b"bytes \0 and \xff");
    assert_eq!((ended.code(), &ended.output[..]), (0, &b"bytes \0 and \xff"[..]));
}

#[test]
fn state_keeps_its_promises() {
    let ended = run("state-check", &tenant(), b"");
    assert_eq!((ended.code(), ended.text()), (0, "ok"));
}

#[test]
fn nothing_is_left_for_the_next_call() {
    let bench = Bench::new();
    let module = bench.module(&program("leak-check"));
    let host = tenant();
    for _ in 0..2 {
        let ended = bench.place(&host, b"", &module).run();
        assert_eq!((ended.code(), ended.text()), (0, "clean"));
    }
}

/// The same through a captured store: what the next call gets is the slot that the last one used, reset.
#[test]
fn nothing_is_left_in_a_slot_that_is_used_again() {
    let bench = Bench::new();
    let host = tenant();
    let mut first = bench.place(&host, b"", &bench.module(&program("leak-check")));
    first.number("_faasm_zygote", &[]);
    let captured = first.store.capture().unwrap();
    for _ in 0..5 {
        let guest = bench.born(&host, b"", &captured, first.instance);
        let ended = guest.run_suspending(|| panic!("it does not wait"));
        assert_eq!((ended.code(), ended.text()), (0, "clean"));
        let engine = ended.store.engine();
        ended.store.recycle();
        engine.settle();
    }
}

/// Files that a call leaves open are closed with it.
#[test]
fn open_files_end_with_the_call() {
    let open = || {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter(|fd| {
                let target = std::fs::read_link(fd.as_ref().unwrap().path());
                target.is_ok_and(|target| target.ends_with("left-open"))
            })
            .count()
    };
    let dir = tempfile::tempdir().unwrap();
    let preopen = Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap();
    let host = HostBuilder::new().preopen(preopen).build().unwrap();
    let guest = r#"(module
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "left-open")
      (func (export "open") (result i32)
        (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 1)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))))"#;
    let mut guest = Bench::new().guest(&host, b"", guest);
    assert_eq!((guest.number("open", &[]), open()), (0, 1));
    drop(guest);
    assert_eq!(open(), 0);
}

#[test]
fn a_function_awaits_another_with_its_values_kept() {
    let ended = run("chain-wait", &tenant(), b"echo hi there");
    // The fake function returns 42 and its input.
    assert_eq!((ended.code(), ended.text()), (42, "hi there"));
}

/// Where a program lies that nobody here wrote.
fn guest_dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests").join(name)
}

/// Runs its example and compares what it prints.
fn run_example(name: &str, host: HostBuilder) {
    let here = guest_dir(name);
    let wasm = std::fs::read(here.join(format!("build/{name}.wasm"))).unwrap();
    let bench = Bench::new();
    let module = bench.module(&wasm);
    let ended = bench.place(&host.build().unwrap(), b"", &module).run();
    let expected = std::fs::read_to_string(here.join("example.out")).unwrap();
    assert_eq!((ended.code(), ended.printed), (0, expected));
}

#[test]
fn quickjs_runs_its_example() {
    let work = Preopen::open(&guest_dir("quickjs"), "/mnt", Access::Read).unwrap();
    run_example("quickjs", HostBuilder::new().arg("quickjs").arg("/mnt/example.js").preopen(work));
}

#[test]
fn sqlite_runs_its_example_in_memory_and_on_a_file() {
    let sql = std::fs::read(guest_dir("sqlite").join("example.sql")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let data = Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap();
    for database in [":memory:", "/data/my.db"] {
        let host = HostBuilder::new().arg("sqlite").arg(database).preopen(data.clone());
        run_example("sqlite", host.stdin(Input::Bytes(sql.clone().into())));
    }
    assert!(dir.path().join("my.db").metadata().unwrap().len() > 4096);
}

/// `bad-pointer` lists its attempts in its source; "survived" is what must not be there.
#[test]
fn bad_pointers_do_not_survive() {
    let attempts = [
        ("output-beyond", "argument output"),
        ("output-across", "argument output"),
        ("output-long", "argument output"),
        ("output-negative", "argument output"),
        ("output-wrap", "argument output"),
        ("input-beyond", "argument buffer"),
        ("key-beyond", "argument key"),
        ("key-endless", "argument key"),
        ("state-offset", "2 bytes at offset 3"),
        ("state-offset-negative", "at offset 4294967295"),
        ("state-empty-key", "the state key is empty"),
        ("state-length", "over the limit"),
        ("chain-function", "argument function"),
        ("chain-null", "argument function"),
        ("chain-type", "argument function"),
        ("await-output", "argument output"),
    ];
    let bench = Bench::new();
    let module = bench.module(&program("bad-pointer"));
    let host = tenant();
    for (attempt, wanted) in attempts {
        let ended = bench.place(&host, attempt.as_bytes(), &module).run();
        let trap = ended.result.expect_err(attempt).to_string();
        assert!(trap.contains(wanted), "{attempt}: {trap}");
        assert_eq!(ended.output, b"", "{attempt}");
    }
    let fault = 21;
    let codes = [
        ("await-unknown", 77),
        ("wasi-iovec", fault),
        ("wasi-iovec-wrap", fault),
        ("wasi-iovecs", 28),
        ("wasi-random", fault),
    ];
    for (attempt, code) in codes {
        let ended = bench.place(&host, attempt.as_bytes(), &module).run();
        assert_eq!(ended.code(), code, "{attempt}");
    }
}
