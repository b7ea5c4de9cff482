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
/// The processes' roles.
const SIDES: [&str; 2] = ["ours", "theirs"];

/// A guest that does nothing but wait.
const NOOP: &str = r#"(module (import "h" "wait" (func $wait)) (memory (export "memory") 1)
  (func (export "run") (call $wait)))"#;

fn main() -> Result<()> {
    if let Some(arguments) = arguments()? {
        return match &*arguments.role {
            "ours" => ours::run(arguments.count),
            "theirs" => theirs::run(arguments.count),
            role => bail!("there are no guests `{role}`"),
        };
    }
    let mut bench = Bench::new("density", RIVAL);
    waiting(&mut bench)?;
    most(&mut bench)?;
    bench.finish()
}

/// Memory of a guest that waits, and of all together when they have ended: what is kept for the next ones.
fn waiting(bench: &mut Bench) -> Result<()> {
    let [ours, theirs] = SIDES.map(|role| compared(role, COMPARED));
    let (ours, theirs) = (ours?, theirs?);
    bench.push_bytes("waiting", ours.each(), theirs.each());
    bench.push_bytes("left_when_all_ended", ours.left, theirs.left);
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
    println!("  {role}: {} wait, {} mappings, {}", report.live, report.mappings, report.words);
    if let Some(refusal) = &report.refusal {
        println!("  {role}: the next one was refused: {refusal}");
    }
    ensure!(right == report.live, "{right} of {} answered", report.live);
    Ok(report)
}
