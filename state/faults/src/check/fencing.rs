//! Tokens, and writes under them.

use std::collections::HashMap;

use super::Violation;
use crate::history::{Event, Op, Outcome, Time};

/// When somebody was given a lock, and with which epoch.
struct Grant<'a> {
    event: &'a Event,
    epoch: u64,
    /// Until then the holder may rely on it, by its own clock.
    until: Time,
}

pub(super) fn check(events: &[&Event], deaths: &HashMap<u64, Time>) -> Result<(), Violation> {
    let grants = events.iter().filter_map(|event| grant(event, events, deaths));
    let mut grants: Vec<Grant<'_>> = grants.collect();
    grants.sort_by_key(|grant| grant.epoch);
    for (index, late) in grants.iter().enumerate() {
        for early in &grants[..index] {
            let wrong = if early.epoch == late.epoch || late.event.ended < early.event.invoked {
                "epochs do not grow"
            } else if late.event.ended < early.until {
                "two have one lock"
            } else {
                continue;
            };
            return Err(Violation(format!("{wrong}: {:?} {:?}", early.event, late.event)));
        }
    }
    let mut writes: Vec<(u64, u64, &Event)> = events.iter().filter_map(|it| fenced(it)).collect();
    writes.sort_by_key(|(version, ..)| *version);
    let mut largest = 0;
    for (_, epoch, write) in writes {
        if epoch < largest {
            return Err(Violation(format!("it came after a write of epoch {largest}: {write:?}")));
        }
        largest = epoch;
    }
    events.iter().filter(|event| happened(event)).try_for_each(|event| in_time(event, &grants))
}

/// Whether it is known to have been done.
fn happened(event: &Event) -> bool {
    match event.outcome {
        Outcome::Written { .. } | Outcome::Appended(_) | Outcome::Deleted(_) => true,
        Outcome::Elements(_) | Outcome::Done => event.op.under().is_some(),
        _ => false,
    }
}

/// What is done under a token is begun before a later lock is given.
fn in_time(event: &Event, grants: &[Grant<'_>]) -> Result<(), Violation> {
    let Some((epoch, _)) = event.op.under() else { return Ok(()) };
    let later = |it: &&Grant<'_>| it.epoch > epoch && it.event.ended < event.invoked;
    match grants.iter().find(later) {
        None => Ok(()),
        Some(later) => Err(Violation(format!(
            "a stale token was accepted: {event:?}, though {:?}",
            later.event
        ))),
    }
}

/// Version and epoch of a write under a token that happened.
fn fenced(event: &Event) -> Option<(u64, u64, &Event)> {
    let Outcome::Written { after, .. } = event.outcome else { return None };
    let (epoch, _) = event.op.when()?.under?;
    Some((after, epoch, event))
}

fn grant<'a>(
    event: &'a Event,
    events: &[&'a Event],
    deaths: &HashMap<u64, Time>,
) -> Option<Grant<'a>> {
    let (Op::Lock { lease_ms } | Op::TryLock { lease_ms }, Outcome::Granted { epoch, nonce }) =
        (&event.op, &event.outcome)
    else {
        return None;
    };
    let (epoch, token) = (*epoch, (*epoch, *nonce));
    let mut until = event.invoked + lease_ms * 1_000_000;
    until = until.min(deaths.get(&event.client).copied().unwrap_or(Time::MAX));
    for other in events.iter().filter(|it| it.client == event.client && it.invoked > event.ended) {
        if matches!(other.op, Op::Unlock { token: given } if given == token) {
            until = until.min(other.invoked);
        }
    }
    Some(Grant { event, epoch, until })
}
