//! The tier in this process's memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use faasm_state::{GlobalTier, MemoryTier};

use super::History;
use crate::client::{Client, Limits, Phase};
use crate::history::Event;

const CLIENTS: u64 = 4;

pub(super) const LIMITS: Limits = Limits { deadline: Duration::from_secs(20), largest: 200_000 };

pub(super) fn run(seed: u64) -> Result<History> {
    with(seed, Arc::new(MemoryTier::default()))
}

/// Clients on this tier for a while.
pub(crate) fn with(seed: u64, tier: Arc<dyn GlobalTier>) -> Result<History> {
    let events = Mutex::new(Vec::new());
    let sink = |event: &Event, phase| {
        if phase == Phase::Ended {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        }
    };
    let stop = AtomicBool::new(false);
    let client = |number| Client::new((number, seed), Arc::clone(&tier), LIMITS, &sink, &stop);
    thread::scope(|scope| {
        for number in 1..=CLIENTS {
            let client = client(number);
            scope.spawn(move || client.run());
        }
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
    });
    client(0).read_all();
    let events = events.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(History { events, well: true, ..History::default() })
}
