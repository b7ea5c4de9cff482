//! `cargo xtask test`, `spec` and `bless`.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell::{answers, cargo, cargo_tool, root, run, say, with_path};

/// What to test.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only these packages.
    #[arg(short, long)]
    package: Vec<String>,
    /// Only tests whose name contains this.
    filter: Option<String>,
    /// Instead: random operations on the global tiers while faults happen, checked against a model.
    #[arg(long, conflicts_with_all = ["package", "filter"])]
    faults: bool,
    /// How many runs of them.
    #[arg(long, requires = "faults", default_value_t = 1000)]
    runs: u64,
    /// The seed of the first run; the others follow. A failed run says which was its own.
    #[arg(long, requires = "faults")]
    seed: Option<u64>,
    /// Which tiers, by name; all of them, in turn, unless some are named.
    #[arg(long, requires = "faults")]
    tier: Vec<String>,
}

/// Runs all tests, each in a process of its own: signal handlers and namespaces are process-wide.
pub(crate) fn run_tests(options: &Options, bless: bool) -> Result<()> {
    let tools = cargo_tool("cargo-nextest")?;
    let mut tests = cargo(["nextest", "run", "--no-fail-fast"]);
    select(&mut tests, options);
    if bless {
        tests.env("BLESS", "1");
    }
    run("running the tests", with_path(&mut tests, tools.as_deref()))?;
    let mut docs = cargo(["test", "--quiet", "--doc"]);
    run("running the examples in the documentation", select(&mut docs, options))?;
    if options.package.is_empty() && options.filter.is_none() { run_examples() } else { Ok(()) }
}

/// Runs the VM's examples: each ends with an error if it shows something else than it says.
fn run_examples() -> Result<()> {
    let folder = root().join("vm/examples");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).context("the examples are looked for")? {
        names.extend(entry?.path().file_stem().map(std::ffi::OsStr::to_owned));
    }
    names.sort();
    for name in names {
        // Without `-p`: then dependencies have the features that they have in the tests' build.
        let mut example = cargo(["run", "--quiet", "--example"]);
        run(&format!("running the example {}", name.display()), example.arg(&name))?;
    }
    Ok(())
}

fn select<'a>(command: &'a mut Command, options: &Options) -> &'a mut Command {
    for package in &options.package {
        command.args(["-p", package]);
    }
    command.args(options.filter.as_deref())
}

pub(crate) fn all(options: &Options) -> Result<()> {
    if options.faults {
        return run_faults(options);
    }
    install_debugger();
    install_redis()?;
    fetch_valkey()?;
    run_tests(options, false)
}

/// Global tiers, with servers that are killed and connections that are cut.
fn run_faults(options: &Options) -> Result<()> {
    install_redis()?;
    fetch_valkey()?;
    let mut faults = cargo(["run", "--quiet", "--bin", "faasm-state-faults", "--"]);
    faults.args(["--runs", &options.runs.to_string()]);
    if let Some(seed) = options.seed {
        faults.args(["--seed", &seed.to_string()]);
    }
    for tier in &options.tier {
        faults.args(["--tier", tier]);
    }
    run("global tiers and their faults", &mut faults)
}

/// The debugger that a test shows guests to; where it cannot be installed, that test says that it did not run.
fn install_debugger() {
    if answers(Command::new("gdb").arg("--version")) {
        return;
    }
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-q", "-y", "--no-install-recommends", "gdb"]);
    if let Err(error) = run("installing gdb", &mut apt) {
        say(&format!("{error:#}: what gdb shows of guests is not tested"));
    }
}

/// The server that the Redis adapter is tested on. Without it those tests fail: none is left out.
fn install_redis() -> Result<()> {
    if answers(Command::new("redis-server").arg("--version")) {
        return Ok(());
    }
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-q", "-y", "--no-install-recommends", "redis-server", "openssl"]);
    // It is installed to be started by tests, not as a service.
    run(
        "installing redis-server",
        apt.env("RUNLEVEL", "1").env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// The other server that it is tested on: the system's, or Debian's below `target`, where it is fetched once.
fn fetch_valkey() -> Result<()> {
    let mut fetch = Command::new("bash");
    fetch.arg(root().join("runtime/tests/redis/valkey.sh")).stdout(std::process::Stdio::null());
    run("seeing to valkey-server", &mut fetch)
}

pub(crate) fn bless() -> Result<()> {
    run_tests(&Options::default(), true)
}

/// Runs the specification suite and prints its counts.
pub(crate) fn spec(files: &[String]) -> Result<()> {
    let mut suite = cargo(["run", "--release", "-p", "faasm-spec-tests", "--"]);
    run("running the specification suite", suite.args(files))
}
