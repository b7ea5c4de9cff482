//! `cargo xtask guests`: the guest toolchain and the programs that run inside.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell::{output, root, run, say};

/// Which guests to build.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Guests by name; without one, all small ones.
    names: Vec<String>,
    /// Also build or fetch and run the programs that are too large to commit or to compare at each test.
    #[arg(long)]
    test: bool,
}

/// Programs and functions whose answers are compared with a native build's, or proved, or are their own tests'.
const PROGRAMS: &[(&str, &str)] = &[
    ("comparing Lua with Lua on this machine, and running its tests", "lua/test.sh"),
    ("running QuickJS's tests", "quickjs/test.sh"),
    ("comparing SQLite with SQLite on this machine, and running its tests", "sqlite/test.sh"),
    ("building CPython and running its tests", "cpython/test.sh"),
    ("functions in Python", "python/test.sh"),
    ("NumPy", "numpy/test.sh"),
    ("fetching and running Yosys", "yosys/test.sh"),
    ("building and running TensorFlow Lite", "tflite/test.sh"),
];

/// The variable by which the tests are told of a `faasm` that is there.
const BINARY: &str = "FAASM";

pub(crate) fn build(options: &Options) -> Result<()> {
    let script = |name: &str| {
        let mut command = Command::new("bash");
        command.current_dir(root()).arg(root().join("guests").join(name));
        command
    };
    run("installing the guest toolchain", &mut script("toolchain.sh"))?;
    run("building the guests", script("build.sh").args(&options.names))?;
    report_drift()?;
    if options.test {
        let binary = binary()?;
        for (what, test) in PROGRAMS {
            run(what, script(test).env(BINARY, &binary))?;
        }
    }
    Ok(())
}

/// The command that runs the programs: the one that the environment names, or one that is built now.
fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(BINARY) {
        return Ok(named.into());
    }
    let mut cargo = Command::new("cargo");
    let args = ["build", "--release", "--quiet", "-p", "faasm-runtime"];
    run("building faasm", cargo.current_dir(root()).args(args))?;
    Ok(root().join("target/release/faasm"))
}

/// Says which committed modules the build has changed: none, as long as sources and toolchain are the same.
fn report_drift() -> Result<()> {
    let mut git = Command::new("git");
    let status = ["status", "--porcelain", "--", "guests/*.wasm", "guests/*.so"];
    let changed = output(git.current_dir(root()).args(status))?;
    if changed.is_empty() {
        say("all modules are byte for byte what is committed");
    } else {
        say(&format!("these modules differ from what is committed:\n{changed}"));
    }
    Ok(())
}
