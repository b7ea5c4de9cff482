//! Whether a history can have come from a tier that keeps its promises.
//!
//! # What is checked
//!
//! 1. **Every version has a maker.** The versions of a value that anybody saw are put in order. Each was made by the
//!    acknowledged write that says so, over exactly the version before it, or by a write whose end nobody knows. A write
//!    that was refused, or of which the tier said that it did not happen, made none. An acknowledged write that is
//!    missing, or was written over unseen, breaks the chain.
//! 2. **Every read saw what the model has there.** The model does each write again; where several unknown ones could have
//!    made a version, all ways are tried, and one must fit all reads.
//! 3. **Time.** What begins after something has ended sees it: versions grow, and never come back after deletion.
//! 4. **Fencing.** No write under a token happens after a later holder has the lock.
//! 5. **Lists.** Each element that was acknowledged is taken once or still there, in an order that agrees with the times,
//!    or was there before the list was emptied. A take that was given up has taken nothing ([`giving_up`]).
//! 6. **Ends.** Every operation ended by its deadline.
//!
//! What of this holds over a failover is in [`failovers`].

mod failovers;
mod fencing;
mod giving_up;
mod lists;
mod values;

use std::fmt;

use crate::history::{Event, LIST, Op, Outcome, Time, VALUES};
use crate::world::History;

/// What a history shows that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sums of what a history has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) operations: usize,
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    pub(crate) unavailable: usize,
    pub(crate) fenced: usize,
    /// Values for which there were too many ways to try all.
    pub(crate) undecided: usize,
    pub(crate) failovers: usize,
    /// How long the longest operation took that waits for nobody, in nanoseconds; not of those that read all in the end.
    pub(crate) longest: Time,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.operations += more.operations;
        self.acknowledged += more.acknowledged;
        self.unknown += more.unknown;
        self.unavailable += more.unavailable;
        self.fenced += more.fenced;
        self.undecided += more.undecided;
        self.failovers += more.failovers;
        self.longest = self.longest.max(more.longest);
    }
}

/// Checks what a run has shown.
///
/// # Errors
///
/// The first violation.
pub(crate) fn judge(history: &History) -> Result<Counts, Violation> {
    let lasting = failovers::without(history);
    let undecided = check(&lasting, history)?.undecided;
    let failovers = history.failovers.len();
    Ok(Counts { undecided, failovers, ..count(&history.events) })
}

/// Checks what is left of a history without its failovers.
///
/// # Errors
///
/// The first violation.
pub(crate) fn check(lasting: &[Event], history: &History) -> Result<Counts, Violation> {
    let mut counts = count(lasting);
    if let Some(late) = lasting.iter().find(|event| event.outcome == Outcome::Late) {
        return Err(Violation(format!("it did not end by its deadline: {late:?}")));
    }
    for value in 0..VALUES {
        let events: Vec<&Event> = lasting.iter().filter(|event| event.address == value).collect();
        values::in_time(&events)?;
        fencing::check(&events, &history.deaths)?;
        counts.undecided += usize::from(!values::check(&events)?);
    }
    let events: Vec<&Event> = lasting.iter().filter(|event| event.address == LIST).collect();
    fencing::check(&events, &history.deaths)?;
    lists::check(&events, &|take| giving_up::may_lose(take, lasting, history))?;
    Ok(counts)
}

fn count(history: &[Event]) -> Counts {
    let of = |wanted: &dyn Fn(&Outcome) -> bool| {
        history.iter().filter(|event| wanted(&event.outcome)).count()
    };
    Counts {
        operations: history.len(),
        acknowledged: of(&|it| matches!(it, Outcome::Written { .. } | Outcome::Appended(_))),
        unknown: of(&|it| matches!(it, Outcome::Unknown(_))),
        unavailable: of(&|it| matches!(it, Outcome::Unavailable(_))),
        fenced: of(&|it| matches!(it, Outcome::Refused(why) if why.contains("lease ended"))),
        undecided: 0,
        failovers: 0,
        longest: history
            .iter()
            .filter(|it| !waits(it) && it.client != 0)
            .map(took)
            .max()
            .unwrap_or(0),
    }
}

fn took(event: &Event) -> Time {
    event.ended - event.invoked
}

/// Whether it may wait for somebody else.
fn waits(event: &Event) -> bool {
    matches!(event.op, Op::Watch { .. } | Op::Lock { .. } | Op::Take { waits: true, .. })
}

/// Whether it may have happened, though nobody was told.
fn may_have_happened(event: &Event) -> bool {
    matches!(event.outcome, Outcome::Unknown(_) | Outcome::GaveUp)
}

#[cfg(test)]
mod tests;
