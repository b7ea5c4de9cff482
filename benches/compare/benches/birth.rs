//! A Faaslet's birth, a call that writes one page of a 1 MiB image, and its reset.
//!
//! Against store creation, instantiation, the same call and drop with wasmtime's pooling allocator at its best
//! settings for it: copy-on-write images, memory kept resident, dirty pages found by PAGEMAP_SCAN.

mod engines;

use std::fmt::Write;

use anyhow::{Context, Result};
use engines::Ours;
use faasm_benches::{Bench, Clock};
use faasm_compare::RIVAL;
use wasmtime::{Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Pages of 64 KiB in the image: 1 MiB.
const PAGES: usize = 16;

/// A module whose memory is full of data, and a call that writes one byte.
fn module() -> Result<Vec<u8>> {
    let mut text = format!("(module (memory (export \"memory\") {PAGES})\n");
    for page in 0..PAGES * 16 {
        let at = page * 4096;
        writeln!(text, "(data (i32.const {at}) \"page {page} \\00\\01\\02\\03\")")?;
    }
    text.push_str("(func (export \"noop\") (i32.store (i32.const 70000) (i32.const 1))))");
    Ok(wat::parse_str(text)?)
}

/// The rival at its best for this.
fn pooling() -> Result<wasmtime::Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.linear_memory_keep_resident(16 << 20);
    pool.table_keep_resident(1 << 20);
    pool.pagemap_scan(Enabled::Yes);
    let mut config = wasmtime::Config::new();
    config.memory_init_cow(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(wasmtime::Engine::new(&config)?)
}

fn main() -> Result<()> {
    let wasm = module()?;
    let ours = Ours::new()?;
    let module = ours.module(&wasm)?;
    let mut store =
        faasm_vm::Store::for_module(&ours.engine, &module, faasm_vm::StoreLimits::default(), ())?;
    let linker = faasm_vm::Linker::<()>::new(&ours.engine);
    let instance = linker.instantiate(&mut store, &module)?;
    let noop = instance.func(&store, "noop").context("noop")?.typed::<(), ()>(&store)?;
    let proto = store.capture()?;
    drop(store);

    let engine = pooling()?;
    let their_module = wasmtime::Module::new(&engine, &wasm)?;
    let their_linker = wasmtime::Linker::<()>::new(&engine);
    let prepared = their_linker.instantiate_pre(&their_module)?;

    let mut bench = Bench::new("birth", RIVAL);
    bench.row(
        "noop",
        Clock::Thread,
        || our_cycle(&proto, &noop).unwrap_or_else(|error| panic!("{error}")),
        || their_cycle(&engine, &prepared).unwrap_or_else(|error| panic!("{error}")),
    );
    bench.finish()
}

fn our_cycle(proto: &faasm_vm::Captured, noop: &faasm_vm::TypedFunc<(), ()>) -> Result<()> {
    let mut store = proto.birth(())?;
    noop.call(&mut store, ())?;
    store.recycle();
    Ok(())
}

fn their_cycle(engine: &wasmtime::Engine, prepared: &wasmtime::InstancePre<()>) -> Result<()> {
    let mut store = wasmtime::Store::new(engine, ());
    let instance = prepared.instantiate(&mut store)?;
    instance.get_typed_func::<(), ()>(&mut store, "noop")?.call(&mut store, ())?;
    Ok(())
}
