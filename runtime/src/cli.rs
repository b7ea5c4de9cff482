//! The command line of `faasm`.
//!
//! Data goes to standard output, talk to standard error. Exit codes: 0 success, 1 a function failed, 2 wrong usage or
//! input, 3 not found, 4 a value is at another version, 5 no server or no room now, 6 deadline passed, 70 an error of
//! ours, 134 a guest trapped; `run` ends with the guest's own exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod compile;
mod doctor;
mod failure;
mod file;
mod graph;
mod inspect;
mod libraries;
mod manifest;
mod order;
mod paths;
mod profile;
mod remote;
mod run;
mod run_threads;
mod serve;
mod snapshot;
mod state;
mod stubs;

/// Runs WebAssembly functions that share state.
#[derive(Debug, Parser)]
#[command(name = "faasm", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    /// What to log, as in `info` or `faasm_runtime=debug`.
    #[arg(long, global = true, env = "FAASM_LOG", value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  faasm run hello.wasm                      run a program
  faasm serve                               start a server
  faasm upload demo/echo echo.wasm          make a function of a module
  faasm upload demo/hello hello.py          make a function of a script
  faasm invoke demo/echo -d 'Hello'         call it
  faasm file put data.csv demo/data.csv     a file that demo's functions open as /data.csv
  faasm state ls demo                       the values that demo's functions share

Exit codes:
  0 success   1 the function failed   2 wrong usage or input   3 not found
  4 the value is at another version   5 no server, or it has no room now
  6 deadline passed   70 internal error   134 trap";

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile a module to a native object.
    Compile(compile::Options),
    /// Show what a module or an object is made of, or the machine code of a function.
    Inspect(inspect::Options),
    /// Run a program, or one exported function of a module.
    Run(run::Options),
    /// Serve functions over HTTP.
    Serve(serve::Options),
    /// Look whether what a host needs is there and as it must be.
    Doctor(doctor::Options),
    /// Take, look at, run and move snapshots of initialised functions.
    Snapshot(snapshot::Options),
    /// Upload a module, or a script for a runtime, as a function.
    Upload(remote::Upload),
    /// Call a function and print its output.
    Invoke(remote::Invoke),
    /// List the functions of a server.
    #[command(visible_alias = "ls")]
    List(remote::List),
    /// Put, get, list and remove the files that a user's functions read.
    File(file::Options),
    /// Get, set, list, watch and remove the values that a user's functions share.
    State(state::Options),
    /// Remove a function from a server.
    #[command(visible_alias = "rm")]
    Remove(remote::Remove),
}

/// Parses the command line, does what it says, and answers the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse_from(order::options_first(std::env::args_os().collect()));
    let default = if matches!(cli.command, Command::Serve(_)) { "info" } else { "warn" };
    start_log(cli.log.as_deref().unwrap_or(default));
    let done = match cli.command {
        Command::Compile(options) => compile::compile(&options),
        Command::Inspect(options) => inspect::inspect(&options),
        Command::Run(options) => run::run(&options),
        Command::Serve(options) => serve::serve(&options),
        Command::Doctor(options) => doctor::doctor(&options),
        Command::Snapshot(options) => snapshot::snapshot(&options),
        Command::Upload(options) => remote::upload(&options),
        Command::Invoke(options) => remote::invoke(&options),
        Command::List(options) => remote::list(&options),
        Command::File(options) => file::file(&options),
        Command::State(options) => state::state(&options),
        Command::Remove(options) => remote::remove(&options),
    };
    done.unwrap_or_else(|failure| failure.report())
}

fn start_log(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|error| {
        eprintln!("faasm: --log: {error}; logging warnings");
        tracing_subscriber::EnvFilter::new("warn")
    });
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A log that is there already, in a test, is as good.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .try_init();
}

#[cfg(test)]
mod tests;
