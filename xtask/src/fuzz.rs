//! `cargo xtask fuzz`, `miri` and `tsan`: what takes long or needs the nightly toolchain, outside of `test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{answers, cargo, output, root, run, say};

/// The targets of cargo-fuzz, and what each tries.
const TARGETS: &[(&str, &str)] = &[
    ("compile", "validation and compilation of arbitrary bytes and of random modules"),
    ("object_open", "objects that were changed, with and without a seal that holds"),
    ("snapshot_open", "chunks, exports, and manifests that were changed under a seal that holds"),
    ("reset", "every byte of a slot in which a random module ran, after its reset, in every way"),
    ("differential", "random modules on our VM and on the rivals"),
    ("host", "host functions with hostile arguments, and everything that must stay as it is"),
];

/// Packages and tests that Miri can run: no system call of ours, no machine code.
const MIRI: &[(&str, &[&str])] = &[
    // Left out: what counts to millions, which takes Miri an hour, and what runs rayon, whose crossbeam-epoch does what
    // stacked borrows forbid.
    ("faasm-abi", &["--skip", "absurd_counts_are_refused", "--skip", "many_threads_find"]),
    ("faasm-sfi", &["pending::"]),
    ("faasm-state", &["bits::"]),
];

/// Packages and tests of what is concurrent on stacks that the thread sanitizer knows.
const TSAN: &[(&str, &[&str])] = &[("faasm-sfi", &["pending::", "watchdog::"])];

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// compile, object_open, snapshot_open, reset, differential or host; all of them if not given.
    target: Option<String>,
    /// Minutes for each target.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// For `differential`, `reset` and `host`: the first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// For `differential`, `reset` and `host`: how many processes; as many as there are cores if not given.
    #[arg(long)]
    jobs: Option<u64>,
    /// For `differential` and `reset`: let coverage guide it; `differential` has only the interpreter then.
    #[arg(long)]
    guided: bool,
}

pub(crate) fn fuzz(options: &Options) -> Result<()> {
    let names: Vec<&str> = match &options.target {
        None => TARGETS.iter().map(|(name, _)| *name).collect(),
        Some(name) if TARGETS.iter().any(|(target, _)| target == name) => vec![name],
        Some(name) => {
            for (target, what) in TARGETS {
                println!("{target:13} {what}");
            }
            bail!("there is no fuzz target `{name}`");
        }
    };
    let mut failed = Vec::new();
    for name in names {
        let outcome = match name {
            "host" => program(name, options),
            "differential" | "reset" if !options.guided => program(name, options),
            _ => guided(name, options.minutes),
        };
        if let Err(error) = outcome {
            say(&format!("{name}: {error:#}"));
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("findings of {}", failed.join(", ")) }
}

/// A program of ours, on the toolchain of the repository.
fn program(name: &str, options: &Options) -> Result<()> {
    let out = format!("target/fuzz/{name}");
    let mut program = match name {
        "host" => cargo(["run", "--quiet", "--example", "hostile", "--", "run"]),
        _ => cargo([
            "run",
            "--quiet",
            "-p",
            "faasm-compare",
            "--example",
            "differential",
            "--",
            "run",
        ]),
    };
    program.args(["--minutes", &options.minutes.to_string(), "--seed", &options.seed.to_string()]);
    program.args(["--out", &out]).args((name == "reset").then_some("--resets"));
    if let Some(jobs) = options.jobs {
        program.args(["--jobs", &jobs.to_string()]);
    }
    run(&format!("fuzzing {name} (findings in {out})"), &mut program)
}

/// A target of cargo-fuzz.
fn guided(name: &str, minutes: f64) -> Result<()> {
    let fuzz = cargo_fuzz()?;
    let corpus = root().join("target/fuzz/corpus").join(name);
    let artifacts = root().join("target/fuzz/artifacts").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    if name == "compile" {
        plant(&corpus)?;
    }
    let mut command = nightly("fuzz", &fuzz);
    // Guests have stacks and faults of their own, which the address sanitizer does not know.
    command.args(["run", "--sanitizer", "none", "--fuzz-dir", "fuzz"]);
    command.args(["--target-dir", "target/fuzz/build", name]).arg(&corpus).arg("--");
    command.arg(format!("-max_total_time={:.0}", minutes * 60.0));
    command.args(["-timeout=60", "-rss_limit_mb=8192", "-max_len=16384", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    let outcome = run(&format!("fuzzing {name}"), &mut command);
    if outcome.is_err() {
        say(&format!("what fails is saved in {}; run it again with", artifacts.display()));
        say(&format!("  cargo +nightly fuzz run --sanitizer none --fuzz-dir fuzz {name} FILE"));
    }
    outcome
}

/// Real modules to begin with, behind the byte that says that they are taken as they are.
fn plant(corpus: &Path) -> Result<()> {
    let guests = root().join("guests/c/build");
    for entry in fs::read_dir(&guests).with_context(|| format!("no {}", guests.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "wasm") {
            let mut bytes = vec![0];
            bytes.extend(fs::read(&path)?);
            bytes.truncate(16 << 10);
            fs::write(corpus.join(path.file_stem().unwrap_or_default()), bytes)?;
        }
    }
    Ok(())
}

/// Where cargo-fuzz is; installed below `target/tools` when it is missing.
fn cargo_fuzz() -> Result<Option<PathBuf>> {
    need_nightly("fuzzing with coverage")?;
    crate::shell::cargo_tool("cargo-fuzz")
}

/// A cargo verb on the nightly toolchain.
fn nightly(verb: &str, tools: &Option<PathBuf>) -> Command {
    let mut command = Command::new("cargo");
    crate::shell::with_path(&mut command, tools.as_deref());
    // The variables by which cargo tells its children which toolchain they are of.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
    command.args(["+nightly", verb]).current_dir(root());
    command
}

fn need_nightly(what: &str) -> Result<()> {
    if answers(Command::new("cargo").env_remove("RUSTUP_TOOLCHAIN").args(["+nightly", "version"])) {
        return Ok(());
    }
    bail!("{what} needs the nightly toolchain: `rustup toolchain install nightly`")
}

fn need_component(name: &str, what: &str) -> Result<()> {
    need_nightly(what)?;
    let mut list = Command::new("rustup");
    list.args(["component", "list", "--toolchain", "nightly", "--installed"]);
    if output(&mut list)?.lines().any(|line| line.starts_with(name)) {
        return Ok(());
    }
    bail!("{what} needs `rustup component add {name} --toolchain nightly`")
}

/// Runs under Miri what needs no system call.
pub(crate) fn miri() -> Result<()> {
    need_component("miri", "Miri")?;
    for (package, filter) in MIRI {
        let mut tests = nightly("miri", &None);
        // proptest looks for its folder of findings; each of its cases takes Miri seconds.
        tests.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "4");
        tests.args(["test", "--target-dir", "target/miri", "-p", package, "--lib", "--"]);
        tests.args(*filter);
        run(&format!("Miri: {package} {}", filter.join(" ")), &mut tests)?;
    }
    Ok(())
}

/// Runs with the thread sanitizer what is concurrent and stays on the host's stacks.
pub(crate) fn tsan() -> Result<()> {
    need_component("rust-src", "the thread sanitizer")?;
    for (package, filter) in TSAN {
        let mut tests = nightly("test", &None);
        tests.env("RUSTFLAGS", "-Zsanitizer=thread").env("RUSTDOCFLAGS", "-Zsanitizer=thread");
        tests.args(["-Zbuild-std", "--target", "x86_64-unknown-linux-gnu"]);
        tests.args(["--target-dir", "target/tsan", "-p", package, "--lib", "--"]).args(*filter);
        run(&format!("thread sanitizer: {package} {}", filter.join(" ")), &mut tests)?;
    }
    Ok(())
}
