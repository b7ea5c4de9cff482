//! Waiting from inside a guest: suspended where that is possible, else on the thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::activation::{Suspendable, is_cancelled, is_inside, is_interrupted};
use crate::pending::{Abandoned, Hook, Pending};

/// Why a wait gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The deadline came first. The operation may still happen.
    #[error("the deadline passed before the operation was done")]
    Deadline,
    /// The work was lost.
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
    /// The guest's call was cancelled or interrupted.
    #[error("the call was cancelled while it waited")]
    Cancelled,
}

/// How often a blocked thread looks whether its call was interrupted.
const LOOK: Duration = Duration::from_millis(5);

/// The value when it is there. If it is not: on a guest stack that may suspend, the stack is suspended, so that
/// [`crate::activation::enter`] returns; otherwise the thread is blocked.
///
/// A value that is there is taken even if the deadline has passed or the call is cancelled. Locks that the caller holds
/// stay held, and other guests run on this thread meanwhile: hold none.
///
/// # Errors
///
/// [`WaitError`].
pub fn wait<T: Send + 'static>(
    pending: Pending<T>,
    deadline: Option<Instant>,
) -> Result<T, WaitError> {
    match pending.try_take() {
        Ok(outcome) => Ok(outcome?),
        Err(pending) => match Suspendable::here() {
            Some(stack) => suspended(stack, pending, deadline),
            None => blocked(pending, deadline),
        },
    }
}

fn suspended<T>(
    stack: Suspendable,
    mut pending: Pending<T>,
    deadline: Option<Instant>,
) -> Result<T, WaitError> {
    loop {
        let end_of_call = stack.interrupt().deadline();
        if stack.is_cancelled() || is_interrupted() || has_passed(end_of_call) {
            return Err(WaitError::Cancelled);
        }
        if has_passed(deadline) {
            return Err(WaitError::Deadline);
        }
        let earliest = [deadline, end_of_call].into_iter().flatten().min();
        stack.suspend(&Watched { event: &pending, deadline: earliest });
        pending = match pending.try_take() {
            Ok(outcome) => return Ok(outcome?),
            Err(pending) => pending,
        };
    }
}

fn blocked<T>(mut pending: Pending<T>, deadline: Option<Instant>) -> Result<T, WaitError> {
    let bell = Arc::new(Bell::default());
    let rung = Arc::clone(&bell);
    pending.on_done(Box::new(move || rung.ring()));
    let look = if is_inside() { LOOK } else { Duration::MAX };
    loop {
        bell.wait_for(look.min(left(deadline)));
        pending = match pending.try_take() {
            Ok(outcome) => return Ok(outcome?),
            Err(pending) => pending,
        };
        if is_cancelled() || is_interrupted() {
            return Err(WaitError::Cancelled);
        }
        if has_passed(deadline) {
            return Err(WaitError::Deadline);
        }
    }
}

fn has_passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Rings once.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait_for(&self, time: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, time, |rung| !*rung);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// What can be waited for, whatever its value.
trait Event {
    fn on_done(&self, hook: Hook);
}

impl<T> Event for Pending<T> {
    fn on_done(&self, hook: Hook) {
        Self::on_done(self, hook);
    }
}

/// What a suspended stack waits for; it lies on that stack.
pub(crate) struct Watched<'a> {
    event: &'a dyn Event,
    deadline: Option<Instant>,
}

/// What a suspended activation waits for.
#[derive(Clone, Copy)]
pub struct Waiting<'a> {
    watched: &'a Watched<'a>,
}

impl<'a> Waiting<'a> {
    pub(crate) fn new(watched: &'a Watched<'a>) -> Self {
        Self { watched }
    }

    /// Has `hook` called once when resuming makes sense, by the thread that completes the operation; here and now if
    /// it is complete. An interrupt calls no hook: whoever requests one for a suspended guest resumes it, too.
    pub fn on_ready(&self, hook: Hook) {
        self.watched.event.on_done(hook);
    }

    /// When resuming makes sense even if nothing is ready: the earlier of the wait's deadline and the call's.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.watched.deadline
    }
}

#[cfg(test)]
mod tests;
