//! State as guests see it, over the real local tier.

use faasm_hostif::{Access, HostBuilder, HostLimits, Preopen};
use faasm_state::{CallId, Key, Mode};
use faasm_vm::Val;

use crate::support::{Bench, Guest, namespace, with_state};

/// Each export passes its arguments on. The key "k" lies at 0, "mask" at 8, the path "/data/file" at 16, an empty
/// string at 40; bytes to write lie at 64.
const GUEST: &str = r#"(module
  (import "env" "__faasm_read_state" (func $read (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_read_state_ptr" (func $ptr (param i32 i32) (result i32)))
  (import "env" "__faasm_read_state_offset" (func $read_offset (param i32 i32 i32 i32 i32)))
  (import "env" "__faasm_read_state_offset_ptr" (func $offset_ptr (param i32 i32 i32 i32) (result i32)))
  (import "env" "__faasm_write_state" (func $write (param i32 i32 i32)))
  (import "env" "__faasm_write_state_offset" (func $write_offset (param i32 i32 i32 i32 i32)))
  (import "env" "__faasm_write_state_from_file" (func $file (param i32 i32) (result i32)))
  (import "env" "__faasm_append_state" (func $append (param i32 i32 i32)))
  (import "env" "__faasm_read_appended_state" (func $appended (param i32 i32 i32 i32)))
  (import "env" "__faasm_clear_appended_state" (func $clear (param i32)))
  (import "env" "__faasm_flag_state_offset_dirty" (func $flag (param i32 i32 i32 i32)))
  (import "env" "__faasm_push_state" (func $push (param i32)))
  (import "env" "__faasm_push_state_partial" (func $push_partial (param i32)))
  (import "env" "__faasm_push_state_partial_mask" (func $push_mask (param i32 i32)))
  (import "env" "__faasm_pull_state" (func $pull (param i32 i32)))
  (import "env" "__faasm_lock_state_read" (func $lock_read (param i32)))
  (import "env" "__faasm_lock_state_write" (func $lock_write (param i32)))
  (import "env" "__faasm_unlock_state_write" (func $unlock_write (param i32)))
  (import "env" "__faasm_lock_state_global" (func $lock_global (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "k\00")
  (data (i32.const 8) "mask\00")
  (data (i32.const 16) "/data/file\00")
  (data (i32.const 64) "0123456789abcdef")
  (export "read" (func $read)) (export "ptr" (func $ptr)) (export "read_offset" (func $read_offset))
  (export "offset_ptr" (func $offset_ptr)) (export "write" (func $write))
  (export "write_offset" (func $write_offset)) (export "file" (func $file)) (export "append" (func $append))
  (export "appended" (func $appended)) (export "clear" (func $clear)) (export "flag" (func $flag))
  (export "push" (func $push)) (export "push_partial" (func $push_partial)) (export "push_mask" (func $push_mask))
  (export "pull" (func $pull)) (export "lock_read" (func $lock_read)) (export "lock_write" (func $lock_write))
  (export "unlock_write" (func $unlock_write)) (export "lock_global" (func $lock_global))
  (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "put") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "size") (result i32) (memory.size)))"#;

const KEY: u32 = 0;
const MASK: u32 = 8;

fn numbers<const N: usize>(numbers: [u32; N]) -> [Val; N] {
    numbers.map(Val::from)
}

impl Guest {
    fn ask<const N: usize>(&mut self, name: &str, args: [u32; N]) -> u32 {
        self.number(name, &numbers(args)).cast_unsigned()
    }

    fn tell<const N: usize>(&mut self, name: &str, args: [u32; N]) {
        self.call(name, &numbers(args)).unwrap();
    }

    fn byte(&mut self, at: u32) -> u8 {
        u8::try_from(self.ask("byte", [at])).unwrap()
    }
}

fn guest() -> Guest {
    Bench::new().guest(&with_state(&namespace()), b"", GUEST)
}

#[test]
fn values_are_copied_in_and_out() {
    let mut guest = guest();
    assert_eq!(guest.ask("read", [KEY, 0, 0]), 0);
    assert_eq!(guest.ask("read", [KEY, 200, 8]), 0);
    guest.tell("write", [KEY, 64, 16]);
    assert_eq!(guest.ask("read", [KEY, 0, 0]), 16);
    assert_eq!(guest.ask("read", [KEY, 200, 4]), 4);
    assert_eq!((guest.byte(203), guest.byte(204)), (b'3', 0));
    guest.tell("write_offset", [KEY, 16, 14, 64, 2]);
    guest.tell("read_offset", [KEY, 16, 13, 300, 3]);
    assert_eq!([300, 301, 302].map(|at| guest.byte(at)), *b"d01");
}

#[test]
fn parts_that_are_not_in_the_value_end_the_call() {
    let mut guest = guest();
    guest.tell("write", [KEY, 64, 16]);
    for (offset, len) in [(15, 2), (0xffff_fffe, 2), (0xffff_fff0, 0x20), (16, 1)] {
        let refusal = guest.refusal("write_offset", &numbers([KEY, 16, offset, 64, len]));
        assert_eq!(
            refusal,
            format!(
                "__faasm_write_state_offset: state: {len} bytes at offset {offset} are not inside state value k of 16 \
                 bytes"
            )
        );
        guest.refusal("read_offset", &numbers([KEY, 16, offset, 300, len]));
        guest.refusal("offset_ptr", &numbers([KEY, 16, offset, len]));
        guest.refusal("flag", &numbers([KEY, 16, offset, len]));
    }
}

#[test]
fn a_mapped_value_is_the_value_and_is_mapped_once() {
    let bench = Bench::new();
    let state = namespace();
    let mut one = bench.guest(&with_state(&state), b"", GUEST);
    let mut two = bench.guest(&with_state(&state), b"", GUEST);
    one.tell("write", [KEY, 64, 16]);
    let at = one.ask("ptr", [KEY, 16]);
    assert_eq!(at, 65_536);
    assert_eq!(one.ask("ptr", [KEY, 16]), at);
    assert_eq!(one.ask("offset_ptr", [KEY, 16, 5, 2]), at + 5);
    assert_eq!(one.ask("size", []), 2);
    assert_eq!(one.byte(at + 9), b'9');
    // Written through the one's pointer, seen through the other's, and by copies.
    let there = two.ask("offset_ptr", [KEY, 16, 9, 1]);
    one.tell("put", [at + 9, 0x58]);
    assert_eq!(two.byte(there), b'X');
    two.tell("read_offset", [KEY, 16, 9, 300, 1]);
    assert_eq!(two.byte(300), b'X');
    two.tell("write_offset", [KEY, 16, 0, 300, 1]);
    assert_eq!(one.byte(at), b'X');
}

#[test]
fn a_part_is_mapped_at_its_pages() {
    let mut guest = guest();
    let at = guest.ask("offset_ptr", [KEY, 300_000, 123_457, 70_001]);
    assert_eq!(at % 4096, 123_457 % 4096);
    guest.tell("put", [at + 70_000, 7]);
    guest.tell("read_offset", [KEY, 300_000, 193_457, 300, 1]);
    assert_eq!(guest.byte(300), 7);
    // What lies inside is there already, what lies outside is mapped anew.
    assert_eq!(guest.ask("offset_ptr", [KEY, 300_000, 130_000, 10]), at + 130_000 - 123_457);
    let size = guest.ask("size", []);
    let whole = guest.ask("ptr", [KEY, 300_000]);
    assert!(guest.ask("size", []) > size);
    assert_eq!(guest.byte(whole + 193_457), 7);
}

#[test]
fn nothing_and_too_much_cannot_be_mapped() {
    let mut guest = guest();
    assert!(guest.refusal("ptr", &numbers([KEY, 0])).contains("no bytes of state value k"));
    assert!(guest.refusal("ptr", &numbers([KEY, 0xffff_f000])).contains("over the limit of"));
}

#[test]
fn mappings_are_limited_and_those_that_are_there_are_not_counted_twice() {
    let limits = HostLimits { mappings: 2, ..HostLimits::default() };
    let host = HostBuilder::new().state(namespace()).limits(limits).build().unwrap();
    let mut guest = Bench::new().guest(&host, b"", GUEST);
    for offset in [0, 8192, 0, 8193] {
        guest.ask("offset_ptr", [KEY, 100_000, offset, 1]);
    }
    assert_eq!(
        guest.refusal("offset_ptr", &numbers([KEY, 100_000, 4096, 1])),
        "__faasm_read_state_offset_ptr: the call has mapped 2 parts of values already"
    );
}

#[test]
fn keys_are_checked() {
    let mut guest = guest();
    assert_eq!(
        guest.refusal("push", &numbers([40])),
        "__faasm_push_state: state: the state key is empty"
    );
    for at in 1000..1000 + 1026 {
        guest.tell("put", [at, 0x6b]);
    }
    assert_eq!(
        guest.refusal("push", &numbers([1000])),
        "__faasm_push_state: argument key: the string at 0x3e8 has no end within 1026 bytes"
    );
    assert!(
        guest
            .refusal("push", &numbers([1001]))
            .contains("a state key of 1025 bytes is longer than 1024")
    );
    guest.tell("push", [1002]);
    assert!(guest.refusal("push", &numbers([65_536])).contains("argument key"));
}

#[test]
fn lists_are_appended_read_and_cleared() {
    let mut guest = guest();
    guest.tell("append", [KEY, 64, 2]);
    guest.tell("append", [KEY, 66, 3]);
    guest.tell("append", [KEY, 69, 4]);
    guest.tell("appended", [KEY, 200, 100, 2]);
    assert_eq!([200, 201, 202, 203, 204, 205].map(|at| guest.byte(at)), *b"01234\0");
    // Only whole elements.
    guest.tell("appended", [KEY, 300, 8, 3]);
    assert_eq!([304, 305].map(|at| guest.byte(at)), *b"4\0");
    guest.tell("clear", [KEY]);
    guest.tell("appended", [KEY, 400, 100, 9]);
    assert_eq!(guest.byte(400), 0);
    assert_eq!(guest.ask("read", [KEY, 0, 0]), 0);
}

#[test]
fn push_and_pull_go_through_the_global_tier() {
    let mut guest = guest();
    guest.tell("push", [KEY]);
    guest.tell("write", [KEY, 64, 16]);
    guest.tell("push", [KEY]);
    guest.tell("write_offset", [KEY, 16, 0, 74, 2]);
    guest.tell("pull", [KEY, 16]);
    guest.tell("read_offset", [KEY, 16, 0, 200, 2]);
    assert_eq!([200, 201].map(|at| guest.byte(at)), *b"01");
    guest.tell("write_offset", [KEY, 16, 0, 74, 2]);
    guest.tell("push_partial", [KEY]);
    guest.tell("pull", [KEY, 16]);
    guest.tell("read_offset", [KEY, 16, 0, 200, 3]);
    assert_eq!([200, 201, 202].map(|at| guest.byte(at)), *b"ab2");
}

#[test]
fn a_mask_says_what_is_pushed() {
    let mut guest = guest();
    guest.tell("write", [KEY, 64, 16]);
    guest.tell("push", [KEY]);
    let value = guest.ask("ptr", [KEY, 16]);
    let mask = guest.ask("ptr", [MASK, 16]);
    guest.tell("put", [value + 1, 0x58]);
    guest.tell("put", [value + 2, 0x59]);
    guest.tell("put", [mask + 2, 0xff]);
    guest.tell("push_mask", [KEY, MASK]);
    assert_eq!(guest.byte(mask + 2), 0);
    guest.tell("pull", [KEY, 16]);
    assert_eq!([1, 2].map(|at| guest.byte(value + at)), *b"1Y");
}

#[test]
fn a_file_becomes_a_value() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "contents").unwrap();
    let preopen = Preopen::open(dir.path(), "/data", Access::Read).unwrap();
    let host = HostBuilder::new().state(namespace()).preopen(preopen).build().unwrap();
    let mut guest = Bench::new().guest(&host, b"", GUEST);
    assert_eq!(guest.ask("file", [KEY, 16]), 8);
    assert_eq!(guest.ask("read", [KEY, 200, 8]), 8);
    assert_eq!(guest.byte(207), b's');
    assert_eq!(
        guest.refusal("file", &numbers([KEY, 0])),
        "__faasm_write_state_from_file: argument path: error NoEnt"
    );
}

#[test]
fn locks_end_with_the_call() {
    let state = namespace();
    let bench = Bench::new();
    let mut guest = bench.guest(&with_state(&state), b"", GUEST);
    guest.tell("lock_write", [KEY]);
    assert!(guest.refusal("lock_read", &numbers([KEY])).contains("already holds it"));
    let other = state.lock(b"k", CallId(u64::MAX), Mode::Write).unwrap();
    assert!(!other.is_done());
    drop(guest);
    assert!(other.is_done());
    state.release_call(CallId(u64::MAX));
    let mut guest = bench.guest(&with_state(&state), b"", GUEST);
    guest.tell("lock_write", [KEY]);
    guest.tell("unlock_write", [KEY]);
    assert!(guest.refusal("unlock_write", &numbers([KEY])).contains("does not hold it"));
}

#[test]
fn what_is_not_there_is_said() {
    let host = HostBuilder::new().build().unwrap();
    let mut guest = Bench::new().guest(&host, b"", GUEST);
    assert_eq!(
        guest.refusal("push", &numbers([KEY])),
        "__faasm_push_state: the host has no state here"
    );
    assert!(guest.refusal("lock_global", &numbers([KEY])).contains("the host has no state here"));
    assert_eq!(Key::MAX_LEN, 1024);
}
