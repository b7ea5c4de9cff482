//! `cargo xtask bench NAME`: ours and the rival in alternation in one run; `bench report` draws what was measured.

use anyhow::{Result, bail};

use crate::report;
use crate::shell::{cargo, run};

/// The benchmarks there are; each is `benches/compare/benches/NAME.rs`, but for those in [`WITHOUT_RIVALS`].
const BENCHES: &[(&str, &str)] = &[
    ("call", "calls in and out of compiled code, and indirect ones"),
    ("birth", "a Faaslet's birth, a call and its reset, on one thread and on two"),
    ("reset", "the same with more and more written pages, in small and large images"),
    ("density", "memory of waiting guests, and how many there can be in one process"),
    ("fleet", "a hundred thousand Faaslets that wait on this machine"),
    ("compile", "compiling real modules, on one thread and on two, and the memory it takes"),
    ("load", "loading real modules from files"),
    ("snapshot", "a Proto at rest, restored in another process"),
    ("codegen", "kernels compiled by us, by the rival and by gcc"),
    ("merge", "diffs of memories and their merging, against plain loops"),
    ("state", "values that are mapped, pulled and pushed, and many Faaslets on one of them"),
    ("python", "CPython from its Proto, and programs in it against the native one"),
];

/// Those that need no rival engine, and so do not build one: `benches/benches/NAME.rs`.
const WITHOUT_RIVALS: &[&str] = &["fleet", "merge", "python", "state"];

/// In the place of a benchmark's name: draws what the others have measured.
const REPORT: &str = "report";

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Benchmarks by name, and `report` for the page and figures of all results; without one, what there is.
    names: Vec<String>,
    /// All of them.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

pub(crate) fn run_benches(options: &Options) -> Result<()> {
    let known = BENCHES.iter().map(|(name, _)| *name);
    let chosen: Vec<&str> = if options.all {
        known.clone().collect()
    } else {
        options.names.iter().map(String::as_str).collect()
    };
    if chosen.is_empty() {
        for (name, what) in BENCHES {
            println!("{name:8} {what}");
        }
        println!("{REPORT:8} draws the results into docs/benchmarks.md");
        return Ok(());
    }
    for name in chosen {
        if name == REPORT {
            report::write(BENCHES)?;
            continue;
        }
        if !known.clone().any(|k| k == name) {
            bail!("there is no benchmark `{name}`: `cargo xtask bench` lists them");
        }
        let package =
            if WITHOUT_RIVALS.contains(&name) { "faasm-benches" } else { "faasm-compare" };
        let mut bench = cargo(["bench", "--quiet", "-p", package, "--bench", name]);
        run(&format!("benchmark {name} (results in target/bench/{name}.json)"), &mut bench)?;
    }
    Ok(())
}
