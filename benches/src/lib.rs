//! The harness of the benchmarks: ours and the rival in alternation, medians and ratios.
//!
//! # Protocol
//!
//! 1. Each side is run until one sample takes at least [`SAMPLE`], which fixes how often it repeats per sample.
//! 2. Samples alternate, and the side that goes first alternates too, so that drift and neighbours hit both.
//! 3. The median of each side's samples counts, and the ratio ours / rival: smaller is better, always.
//!    There are [`SAMPLES`] of each, fewer where one side's would take longer than [`BUDGET`], and at least one.
//!
//! Time is the thread's processor time unless work happens on other threads, since wall time on a shared machine
//! measures the neighbours. What two threads do at the same time ([`Together`]) counts by the time of each, too.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

pub mod child;
pub mod memory;
mod together;

pub use together::{THREADS, Together, Work};

/// The shortest sample.
pub const SAMPLE: Duration = Duration::from_millis(4);
/// Samples of each side.
pub const SAMPLES: usize = 31;
/// How long all samples of one side may take.
pub const BUDGET: Duration = Duration::from_secs(20);

/// Which clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Processor time of the calling thread.
    Thread,
    /// Processor time of all threads of the process.
    Process,
    /// Time on the wall, for work on several threads.
    Wall,
}

/// One line of a benchmark's results. `ours` and `rival` are medians in `unit`; `ratio` is ours / rival.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Stable name.
    pub name: String,
    /// Unit of both figures, such as `ns`.
    pub unit: &'static str,
    /// Our median.
    pub ours: f64,
    /// The rival's median.
    pub rival: f64,
    /// Who the rival is, with its version.
    pub rival_name: String,
    /// ours / rival, and rival / ours where more is better: smaller is better.
    pub ratio: f64,
}

/// A benchmark: rows that are measured one after the other.
#[derive(Debug)]
pub struct Bench {
    name: &'static str,
    rival_name: String,
    rows: Vec<Row>,
}

impl Bench {
    /// A benchmark of this name against this rival.
    #[must_use]
    pub fn new(name: &'static str, rival_name: impl Into<String>) -> Self {
        println!("{name:<28} {:>12} {:>12} {:>7}", "ours", "rival", "ratio");
        Self { name, rival_name: rival_name.into(), rows: Vec::new() }
    }

    /// Measures one row in nanoseconds: each closure does the work once.
    pub fn row(&mut self, name: &str, clock: Clock, ours: impl FnMut(), rival: impl FnMut()) {
        let rival_name = self.rival_name.clone();
        self.row_against(name, &rival_name, clock, (ours, rival));
    }

    /// Measures one row in nanoseconds of thread time, where each closure does the work `per` times.
    pub fn row_per(&mut self, name: &str, per: u32, ours: impl FnMut(), rival: impl FnMut()) {
        let rival_name = self.rival_name.clone();
        let [ours, rival] = alternate(sides(Clock::Thread, ours, rival));
        self.push(name, &rival_name, ours / f64::from(per), rival / f64::from(per));
    }

    /// Measures one row against another rival than the benchmark's.
    pub fn row_against(
        &mut self,
        name: &str,
        rival_name: &str,
        clock: Clock,
        (ours, rival): (impl FnMut(), impl FnMut()),
    ) {
        let [ours, rival] = alternate(sides(clock, ours, rival));
        self.push(name, rival_name, ours, rival);
    }

    /// Measures one row in nanoseconds of a thread's processor time while another thread does the same.
    pub fn row_together(&mut self, name: &str, threads: &Together, ours: &Work, rival: &Work) {
        let rival_name = self.rival_name.clone();
        let sides: [Side<'_>; 2] = [
            Box::new(|repeat| threads.sample(repeat, ours)),
            Box::new(|repeat| threads.sample(repeat, rival)),
        ];
        let [ours, rival] = alternate(sides);
        self.push(name, &rival_name, ours, rival);
    }

    /// Measures in alternation how long `work` takes on one thread, and on each of two at the same time, and adds a row:
    /// nanoseconds from one piece of work to the next for both threads together, against one thread. A ratio of 0.5 is
    /// twice as many.
    pub fn row_scaling(&mut self, name: &str, threads: &Together, work: &Work) {
        let sides: [Side<'_>; 2] = [
            Box::new(|repeat| threads.sample(repeat, work) / f64::from(THREADS)),
            Box::new(|repeat| sample(Clock::Thread, repeat, &mut || work())),
        ];
        let [two, one] = alternate(sides);
        self.push(name, "one thread", two, one);
    }

    /// Adds a row that was measured elsewhere, in nanoseconds.
    pub fn push(&mut self, name: &str, rival_name: &str, ours: f64, rival: f64) {
        let ratio = ours / rival;
        println!("{name:<28} {:>12} {:>12} {ratio:>7.3}", human(ours), human(rival));
        self.rows.push(Row {
            name: name.to_owned(),
            unit: "ns",
            ours,
            rival,
            rival_name: rival_name.to_owned(),
            ratio,
        });
    }

    /// Adds a row of memory, in bytes.
    pub fn push_bytes(&mut self, name: &str, ours: f64, rival: f64) {
        let ratio = ours / rival;
        println!("{name:<28} {:>12} {:>12} {ratio:>7.3}", human_bytes(ours), human_bytes(rival));
        self.rows.push(Row {
            name: name.to_owned(),
            unit: "bytes",
            ours,
            rival,
            rival_name: self.rival_name.clone(),
            ratio,
        });
    }

    /// Adds a row that says how many there can be: more is better.
    pub fn push_count(&mut self, name: &str, ours: usize, rival: usize) {
        println!("{name:<28} {ours:>12} {rival:>12} {:>7.3}", rival as f64 / ours as f64);
        self.rows.push(Row {
            name: name.to_owned(),
            unit: "count",
            ours: ours as f64,
            rival: rival as f64,
            rival_name: self.rival_name.clone(),
            ratio: rival as f64 / ours as f64,
        });
    }

    /// Adds a row `geomean` and `group` with the geometric mean of the rows so far whose names are a kernel's and
    /// `group`: `fib/simd` with the group `/simd`, `fib` with the empty one.
    pub fn geomean(&mut self, group: &str) {
        let of_group = |row: &&Row| {
            row.name.split_once('/').map_or("", |(_, g)| g) == group.trim_start_matches('/')
        };
        let (mut ours, mut rival, mut count) = (0.0, 0.0, 0.0);
        for row in self.rows.iter().filter(of_group) {
            ours += row.ours.ln();
            rival += row.rival.ln();
            count += 1.0;
        }
        if count > 0.0 {
            let last = self.rows.iter().rfind(of_group);
            let rival_name = last.map_or_else(String::new, |row| row.rival_name.clone());
            let (ours, rival) = (f64::exp(ours / count), f64::exp(rival / count));
            self.push(&format!("geomean{group}"), &rival_name, ours, rival);
        }
    }

    /// Writes the rows to `target/bench/NAME.json`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn finish(self) -> Result<()> {
        let folder = target().join("bench");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.name));
        let json = serde_json::to_string_pretty(&self.rows)?;
        std::fs::write(&path, json).with_context(|| format!("writing {}", path.display()))?;
        println!("written: target/bench/{}.json", self.name);
        Ok(())
    }
}

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.to_path_buf(), Path::to_path_buf)
}

/// Where what is built goes.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Two closures, each of which does its work once, by this clock.
fn sides<'a>(
    clock: Clock,
    mut ours: impl FnMut() + 'a,
    mut rival: impl FnMut() + 'a,
) -> [Side<'a>; 2] {
    [
        Box::new(move |repeat| sample(clock, repeat, &mut ours)),
        Box::new(move |repeat| sample(clock, repeat, &mut rival)),
    ]
}

/// Does a side's work so many times, and says how many nanoseconds one takes.
type Side<'a> = Box<dyn FnMut(u32) -> f64 + 'a>;

/// Medians of both sides in nanoseconds per run.
fn alternate(mut sides: [Side<'_>; 2]) -> [f64; 2] {
    let calibrated = sides.each_mut().map(calibrate);
    let longest = calibrated[0].1.max(calibrated[1].1);
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..rounds(longest) {
        for side in [round % 2, (round + 1) % 2] {
            samples[side].push(sides[side](calibrated[side].0));
        }
    }
    samples.map(|mut samples| median(&mut samples))
}

/// How many samples, each of which takes so many nanoseconds.
fn rounds(sample: f64) -> usize {
    let budget = BUDGET.as_secs_f64() * 1e9;
    (1..=SAMPLES).rev().find(|&rounds| sample * rounds as f64 <= budget).unwrap_or(1)
}

/// How often to repeat so that a sample is long enough to be measured, and how many nanoseconds it takes then.
fn calibrate(side: &mut Side<'_>) -> (u32, f64) {
    let mut repeat = 1;
    loop {
        let took = f64::from(repeat) * side(repeat);
        if took >= SAMPLE.as_secs_f64() * 1e9 || repeat == 1 << 28 {
            return (repeat, took);
        }
        repeat *= 2;
    }
}

/// Nanoseconds per run over `repeat` runs.
fn sample(clock: Clock, repeat: u32, work: &mut impl FnMut()) -> f64 {
    let start = now(clock);
    for _ in 0..repeat {
        work();
    }
    (now(clock) - start).as_secs_f64() * 1e9 / f64::from(repeat)
}

fn now(clock: Clock) -> Duration {
    thread_local! {
        static START: Instant = Instant::now();
    }
    match clock {
        Clock::Wall => START.with(Instant::elapsed),
        Clock::Thread => processor_time(ClockId::ThreadCPUTime),
        Clock::Process => processor_time(ClockId::ProcessCPUTime),
    }
}

fn processor_time(of: ClockId) -> Duration {
    Duration::try_from(clock_gettime(of)).unwrap_or_default()
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn human_bytes(bytes: f64) -> String {
    match bytes {
        n if n < 1024.0 * 1024.0 => format!("{:.1} KiB", n / 1024.0),
        n => format!("{:.1} MiB", n / (1024.0 * 1024.0)),
    }
}

fn human(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.2} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_side_has_the_larger_median() {
        let spin = |n: u64| {
            move || {
                (0..n).for_each(|i| {
                    let _ = std::hint::black_box(i);
                })
            }
        };
        let [ours, rival] = alternate(sides(Clock::Thread, spin(100), spin(10_000)));
        assert!(ours < rival, "{ours} {rival}");
    }
}
