//! A Faaslet's birth, a call that writes one page of a 1 MiB image, and its reset; and how many births two threads make
//! for one of one thread's, of one function and of several in turn.
//!
//! Against store creation, instantiation, the same call and drop with wasmtime's pooling allocator at its best
//! settings for it: copy-on-write images, memory kept resident, dirty pages found by PAGEMAP_SCAN.

mod cycles;
mod engines;

use std::cell::Cell;
use std::fmt::Write;
use std::sync::Arc;

use anyhow::Result;
use cycles::{OurCycle, TheirCycle, pooling, warm};
use engines::Ours;
use faasm_benches::{Bench, Clock, Together, Work};
use faasm_compare::RIVAL;

/// Functions that come in turn, and their memories' pages of 64 KiB.
const MIXED: [u32; 4] = [1, 4, 16, 64];

/// A module whose memory of so many pages of 64 KiB is full of data, and a call that writes one byte.
fn module(pages: u32) -> Result<Vec<u8>> {
    let mut text = format!("(module (memory (export \"memory\") {pages})\n");
    for page in 0..pages * 16 {
        let at = page * 4096;
        writeln!(text, "(data (i32.const {at}) \"page {page} \\00\\01\\02\\03\")")?;
    }
    text.push_str(
        "(func (export \"call\") (param i32) (i32.store (i32.const 60000) (i32.const 1))))",
    );
    Ok(wat::parse_str(text)?)
}

fn main() -> Result<()> {
    let (ours, engine) = (Ours::new()?, pooling(16 << 20)?);
    let wasm = module(16)?;
    let (our_noop, their_noop) = (OurCycle::new(&ours, &wasm)?, TheirCycle::new(&engine, &wasm)?);
    let (mut our_mix, mut their_mix) = (Vec::new(), Vec::new());
    for pages in MIXED {
        let wasm = module(pages)?;
        our_mix.push(OurCycle::new(&ours, &wasm)?.work());
        their_mix.push(TheirCycle::new(&engine, &wasm)?.work());
    }
    let (our_mix, their_mix) = (in_turn(our_mix), in_turn(their_mix));

    let (mut bench, threads) = (Bench::new("birth", RIVAL), Together::default());
    warm(&threads, [&our_noop.work(), &their_noop.work()]);
    bench.row("noop", Clock::Thread, || our_noop.run(0), || their_noop.run(0));
    bench.row_together("noop/2t", &threads, &our_noop.work(), &their_noop.work());
    bench.row_scaling("noop/2t against 1t", &threads, &our_noop.work());
    warm(&threads, [&our_mix, &their_mix]);
    bench.row("mixed", Clock::Thread, || our_mix(), || their_mix());
    bench.row_together("mixed/2t", &threads, &our_mix, &their_mix);
    bench.row_scaling("mixed/2t against 1t", &threads, &our_mix);
    bench.finish()
}

/// On each thread one after the other, from the first on.
fn in_turn(all: Vec<Work>) -> Work {
    thread_local! {
        static NEXT: Cell<usize> = const { Cell::new(0) };
    }
    Arc::new(move || all[NEXT.replace((NEXT.get() + 1) % MIXED.len())]())
}
