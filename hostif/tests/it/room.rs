//! The stack that host functions may use is there, also for a guest that has almost none left: each guest here recurses
//! for ever with a host call in every frame, so that some call has hardly more than its declared room.

use std::sync::Arc;

use faasm_hostif::{Access, HostBuilder, Preopen};
use faasm_vm::TrapCode;

use crate::support::{Bench, FakeCalls, namespace, program};

/// Recurses with `body` in each frame; "sub/x" lies at 0, "echo" at 16, an iovec of 8 bytes at 32.
fn recursing(imports: &str, body: &str) -> String {
    format!(
        r#"(module
          {imports}
          (memory (export "memory") 2)
          (data (i32.const 0) "sub/x\00")
          (data (i32.const 16) "echo\00")
          (data (i32.const 32) "\00\00\00\00\08\00\00\00")
          (func (export "malloc") (param i32) (result i32) (i32.const 1024))
          (func $down (param i32) (result i32)
            {body}
            (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
          (func (export "_start") (drop (call $down (i32.const 0)))))"#
    )
}

fn overflows(name: &str, imports: &str, body: &str) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    let host = HostBuilder::new()
        .preopen(Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap())
        .calls(Arc::new(FakeCalls::default()))
        .state(namespace())
        .build()
        .unwrap();
    let ended = Bench::new().guest(&host, b"input", &recursing(imports, body)).run();
    assert_eq!(ended.result.unwrap_err().trap_code(), Some(TrapCode::StackOverflow), "{name}");
}

#[test]
fn for_files() {
    overflows(
        "path_open",
        r#"(import "wasi_snapshot_preview1" "path_open"
             (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))"#,
        "(drop (call $open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 5) (i32.const 1)
           (i64.const 0x1fffffff) (i64.const 0) (i32.const 0) (i32.const 64)))
         (drop (call $close (i32.load (i32.const 64))))",
    );
    overflows(
        "fd_readdir",
        r#"(import "wasi_snapshot_preview1" "fd_readdir" (func $f (param i32 i32 i32 i64 i32) (result i32)))"#,
        "(drop (call $f (i32.const 3) (i32.const 1024) (i32.const 512) (i64.const 0) (i32.const 64)))",
    );
    overflows(
        "path_rename",
        r#"(import "wasi_snapshot_preview1" "path_rename" (func $f (param i32 i32 i32 i32 i32 i32) (result i32)))"#,
        "(drop (call $f (i32.const 3) (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 0) (i32.const 3)))",
    );
    overflows(
        "fd_write",
        r#"(import "wasi_snapshot_preview1" "fd_write" (func $f (param i32 i32 i32 i32) (result i32)))"#,
        "(drop (call $f (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 64)))",
    );
}

#[test]
fn for_waiting() {
    overflows(
        "poll_oneoff",
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $f (param i32 i32 i32 i32) (result i32)))"#,
        "(drop (call $f (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 64)))",
    );
    overflows(
        "await_call_output",
        r#"(import "env" "__faasm_chain_name" (func $chain (param i32 i32 i32) (result i32)))
           (import "env" "__faasm_await_call_output" (func $output (param i32 i32 i32) (result i32)))"#,
        "(drop (call $output (call $chain (i32.const 16) (i32.const 0) (i32.const 4))
           (i32.const 64) (i32.const 68)))",
    );
}

#[test]
fn for_state() {
    overflows(
        "read_state_ptr",
        r#"(import "env" "__faasm_read_state_ptr" (func $ptr (param i32 i32) (result i32)))
           (import "env" "__faasm_push_state" (func $push (param i32)))
           (import "env" "__faasm_pull_state" (func $pull (param i32 i32)))
           (import "env" "__faasm_append_state" (func $append (param i32 i32 i32)))"#,
        "(drop (call $ptr (i32.const 16) (i32.const 64)))
         (call $push (i32.const 16))
         (call $pull (i32.const 16) (i32.const 64))
         (call $append (i32.const 16) (i32.const 0) (i32.const 4))",
    );
}

#[test]
fn for_a_program() {
    let host = HostBuilder::new().build().unwrap();
    let bench = Bench::new();
    let ended = bench.place(&host, b"input", &bench.module(&program("recurse-host"))).run();
    assert_eq!(ended.result.unwrap_err().trap_code(), Some(TrapCode::StackOverflow));
}

/// The guest's `malloc`, called by the host, calls the host again, for ever.
#[test]
fn for_a_host_call_inside_a_host_call() {
    let guest = r#"(module
      (import "env" "__faasm_chain_name" (func $chain (param i32 i32 i32) (result i32)))
      (import "env" "__faasm_await_call_output" (func $output (param i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "echo\00")
      (func $malloc (export "malloc") (param i32) (result i32)
        (drop (call $output (call $chain (i32.const 16) (i32.const 0) (i32.const 4))
          (i32.const 64) (i32.const 68)))
        (i32.const 1024))
      (func (export "_start") (drop (call $malloc (i32.const 1)))))"#;
    let host = HostBuilder::new().calls(Arc::new(FakeCalls::default())).build().unwrap();
    let bench = Bench::new();
    let ended = bench.guest(&host, b"", guest).run();
    assert_eq!(ended.result.unwrap_err().trap_code(), Some(TrapCode::StackOverflow));
    let ended = bench.guest(&host, b"", guest).run_suspending(|| panic!("it does not wait"));
    assert_eq!(ended.result.unwrap_err().trap_code(), Some(TrapCode::StackOverflow));
}
