//! Reads and writes through a value's pointer, and mapping it.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use faasm_benches::Bench;
use faasm_state::MemoryTier;

use super::guest::{Guest, native};

/// What stays in a core's caches, and what does not.
const SIZES: [(&str, usize); 2] = [("64KiB", 64 << 10), ("64MiB", 64 << 20)];
/// Rounds of one run, of which the fastest counts, and runs of each side in alternation.
const ROUNDS: usize = 12;
const RUNS: usize = 15;
/// The word with which this benchmark starts itself for one run.
pub(crate) const CHILD: &str = "pointer-child";

/// Each run is a process of its own on either side: which frames it is given decides about a third of the time of what
/// no cache holds (decision 196), so each side draws as often.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    let (mine, program) = (std::env::current_exe()?, native("state-pointer")?);
    for (name, bytes) in SIZES {
        let input = [bytes, ROUNDS].map(|number| number.to_string());
        let mut sides = [(); 2].map(|()| [Vec::new(), Vec::new()]);
        for _ in 0..RUNS {
            add(&mut sides[0], Command::new(&mine).arg(CHILD).args(&input))?;
            add(&mut sides[1], Command::new(&program).args(&input))?;
        }
        let [ours, theirs] = sides.map(|times| times.map(median));
        for (what, (ours, theirs)) in ["read", "write"].iter().zip(ours.into_iter().zip(theirs)) {
            bench.push(&format!("pointer_{what}/{name}"), "the same C natively", ours, theirs);
        }
    }
    map(bench)
}

/// One run in a Faaslet, in a process that [`measure`] has started.
pub(crate) fn child(input: &[String]) -> Result<()> {
    let guest = Guest::load("state-pointer", Arc::new(MemoryTier::default()))?;
    println!("{}", guest.call(&input.join(" "))?);
    Ok(())
}

/// One run of either side: its fastest round of each kind.
fn add(times: &mut [Vec<f64>; 2], command: &mut Command) -> Result<()> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    let said = String::from_utf8(output.stdout)?;
    for (times, word) in times.iter_mut().zip(said.split_whitespace()) {
        times.push(word.parse().with_context(|| format!("no time: {said}"))?);
    }
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
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
    let again = median((0..101).map(|_| time()).collect::<Result<_>>()?);
    bench.push("map_again", "the first touch", again, first);
    Ok(())
}
