//! Waiting from inside a guest: suspended where that is possible, else on the thread.

use std::time::Instant;

use crate::pending::{Hook, Pending};

/// Why a wait gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The deadline came first. The operation may still happen.
    #[error("the deadline passed before the operation was done")]
    Deadline,
    /// The work was lost.
    #[error("the operation was abandoned by the one who did it")]
    Abandoned,
    /// The guest's call was cancelled or interrupted.
    #[error("the call was cancelled while it waited")]
    Cancelled,
}

/// The value when it is there. If it is not: inside an activation that may suspend, its stack is suspended, so that
/// [`crate::activation::enter`] returns; otherwise the thread is blocked.
///
/// # Errors
///
/// [`WaitError`].
pub fn wait<T: Send + 'static>(
    pending: Pending<T>,
    deadline: Option<Instant>,
) -> Result<T, WaitError> {
    let _ = (pending, deadline);
    todo!()
}

/// What a suspended activation waits for.
#[derive(Clone, Copy)]
pub struct Waiting<'a> {
    _watched: &'a (),
}

impl Waiting<'_> {
    /// Has `hook` called once when resuming makes sense; at once if it does already.
    pub fn on_ready(&self, hook: Hook) {
        drop(hook);
        todo!()
    }

    /// When resuming makes sense even if nothing is ready.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        todo!()
    }
}
