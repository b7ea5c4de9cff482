//! `cargo run -p faasm-spec-tests -- FILES…`: runs scripts, or folders of them, and counts their directives.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Run calls in stores that are born from a capture.
    #[arg(long)]
    restored: bool,
    /// Show only the counts.
    #[arg(long)]
    quiet: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let opt = if arguments.unoptimised { OptLevel::None } else { OptLevel::Speed };
    let cpu = if arguments.baseline { Cpu::Baseline } else { Cpu::Native };
    let mode = Mode { opt, cpu, restored: arguments.restored };
    let (mut passed, mut failed) = (0, 0);
    for script in scripts(&arguments.files)? {
        let tally = script.text().and_then(|text| script::run(&text, mode));
        report(&script, &tally, arguments.quiet);
        match tally {
            Ok(tally) => {
                passed += tally.passed;
                failed += tally.failures.len();
            }
            Err(_) => failed += 1,
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
