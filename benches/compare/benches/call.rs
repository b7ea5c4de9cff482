//! Calls in and out of compiled code, and indirect ones.

mod engines;

use std::hint::black_box;

use anyhow::{Context, Result};
use engines::Ours;
use faasm_benches::{Bench, Clock};
use faasm_compare::RIVAL;

/// Calls per run of the loops inside the guest.
const CALLS: i32 = 1000;

const MODULE: &str = r#"
(module
  (import "host" "add" (func $add (param i32 i32) (result i32)))
  (type $op (func (param i32) (result i32)))
  (table 4 4 funcref)
  (elem (i32.const 0) $inc $dec $twice $half)
  (func $inc (type $op) (i32.add (local.get 0) (i32.const 1)))
  (func $dec (type $op) (i32.sub (local.get 0) (i32.const 1)))
  (func $twice (type $op) (i32.shl (local.get 0) (i32.const 1)))
  (func $half (type $op) (i32.shr_u (local.get 0) (i32.const 1)))
  (func (export "sum") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "out") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x (call $add (local.get $x) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "indirect") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x
        (call_indirect (type $op) (local.get $x) (i32.and (local.get $n) (i32.const 3))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))
"#;

fn main() -> Result<()> {
    let wasm = wat::parse_str(MODULE)?;
    let ours = Ours::new()?;
    let module = ours.module(&wasm)?;
    let mut linker = faasm_vm::Linker::<()>::new(&ours.engine);
    linker.func_wrap("host", "add", |_: faasm_vm::Caller<'_, ()>, a: i32, b: i32| -> i32 {
        a.wrapping_add(b)
    })?;
    let mut store =
        faasm_vm::Store::for_module(&ours.engine, &module, faasm_vm::StoreLimits::default(), ())?;
    let instance = linker.instantiate(&mut store, &module)?;

    let engine = wasmtime::Engine::default();
    let their_module = wasmtime::Module::new(&engine, &wasm)?;
    let mut their_linker = wasmtime::Linker::<()>::new(&engine);
    their_linker.func_wrap("host", "add", |a: i32, b: i32| -> i32 { a.wrapping_add(b) })?;
    let mut their_store = wasmtime::Store::new(&engine, ());
    let their_instance = their_linker.instantiate(&mut their_store, &their_module)?;

    let mut bench = Bench::new("call", RIVAL);
    {
        let our = instance.func(&store, "sum").context("sum")?.typed::<(i32, i32), i32>(&store)?;
        let their = their_instance.get_typed_func::<(i32, i32), i32>(&mut their_store, "sum")?;
        bench.row(
            "host_to_wasm",
            Clock::Thread,
            || assert_eq!(our.call(&mut store, black_box((1, 2))).ok(), Some(3)),
            || assert_eq!(their.call(&mut their_store, black_box((1, 2))).ok(), Some(3)),
        );
    }
    for (row, export) in [("wasm_to_host", "out"), ("call_indirect", "indirect")] {
        let our = instance.func(&store, export).context(export)?.typed::<(i32,), i32>(&store)?;
        let their = their_instance.get_typed_func::<(i32,), i32>(&mut their_store, export)?;
        assert_eq!(our.call(&mut store, (CALLS,))?, their.call(&mut their_store, (CALLS,))?);
        bench.row_per(
            row,
            CALLS.unsigned_abs(),
            || drop(black_box(our.call(&mut store, (CALLS,)))),
            || drop(black_box(their.call(&mut their_store, (CALLS,)))),
        );
    }
    bench.finish()
}
