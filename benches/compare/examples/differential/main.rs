//! Differential execution: random modules run by us and by the rivals, everything that can be seen compared.
//!
//! # Protocol
//!
//! 1. `run` starts a worker per core: this program again, with `worker`. Worker *k* of *n* takes the seeds
//!    *S + k*, *S + k + n* …
//! 2. A worker says `begin SEED` before a module and `end SEED COUNTS…` after it, with `differs SEED TEXT` between them
//!    when ours and the rivals disagree.
//! 3. A worker that dies or is silent for too long has found something too: its seed is the last it began. It is
//!    started again behind that seed.
//! 4. Each finding is written to `target/fuzz/differential/` as `SEED.txt`, `SEED.wasm` and, when it could be made
//!    smaller, `SEED.min.wasm`.
//!
//! With `--resets` no rival takes part: each module runs a few lives on our VM, with every way to reset a slot, and after
//! each life every byte is compared with a fresh birth's.
//!
//! A seed says everything: the module, the arguments, the effort of the compiler, and whether the store is fresh, born
//! from a captured one, or born in a slot that was reset. So a range of seeds is resumed by giving the next one.
#![forbid(unsafe_code)]

mod campaign;
mod case;
mod compare;
mod counts;
mod features;
mod interpreter;
mod ours;
mod outcome;
mod random;
mod resets;
mod rival;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use case::Case;
use worker::Engines;

#[derive(Parser)]
#[command(about = "Runs random modules on every engine and compares what they do")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run seeds on all cores and say what differs.
    Run(campaign::Options),
    /// Run every STEP-th seed in this process (started by `run`).
    #[command(hide = true)]
    Worker {
        /// The first seed.
        seed: u64,
        /// The distance to the next.
        step: u64,
        /// Only resets.
        #[arg(long)]
        resets: bool,
    },
    /// Run one seed, or a file as if it were that seed's module; exits with 1 when ours differs, with 2 when a rival
    /// stands alone.
    Check {
        /// The seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Only resets.
        #[arg(long)]
        resets: bool,
        /// A module in its binary or text form.
        file: Option<PathBuf>,
    },
    /// Make a file smaller as long as running it as that seed's module ends in the same way.
    Shrink {
        /// The seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Only resets.
        #[arg(long)]
        resets: bool,
        /// A module in its binary form.
        file: PathBuf,
    },
    /// Print the module of a seed, or of a file.
    Show {
        /// The seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// A module in its binary or text form.
        file: Option<PathBuf>,
    },
}

fn main() -> Result<ExitCode> {
    match Cli::parse().verb {
        Verb::Run(options) => campaign::run(&options),
        Verb::Worker { seed, step, resets } => {
            worker::work(seed, step, resets).map(|()| ExitCode::SUCCESS)
        }
        Verb::Check { seed, resets, file } => check(&case(seed, file)?, resets),
        Verb::Shrink { seed, resets, file } => {
            let small = campaign::smaller(seed, &file, resets)?.context("nothing differs there")?;
            println!("{}", small.display());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Show { seed, file } => {
            let case = case(seed, file)?;
            println!("{}", wasmprinter::print_bytes(&case.wasm)?);
            eprintln!("{case:?}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn case(seed: u64, file: Option<PathBuf>) -> Result<Case> {
    match file {
        Some(file) => Ok(Case::of_module(seed, wat::parse_file(file)?)),
        None => Case::of_seed(seed, &features::accepted()).context("the seed gives no module"),
    }
}

fn check(case: &Case, resets: bool) -> Result<ExitCode> {
    let judged = Engines::new(resets)?.judge(case);
    println!("{}", judged.counts);
    for difference in judged.differences.iter().chain(&judged.alone) {
        println!("{difference}");
    }
    Ok(match (judged.differences.is_empty(), judged.alone.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(2),
        (false, _) => ExitCode::FAILURE,
    })
}
