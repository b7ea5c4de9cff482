//! One thread that interrupts calls whose deadline has passed, and repeats until they end.
//!
//! # Protocol
//!
//! 1. The thread sleeps until the earliest deadline it knows, which it publishes in `next_look`; whoever sets an earlier
//!    one wakes it. So a call whose deadline is far away costs no wake-up, and an idle watchdog sleeps for ever. By
//!    itself it does not look more often than every [`TICK`].
//! 2. While it looks at the cells it holds the lock and publishes `NEVER`: who sets a deadline meanwhile waits for
//!    the lock and makes it look again. Both sides use sequentially consistent accesses, so one sees the other.
//! 3. While a thread is asked to end it looks again every [`TICK`] and signals. A cell that is asked and has no thread
//!    is looked at once more, a tick later, since a thread that was just entering may not have been seen.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::fault;
use crate::interrupt::{Cell, Look};

/// How long a thread that was asked to end has before it is signalled again.
pub const TICK: Duration = Duration::from_millis(2);

/// The time that does not come.
pub(crate) const NEVER: u64 = u64::MAX;

/// The thread; it ends when this is dropped, and then nobody looks at deadlines any more.
#[derive(Debug)]
pub struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// From which times are counted, in nanoseconds.
    epoch: Instant,
    /// When the thread will look by itself.
    next_look: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Every cell that ever had a deadline or a request and that somebody still holds, and some that nobody does.
    cells: Vec<Arc<Cell>>,
    /// At how many cells to look for those that nobody holds.
    clean_at: usize,
    /// A cell changed and is to be looked at.
    changed: bool,
    stopped: bool,
}

impl Watchdog {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::new());
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new().name("faasm-watchdog".into()).spawn(move || {
            fault::block_all();
            of_thread.run();
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It holds nothing that a panic could have left torn.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn new() -> Self {
        Self {
            epoch: Instant::now(),
            next_look: AtomicU64::new(NEVER),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn time_of(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(since).unwrap_or(NEVER).min(NEVER - 1)
    }

    pub(crate) fn instant_of(&self, time: u64) -> Option<Instant> {
        (time != NEVER).then(|| self.epoch.checked_add(Duration::from_nanos(time)))?
    }

    pub(crate) fn next_look(&self) -> u64 {
        self.next_look.load(Ordering::SeqCst)
    }

    /// Has the thread look at `cell` from its next look on.
    pub(crate) fn list(&self, cell: &Arc<Cell>) {
        if cell.is_listed.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.lock();
        if !state.stopped && !cell.is_listed.swap(true, Ordering::Relaxed) {
            state.list(Arc::clone(cell));
        }
    }

    /// Has the thread look now.
    pub(crate) fn attend(&self, cell: &Cell) {
        let mut state = self.lock();
        cell.is_settled.store(false, Ordering::Relaxed);
        state.changed = true;
        self.changed.notify_all();
    }

    /// How many cells are in the list.
    #[cfg(test)]
    pub(crate) fn cells(&self) -> usize {
        self.lock().cells.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.stopped {
            state.changed = false;
            self.next_look.store(NEVER, Ordering::SeqCst);
            let now = self.time_of(Instant::now());
            let next = state.look(now);
            self.next_look.store(next, Ordering::SeqCst);
            state = self.sleep(state, next);
        }
        // The cells hold this value, so it would never be freed.
        state.cells.clear();
    }

    /// Until `next`, or until something changes.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>, next: u64) -> MutexGuard<'a, State> {
        while !state.changed && !state.stopped {
            let Some(until) = self.instant_of(next) else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}

/// How many cells there are at least before one looks for those that nobody holds.
const CLEAN_AT: usize = 64;

impl State {
    fn list(&mut self, cell: Arc<Cell>) {
        if self.cells.len() >= self.clean_at.max(CLEAN_AT) {
            self.cells.retain(is_held);
            self.clean_at = self.cells.len() * 2;
        }
        self.cells.push(cell);
    }

    /// Looks at all cells; returns when to look again.
    fn look(&mut self, now: u64) -> u64 {
        let soon = now.saturating_add(TICK.as_nanos().try_into().unwrap_or(NEVER));
        self.cells.retain(is_held);
        let next = self.cells.iter().map(|cell| when(cell, now, soon)).min();
        next.map_or(NEVER, |next| next.max(soon))
    }
}

/// Whether anybody but the list holds the cell; if not, nobody ever will.
fn is_held(cell: &Arc<Cell>) -> bool {
    Arc::strong_count(cell) > 1
}

/// Looks at a cell; returns when to look again (protocol, 3).
fn when(cell: &Cell, now: u64, soon: u64) -> u64 {
    let look = cell.look(now);
    let was_settled = cell.is_settled.swap(look == Look::Asked, Ordering::Relaxed);
    match look {
        Look::At(time) => time,
        Look::Signalled => soon,
        Look::Asked if was_settled => NEVER,
        Look::Asked => soon,
    }
}

#[cfg(test)]
mod tests;
