//! One process that runs cases and says what it finds; it may die of a case.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Result;

use crate::case::{Call, Case, Life};
use crate::compare::difference;
use crate::counts::Counts;
use crate::features;
use crate::interpreter::Interpreter;
use crate::ours::Ours;
use crate::outcome::{Outcome, Ran, Stop};
use crate::resets::Resets;
use crate::rival::Rival;

/// What cases are run on.
pub(crate) enum Engines {
    /// Ours and the rivals.
    All { ours: Box<Ours>, rival: Box<Rival>, interpreter: Box<Interpreter> },
    /// Ours alone, whose slots are reset.
    Resets(Resets),
}

/// What came of a case.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) counts: Counts,
    /// Ours is another than what the rivals agree on, or than the only one's.
    pub(crate) differences: Vec<String>,
    /// The rivals do not agree, and one of them does as we do.
    pub(crate) alone: Vec<String>,
}

impl Engines {
    pub(crate) fn new(resets: bool) -> Result<Self> {
        if resets {
            return Ok(Self::Resets(Resets::new()?));
        }
        Ok(Self::All {
            ours: Box::new(Ours::new()?),
            rival: Box::new(Rival::new()?),
            interpreter: Box::new(Interpreter::new()?),
        })
    }

    /// Runs a case everywhere and compares.
    pub(crate) fn judge(&self, case: &Case) -> Judged {
        let mut judged = Judged::default();
        judged.counts.add("modules", 1);
        if case.may_wait() {
            judged.counts.add("skipped:may-wait", 1);
            return judged;
        }
        // A panic of ours is a difference; what it leaves behind is the store it happened in.
        let outcome = catch_unwind(AssertUnwindSafe(|| match self {
            Self::All { ours, rival, interpreter } => {
                compare(case, (ours, rival, interpreter), &mut judged);
            }
            Self::Resets(resets) => reset(case, resets, &mut judged),
        }));
        if let Err(payload) = outcome {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("?");
            judged.differences.push(format!("a panic: {text}"));
        }
        judged
    }
}

/// Runs a case on all engines.
fn compare(
    case: &Case,
    (ours_here, rival, interpreter): (&Ours, &Rival, &Interpreter),
    judged: &mut Judged,
) {
    let compiled = match ours_here.compile(case) {
        Ok(compiled) => compiled,
        Err(stop) => return judged.differences.push(format!("we refuse the module: {stop:?}")),
    };
    let calls = case.calls(compiled.info());
    let ours = match ours_here.run(case, &compiled, &calls) {
        Ok(ran) => ran,
        Err(Stop::Strange(text)) => return judged.differences.push(text),
        Err(stop) => return skip(judged, "ours", &stop),
    };
    count(&mut judged.counts, &ours, &calls);
    if case.life == Life::Recycled {
        let reset = ours_here.bench(&compiled).and_then(|bench| match bench {
            Some(mut bench) => bench.life(&calls).map(|()| 1),
            None => Ok(0),
        });
        count_resets(reset, judged);
    }
    let mut found = Vec::new();
    let mut agreed = 0;
    let mut against = |name: &'static str, theirs: Result<Ran, Stop>| match theirs {
        Err(stop) => skip(judged, name, &stop),
        Ok(theirs) => match difference(&ours, &theirs, &calls) {
            Some(text) => found.push(format!("{name}: {text}")),
            None => agreed += 1,
        },
    };
    against("wasmtime", spared(|| rival.run(case, &calls)));
    if case.interpreted {
        against("wasmi", spared(|| interpreter.run(case, &calls)));
    }
    judged.counts.add("compared", u64::from(agreed + found.len() > 0));
    let into = if agreed == 0 { &mut judged.differences } else { &mut judged.alone };
    into.append(&mut found);
}

/// A rival's run, of which a panic is no finding of ours.
fn spared(run: impl FnOnce() -> Result<Ran, Stop>) -> Result<Ran, Stop> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Stop::Panicked))
}

/// Our own resets, which no rival has.
fn reset(case: &Case, resets: &Resets, judged: &mut Judged) {
    count_resets(resets.run(case), judged);
}

fn count_resets(outcome: Result<u64, Stop>, judged: &mut Judged) {
    match outcome {
        Ok(count) => judged.counts.add("resets", count),
        Err(Stop::Strange(text)) => judged.differences.push(text),
        Err(stop @ Stop::Refused(_)) => {
            judged.differences.push(format!("we refuse the module: {stop:?}"));
        }
        Err(stop) => skip(judged, "reset", &stop),
    }
}

fn skip(judged: &mut Judged, engine: &str, stop: &Stop) {
    let reason = match stop {
        Stop::Stack => "stack",
        Stop::Resources(_) => "resources",
        Stop::Late => "late",
        Stop::Panicked => "panicked",
        Stop::Refused(_) => "refused",
        Stop::Strange(_) => "strange",
    };
    judged.counts.add(&format!("skipped:{engine}:{reason}"), 1);
}

fn count(counts: &mut Counts, ran: &Ran, calls: &[Call]) {
    counts.add("calls", ran.outcomes.len().saturating_sub(1).min(calls.len()) as u64);
    for outcome in &ran.outcomes {
        match outcome {
            Outcome::Returned(_) => {}
            Outcome::Trapped(code) => counts.add(&format!("trap:{code:?}"), 1),
            Outcome::Threw => counts.add("threw", 1),
        }
    }
}

/// The worker's side of the protocol; ends when nobody listens any more.
pub(crate) fn work(first: u64, step: u64, resets: bool) -> Result<()> {
    let engines = Engines::new(resets)?;
    let features = features::accepted();
    let mut out = std::io::stdout().lock();
    let mut spent = cpu_ms();
    for seed in (0..).map(|n: u64| first.wrapping_add(n.wrapping_mul(step))) {
        writeln!(out, "begin {seed}")?;
        out.flush()?;
        let mut judged = match Case::of_seed(seed, &features) {
            Some(case) => engines.judge(&case),
            None => Judged::default(),
        };
        for text in &judged.differences {
            writeln!(out, "differs {seed} {}", text.replace('\n', " "))?;
        }
        for text in &judged.alone {
            writeln!(out, "alone {seed} {}", text.replace('\n', " "))?;
        }
        let now = cpu_ms();
        judged.counts.add("cpu-ms", now - spent);
        judged.counts.add("seeds", 1);
        spent = now;
        writeln!(out, "end {seed} {}", judged.counts)?;
        out.flush()?;
    }
    Ok(())
}

/// Processor time of this process so far, all threads (proc(5), `/proc/pid/stat`).
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is in parentheses and may hold spaces; utime and stime are the fields 14 and 15, in ticks of
    // which there are a hundred in a second.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10
}
