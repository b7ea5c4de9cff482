//! What of the host's is there after a birth, and what must not be there at a capture.

use std::time::{Duration, SystemTime};

use faasm_hostif::{Access, Host, HostBuilder, Leftover, Preopen};
use faasm_vm::Val;

use crate::support::{Bench, FakeCalls, Guest, namespace};

const GUEST: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_rights"
    (func $narrow (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "env" "__faasm_lock_state_read" (func $lock (param i32)))
  (import "env" "__faasm_chain_name" (func $chain (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "sub/note")
  (data (i32.const 64) "name\00")
  (export "close" (func $close)) (export "renumber" (func $renumber)) (export "narrow" (func $narrow))
  (export "prestat" (func $prestat)) (export "args" (func $args)) (export "random" (func $random))
  (export "time" (func $time))
  (func (export "open") (param i32) (result i32)
    (call $open (i32.const 3) (i32.const 0) (i32.const 16) (local.get 0) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 200)))
  (func (export "lock") (call $lock (i32.const 64)))
  (func (export "chain") (drop (call $chain (i32.const 64) (i32.const 0) (i32.const 0))))
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))"#;

/// A folder with `sub/note` in it, open as `/data`.
fn host() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/note"), "text").unwrap();
    let preopen = Preopen::open(folder.path(), "/data", Access::Read).unwrap();
    let calls = std::sync::Arc::new(FakeCalls::default());
    let host = HostBuilder::new().arg("name").preopen(preopen).calls(calls).state(namespace());
    (folder, host.build().unwrap())
}

/// What is left when these exports, each with these arguments, have returned 0.
fn left_by(steps: &[(&str, &[Val])]) -> Result<(), Leftover> {
    let (_folder, host) = host();
    let mut guest = Bench::new().guest(&host, b"", GUEST);
    for (name, args) in steps {
        assert!(matches!(guest.call(name, args).unwrap()[..], [] | [Val::I32(0)]), "{name}");
    }
    guest.store.data().check_leftovers()
}

fn word(guest: &mut Guest, at: i32) -> u64 {
    match guest.call("load", &[Val::I32(at)]).unwrap()[..] {
        [Val::I64(word)] => word.cast_unsigned(),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_are_open_are_named_and_those_that_were_closed_are_forgotten() {
    let (file, folder) = ([Val::I32(8)], [Val::I32(3)]);
    assert_eq!(left_by(&[]), Ok(()));
    assert_eq!(left_by(&[("prestat", &[Val::I32(3), Val::I32(100)])]), Ok(()));
    assert_eq!(left_by(&[("open", &file), ("close", &[Val::I32(4)])]), Ok(()));
    let open = |fd: usize, path: &str| Err(Leftover::Open { fd, path: path.to_owned() });
    assert_eq!(left_by(&[("open", &file)]), open(4, "/data/sub/note"));
    assert_eq!(left_by(&[("open", &folder)]), open(4, "/data/sub"));
    let second = [("open", &file[..]), ("open", &file), ("close", &[Val::I32(4)])];
    assert_eq!(left_by(&second), open(5, "/data/sub/note"));
    let text = left_by(&[("open", &file)]).unwrap_err().to_string();
    assert!(text.starts_with("descriptor 4 is open on `/data/sub/note`: close it"), "{text}");
}

#[test]
fn what_every_call_begins_with_must_be_as_it_was() {
    let changed = |fd| Err(Leftover::Changed { fd });
    assert_eq!(left_by(&[("close", &[Val::I32(0)])]), changed(0));
    assert_eq!(left_by(&[("close", &[Val::I32(3)])]), changed(3));
    assert_eq!(left_by(&[("renumber", &[Val::I32(1), Val::I32(2)])]), changed(2));
    assert_eq!(
        left_by(&[("open", &[Val::I32(8)]), ("renumber", &[Val::I32(4), Val::I32(0)])]),
        changed(0)
    );
    assert_eq!(left_by(&[("narrow", &[Val::I32(3), Val::I64(0), Val::I64(0)])]), changed(3));
}

#[test]
fn locks_and_chained_calls_are_their_calls() {
    assert_eq!(left_by(&[("lock", &[])]), Err(Leftover::Locks));
    assert_eq!(left_by(&[("chain", &[])]), Err(Leftover::Chained { count: 1 }));
}

#[test]
fn newborns_have_directories_and_arguments_and_their_own_random_bytes_and_time() {
    let (_folder, host) = host();
    let bench = Bench::new();
    let mut guest = bench.guest(&host, b"", GUEST);
    let draw = |guest: &mut Guest| {
        assert_eq!(guest.number("random", &[Val::I32(300), Val::I32(8)]), 0);
        word(guest, 300)
    };
    let now = |guest: &mut Guest, clock: i32| {
        assert_eq!(guest.number("time", &[Val::I32(clock), Val::I64(0), Val::I32(400)]), 0);
        Duration::from_nanos(word(guest, 400))
    };
    let times = [now(&mut guest, 0), now(&mut guest, 1)];
    let mut drawn = vec![draw(&mut guest)];
    let captured = guest.store.capture().unwrap();
    for _ in 0..3 {
        let mut born = bench.born(&host, b"", &captured, guest.instance);
        assert_eq!(word(&mut born, 300), drawn[0], "what was drawn before is in the snapshot");
        drawn.push(draw(&mut born));
        assert!(now(&mut born, 0) > times[0] && now(&mut born, 1) > times[1]);
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let apart = today.abs_diff(now(&mut born, 1));
        assert!(apart < Duration::from_hours(1), "monotonic time goes on between processes");
        assert_eq!(born.number("prestat", &[Val::I32(3), Val::I32(100)]), 0);
        assert_eq!(born.number("args", &[Val::I32(100), Val::I32(108)]), 0);
        assert_eq!(word(&mut born, 100) & 0xffff_ffff, 1);
        born.store.recycle();
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 4);
}
