//! `cargo run -p faasm-spec-tests -- FILES…`: runs scripts, or folders of them, and counts their directives.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use anyhow::Result;
use clap::Parser;
use faasm_compiler::{Cpu, OptLevel};
use faasm_spec_tests::script::{self, Mode, Tally};
use faasm_spec_tests::suite::{self, Script};

/// Runs scripts of the WebAssembly specification's suite.
#[derive(Parser)]
struct Arguments {
    /// `.wast` files and folders of them; without any, the whole suite.
    files: Vec<PathBuf>,
    /// Compile without optimisation.
    #[arg(long)]
    unoptimised: bool,
    /// Use only what every processor of this kind has.
    #[arg(long)]
    baseline: bool,
    /// Have the store go through a snapshot file into another slot whenever something was instantiated.
    #[arg(long)]
    restored: bool,
    /// Scripts that run at once [default: one per processor].
    #[arg(long, short)]
    jobs: Option<NonZeroUsize>,
    /// Show only the counts.
    #[arg(long)]
    quiet: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let opt = if arguments.unoptimised { OptLevel::None } else { OptLevel::Speed };
    let cpu = if arguments.baseline { Cpu::Baseline } else { Cpu::Native };
    let mode = Mode { opt, cpu, restored: arguments.restored };
    let scripts = scripts(&arguments.files)?;
    let (mut passed, mut failed, mut moves) = (0, 0, 0);
    run_all(&scripts, mode, arguments.jobs, |script, tally| {
        report(script, tally, arguments.quiet);
        match tally {
            Ok(tally) => {
                passed += tally.passed;
                failed += tally.failures.len();
                moves += tally.moves;
            }
            Err(_) => failed += 1,
        }
    });
    if arguments.restored {
        println!("{moves} times a store went through a snapshot file");
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the scripts on so many threads; `each` is called in their order, as soon as it can be.
fn run_all(
    scripts: &[Script],
    mode: Mode,
    jobs: Option<NonZeroUsize>,
    mut each: impl FnMut(&Script, &Result<Tally>),
) {
    let jobs = jobs.or(std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                while let Some((at, script)) = pick(scripts, next) {
                    let tally = script.text().and_then(|text| script::run(&text, mode));
                    // Nobody listens any more only when this program is ending.
                    let _ = sender.send((at, tally));
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut reported = 0;
        for (at, tally) in receiver {
            waiting.insert(at, tally);
            while let Some(tally) = waiting.remove(&reported) {
                each(&scripts[reported], &tally);
                reported += 1;
            }
        }
    });
}

/// The next script that no thread has, and its position.
fn pick<'a>(scripts: &'a [Script], next: &AtomicUsize) -> Option<(usize, &'a Script)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, scripts.get(at)?))
}

fn scripts(files: &[PathBuf]) -> Result<Vec<Script>> {
    if files.is_empty() {
        return suite::scripts();
    }
    let mut scripts = Vec::new();
    for file in files {
        if file.is_dir() {
            scripts.extend(suite::read_folder(file)?);
        } else {
            scripts.push(Script::file(file));
        }
    }
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scripts)
}

fn report(script: &Script, tally: &Result<Tally>, quiet: bool) {
    let name = &script.name;
    match tally {
        Ok(tally) => {
            println!("{name}: {} passed, {} failed", tally.passed, tally.failures.len());
            if !quiet {
                for failure in &tally.failures {
                    println!("  {name}:{}: {}", failure.line, failure.reason);
                }
            }
        }
        Err(error) => println!("{name}: cannot be run: {error:#}"),
    }
}
