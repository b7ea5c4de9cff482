//! Clients that work while somebody does harm.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use faasm_state::GlobalTier;

use super::servers::open;
use crate::client::{Client, Limits, Phase};
use crate::history::Event;

/// One for each tier.
pub(super) struct Clients<'a> {
    pub(super) seed: u64,
    pub(super) tiers: &'a [Arc<dyn GlobalTier>],
    pub(super) limits: Limits,
}

impl Clients<'_> {
    /// They work until this is done: what they did.
    pub(super) fn work(&self, harm: impl FnOnce() -> Result<()>) -> Result<Vec<Event>> {
        let (events, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let sink = |event: &Event, phase| keep(&events, event, phase);
        let outcome = thread::scope(|scope| {
            for (number, tier) in (1..).zip(self.tiers) {
                let (tier, numbers) = (Arc::clone(tier), (number, self.seed));
                let client = Client::new(numbers, tier, self.limits, &sink, &stop);
                scope.spawn(move || client.run());
            }
            let outcome = harm();
            stop.store(true, Ordering::Relaxed);
            outcome
        });
        outcome?;
        Ok(events.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The end of a history: what is there, when all is well again, however long the machine takes.
pub(super) fn read_all(seed: u64, url: &str, limits: Limits) -> Result<Vec<Event>> {
    let limits = Limits { deadline: Duration::from_secs(60), ..limits };
    // Operations that were given up may still be on their way to the server: it has nothing to do now.
    thread::sleep(Duration::from_millis(50));
    let (events, stop) = (Mutex::new(Vec::new()), AtomicBool::new(true));
    let sink = |event: &Event, phase| keep(&events, event, phase);
    Client::new((0, seed), open(url)?, limits, &sink, &stop).read_all();
    Ok(events.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn keep(events: &Mutex<Vec<Event>>, event: &Event, phase: Phase) {
    if phase == Phase::Ended {
        events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}
