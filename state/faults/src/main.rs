//! Random operations on real global tiers while faults happen, checked against a model: `cargo xtask test --faults`.
//!
//! A run is a world (a tier, and what can go wrong with it), clients that do random operations, and faults at random
//! moments; its seed decides all of that but the machine's own timing. Afterwards the history must be one that a tier
//! that keeps its promises can have (see [`check`]).
#![forbid(unsafe_code)]

mod check;
mod client;
mod history;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use check::Counts;
use world::{Run, World};

#[derive(Parser)]
#[command(about = "Random operations on global tiers while faults happen", version)]
struct Cli {
    /// How many runs.
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// The first run's seed; the others follow.
    #[arg(long)]
    seed: Option<u64>,
    /// Which tiers; all, in turn, unless some are named.
    #[arg(long = "tier", value_enum)]
    tiers: Vec<World>,
    /// How many runs at once.
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    /// Where histories of failed runs go.
    #[arg(long, default_value = "target/faults")]
    out: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// What a run starts itself as: clients of a file, until they are killed.
    #[command(hide = true)]
    Child(world::ChildOptions),
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    if let Some(Part::Child(options)) = cli.part {
        world::child(&options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let worlds = if cli.tiers.is_empty() { World::ALL.to_vec() } else { cli.tiers.clone() };
    println!("{} runs from seed {seed} on", cli.runs);
    let (begun, next) = (Instant::now(), AtomicU64::new(0));
    let sums: Mutex<Vec<(Counts, u64)>> = Mutex::new(vec![Default::default(); worlds.len()]);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..cli.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= cli.runs {
                        return;
                    }
                    let which = usize::try_from(index).unwrap_or(0) % worlds.len();
                    let run = Run { world: worlds[which], seed: seed + index };
                    match one(&run, &cli.out) {
                        Ok(counts) => {
                            let mut sums = sums.lock().unwrap_or_else(|it| it.into_inner());
                            sums[which].0 += counts;
                            sums[which].1 += 1;
                        }
                        Err(error) => {
                            println!("FAILED {run}: {error:#}");
                            failed.lock().unwrap_or_else(|it| it.into_inner()).push(run);
                        }
                    }
                    if index % 50 == 49 {
                        println!("{} runs after {:?}", index + 1, begun.elapsed());
                    }
                }
            });
        }
    });
    let sums = sums.into_inner().unwrap_or_else(|it| it.into_inner());
    for (world, (counts, runs)) in worlds.iter().zip(sums) {
        println!(
            "{world}: {runs} runs with {} failovers, {} operations: {} writes acknowledged, {} unknown, {} unavailable, {} fenced; the longest took {:.1} s; {} values with too many ways to decide",
            counts.failovers,
            counts.operations,
            counts.acknowledged,
            counts.unknown,
            counts.unavailable,
            counts.fenced,
            Duration::from_nanos(counts.longest).as_secs_f64(),
            counts.undecided
        );
    }
    let failed = failed.into_inner().unwrap_or_else(|it| it.into_inner());
    println!("{} of {} runs failed, in {:?}", failed.len(), cli.runs, begun.elapsed());
    for run in &failed {
        println!("again: --runs 1 --seed {} --tier {}", run.seed, run.world);
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One run; the history of one that fails is kept.
fn one(run: &Run, out: &std::path::Path) -> Result<Counts> {
    let history = run.perform().with_context(|| format!("{run} could not be done"))?;
    match check::judge(&history) {
        Ok(counts) => Ok(counts),
        Err(violation) => {
            std::fs::create_dir_all(out)?;
            let path = out.join(format!("{}-{}.jsonl", run.world, run.seed));
            let lines: Result<Vec<String>, _> =
                history.events.iter().map(serde_json::to_string).collect();
            let faults = history.faults.join("\n");
            std::fs::write(&path, format!("{faults}\n{}\n", lines?.join("\n")))?;
            anyhow::bail!("{violation}\nhistory: {}", path.display())
        }
    }
}
