//! Input and output, as the Faasm calls give them.

use faasm_hostif::{HostBuilder, HostLimits};
use faasm_vm::Val;

use crate::support::Bench;

const GUEST: &str = r#"(module
  (import "env" "__faasm_read_input" (func $read (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $write (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "read") (param i32 i32) (result i32) (call $read (local.get 0) (local.get 1)))
  (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "write") (param i32 i32) (call $write (local.get 0) (local.get 1))))"#;

fn pair(ptr: i64, len: i64) -> [Val; 2] {
    [ptr, len].map(|number| Val::from(u32::try_from(number).unwrap()))
}

#[test]
fn input_is_measured_then_copied_as_far_as_there_is_room() {
    let mut guest = Bench::new().guest(&HostBuilder::new().build().unwrap(), b"a\0bc", GUEST);
    assert_eq!(guest.number("read", &pair(0, 0)), 4);
    assert_eq!(guest.number("read", &pair(0, 3)), 3);
    assert_eq!(guest.number("byte", &[Val::I32(2)]), i32::from(b'b'));
    assert_eq!(guest.number("byte", &[Val::I32(3)]), 0);
    assert_eq!(guest.number("read", &pair(65_530, 6)), 4);
    // A size is told whatever the pointer is.
    assert_eq!(guest.number("read", &pair(0xffff_ffff, 0)), 4);
}

#[test]
fn a_buffer_that_is_not_in_memory_ends_the_call_and_says_so() {
    let mut guest = Bench::new().guest(&HostBuilder::new().build().unwrap(), b"input", GUEST);
    assert_eq!(
        guest.refusal("read", &pair(65_530, 7)),
        "__faasm_read_input: argument buffer: 7 bytes at 0xfffa are not inside the guest's memory of 65536 bytes"
    );
    assert!(
        guest
            .refusal("write", &pair(0xffff_fff0, 32))
            .starts_with("__faasm_write_output: argument output: ")
    );
}

#[test]
fn output_is_bytes_and_the_last_one_counts() {
    let mut guest = Bench::new().guest(&HostBuilder::new().build().unwrap(), b"a\0bc", GUEST);
    guest.number("read", &pair(0, 4));
    guest.call("write", &pair(1, 3)).unwrap();
    guest.call("write", &pair(0, 4)).unwrap();
    assert_eq!(guest.store.data_mut().take_output(), b"a\0bc");
}

#[test]
fn output_has_a_limit() {
    let limits = HostLimits { output_bytes: 10, ..HostLimits::default() };
    let mut guest =
        Bench::new().guest(&HostBuilder::new().limits(limits).build().unwrap(), b"", GUEST);
    guest.call("write", &pair(0, 10)).unwrap();
    assert_eq!(
        guest.refusal("write", &pair(0, 11)),
        "__faasm_write_output: argument output is 11, over the limit of 10"
    );
}
