//! A hostile guest at random: programs of host calls with arguments that are wrong in every way, and right ones among
//! them, so that there is something to damage.
//!
//! # Protocol
//!
//! 1. `run` starts a worker per core: this program again, with `worker`. Worker *k* of *n* takes the seeds *S + k*,
//!    *S + k + n* … and says `begin SEED`, then `end SEED CALLS MILLISECONDS` with the processor time that it took.
//! 2. What a worker finds it says as a panic. One that dies, or is silent for a minute, has found something: its seed
//!    is the last it began.
//! 3. `one SEED` runs one program and prints its calls.
//!
//! # Two shapes
//!
//! A third of the programs have a shared memory and spawn threads, which run scripts of host calls in that memory at
//! the same time, and write over each other's. So such a program does not do the same each time.
//! Both load libraries: some that are well made, some that trap, wait, recurse, ask for too much or need each other.
//!
//! # What is looked at
//!
//! After each call: that it came back, and that it ended in a way that the function may end. After each program: every
//! byte of the slot against a fresh birth, every byte of other guests and of their state, the files outside of the
//! guest's directory, and how many descriptors and threads the process has.
#![forbid(unsafe_code)]

mod arguments;
mod campaign;
mod crew;
mod guest;
mod life;
#[path = "../../tests/it/store.rs"]
mod store;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use world::World;

#[derive(Parser)]
#[command(about = "Calls host functions with hostile arguments, at random")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run seeds on all cores until the time is up.
    Run {
        /// Minutes to run.
        #[arg(long, default_value_t = 1.0)]
        minutes: f64,
        /// The first seed; a run ends by saying with which to go on.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Workers; as many as there are cores if not given.
        #[arg(long)]
        jobs: Option<u64>,
        /// Where the programs that found something are written.
        #[arg(long, default_value = "target/fuzz/host")]
        out: PathBuf,
    },
    /// Run every STEP-th seed in this process (started by `run`).
    #[command(hide = true)]
    Worker {
        /// The first seed.
        seed: u64,
        /// The distance to the next.
        step: u64,
    },
    /// Run one seed and print its calls.
    One {
        /// The seed.
        seed: u64,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().verb {
        Verb::Run { minutes, seed, jobs, out } => {
            let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
            let step = jobs.unwrap_or(cores).max(1);
            campaign::Campaign { minutes, first: seed, step, out }.run()
        }
        Verb::Worker { seed, step } => campaign::work(seed, step),
        Verb::One { seed } => {
            let mut world = World::new()?;
            let calls = world.program(seed, &mut |call| println!("{call}"))?;
            println!("{calls} calls, and nothing was found");
            Ok(ExitCode::SUCCESS)
        }
    }
}
