//! How much memory waiting guests take, and how many there can be in one process.
//!
//! # Protocol
//!
//! Each figure is of a process of its own, which this one starts ([`faasm_benches::child`]): it has its guests wait, says
//! what they take, ends them, and says how many ended as they should.
//!
//! The rival's guests wait in its fibers (`async`), with memories and stacks from its pooling allocator: the nearest that
//! it has to a Faaslet that waits.

mod engines;
#[path = "density/ours.rs"]
mod ours;
#[path = "density/theirs.rs"]
mod theirs;

use anyhow::{Result, bail, ensure};
use faasm_benches::Bench;
use faasm_benches::child::{Child, Report, arguments};
use faasm_compare::RIVAL;

/// Guests of each side whose memory is compared.
const COMPARED: usize = 5_000;
/// More than either side can have in one process.
const TOO_MANY: usize = 40_000;
/// Functions of each side whose memory is compared.
const FUNCTIONS: usize = 500;
/// The processes' roles.
const SIDES: [&str; 2] = ["ours", "theirs"];
const WRITERS: [&str; 2] = ["ours, writing", "theirs, writing"];
const FUNCTIONS_OF: [&str; 2] = ["our functions", "their functions"];

/// A guest that does nothing but wait.
const NOOP: &str = r#"(module (import "h" "wait" (func $wait)) (memory (export "memory") 1)
  (func (export "run") (call $wait)))"#;

/// A guest that writes to its memory before.
const WRITING: &str = r#"(module (import "h" "wait" (func $wait)) (memory (export "memory") 1)
  (func (export "run")
    (i32.store (i32.const 1024) (i32.const 1))
    (call $wait)
    (if (i32.ne (i32.load (i32.const 1024)) (i32.const 1)) (then unreachable))))"#;

fn main() -> Result<()> {
    if let Some(arguments) = arguments()? {
        return match &*arguments.role {
            "ours" => ours::run(NOOP, arguments.count),
            "theirs" => theirs::run(NOOP, arguments.count),
            "ours, writing" => ours::run(WRITING, arguments.count),
            "theirs, writing" => theirs::run(WRITING, arguments.count),
            "our functions" => ours::functions(arguments.count),
            "their functions" => theirs::functions(arguments.count),
            role => bail!("there are no guests `{role}`"),
        };
    }
    let mut bench = Bench::new("density", RIVAL);
    idle(&mut bench)?;
    waiting(&mut bench)?;
    most(&mut bench)?;
    bench.finish()
}

/// Memory of a function that nobody calls any more.
fn idle(bench: &mut Bench) -> Result<()> {
    let [ours, theirs] = FUNCTIONS_OF.map(|role| compared(role, FUNCTIONS));
    bench.push_bytes("idle_function", ours?.each(), theirs?.each());
    Ok(())
}

/// Memory of a guest that waits, and of all together when they have ended: what is kept for the next ones.
fn waiting(bench: &mut Bench) -> Result<()> {
    let [ours, theirs] = SIDES.map(|role| compared(role, COMPARED));
    let (ours, theirs) = (ours?, theirs?);
    bench.push_bytes("waiting", ours.each(), theirs.each());
    bench.push_bytes("left_when_all_ended", ours.left, theirs.left);
    let [ours, theirs] = WRITERS.map(|role| compared(role, COMPARED));
    bench.push_bytes("waiting_after_a_write", ours?.each(), theirs?.each());
    Ok(())
}

/// How many can wait in one process before one is refused.
fn most(bench: &mut Bench) -> Result<()> {
    let [ours, theirs] = SIDES.map(|role| compared(role, TOO_MANY));
    bench.push_count("waiting_in_one_process", ours?.live, theirs?.live);
    Ok(())
}

fn compared(role: &str, count: usize) -> Result<Report> {
    let mut child = Child::start(role, count, 0)?;
    let report = child.report()?;
    let right = child.finish()?;
    println!("  {role}: {}, {} mappings, {}", report.live, report.mappings, report.words);
    if let Some(refusal) = &report.refusal {
        println!("  {role}: the next one was refused: {refusal}");
    }
    ensure!(right == report.live, "{right} of {} answered", report.live);
    Ok(report)
}
