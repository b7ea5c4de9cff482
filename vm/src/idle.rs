//! Slots at rest: how many a captured store keeps for its next births, and which are given back.
//!
//! # Protocol
//!
//! 1. A captured store has a list for each processor, as far as the most that may rest are enough for that. A thread
//!    always begins with the same one, last in, first out: so it finds what it used itself, resident and in its caches,
//!    and threads that work at the same time do not meet.
//! 2. A list holds no more than its *allowance*, which it asks the engine for when it has more to keep: one, then as
//!    many again as it has, up to its share of `EngineConfig::idle_slots`. All allowances together are at most
//!    `EngineConfig::all_idle_slots`.
//! 3. When nothing more is to be granted, or the system has no room for a slot, allowances are *recalled*: a hand goes
//!    round the lists, passes once by those that gave birth since it last came, and from the others takes the allowance
//!    that they do not use and half of their slots, the coldest.
//! 4. What is recalled for another list is unmapped by the reclaimer; what makes room for somebody who waits for it, by
//!    that thread, when no lock is held. A birth that finds a slot at rest never waits for that.
//!
//! # Invariants
//!
//! * Nobody takes the hand's lock while holding a list's.
//! * A closed list is empty for ever. Slots at rest hold what they were born from, which closes the lists when its last
//!   user's handle goes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::engine::Engine;
use crate::store::core::StoreCore;

/// A core keeps its box from life to life, so that birth does not copy it.
#[allow(clippy::vec_box, reason = "stores own their cores by address")]
pub(crate) type Slots = Vec<Box<StoreCore>>;

/// All lists of an engine.
#[derive(Debug)]
pub(crate) struct IdleLists {
    /// The hand is at the front.
    round: Mutex<VecDeque<Weak<List>>>,
    /// All allowances together.
    granted: AtomicUsize,
    most: usize,
}

/// The slots at rest of one captured store.
#[derive(Debug)]
pub(crate) struct Idle {
    lists: Box<[Arc<List>]>,
}

/// Slots at rest that the same threads used; alone, with its count of users, in what processors exchange.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct List {
    engine: Engine,
    /// How many it may ever hold.
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last used: here, and not in memory that another list's may lie beside.
    last: Option<Box<StoreCore>>,
    /// The others, the last used last.
    others: Slots,
    /// How many it may hold now.
    allowance: usize,
    /// There was a birth since the hand came by.
    used: bool,
    closed: bool,
}

/// What was recalled.
#[derive(Default)]
struct Recalled {
    allowance: usize,
    slots: Slots,
}

/// The fewest slots that are worth a list of their own.
const LEAST: usize = 4;

impl IdleLists {
    /// No lists yet, and room for `most` slots in all of them.
    pub(crate) fn new(most: usize) -> Self {
        Self { round: Mutex::default(), granted: AtomicUsize::new(0), most }
    }

    /// Grants as much of `wanted` as there is.
    fn grant(&self, wanted: usize) -> usize {
        let more = |granted: usize| wanted.min(self.most.saturating_sub(granted));
        let update = |granted| Some(granted + more(granted));
        let before = self.granted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        before.map_or(0, more)
    }

    fn give_back(&self, allowance: usize) {
        self.granted.fetch_sub(allowance, Ordering::Relaxed);
    }

    /// Goes round until something that is `enough` was recalled, but not from `wanting`.
    fn recall(&self, wanting: Option<&Idle>, enough: impl Fn(&Recalled) -> bool) -> Recalled {
        let mut recalled = Recalled::default();
        let mut round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        // Once to pass by those in use, once to take.
        for _ in 0..2 * round.len() {
            if enough(&recalled) {
                break;
            }
            let Some(next) = round.pop_front() else { break };
            let Some(list) = next.upgrade() else { continue };
            round.push_back(next);
            let wants = |idle: &Idle| idle.lists.iter().any(|of_idle| Arc::ptr_eq(of_idle, &list));
            if !wanting.is_some_and(wants) {
                list.lock().recall(&mut recalled);
            }
        }
        self.give_back(recalled.allowance);
        recalled
    }

    /// Gives back slots at rest, if there are any: then what was refused for want of room may be tried again.
    pub(crate) fn make_room(&self) -> bool {
        // Unmapped when this is dropped.
        let recalled = self.recall(None, |recalled| !recalled.slots.is_empty());
        !recalled.slots.is_empty()
    }
}

impl Idle {
    /// No slots yet.
    pub(crate) fn new(engine: &Engine) -> Self {
        let most = engine.inner.config.idle_slots;
        let count = (most / LEAST).clamp(1, engine.inner.processors);
        let list = |at: usize| List {
            engine: engine.clone(),
            most: most / count + usize::from(at < most % count),
            state: Mutex::default(),
        };
        let lists: Box<[_]> = (0..count).map(list).map(Arc::new).collect();
        let mut round = engine.inner.idle.round.lock().unwrap_or_else(PoisonError::into_inner);
        round.retain(|list| list.strong_count() > 0);
        round.extend(lists.iter().map(Arc::downgrade));
        drop(round);
        Self { lists }
    }

    /// The slot that this thread used last, or another.
    pub(crate) fn take(&self) -> Option<Box<StoreCore>> {
        (0..self.lists.len()).find_map(|position| {
            let mut state = self.at(position).lock();
            let slot = state.last.take().or_else(|| state.others.pop());
            state.used |= position == 0 || slot.is_some();
            slot
        })
    }

    /// The list that this thread tries in this place, if there is one. Its slots hold what holds this value: who puts one
    /// there needs the list for itself.
    pub(crate) fn list(&self, position: usize) -> Option<Arc<List>> {
        (position < self.lists.len()).then(|| Arc::clone(self.at(position)))
    }

    /// Recalls allowance from others, if this thread's list could use it; the slots that rest there now are the
    /// caller's to give back.
    pub(crate) fn ask_others(&self) -> Slots {
        let list = self.at(0);
        if list.lock().allowance >= list.most {
            return Slots::new();
        }
        list.engine.inner.idle.recall(Some(self), |recalled| recalled.allowance > 0).slots
    }

    /// How many slots are at rest.
    pub(crate) fn len(&self) -> usize {
        self.lists.iter().map(|list| list.lock().len()).sum()
    }

    /// Lets all slots go, and takes no more.
    pub(crate) fn close(&self) {
        for list in &*self.lists {
            let mut state = list.lock();
            state.closed = true;
            list.engine.inner.idle.give_back(std::mem::take(&mut state.allowance));
            let slots = (state.last.take(), std::mem::take(&mut state.others));
            // They may hold the last handle of something whose end takes locks.
            drop(state);
            drop(slots);
        }
    }

    /// This thread's list first, then the others.
    fn at(&self, position: usize) -> &Arc<List> {
        &self.lists[(this_thread() + position) % self.lists.len()]
    }
}

impl List {
    /// Puts a slot to rest; gives it back if there is no room, or nobody who could take it.
    pub(crate) fn put(&self, core: Box<StoreCore>) -> Option<Box<StoreCore>> {
        let mut state = self.lock();
        if state.closed {
            return Some(core);
        }
        if state.len() >= state.allowance {
            let wanted = state.allowance.max(1).min(self.most.saturating_sub(state.allowance));
            state.allowance += self.engine.inner.idle.grant(wanted);
        }
        if state.len() >= state.allowance {
            return Some(core);
        }
        if let Some(before) = state.last.replace(core) {
            state.others.push(before);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The list is whole at every unlock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn len(&self) -> usize {
        usize::from(self.last.is_some()) + self.others.len()
    }

    fn recall(&mut self, recalled: &mut Recalled) {
        if std::mem::replace(&mut self.used, false) {
            return;
        }
        let kept = self.len() / 2;
        self.others.extend(self.last.take());
        recalled.slots.extend(self.others.drain(..self.others.len() - kept));
        self.last = self.others.pop();
        recalled.allowance += self.allowance - kept;
        self.allowance = kept;
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let allowance = self.lock().allowance;
        self.engine.inner.idle.give_back(allowance);
    }
}

/// This thread's number: threads are counted as they come.
fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THREAD: Cell<Option<usize>> = const { Cell::new(None) };
    }
    THREAD.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        THREAD.set(Some(number));
        number
    })
}
