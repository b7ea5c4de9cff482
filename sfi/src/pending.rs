//! A value that some thread will have later: what an operation that may wait returns.
//!
//! The operation is begun and returns a [`Pending`]; whoever does the work holds its [`Completer`]. Any thread
//! completes it. A `Pending` owns its result and what the operation needs; it never points into a slot, so a Faaslet
//! can wait for it suspended, be cancelled, or end, whatever the other side does.
//!
//! # Protocol
//!
//! 1. A pair shares one cell under a mutex: `Waiting`, then exactly once `Done(value)` or `Abandoned`, then `Taken` by the
//!    one `Pending`.
//! 2. `Completer::complete` consumes the completer and moves `Waiting` to `Done`; dropping a completer moves
//!    `Waiting` to `Abandoned`. The completer cannot be cloned, so no third transition exists, and a `Pending` whose
//!    completer is gone is always done: nobody waits for ever for work that was lost to a panic.
//! 3. The transition takes the hooks out under the lock and runs them after it, on the completing thread, in the
//!    order they were given. A hook given later finds the cell done and runs at once on the giving thread. The state
//!    is read and the hook stored under one hold of the lock, so a hook runs exactly once, whichever side comes first.
//! 4. Blocked threads wait on the condition variable for the state, not for a wake-up, so a wake-up that comes before
//!    the wait is not lost.
//! 5. A value that was given with [`Completer::complete_or`] is taken, or goes to what that names when the last of the pair
//!    is dropped: exactly one of the two.
//! 6. A `Pending` that is dropped while it waits says so in the cell, under the lock, and runs what
//!    [`Completer::on_unwanted`] left there. That is left, or run at once, under one hold of the lock too: it runs once,
//!    whichever comes first.
//! 7. No value is dropped and no foreign code runs while the lock is held.

use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Called once when a [`Pending`] is done. It wakes somebody and returns: it must not block or panic.
pub type Hook = Box<dyn FnOnce() + Send>;

/// The completer was dropped without a value: the work was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation was abandoned by the one who did it")]
pub struct Abandoned;

/// Why a blocking wait gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The deadline came first. The operation may still happen.
    #[error("the deadline passed before the operation was done")]
    Deadline,
    /// The work was lost.
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

/// Makes a pair: the side that will have the value, and the side that waits for it.
pub fn pending<T: Send>() -> (Completer<T>, Pending<T>) {
    let waiting = Waiting { hooks: Vec::new(), on_unwanted: None, wanted: true };
    let shared =
        Arc::new(Shared { cell: Mutex::new(Cell::Waiting(waiting)), done: Condvar::new() });
    let completer = Completer { shared: Some(Arc::clone(&shared)) };
    (completer, Pending { state: State::Shared(Wanting(shared)) })
}

/// A value that is here or will be; see the module's page.
#[must_use = "an operation that nobody waits for may be lost unseen"]
pub struct Pending<T> {
    state: State<T>,
}

/// The duty to complete a [`Pending`]. Dropped, it completes it as [`Abandoned`].
pub struct Completer<T> {
    /// Taken by `complete`, so that `drop` then does nothing.
    shared: Option<Arc<Shared<T>>>,
}

enum State<T> {
    Ready(T),
    Shared(Wanting<T>),
}

/// The side of the cell that wants the value.
struct Wanting<T>(Arc<Shared<T>>);

struct Shared<T> {
    cell: Mutex<Cell<T>>,
    /// Notified, all, at the one transition out of `Waiting`.
    done: Condvar,
}

/// What is done with a value that nobody has taken.
type Unwanted<T> = Box<dyn FnOnce(T) + Send>;

struct Waiting {
    hooks: Vec<Hook>,
    on_unwanted: Option<Hook>,
    /// The [`Pending`] has not been dropped.
    wanted: bool,
}

enum Cell<T> {
    Waiting(Waiting),
    Done(T, Option<Unwanted<T>>),
    Abandoned,
    Taken,
}

impl<T> Pending<T> {
    /// A value that is here already: costs no allocation and no lock.
    pub fn ready(value: T) -> Self {
        Self { state: State::Ready(value) }
    }

    /// Whether the value, or the news that it will not come, is here.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.state {
            State::Ready(_) => true,
            State::Shared(Wanting(shared)) => !matches!(*shared.lock(), Cell::Waiting(_)),
        }
    }

    /// The outcome if it is here, or the `Pending` back.
    ///
    /// # Errors
    ///
    /// `Err` holds the `Pending` itself while it is not done.
    pub fn try_take(self) -> Result<Result<T, Abandoned>, Self> {
        match self.state {
            State::Ready(value) => Ok(Ok(value)),
            State::Shared(wanting) => match wanting.0.take() {
                Some(outcome) => Ok(outcome),
                None => Err(Self { state: State::Shared(wanting) }),
            },
        }
    }

    /// Has `hook` called exactly once when this is done: by the completing thread, or here and now if it is done
    /// already. Hooks run in the order they were given, also when the `Pending` has been dropped by then.
    pub fn on_done(&self, hook: Hook) {
        match &self.state {
            State::Ready(_) => hook(),
            State::Shared(Wanting(shared)) => shared.on_done(hook),
        }
    }

    /// Blocks the calling thread until the value is here or the deadline comes; without a deadline, for as long as it
    /// takes. For plain threads: a guest's thread suspends instead.
    ///
    /// # Errors
    ///
    /// [`WaitError`]. A deadline in the past still takes a value that is here.
    pub fn block(self, deadline: Option<Instant>) -> Result<T, WaitError> {
        match self.state {
            State::Ready(value) => Ok(value),
            State::Shared(wanting) => {
                wanting.0.wait(deadline);
                wanting.0.take().ok_or(WaitError::Deadline)?.map_err(WaitError::from)
            }
        }
    }
}

impl<T: Send + 'static> Pending<T> {
    /// What `f` makes of the value: at once if it is here, else on the completing thread. `f` must not block. If the
    /// work is abandoned so is the result, and `f` is dropped.
    pub fn map<U: Send + 'static>(self, f: impl FnOnce(T) -> U + Send + 'static) -> Pending<U> {
        self.then(|value| Pending::ready(f(value)))
    }

    /// Goes on with the operation that `f` begins with the value: at once if it is here, else on the completing
    /// thread. `f` must not block. If the work is abandoned so is the result, and `f` is dropped.
    pub fn then<U: Send + 'static>(
        self,
        f: impl FnOnce(T) -> Pending<U> + Send + 'static,
    ) -> Pending<U> {
        match self.try_take() {
            Ok(Ok(value)) => f(value),
            Ok(Err(Abandoned)) => pending().1,
            Err(waiting) => {
                let (completer, result) = pending();
                waiting.on_outcome(move |outcome| {
                    if let Ok(value) = outcome {
                        f(value).on_outcome(move |outcome| {
                            if let Ok(value) = outcome {
                                completer.complete(value);
                            }
                        });
                    }
                });
                result
            }
        }
    }

    /// Hands the outcome to `f` when it is here. The hook holds the `Pending`, and so the cell that holds the hook;
    /// the transition takes the hook out, and a dropped completer makes it too, so the ring does not last.
    fn on_outcome(self, f: impl FnOnce(Result<T, Abandoned>) + Send + 'static) {
        match self.state {
            State::Ready(value) => f(Ok(value)),
            State::Shared(wanting) => {
                let shared = Arc::clone(&wanting.0);
                shared.on_done(Box::new(move || {
                    if let Some(outcome) = wanting.0.take() {
                        f(outcome);
                    }
                }));
            }
        }
    }
}

impl<T> Completer<T> {
    /// Gives the value. Wakes blocked threads, then runs the hooks on this thread.
    pub fn complete(mut self, value: T) {
        if let Some(shared) = self.shared.take() {
            shared.finish(Cell::Done(value, None));
        }
    }

    /// Gives the value, which must not be lost: if the [`Pending`] is dropped and nobody has taken it, `unwanted` gets it, on
    /// the thread that drops last.
    pub fn complete_or(mut self, value: T, unwanted: impl FnOnce(T) + Send + 'static) {
        if let Some(shared) = self.shared.take() {
            shared.finish(Cell::Done(value, Some(Box::new(unwanted))));
        }
    }

    /// Whether somebody still holds the [`Pending`]. `false` is final; `true` may be over by the time it is read, and
    /// stays `true` while a `map` or `then` hangs on it, even one whose result nobody holds.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let wanted = |cell: &Cell<T>| matches!(cell, Cell::Waiting(waiting) if waiting.wanted);
        self.shared.as_ref().is_some_and(|shared| wanted(&shared.lock()))
    }

    /// Has `hook` called, once, when the [`Pending`] is dropped before it is done: by the thread that drops it, or here and
    /// now if it has been. Not as long as a `map` or `then` hangs on it, even one whose result nobody holds. One that was
    /// given before is replaced.
    pub fn on_unwanted(&self, hook: Hook) {
        let Some(shared) = &self.shared else { return };
        let mut cell = shared.lock();
        match &mut *cell {
            Cell::Waiting(waiting) if waiting.wanted => {
                let before = waiting.on_unwanted.replace(hook);
                drop(cell);
                drop(before);
            }
            _ => {
                drop(cell);
                hook();
            }
        }
    }
}

impl<T> Drop for Wanting<T> {
    fn drop(&mut self) {
        let hook = match &mut *self.0.lock() {
            Cell::Waiting(waiting) => {
                waiting.wanted = false;
                waiting.on_unwanted.take()
            }
            Cell::Done(..) | Cell::Abandoned | Cell::Taken => None,
        };
        hook.into_iter().for_each(|hook| hook());
    }
}

impl<T> Drop for Completer<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.finish(Cell::Abandoned);
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let cell = self.cell.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Cell::Done(value, Some(unwanted)) = mem::replace(cell, Cell::Taken) {
            unwanted(value);
        }
    }
}

impl<T> Shared<T> {
    /// The cell is whole at every unlock and no foreign code runs under the lock, so a poisoned lock is a sound one.
    fn lock(&self) -> MutexGuard<'_, Cell<T>> {
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one transition out of `Waiting` (protocol, 2 and 3).
    fn finish(&self, outcome: Cell<T>) {
        let before = mem::replace(&mut *self.lock(), outcome);
        self.done.notify_all();
        if let Cell::Waiting(waiting) = before {
            waiting.hooks.into_iter().for_each(|hook| hook());
        }
    }

    /// See [`Pending::on_done`].
    fn on_done(&self, hook: Hook) {
        let mut cell = self.lock();
        if let Cell::Waiting(waiting) = &mut *cell {
            return waiting.hooks.push(hook);
        }
        drop(cell);
        hook();
    }

    /// The outcome, once.
    fn take(&self) -> Option<Result<T, Abandoned>> {
        let mut cell = self.lock();
        if matches!(*cell, Cell::Waiting(_)) {
            return None;
        }
        let outcome = mem::replace(&mut *cell, Cell::Taken);
        // What would have been done with the value is dropped after the lock.
        drop(cell);
        match outcome {
            Cell::Done(value, _) => Some(Ok(value)),
            Cell::Waiting(_) | Cell::Abandoned | Cell::Taken => Some(Err(Abandoned)),
        }
    }

    fn wait(&self, deadline: Option<Instant>) {
        let mut cell = self.lock();
        while matches!(*cell, Cell::Waiting(_)) {
            cell = match deadline {
                None => self.done.wait(cell).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        return;
                    };
                    self.done.wait_timeout(cell, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("done", &self.is_done()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Completer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer").field("wanted", &self.is_wanted()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
