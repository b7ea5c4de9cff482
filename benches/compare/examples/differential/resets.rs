//! A case on our VM alone, reset in every way there is: after each life, every byte is compared with a fresh birth's.

use anyhow::Result;
use faasm_vm::Strategy;

use crate::case::{Call, Case};
use crate::ours::{Compiled, Ours};
use crate::outcome::Stop;

/// An engine for each strategy.
pub(crate) struct Resets {
    engines: Vec<(Strategy, Ours)>,
}

impl Resets {
    pub(crate) fn new() -> Result<Self> {
        let engines = Strategy::ALL.map(|strategy| Ok((strategy, Ours::with(strategy)?)));
        Ok(Self { engines: engines.into_iter().collect::<Result<_>>()? })
    }

    /// Compiles the case, and runs it with every strategy; how many slots were reset.
    pub(crate) fn run(&self, case: &Case) -> Result<u64, Stop> {
        let object = Ours::object(case)?;
        let mut resets = 0;
        for (strategy, ours) in &self.engines {
            let compiled = ours.load(&object)?;
            let calls = case.calls(compiled.info());
            let strange = |text: String| Stop::Strange(format!("{strategy:?}: {text}"));
            resets += lives(ours, &compiled, &calls).map_err(|stop| match stop {
                Stop::Strange(text) => strange(text),
                stop => stop,
            })?;
        }
        Ok(resets)
    }
}

/// All calls, so that pages come; the same again, so that none does; a part of them, by another thread; none; and all.
fn lives(ours: &Ours, compiled: &Compiled, calls: &[Call]) -> Result<u64, Stop> {
    let Some(mut bench) = ours.bench(compiled)? else { return Ok(0) };
    let half = calls.len() / 2;
    bench.life(calls)?;
    bench.life(calls)?;
    std::thread::scope(|scope| scope.spawn(|| bench.life(&calls[half..])).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    bench.life(&[])?;
    bench.life(calls)?;
    Ok(5)
}
