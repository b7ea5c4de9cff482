//! What a failover may take, and what of a history is left to be judged without it.
//!
//! # What is promised
//!
//! 1. Where a write is acknowledged when the replicas have it, nothing that was acknowledged is lost.
//! 2. Else what the old master acknowledged since its replicas were in step with it may be lost, also during the failover.
//! 3. While there may be two masters a read may be of the old one; and it may be of a write that is lost, if that was not
//!    acknowledged.
//! 4. All else is as ever: what is written is written once, over what it says, under a lock that holds; what was refused
//!    was not written; and every operation ends.
//!
//! So of the time around a failover reads are left out, and writes that may be lost are taken as ones of which nobody
//! knows whether they happened, unless somebody saw later that they did.

use std::collections::HashSet;

use crate::client::version;
use crate::history::{Event, Op, Outcome};
use crate::world::{Failover, History};

/// The history as it must be right.
pub(super) fn without(history: &History) -> Vec<Event> {
    let risky = |event: &Event, failover: &Failover| {
        event.ended >= failover.from && event.invoked <= failover.to
    };
    let near = |event: &Event| history.failovers.iter().any(|it| risky(event, it));
    let may_lose = |event: &Event| {
        !history.replicated && history.failovers.iter().any(|it| it.loses && risky(event, it))
    };
    let mut lasting: Vec<Event> = Vec::new();
    let mut doubtful: Vec<Event> = Vec::new();
    for event in history.events.iter().filter(|event| !near(event) || !is_read(event)) {
        let to = if may_lose(event) && is_change(event) { &mut doubtful } else { &mut lasting };
        to.push(event.clone());
    }
    keep_what_was_seen(&mut lasting, &mut doubtful);
    let unknown = Outcome::Unknown("a failover may have taken it".into());
    lasting.extend(doubtful.into_iter().map(|it| Event { outcome: unknown.clone(), ..it }));
    lasting.sort_by_key(|event| event.invoked);
    lasting
}

fn is_read(event: &Event) -> bool {
    match &event.outcome {
        Outcome::Fetched(_)
        | Outcome::Stat(_)
        | Outcome::Conflict { .. }
        | Outcome::Deleted(false) => true,
        Outcome::Elements(_) => matches!(event.op, Op::ReadList),
        _ => false,
    }
}

fn is_change(event: &Event) -> bool {
    matches!(
        event.outcome,
        Outcome::Written { .. }
            | Outcome::Deleted(true)
            | Outcome::Appended(_)
            | Outcome::Elements(_)
            | Outcome::Granted { .. }
    ) || event.op.empties() && event.outcome == Outcome::Done
}

/// Writes whose versions are seen by something that lasts, and those that they were written over.
fn keep_what_was_seen(lasting: &mut Vec<Event>, doubtful: &mut Vec<Event>) {
    let mut seen: HashSet<(usize, u64)> = HashSet::new();
    for event in &*lasting {
        if let Outcome::Written { before, .. } = event.outcome {
            seen.insert((event.address, before));
        } else if let Some(version) = version(&event.outcome) {
            seen.insert((event.address, version));
        }
    }
    loop {
        let made = |event: &mut Event| match event.outcome {
            Outcome::Written { after, .. } => seen.contains(&(event.address, after)),
            _ => false,
        };
        let kept: Vec<Event> = doubtful.extract_if(.., made).collect();
        if kept.is_empty() {
            return;
        }
        for event in &kept {
            if let Outcome::Written { before, .. } = event.outcome {
                seen.insert((event.address, before));
            }
        }
        lasting.extend(kept);
    }
}
