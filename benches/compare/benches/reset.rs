//! Birth, a call that writes pages of an image of this or that size, and reset, on one thread and on two at once.
//!
//! `dirty_N`: a word in each of N pages side by side; `dirty_N_scattered`: in every fourth page; `dirty_N_whole`: every
//! byte of them. `grow`: 64 KiB are added and written. `spike`: one call in a thousand writes 16 MiB, all others
//! two pages. `…/scan`: our side looks for written pages at each reset, as when the known ones may not be all.
//!
//! The rival is wasmtime's pooling allocator at its best settings for each row: see `cycles`.

mod cycles;
mod engines;

use std::fmt::Write;

use anyhow::Result;
use cycles::{OurCycle, TheirCycle, pooling, warm};
use engines::Ours;
use faasm_benches::{Bench, Clock, Together};
use faasm_compare::RIVAL;
use faasm_vm::Strategy;

/// KiB of the images.
const IMAGES: [u32; 4] = [64, 1 << 10, 16 << 10, 64 << 10];

/// What a call does to its memory.
#[derive(Clone, Copy)]
struct Writes {
    name: &'static str,
    pages: u32,
    /// Pages from one to the next.
    stride: u32,
    /// Bytes of each page, from its first on; a word if none.
    bytes: u32,
}

const WRITES: [Writes; 5] = [
    Writes { name: "dirty_2", pages: 2, stride: 1, bytes: 0 },
    Writes { name: "dirty_16", pages: 16, stride: 1, bytes: 0 },
    Writes { name: "dirty_256", pages: 256, stride: 1, bytes: 0 },
    Writes { name: "dirty_256_whole", pages: 256, stride: 1, bytes: 4096 },
    Writes { name: "dirty_256_scattered", pages: 256, stride: 4, bytes: 0 },
];

impl Writes {
    fn fit(self, kib: u32) -> bool {
        self.pages * self.stride * 4 <= kib
    }

    /// The body of a function that does it.
    fn body(self) -> String {
        let Self { pages, stride, bytes, .. } = self;
        let write = match bytes {
            0 => "(i64.store offset=72 (local.get $at) (i64.const -7))".to_owned(),
            _ => format!("(memory.fill (local.get $at) (i32.const 0xa5) (i32.const {bytes}))"),
        };
        let (step, end) = (stride * 4096, pages * stride * 4096);
        format!(
            "(local $at i32) (loop $next {write}
              (local.set $at (i32.add (local.get $at) (i32.const {step})))
              (br_if $next (i32.lt_u (local.get $at) (i32.const {end}))))"
        )
    }
}

/// A module with so many KiB of memory, full of data, and a function with this body.
fn module(kib: u32, body: &str) -> Result<Vec<u8>> {
    let mut text = format!("(module (memory (export \"memory\") {} 16384)\n", kib / 64);
    for page in 0..kib / 4 {
        writeln!(text, "(data (i32.const {}) \"page {page} \\00\\01\\02\\03\")", page * 4096)?;
    }
    write!(text, "(func (export \"{}\") (param i32) {body}))", cycles::CALL)?;
    Ok(wat::parse_str(text)?)
}

/// One page of 64 KiB more, and a word in each of its pages.
const GROW: &str = "(local $at i32) (local $end i32)
  (local.set $at (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))
  (local.set $end (i32.add (local.get $at) (i32.const 65536)))
  (loop $next (i64.store (local.get $at) (i64.const -7))
    (local.set $at (i32.add (local.get $at) (i32.const 4096)))
    (br_if $next (i32.lt_u (local.get $at) (local.get $end))))";

fn main() -> Result<()> {
    let (ours, scanning, engine) =
        (Ours::new()?, Ours::with_strategy(Strategy::Scan)?, pooling(64 << 20)?);
    let (mut bench, threads) = (Bench::new("reset", RIVAL), Together::default());
    let mut rows = |name: &str, wasm: &[u8], also_scan: bool| -> Result<()> {
        let known = OurCycle::new(&ours, wasm)?;
        let theirs = TheirCycle::new(&engine, wasm)?;
        warm(&threads, [&known.work(), &theirs.work()]);
        bench.row(name, Clock::Thread, || known.run(0), || theirs.run(0));
        bench.row_together(&format!("{name}/2t"), &threads, &known.work(), &theirs.work());
        if also_scan {
            let scan = OurCycle::new(&scanning, wasm)?;
            let name = format!("{name}/scan");
            warm(&threads, [&scan.work(), &theirs.work()]);
            bench.row(&name, Clock::Thread, || scan.run(0), || theirs.run(0));
            bench.row_together(&format!("{name}/2t"), &threads, &scan.work(), &theirs.work());
        }
        Ok(())
    };
    for writes in WRITES {
        for kib in IMAGES.into_iter().filter(|&kib| writes.fit(kib)) {
            let size = if kib < 1024 { format!("{kib}KiB") } else { format!("{}MiB", kib / 1024) };
            let wasm = module(kib, &writes.body())?;
            rows(&format!("{}/{size}", writes.name), &wasm, true)?;
        }
    }
    rows("grow/1MiB", &module(1 << 10, GROW)?, false)?;
    let wasm = module(64 << 10, &spike())?;
    let (known, theirs) =
        (OurCycle::new(&ours, &wasm)?, TheirCycle::new(&pooling(1 << 20)?, &wasm)?);
    bench.row_per("spike/64MiB", CALLS, || calls(|n| known.run(n)), || calls(|n| theirs.run(n)));
    bench.finish()
}

/// Calls, of which one is another than the others.
const CALLS: u32 = 1000;

fn calls(call: impl Fn(i32)) {
    (0..CALLS).for_each(|n| call(i32::from(n == 0)));
}

/// Two pages, or 16 MiB if the argument says so.
fn spike() -> String {
    let end = "(select (i32.const 16777216) (i32.const 8192) (local.get 0))";
    format!(
        "(local $at i32) (loop $next (i64.store offset=72 (local.get $at) (i64.const -7))
           (local.set $at (i32.add (local.get $at) (i32.const 4096)))
           (br_if $next (i32.lt_u (local.get $at) {end})))"
    )
}
