//! Reads and writes through a value's pointer, and mapping it.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use faasm_benches::Bench;
use faasm_state::MemoryTier;

use super::guest::{Guest, native};

/// What stays in a core's caches, and what does not.
const SIZES: [(&str, usize); 2] = [("64KiB", 64 << 10), ("64MiB", 64 << 20)];
/// Rounds of one run, of which the fastest counts, and runs of each side in alternation.
const ROUNDS: usize = 12;
const RUNS: usize = 5;

pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    let program = native("state-pointer")?;
    for (name, bytes) in SIZES {
        let guest = Guest::load("state-pointer", Arc::new(MemoryTier::default()))?;
        let input = format!("{bytes} {ROUNDS}");
        let [mut ours, mut theirs] = [[f64::INFINITY; 2]; 2];
        for _ in 0..RUNS {
            best(&mut ours, &guest.call(&input)?)?;
            let said = Command::new(&program).args(input.split(' ')).output()?;
            best(&mut theirs, &String::from_utf8(said.stdout)?)?;
        }
        for (what, (ours, theirs)) in ["read", "write"].iter().zip(ours.into_iter().zip(theirs)) {
            bench.push(&format!("pointer_{what}/{name}"), "the same C natively", ours, theirs);
        }
    }
    map(bench)
}

/// Keeps the smaller times.
fn best(times: &mut [f64; 2], said: &str) -> Result<()> {
    for (time, word) in times.iter_mut().zip(said.split_whitespace()) {
        *time = time.min(word.parse().with_context(|| format!("no time: {said}"))?);
    }
    Ok(())
}

/// A call that maps a value of 64 MiB that is not there yet, against one that maps it again.
fn map(bench: &mut Bench) -> Result<()> {
    let guest = Guest::load("hogwild", Arc::new(MemoryTier::default()))?;
    let time = || -> Result<f64> {
        let mut store = guest.birth("train 0 0")?;
        let begun = Instant::now();
        guest.run(&mut store)?;
        let took = begun.elapsed().as_secs_f64() * 1e9;
        store.recycle();
        Ok(took)
    };
    let first = time()?;
    let mut again = (0..101).map(|_| time()).collect::<Result<Vec<_>>>()?;
    again.sort_by(f64::total_cmp);
    bench.push("map_again", "the first touch", again[50], first);
    Ok(())
}
