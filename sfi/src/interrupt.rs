//! A request, from any thread, that a guest's call end.
//!
//! # Protocol
//!
//! 1. `word` holds two flags, the number of the call and a version of the deadline. `REQUESTED` is set by anybody
//!    and cleared when the next call begins; `EXPIRED` is set by the watchdog when the deadline has passed and
//!    cleared when another deadline is set. Either asks the call to end, and nothing else does.
//! 2. `begin` is a plain load and store, since every call pays for it. It may lose a flag that is set in between: a lost
//!    request belonged to the call before; a lost expiry is found again by the watchdog, which looks twice.
//! 3. `thread` is the thread that runs the stack, or 0. Whoever sets a flag sends that thread the signal and tells the
//!    watchdog, which repeats the signal until the thread has left. A signal that meets host code, or that is not
//!    sent because `thread` was not seen yet, is made up for by the repetition.
//! 4. `set_deadline` takes the old deadline away, changes the version, then stores the new one; the watchdog reads the
//!    word, then the deadline, and sets the flag only if the word is the same still. So no call ends by the deadline of
//!    another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use crate::fault;
use crate::watchdog::{NEVER, Shared, Watchdog};

/// Somebody asked.
const REQUESTED: u64 = 1;
/// The deadline has passed.
const EXPIRED: u64 = 2;
/// One call, in the bits that count calls.
const CALL: u64 = 4;
/// The bits that count calls, modulo 2³⁰.
const CALLS: u64 = VERSION - CALL;
/// One version, in the bits that count deadlines.
const VERSION: u64 = 1 << 32;

/// A handle to the interrupt of one store; clones are the same one.
#[derive(Clone, Debug)]
pub struct Interrupt {
    pub(crate) cell: Arc<Cell>,
}

/// The number of a call of one store, so that a late request does not hit the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallNumber(u64);

#[derive(Debug)]
pub(crate) struct Cell {
    word: AtomicU64,
    /// In the watchdog's time, or [`NEVER`]. Written by `set_deadline`.
    deadline: AtomicU64,
    /// Written by the thread that enters and leaves.
    thread: AtomicU32,
    /// Whether the watchdog has it in its list; written under the watchdog's lock.
    pub(crate) is_listed: AtomicBool,
    /// Whether it was asked to end and had no thread, twice; written under the watchdog's lock.
    pub(crate) is_settled: AtomicBool,
    watchdog: Arc<Shared>,
}

impl Interrupt {
    /// A new one, whose deadlines and repeated signals `watchdog` sees to.
    #[must_use]
    pub fn new(watchdog: &Watchdog) -> Self {
        let cell = Cell {
            word: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
            thread: AtomicU32::new(0),
            is_listed: AtomicBool::new(false),
            is_settled: AtomicBool::new(false),
            watchdog: Arc::clone(watchdog.shared()),
        };
        Self { cell: Arc::new(cell) }
    }

    /// Asks that the present call end: sticky until the next outermost call begins. Any thread may ask.
    pub fn request(&self) {
        self.cell.word.fetch_or(REQUESTED, Ordering::SeqCst);
        self.attend();
    }

    /// As [`Interrupt::request`], but only if the call with this number is the present one; tells whether it is.
    pub fn request_call(&self, call: CallNumber) -> bool {
        let marked = self.cell.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| {
            (word & CALLS == call.0).then_some(word | REQUESTED)
        });
        if marked.is_ok() {
            self.attend();
        }
        marked.is_ok()
    }

    /// The number of the call that runs or ran last.
    #[must_use]
    pub fn call(&self) -> CallNumber {
        CallNumber(self.cell.word.load(Ordering::Acquire) & CALLS)
    }

    /// The number that the next call will have, unless another one begins before it.
    #[must_use]
    pub fn next_call(&self) -> CallNumber {
        CallNumber(self.call().0.wrapping_add(CALL) & CALLS)
    }

    /// Whether the present call is asked to end.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.cell.is_requested()
    }

    /// From when on the watchdog asks; stays until changed, also over calls. For the thread that makes the calls. A
    /// store that is idle for long should have none: the watchdog wakes up for it.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let cell = &self.cell;
        cell.deadline.store(NEVER, Ordering::SeqCst);
        let changed = |word: u64| Some((word & !EXPIRED).wrapping_add(VERSION));
        let _ = cell.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, changed);
        if let Some(deadline) = deadline {
            let at = cell.watchdog.time_of(deadline);
            cell.deadline.store(at, Ordering::SeqCst);
            cell.watchdog.list(cell);
            if at < cell.watchdog.next_look() {
                cell.watchdog.attend(cell);
            }
        }
    }

    /// The deadline that is set.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.cell.deadline()
    }

    fn attend(&self) {
        self.cell.signal();
        self.cell.watchdog.list(&self.cell);
        self.cell.watchdog.attend(&self.cell);
    }
}

/// What the watchdog makes of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing before this time, which may be [`NEVER`].
    At(u64),
    /// A thread is asked to end and was sent the signal: look again soon.
    Signalled,
    /// It is asked to end, and no thread runs it.
    Asked,
}

impl Cell {
    /// A call begins on this thread (protocol, 2). Answers whether it is asked to end already.
    #[inline]
    pub(crate) fn begin(&self, thread: u32) -> bool {
        self.thread.store(thread, Ordering::Release);
        let word = self.word.load(Ordering::Relaxed);
        let next = (word & !(CALLS | REQUESTED)) | (word.wrapping_add(CALL) & CALLS);
        self.word.store(next, Ordering::Release);
        next & EXPIRED != 0
    }

    /// A suspended call goes on.
    #[inline]
    pub(crate) fn resume(&self, thread: u32) {
        self.thread.store(thread, Ordering::Release);
    }

    /// The thread has left the stack, for a time or for good.
    #[inline]
    pub(crate) fn leave(&self) {
        self.thread.store(0, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_requested(&self) -> bool {
        self.word.load(Ordering::Relaxed) & (REQUESTED | EXPIRED) != 0
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.watchdog.instant_of(self.deadline.load(Ordering::SeqCst))
    }

    /// Sets [`EXPIRED`] if the deadline has passed (protocol, 4), and repeats the signal if a flag is set.
    pub(crate) fn look(&self, now: u64) -> Look {
        let word = self.word.load(Ordering::SeqCst);
        let deadline = self.deadline.load(Ordering::SeqCst);
        let mut asked = word & (REQUESTED | EXPIRED) != 0;
        if deadline <= now && word & EXPIRED == 0 {
            let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
            if self.word.compare_exchange(word, word | EXPIRED, set, get).is_err() {
                return Look::At(now);
            }
            asked = true;
        }
        match asked {
            false => Look::At(deadline),
            true if self.signal() => Look::Signalled,
            true => Look::Asked,
        }
    }

    /// Signals the thread that runs the stack, if one does.
    fn signal(&self) -> bool {
        let thread = self.thread.load(Ordering::SeqCst);
        if thread == 0 {
            return false;
        }
        // SAFETY: the call touches no memory. If the thread has left meanwhile the handler finds no request and does
        // nothing; if it has ended, or its number is another process's now, the call fails.
        unsafe {
            libc::syscall(
                libc::SYS_tgkill,
                libc::c_long::from(libc::getpid()),
                libc::c_long::from(thread),
                libc::c_long::from(fault::INTERRUPT),
            )
        };
        true
    }
}

#[cfg(test)]
mod tests;
