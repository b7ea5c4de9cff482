//! Takes that were given up: they take nothing, where the tier can keep that promise.
//!
//! # What is promised
//!
//! 1. What was taken for a client that had given up is put back to the list's front.
//! 2. A process that dies takes along what it was about to put back. What a tier in a file was to put back is done before
//!    what is begun after it: it is there for certain when two writes, one begun after the other, were acknowledged.
//! 3. Where the store could not be reached, nothing is promised.

use super::may_have_happened;
use crate::history::{Event, Outcome};
use crate::world::History;

/// Whether the elements of a take of which nobody knows whether it happened may be lost.
pub(super) fn may_lose(take: &Event, events: &[Event], history: &History) -> bool {
    match take.outcome {
        Outcome::GaveUp if history.well => dies_with(take, events, history),
        _ => may_have_happened(take),
    }
}

/// Whether its process died so soon that nothing shows that the elements were put back before.
fn dies_with(take: &Event, events: &[Event], history: &History) -> bool {
    let Some(death) = history.deaths.get(&take.client) else { return false };
    let mut beside: Vec<&Event> = events
        .iter()
        .filter(|it| history.deaths.get(&it.client) == Some(death) && acknowledged(it))
        .filter(|it| it.invoked > take.ended)
        .collect();
    beside.sort_by_key(|it| it.ended);
    let first = beside.first().map(|first| first.ended);
    !first.is_some_and(|first| beside.iter().any(|second| second.invoked > first))
}

fn acknowledged(event: &Event) -> bool {
    matches!(event.outcome, Outcome::Written { .. } | Outcome::Appended(_))
}
