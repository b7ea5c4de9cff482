//! One thread of an engine that restores the mappings of slots, so that no call waits for it.
//!
//! # Protocol
//!
//! 1. Taking pages out of a mapping flushes the address translations of all processors that run the process. So a slot
//!    whose mappings a call has changed, that holds far more pages than calls write, or that nobody needs any more, is
//!    given to the thread, and another slot serves meanwhile.
//! 2. The thread waits a moment for more, gives back the pages of all of them in one go, changes the access of what is
//!    empty then, which needs no flush, and puts the slots to rest.
//! 3. No more than [`MOST`] slots wait, with no more than [`MOST_BYTES`] to give back: who brings one more restores it
//!    himself, and is slowed down to what can be done.
//!
//! # Invariants
//!
//! The slots that wait hold the engine, so the thread ends only when none does.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use faasm_sfi::HOST_PAGE;
use faasm_sfi::dirty::RestoreError;
use faasm_sfi::fault;
use faasm_sfi::shared::SharedRegion;
use faasm_sfi::slot::{Discard, Discarder, SlotError};

use crate::capture;
use crate::shared_memory::SharedMemoryError;
use crate::store::core::StoreCore;

/// The most slots that wait.
const MOST: usize = 64;
/// The most bytes that they have to give back.
const MOST_BYTES: usize = 256 << 20;
/// How many slots are worth a flush at once.
const BATCH: usize = 16;
/// How long the thread waits for so many.
const MOMENT: Duration = Duration::from_millis(5);
/// Up to this many bytes, pages that grew are zeroed and stay: a flush for each slot, and no faults in its next life.
const KEPT: usize = 1 << 20;
/// From this many bytes on, page tables are given back too.
const LARGE: usize = 64 << 20;

/// What is to be done with the mappings of a slot that is otherwise at rest.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// What grew, as offsets: to become inaccessible.
    pub(crate) grown: Vec<Range<usize>>,
    /// What is mapped somewhere there.
    pub(crate) regions: Vec<SharedRegion>,
    /// The positions of shared memories that others have now: to be replaced.
    pub(crate) shared: Vec<usize>,
    /// Its known pages are to be given back.
    pub(crate) bloated: bool,
    /// It is to be dropped.
    pub(crate) surplus: bool,
}

impl Work {
    pub(crate) fn is_none(&self) -> bool {
        let Self { grown, regions, shared, bloated, surplus } = self;
        grown.is_empty() && regions.is_empty() && shared.is_empty() && !bloated && !surplus
    }

    /// Whether the pages that were written in something that grew stay, hidden, for the next life that grows.
    fn keeps(&self, grown: &Range<usize>) -> bool {
        self.regions.is_empty() && grown.len() <= KEPT
    }

    fn bytes(&self) -> usize {
        self.grown.iter().map(Range::len).sum()
    }
}

/// A slot with what is to be done.
#[derive(Debug)]
struct Waiting {
    core: Box<StoreCore>,
    work: Work,
}

/// Why the mappings of a slot could not be restored: it is dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReclaimError {
    #[error(transparent)]
    Slot(#[from] SlotError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Shared(#[from] SharedMemoryError),
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Reclaimer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    discarder: Discarder,
    state: Mutex<State>,
    /// For the thread: something waits, enough does, or it is in a hurry.
    changed: Condvar,
    /// For others: nothing waits any more.
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    bytes: usize,
    /// The thread has slots in hand.
    busy: bool,
    /// Somebody waits for the thread.
    hurry: bool,
    stopped: bool,
}

impl Reclaimer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            discarder: Discarder::open(),
            state: Mutex::default(),
            changed: Condvar::new(),
            settled: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new().name("faasm-reclaimer".into()).spawn(move || {
            fault::block_other_signals();
            of_thread.run();
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Has the work done, by this thread if too much waits.
    pub(crate) fn give(&self, core: Box<StoreCore>, work: Work) {
        let bytes = work.bytes();
        let mut state = self.shared.lock();
        if state.waiting.len() == MOST || state.bytes.saturating_add(bytes) > MOST_BYTES {
            drop(state);
            return reclaim(&self.shared.discarder, vec![Waiting { core, work }]);
        }
        state.bytes += bytes;
        state.waiting.push(Waiting { core, work });
        let count = state.waiting.len();
        drop(state);
        if count == 1 || count == BATCH {
            self.shared.changed.notify_one();
        }
    }

    /// Waits until all that was given before is done; whether there was anything.
    pub(crate) fn settle(&self) -> bool {
        let mut state = self.shared.lock();
        let mut waited = false;
        while state.busy || !state.waiting.is_empty() {
            (waited, state.hurry) = (true, true);
            self.shared.changed.notify_one();
            state = self.shared.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        waited
    }
}

impl Drop for Reclaimer {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
        // The last slot that held the engine may have been dropped by the thread itself.
        let thread = self.thread.take();
        let other = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        // It holds nothing that a panic could have left torn.
        let _ = other.map(JoinHandle::join);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at every unlock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(waiting) = self.next() {
            reclaim(&self.discarder, waiting);
            self.lock().busy = false;
            self.settled.notify_all();
        }
    }

    /// Some slots, once there are any; `None` when there will be no more.
    fn next(&self) -> Option<Vec<Waiting>> {
        let state = self.lock();
        let some =
            self.changed.wait_while(state, |state| state.waiting.is_empty() && !state.stopped);
        let state = some.unwrap_or_else(PoisonError::into_inner);
        let enough = self.changed.wait_timeout_while(state, MOMENT, |state| {
            state.waiting.len() < BATCH && !state.hurry && !state.stopped
        });
        let mut state = enough.unwrap_or_else(PoisonError::into_inner).0;
        if state.stopped {
            return None;
        }
        (state.bytes, state.hurry, state.busy) = (0, false, true);
        Some(std::mem::take(&mut state.waiting))
    }
}

/// Restores mappings, and puts the slots to rest; drops those of which it cannot, and those that are surplus.
fn reclaim(discarder: &Discarder, mut waiting: Vec<Waiting>) {
    let mut discard = Discard::default();
    waiting.retain_mut(|Waiting { core, work }| {
        if work.bloated {
            discard.add_known(&mut core.known);
        }
        let empty = |range: &Range<usize>| match work.keeps(range) {
            true => erase(core, range.clone()),
            false => Ok(discard.add(&core.slot, range.clone())?),
        };
        work.grown.iter().try_for_each(empty).is_ok()
    });
    // SAFETY: the slots are here, no store has them, and `capture::recycle` has restored what is not given back now.
    if unsafe { discarder.discard(&discard) }.is_err() {
        return;
    }
    for Waiting { mut core, work } in waiting {
        if !work.surplus && finish(&mut core, &work).is_ok() {
            // Surplus, too, if there is no room.
            drop(capture::put_to_rest(core));
        }
    }
}

/// Zeroes what was written.
fn erase(core: &StoreCore, range: Range<usize>) -> Result<(), ReclaimError> {
    let written = core.contents.engine.inner.scanner.written_in(&core.slot, range)?;
    for at in written.into_iter().flat_map(|pages| pages.step_by(HOST_PAGE)) {
        // SAFETY: the page is accessible, as it grew, and no store has the slot.
        unsafe { core.slot.write(at, &[0; HOST_PAGE])? };
    }
    Ok(())
}

/// Makes empty pages inaccessible, and replaces shared memories.
fn finish(core: &mut StoreCore, work: &Work) -> Result<(), ReclaimError> {
    for range in &work.grown {
        // Where regions are mapped, an access that comes back must not show them.
        if work.regions.is_empty() && range.len() < LARGE {
            core.slot.hide(range.start, range.len())?;
        } else {
            core.slot.decommit(range.start, range.len())?;
        }
    }
    for &position in &work.shared {
        capture::replace_shared(core, position)?;
    }
    Ok(())
}
