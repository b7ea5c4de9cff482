//! How long the steps of a Proto's life at rest take, for a module: `restore FILE.wasm FOLDER`.

#[path = "../../benches/compare/benches/snapshot/ours.rs"]
mod ours;

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Processes in which it is restored.
const PROCESSES: usize = 15;

fn main() -> Result<()> {
    if ours::is_child()? {
        return Ok(());
    }
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let usage = "usage: restore FILE.wasm FOLDER";
    let (wasm, folder) = (arguments.next().context(usage)?, arguments.next().context(usage)?);
    let written = ours::write(&std::fs::read(&wasm)?, &folder)?;
    let ours::Written { data, stored, chunks, .. } = written;
    println!("{data} bytes of data, {stored} stored in {chunks} chunks");
    let mut times = written.times;
    times.push(ours::assemble(&folder)?);
    times.extend(ours::in_processes(&folder, PROCESSES)?);
    for (step, time) in ours::STEPS.iter().zip(times) {
        println!("{step:<20} {:>10.1} µs", time.as_secs_f64() * 1e6);
    }
    Ok(())
}
