//! Memory calls: what is given back is zero and used again, in a new store and in a newborn, and nothing of it is left.

use faasm_hostif::{Access, HostBuilder, Preopen};
use faasm_vm::{StoreLimits, Val};

use crate::support::{Bench, program};

#[test]
fn memory_is_given_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "0123456789".repeat(410);
    text.truncate(4096);
    text.push_str("behind");
    std::fs::write(dir.path().join("text"), text).unwrap();
    let preopen = Preopen::open(dir.path(), "/data", Access::Read).unwrap();
    let host = HostBuilder::new().arg("f").preopen(preopen).build().unwrap();
    let bench = Bench::new();
    let ended = bench.place(&host, b"", &bench.module(&program("memory-check"))).run();
    assert_eq!(ended.code(), 0, "{}", ended.printed);
}

/// Sixteen pages, of which some are data of the image, some holes, some beyond it.
const GUEST: &str = r#"(module
  (import "env" "mmap" (func $mmap (param i32 i32 i32 i32 i32 i64) (result i32)))
  (import "env" "munmap" (func $munmap (param i32 i32) (result i32)))
  (import "env" "madvise" (func $madvise (param i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (data (i32.const 65536) "first") (data (i32.const 200000) "second") (data (i32.const 500000) "third")
  (func (export "map") (param i32) (result i32)
    (call $mmap (i32.const 0) (local.get 0) (i32.const 3) (i32.const 0x22) (i32.const -1) (i64.const 0)))
  (func (export "unmap") (param i32 i32) (result i32) (call $munmap (local.get 0) (local.get 1)))
  (func (export "fill") (param i32 i32)
    (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "sum") (param i32 i32) (result i32) (local $sum i32)
    (loop $next
      (if (i32.lt_u (local.get 0) (local.get 1))
        (then
          (local.set $sum (i32.add (local.get $sum) (i32.load (local.get 0))))
          (local.set 0 (i32.add (local.get 0) (i32.const 4)))
          (br $next))))
    (local.get $sum)))"#;

const PAGE: i32 = 65_536;

#[test]
fn what_a_newborn_gives_back_is_zero_and_its_next_life_has_it_again() {
    let bench = Bench::new();
    let host = HostBuilder::new().build().unwrap();
    let module = bench.module(&wat::parse_str(GUEST).unwrap());
    let mut guest = bench.place(&host, b"", &module);
    let captured = guest.store.capture().unwrap();
    let whole = [Val::I32(0), Val::I32(16 * PAGE)];
    let fresh = guest.number("sum", &whole);
    assert_ne!(fresh, 0);
    for round in 0..4 {
        let mut life = bench.born(&host, b"", &captured, guest.instance);
        assert_eq!(life.number("sum", &whole), fresh, "round {round}");
        assert_eq!(life.number("size", &[]), 16);
        if round % 2 == 0 {
            life.call("fill", &[Val::I32(PAGE), Val::I32(15 * PAGE)]).unwrap();
        }
        // Data, holes, written or not.
        assert_eq!(life.number("unmap", &[Val::I32(PAGE), Val::I32(15 * PAGE)]), 0);
        assert_eq!(life.number("sum", &[Val::I32(PAGE), Val::I32(16 * PAGE)]), 0);
        // It is used again, then grows.
        assert_eq!(life.number("map", &[Val::I32(15 * PAGE)]), PAGE);
        assert_eq!(life.number("map", &[Val::I32(PAGE)]), 16 * PAGE);
        life.call("fill", &[Val::I32(PAGE), Val::I32(16 * PAGE)]).unwrap();
        assert_eq!(life.number("unmap", &[Val::I32(4 * PAGE), Val::I32(13 * PAGE)]), 0);
        assert_eq!(life.number("sum", &[Val::I32(4 * PAGE), Val::I32(17 * PAGE)]), 0);
        life.store.recycle();
    }
}

#[test]
fn memory_over_the_limit_is_refused_and_the_guest_goes_on() {
    let bench = Bench::new();
    let host = HostBuilder::new().build().unwrap();
    let limits = StoreLimits { memory_bytes: 32 << 16, ..StoreLimits::default() };
    let module = bench.module(&wat::parse_str(GUEST).unwrap());
    let mut guest = bench.place_with(&host, b"", &module, limits);
    assert_eq!(guest.number("map", &[Val::I32(17 * PAGE)]), -1);
    assert_eq!(guest.number("map", &[Val::I32(16 * PAGE)]), 16 * PAGE);
    assert_eq!(guest.number("map", &[Val::I32(1)]), -1);
    assert_eq!(guest.number("unmap", &[Val::I32(20 * PAGE), Val::I32(1)]), 0);
    assert_eq!(guest.number("map", &[Val::I32(1)]), 20 * PAGE);
}
