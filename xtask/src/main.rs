//! `cargo xtask VERB`: the one way in, the same on a laptop and in CI.
//!
//! Each verb does its own set-up and says what it does while it does it.
#![forbid(unsafe_code)]

mod bench;
mod check;
mod demo;
mod fuzz;
mod guests;
mod report;
mod shell;
mod test;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, tests, measures and shows Faasm", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start a server, upload the word count, run it on a real text and check the answer.
    Demo(demo::Options),
    /// Run all tests.
    Test(test::Options),
    /// Format, clippy, dependency and tidy checks.
    Check,
    /// Check licences, sources and duplicates of the dependencies with cargo-deny.
    Deny,
    /// Run the WebAssembly specification suite: files or folders, or all that is there.
    Spec {
        /// `.wast` files or folders.
        files: Vec<String>,
    },
    /// Measure against the rival engine in the same run, and print the ratios.
    Bench(bench::Options),
    /// Fuzz a target, or each for a minute; differential execution needs no nightly toolchain.
    Fuzz(fuzz::Options),
    /// Run under Miri what can run there (needs the nightly toolchain and its component `miri`).
    Miri,
    /// Run what is concurrent with the thread sanitizer (needs the nightly toolchain and its component `rust-src`).
    Tsan,
    /// Install the guest toolchain and rebuild the guests.
    Guests(guests::Options),
    /// Accept what the golden tests print now.
    Bless,
    /// Build the API documentation.
    Doc,
}

fn main() -> Result<()> {
    match Cli::parse().verb {
        Verb::Demo(options) => demo::show(&options),
        Verb::Test(options) => test::all(&options),
        Verb::Check => check::run_all(),
        Verb::Deny => check::deny(),
        Verb::Spec { files } => test::spec(&files),
        Verb::Bench(options) => bench::run_benches(&options),
        Verb::Fuzz(options) => fuzz::fuzz(&options),
        Verb::Miri => fuzz::miri(),
        Verb::Tsan => fuzz::tsan(),
        Verb::Guests(options) => guests::build(&options),
        Verb::Bless => test::bless(),
        Verb::Doc => check::doc(),
    }
}
