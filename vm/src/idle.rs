//! Slots at rest: how many a captured store keeps for its next births, and which are given back.
//!
//! # Protocol
//!
//! 1. Each captured store has its slots at rest, last in, first out: a birth takes the one whose pages are most likely
//!    in the processor's caches. Births and resets look at their own captured store's list alone.
//! 2. A list holds no more than its *allowance*, which it asks the engine for when it has more to keep: one, then as
//!    many again as it has, up to `EngineConfig::idle_slots`. All allowances together are at most
//!    `EngineConfig::all_idle_slots`.
//! 3. When nothing more is to be granted, or the system has no room for a slot, allowances are *recalled*: a hand goes
//!    round the lists, passes once by those that gave birth since it last came, and from the others takes the allowance
//!    that they do not use and half of their slots, the coldest.
//! 4. Slots that are given back are unmapped when no lock is held, by the thread that wants the room. A birth that finds
//!    a slot at rest never waits for that.
//!
//! # Invariants
//!
//! Nobody takes the hand's lock while holding a list's.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::engine::Engine;
use crate::store::core::StoreCore;

/// A core keeps its box from life to life, so that birth does not copy it.
#[allow(clippy::vec_box, reason = "stores own their cores by address")]
type Slots = Vec<Box<StoreCore>>;

/// All lists of an engine.
#[derive(Debug)]
pub(crate) struct IdleLists {
    /// The hand is at the front.
    round: Mutex<VecDeque<Weak<IdleSlots>>>,
    /// All allowances together.
    granted: AtomicUsize,
    most: usize,
}

/// The slots at rest of one captured store.
#[derive(Debug)]
pub(crate) struct IdleSlots {
    engine: Engine,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    /// The last used last; no more than `allowance`.
    slots: Slots,
    allowance: usize,
    /// There was a birth since the hand came by.
    used: bool,
}

/// What was recalled.
#[derive(Default)]
struct Recalled {
    allowance: usize,
    slots: Slots,
}

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
    fn recall(&self, wanting: Option<&IdleSlots>, enough: impl Fn(&Recalled) -> bool) -> Recalled {
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
            if wanting.is_none_or(|wanting| !std::ptr::eq(wanting, &*list)) {
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

impl IdleSlots {
    /// None yet.
    pub(crate) fn new(engine: &Engine) -> Arc<Self> {
        let slots = Arc::new(Self { engine: engine.clone(), list: Mutex::default() });
        let mut round = slots.lists().round.lock().unwrap_or_else(PoisonError::into_inner);
        round.retain(|list| list.strong_count() > 0);
        round.push_back(Arc::downgrade(&slots));
        drop(round);
        slots
    }

    /// The slot that was used last.
    pub(crate) fn take(&self) -> Option<Box<StoreCore>> {
        let mut list = self.lock();
        list.used = true;
        list.slots.pop()
    }

    /// Keeps a slot that was reset, or gives it back.
    pub(crate) fn keep(&self, core: Box<StoreCore>) {
        let Err(core) = self.push(core) else { return };
        if self.lock().allowance < self.engine.inner.config.idle_slots {
            drop(self.lists().recall(Some(self), |recalled| recalled.allowance > 0));
            drop(self.push(core));
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().slots.len()
    }

    fn push(&self, core: Box<StoreCore>) -> Result<(), Box<StoreCore>> {
        let mut list = self.lock();
        if list.slots.len() >= list.allowance {
            let most = self.engine.inner.config.idle_slots;
            let wanted = list.allowance.max(1).min(most.saturating_sub(list.allowance));
            list.allowance += self.lists().grant(wanted);
        }
        if list.slots.len() >= list.allowance {
            return Err(core);
        }
        list.slots.push(core);
        Ok(())
    }

    fn lists(&self) -> &IdleLists {
        &self.engine.inner.idle
    }

    /// The list is whole at every unlock.
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn recall(&mut self, recalled: &mut Recalled) {
        if std::mem::replace(&mut self.used, false) {
            return;
        }
        let kept = self.slots.len() / 2;
        recalled.slots.extend(self.slots.drain(..self.slots.len() - kept));
        recalled.allowance += self.allowance - kept;
        self.allowance = kept;
    }
}

impl Drop for IdleSlots {
    fn drop(&mut self) {
        let allowance = self.lock().allowance;
        self.lists().give_back(allowance);
    }
}
