//! What it costs to find writes through pointers, for a value of 256 MiB: the numbers of decision 198.
//!
//! Prints the least of several runs, in milliseconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use faasm_state::{Limits, LocalTier, MemoryTier, Namespace, Value};

const SIZE: usize = 256 << 20;
const RUNS: usize = 5;

fn host(tier: &MemoryTier) -> Namespace {
    let limits = Limits { max_value: SIZE, ..Limits::default() };
    LocalTier::new(Arc::new(tier.clone()), limits).namespace("bench")
}

/// A value of which all pages are here.
fn value(tier: &MemoryTier) -> Value {
    let host = host(tier);
    let value = host.value(b"k", SIZE).expect("a value");
    value.ensure(0, SIZE).block(None).expect("done").expect("pulled");
    value
}

fn least(what: &str, mut run: impl FnMut() -> Duration) {
    let least = (0..RUNS).map(|_| run()).min().unwrap_or_default();
    println!("{what:50} {:9.3} ms", least.as_secs_f64() * 1e3);
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = run();
    (begun.elapsed(), result)
}

fn main() {
    let tier = MemoryTier::default();
    let source = host(&tier).value(b"k", 0).expect("a value");
    source.set(&vec![7; SIZE]).expect("set");
    source.push().block(None).expect("done").expect("pushed");
    drop(source);

    least("map, for the first time", || {
        let value = value(&tier);
        timed(|| value.map(0, SIZE).block(None).expect("done").expect("mapped")).0
    });
    let here = value(&tier);
    let mapping = here.map(0, SIZE).block(None).expect("done").expect("mapped");
    let push = || here.push_partial().block(None).expect("done").expect("pushed");
    least("map again", || timed(|| here.map(0, SIZE)).0);
    least("push, nothing written", || timed(push).0);
    let mut byte = 0_u8;
    least("push, one word written", || {
        byte += 1;
        mapping.region().write(SIZE / 2, &[byte]).expect("written");
        timed(push).0
    });
    least("push, a word in every page written", || {
        byte += 1;
        (0..SIZE)
            .step_by(4096)
            .for_each(|at| mapping.region().write(at, &[byte]).expect("written"));
        timed(push).0
    });
    least("flag and push a page", || {
        timed(|| {
            here.flag_dirty(SIZE / 2, 4096).expect("flagged");
            push()
        })
        .0
    });
    drop(mapping);
    least("map to read, for the first time", || {
        let value = value(&tier);
        timed(|| value.map_unwatched(0, SIZE).block(None).expect("done").expect("mapped")).0
    });
}
