//! Compiling real modules, from bytes to an object in memory, on one thread and on two; and the most memory that it
//! takes.
//!
//! On one thread the processor time of the whole process counts, so that work that a side does on other threads is not
//! free.
//! Memory is measured in a process for each side that does nothing else (`VmHWM`), with as many threads as there are
//! cores.

mod modules;

use std::num::NonZero;
use std::process::Command;

use anyhow::{Context, Result, bail};
use faasm_benches::{Bench, Clock};
use faasm_compare::RIVAL;
use faasm_compiler::{CompileOptions, compile, validate};
use modules::{CPYTHON, MODULES, Real};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["peak", side, module] => peak_of(side, module),
        _ => compare(&args),
    }
}

/// Measures the modules whose names are given, or all.
fn compare(names: &[String]) -> Result<()> {
    let mut bench = Bench::new("compile", RIVAL);
    let wanted: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !name.starts_with('-')).collect();
    let chosen = MODULES.iter().filter(|module| wanted.is_empty() || wanted.contains(&module.name));
    for &module in chosen {
        let wasm = module.bytes()?;
        if let Err(error) = validate(&wasm) {
            println!("{:<28} not measured: {error}", module.name);
            continue;
        }
        time(&mut bench, module.name, &wasm)?;
        if module.name == CPYTHON {
            let name = format!("peak_memory/{}", module.name);
            bench.push_bytes(&name, peak("ours", module)?, peak("rival", module)?);
        }
    }
    bench.finish()
}

fn time(bench: &mut Bench, name: &str, wasm: &[u8]) -> Result<()> {
    for (threads, clock, group) in
        [(1, Clock::Process, "one_thread"), (2, Clock::Wall, "two_threads")]
    {
        let engine = rival(threads)?;
        bench.row(
            &format!("{group}/{name}"),
            clock,
            || drop(ours(wasm, threads).unwrap_or_else(|error| panic!("{error}"))),
            || drop(engine.precompile_module(wasm).unwrap_or_else(|error| panic!("{error}"))),
        );
    }
    Ok(())
}

fn ours(wasm: &[u8], threads: usize) -> Result<Vec<u8>> {
    let options = CompileOptions { threads: NonZero::new(threads), ..CompileOptions::default() };
    Ok(compile(&validate(wasm)?, &options)?)
}

fn rival(threads: usize) -> Result<wasmtime::Engine> {
    let mut config = wasmtime::Config::new();
    config.parallel_compilation(threads > 1);
    Ok(wasmtime::Engine::new(&config)?)
}

/// The most memory that a process of its own has while it compiles, in bytes.
fn peak(side: &str, module: Real) -> Result<f64> {
    let mut child = Command::new(std::env::current_exe()?);
    let output = child.args(["peak", side, module.name]).output()?;
    if !output.status.success() {
        bail!("{side} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// In that process: compiles, and says the most memory that it has had.
fn peak_of(side: &str, module: &str) -> Result<()> {
    let module = MODULES.iter().find(|known| known.name == module).context("no such module")?;
    let wasm = module.bytes()?;
    let object = match side {
        "ours" => ours(&wasm, 2)?,
        _ => rival(2)?.precompile_module(&wasm)?,
    };
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = peak.context("VmHWM")?.trim_end_matches("kB").trim().parse()?;
    drop(object);
    println!("{}", kib * 1024);
    Ok(())
}
