//! WASI preview 1 where programs seldom look: waiting, small buffers, streams.

use std::io::Write;
use std::time::{Duration, Instant};

use faasm_hostif::{Access, HostBuilder, Input, Preopen};
use faasm_vm::{TrapCode, Val};

use crate::support::{Bench, Guest};

const GUEST: &str = r#"(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (export "poll" (func $poll)) (export "readdir" (func $readdir)) (export "read" (func $read))
  (export "write" (func $write)) (export "prestat" (func $prestat)) (export "time" (func $time))
  (export "random" (func $random)) (export "fdstat" (func $fdstat)) (export "send" (func $send))
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "store") (param i32 i64) (i64.store (local.get 0) (local.get 1)))
  (func (export "open") (param i32 i32) (result i32)
    (call $open (i32.const 3) (i32.const 0) (local.get 0) (local.get 1) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 2000)))
  (func (export "_start")
    (i64.store (i32.const 0) (i64.const 7))
    (i32.store8 (i32.const 8) (i32.const 0))
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 20000000))
    (call $exit (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))))"#;

fn words<const N: usize>(words: [u32; N]) -> [Val; N] {
    words.map(Val::from)
}

impl Guest {
    fn load(&mut self, at: u32) -> u64 {
        match self.call("load", &words([at])).unwrap()[..] {
            [Val::I64(word)] => word.cast_unsigned(),
            ref other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, at: u32, word: u64) {
        self.call("store", &[Val::from(at), Val::from(word)]).unwrap();
    }

    /// A list of two buffers at 0.
    fn put_buffers(&mut self, buffers: [(u32, u32); 2]) {
        for (at, (start, len)) in [0, 8].into_iter().zip(buffers) {
            self.put(at, u64::from(start) | u64::from(len) << 32);
        }
    }

    /// A subscription of a clock at `at`.
    fn put_clock(&mut self, at: u32, userdata: u64, id: u64, timeout: u64, flags: u64) {
        for (field, word) in [(0, userdata), (8, 0), (16, id), (24, timeout), (32, 0), (40, flags)]
        {
            self.put(at + field, word);
        }
    }
}

fn guest() -> Guest {
    let host = HostBuilder::new().stdin(Input::Bytes((*b"0123456789").into())).build().unwrap();
    Bench::new().guest(&host, b"", GUEST)
}

#[test]
fn sleeping_suspends_and_takes_its_time() {
    let begin = Instant::now();
    let mut waits = 0;
    let ended = guest().run_suspending(|| waits += 1);
    assert_eq!(ended.code(), 0);
    assert_eq!(waits, 1);
    assert!(begin.elapsed() >= Duration::from_millis(20));
}

#[test]
fn the_first_clock_wakes_and_only_what_happened_is_told() {
    let mut guest = guest();
    guest.put_clock(0, 11, 1, 3_600_000_000_000, 0);
    guest.put_clock(48, 22, 0, 1_000_000, 0);
    assert_eq!(guest.number("poll", &words([0, 1000, 2, 2000])), 0);
    assert_eq!(guest.load(2000), 1);
    assert_eq!((guest.load(1000), guest.load(1008)), (22, 0));
}

#[test]
fn an_absolute_time_that_is_past_has_happened() {
    let mut guest = guest();
    guest.put_clock(0, 5, 0, 1, 1);
    assert_eq!(guest.number("poll", &words([0, 1000, 1, 2000])), 0);
    assert_eq!(guest.load(2000), 1);
}

#[test]
fn descriptors_are_ready_and_bad_ones_have_an_error_of_their_own() {
    let mut guest = guest();
    guest.put_clock(0, 1, 1, 3_600_000_000_000, 0);
    for (at, kind, fd) in [(48, 1, 0), (96, 2, 1), (144, 1, 99)] {
        for (field, word) in [(0, at), (8, kind), (16, fd)] {
            guest.put(u32::try_from(at).unwrap() + field, word);
        }
    }
    assert_eq!(guest.number("poll", &words([0, 1000, 4, 2000])), 0);
    assert_eq!(guest.load(2000), 3);
    // Ten bytes to read; writing; EBADF.
    assert_eq!((guest.load(1000), guest.load(1008), guest.load(1016)), (48, 1 << 16, 10));
    assert_eq!((guest.load(1032), guest.load(1040)), (96, 2 << 16));
    assert_eq!((guest.load(1064), guest.load(1072)), (144, 1 << 16 | 8));
}

#[test]
fn no_subscriptions_are_invalid() {
    assert_eq!(guest().number("poll", &words([0, 1000, 0, 2000])), 28);
    assert_eq!(guest().number("poll", &words([0, 1000, u32::MAX, 2000])), 28);
}

#[test]
fn a_sleeper_ends_at_its_deadline() {
    let mut guest = guest();
    guest.put_clock(0, 1, 1, u64::MAX, 0);
    guest.store.set_deadline(Some(Instant::now() + Duration::from_millis(20)));
    let trap = guest.call("poll", &words([0, 1000, 1, 2000])).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
}

#[test]
fn buffers_are_filled_in_turn() {
    let mut guest = guest();
    guest.put_buffers([(1000, 3), (1008, 5)]);
    assert_eq!(guest.number("read", &words([0, 0, 2, 16])), 0);
    assert_eq!(guest.load(16), 8);
    assert_eq!(guest.load(1000).to_le_bytes(), *b"012\0\0\0\0\0");
    assert_eq!(guest.load(1008).to_le_bytes(), *b"34567\0\0\0");
    assert_eq!(guest.number("read", &words([0, 0, 2, 16])), 0);
    assert_eq!(guest.load(16), 2);
    assert_eq!(guest.number("read", &words([0, 0, 2, 16])), 0);
    assert_eq!(guest.load(16), 0);
}

/// A second read of a pipe would wait for ever: the test would not end.
#[test]
fn what_a_pipe_holds_is_given_without_waiting_for_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut pipe = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    pipe.write_all(b"abc").unwrap();
    let preopen = Preopen::open(dir.path(), "/data", Access::Read).unwrap();
    let host = HostBuilder::new().preopen(preopen).build().unwrap();
    let mut guest = Bench::new().guest(&host, b"", GUEST);
    guest.put(1000, u64::from_le_bytes(*b"pipe\0\0\0\0"));
    assert_eq!(guest.number("open", &words([1000, 4])), 0);
    guest.put_buffers([(1008, 3), (1016, 5)]);
    assert_eq!(guest.number("read", &words([4, 0, 2, 16])), 0);
    assert_eq!((guest.load(16), guest.load(1008)), (3, u64::from_le_bytes(*b"abc\0\0\0\0\0")));
}

#[test]
fn nothing_is_moved_if_one_buffer_is_bad() {
    let mut guest = guest();
    guest.put_buffers([(1000, 3), (4 * 65_536 - 2, 3)]);
    assert_eq!(guest.number("read", &words([0, 0, 2, 16])), 21);
    assert_eq!(guest.number("write", &words([1, 0, 2, 16])), 21);
    assert_eq!(guest.printed.take(), b"");
    guest.put_buffers([(1000, 3), (1008, 0)]);
    assert_eq!(guest.number("read", &words([0, 0, 2, 16])), 0);
    assert_eq!(guest.load(1000).to_le_bytes(), *b"012\0\0\0\0\0");
}

#[test]
fn writes_go_through_whole_and_bad_descriptors_are_told_for_nothing_too() {
    let mut guest = guest();
    guest.put_buffers([(0, 200_000), (0, 16)]);
    assert_eq!(guest.number("write", &words([1, 0, 2, 32])), 0);
    assert_eq!(guest.load(32), 200_016);
    assert_eq!(guest.printed.take().len(), 200_016);
    guest.put_buffers([(0, 0), (0, 0)]);
    assert_eq!(guest.number("write", &words([9, 0, 2, 32])), 8);
    assert_eq!(guest.number("write", &words([0, 0, 2, 32])), 8);
}

#[test]
fn a_directory_is_listed_through_small_buffers() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..20 {
        std::fs::write(dir.path().join(format!("entry-{i}")), "").unwrap();
    }
    let preopen = Preopen::open(dir.path(), "/data", Access::Read).unwrap();
    let host = HostBuilder::new().preopen(preopen).build().unwrap();
    let mut guest = Bench::new().guest(&host, b"", GUEST);
    let (mut cookie, mut names) = (0, Vec::new());
    loop {
        // Room for one record and the beginning of the next.
        let args = [Val::I32(3), Val::I32(1000), Val::I32(50), Val::from(cookie), Val::I32(16)];
        assert_eq!(guest.number("readdir", &args), 0);
        let used = guest.load(16) & 0xffff_ffff;
        if used == 0 {
            break;
        }
        let name_len = guest.load(1016) & 0xffff_ffff;
        assert!(24 + name_len <= used, "a record did not fit");
        let name: Vec<u8> = (0..name_len)
            .map(|i| guest.load(1024 + u32::try_from(i).unwrap()).to_le_bytes()[0])
            .collect();
        names.push(String::from_utf8(name).unwrap());
        cookie = guest.load(1000);
    }
    names.sort();
    assert_eq!(names.len(), 22);
    assert_eq!(names[..3], [".", "..", "entry-0"]);
    assert_eq!(guest.number("prestat", &words([3, 64])), 0);
    assert_eq!(guest.load(64), 5 << 32);
    assert_eq!(guest.number("prestat", &words([4, 64])), 8);
    assert_eq!(guest.number("prestat", &words([0, 64])), 8);
}

#[test]
fn clocks_go_on_and_unknown_ones_are_invalid() {
    let mut guest = guest();
    let mut time = |id: i32| {
        let code = guest.number("time", &[Val::I32(id), Val::I64(0), Val::I32(64)]);
        (code, guest.load(64))
    };
    let (code, realtime) = time(0);
    assert_eq!(code, 0);
    assert!(realtime > 1_600_000_000_000_000_000);
    for id in 1..4 {
        let (_, before) = time(id);
        let (code, after) = time(id);
        assert!(code == 0 && after >= before, "{id}: {before} {after}");
        // Monotonic time counts from 1970, processor time from the first question.
        let begin = if id == 1 { realtime - 1_000_000_000 } else { 0 };
        assert!(after >= begin && after - begin < 60_000_000_000, "{id}: {before} {after}");
    }
    assert_eq!(time(4).0, 28);
    assert_eq!(time(-1).0, 28);
}

#[test]
fn random_bytes_fill_what_was_asked_for() {
    let mut guest = guest();
    assert_eq!(guest.number("random", &words([8, 200_000])), 0);
    assert_eq!(guest.load(0), 0);
    assert_eq!(guest.load(200_008), 0);
    assert_ne!(guest.load(8), 0);
    assert_ne!(guest.load(200_000), guest.load(8));
}

#[test]
fn streams_that_are_no_terminal_and_no_sockets() {
    let mut guest = guest();
    assert_eq!(guest.number("fdstat", &words([1, 64])), 0);
    assert_eq!(guest.load(64), 0);
    // The right to write, to sync, to ask for attributes and to be polled.
    assert_eq!(guest.load(72), 1 << 6 | 1 << 4 | 1 | 1 << 21 | 1 << 27);
    assert_eq!(guest.number("send", &words([1, 0, 0, 0, 0])), 57);
    assert_eq!(guest.number("send", &words([50, 0, 0, 0, 0])), 8);
}
