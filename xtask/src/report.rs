//! `cargo xtask bench report`: what the benchmarks measured, as a page with a figure for each.
//!
//! ```text
//! target/bench/NAME.json ─┬─ figure → docs/benchmarks/NAME.svg
//! the machine ────────────┴─ page   → docs/benchmarks.md
//! ```
//!
//! # Invariants
//!
//! Both are written whole, so what is there is what the files in `target/bench` say, and figures without such a file
//! are removed.

mod figure;
mod machine;
mod page;
mod scale;

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::{root, say};
use machine::Machine;

/// A line of a benchmark's results, as [`faasm_benches::Row`](../../benches/src/lib.rs) writes it. A figure that is no
/// number is `null` there.
#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Row {
    name: String,
    unit: String,
    ours: Option<f64>,
    rival: Option<f64>,
    rival_name: String,
    ratio: Option<f64>,
}

impl Row {
    /// ours / rival, where that can be drawn.
    fn ratio(&self) -> Option<f64> {
        self.ratio.filter(|ratio| ratio.is_finite() && *ratio > 0.0)
    }
}

/// A benchmark, and what it measured here.
#[derive(Clone, Debug)]
struct Measured {
    name: String,
    /// What it is about, if it is one that this program knows.
    about: Option<&'static str>,
    rows: Vec<Row>,
    when: SystemTime,
}

/// All that is reported.
#[derive(Debug)]
struct Report {
    machine: Machine,
    measured: Vec<Measured>,
    /// Benchmarks without results.
    missing: Vec<&'static str>,
}

/// Writes the page and its figures; `benches` are the names of the benchmarks there are, and what they are about.
pub(crate) fn write(benches: &[(&'static str, &'static str)]) -> Result<()> {
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let report = collect(&folder.join("bench"), benches)?;
    let (docs, figures) = (root().join("docs"), root().join("docs/benchmarks"));
    fs::create_dir_all(&figures)?;
    for old in fs::read_dir(&figures)? {
        let old = old?.path();
        if old.extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(old)?;
        }
    }
    for measured in &report.measured {
        fs::write(figures.join(format!("{}.svg", measured.name)), figure::draw(measured))?;
    }
    fs::write(docs.join("benchmarks.md"), page::write(&report))?;
    say(&format!("docs/benchmarks.md: {} benchmarks", report.measured.len()));
    if !report.missing.is_empty() {
        say(&format!("not measured on this machine: {}", report.missing.join(", ")));
    }
    Ok(())
}

/// What is in the folder: the known benchmarks in their order, then others by name.
fn collect(folder: &Path, benches: &[(&'static str, &'static str)]) -> Result<Report> {
    let mut measured = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "json") {
            let about = benches.iter().find(|(known, _)| *known == name).map(|(_, about)| *about);
            let read = || anyhow::Ok(serde_json::from_slice(&fs::read(&path)?)?);
            let rows = read().with_context(|| {
                format!("{} is not what `cargo xtask bench` writes", path.display())
            })?;
            measured.push(Measured { name, about, rows, when: fs::metadata(&path)?.modified()? });
        }
    }
    if measured.is_empty() {
        bail!(
            "nothing was measured yet: `cargo xtask bench --all`, then `cargo xtask bench report`"
        );
    }
    let place = |name: &str| benches.iter().position(|(known, _)| *known == name);
    measured.sort_by_key(|m| (place(&m.name).unwrap_or(usize::MAX), m.name.clone()));
    let is_there = |name: &str| measured.iter().any(|measured| measured.name == name);
    let missing = benches.iter().map(|(name, _)| *name).filter(|name| !is_there(name)).collect();
    Ok(Report { machine: Machine::here(), measured, missing })
}

/// A figure with its unit, as people read it.
fn human(value: Option<f64>, unit: &str) -> String {
    let steps: &[(f64, &str)] = match unit {
        "ns" => &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (0.0, "ns")],
        "bytes" => &[(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB"), (0.0, "B")],
        _ => &[],
    };
    let Some(value) = value else { return "–".to_owned() };
    match steps.iter().find(|(least, _)| value.abs() >= *least) {
        Some((least, name)) => format!("{} {name}", three_digits(value / least.max(1.0))),
        None => format!("{} {unit}", three_digits(value)),
    }
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests;
