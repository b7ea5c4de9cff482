//! How many bytes of values a namespace has on this host, and which of them make room for others.
//!
//! # Protocol
//!
//! 1. Who brings bytes here asks for room first, with no lock held. If there is not enough, values give up clean bytes
//!    that nobody has mapped, those that were used the longest time ago first.
//! 2. A value gives up only what the global tier has: it takes part in eviction under its gate's permit, so that no push
//!    is on its way whose marks could come back, and under its lock, so that no copy reads what goes. One that is busy is
//!    passed over.
//! 3. What is dirty, mapped, or not in the global tier stays. If that leaves no room, who asks is refused.
//!
//! `used` is what values last said that they hold. Several that ask at one time may go over the limit together by what
//! they asked for.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, Weak};

use crate::value::{Inner, Value};

/// What values on this host take, and have given up; since the host came up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that values take now.
    pub held: usize,
    /// Bytes that they may take.
    pub max: usize,
    /// Bytes that were given up to make room.
    pub evicted: u64,
    /// How often there was no room.
    pub refused: u64,
}

/// The bytes of one namespace on this host.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    used: AtomicUsize,
    evicted: AtomicU64,
    refused: AtomicU64,
    /// Counts uses of values, so that they can be ordered by their last.
    clock: AtomicU64,
    values: Mutex<Vec<Weak<Inner>>>,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            used: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            values: Mutex::default(),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            held: self.used.load(Ordering::Relaxed),
            max: self.max,
            evicted: self.evicted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Has a value take part.
    pub(crate) fn join(&self, value: Weak<Inner>) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.retain(|value| value.strong_count() > 0);
        values.push(value);
    }

    /// The time of a use, later than those before.
    pub(crate) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// A value holds `now` bytes that held `before`.
    pub(crate) fn charge(&self, before: usize, now: usize) {
        self.used.fetch_add(now, Ordering::Relaxed);
        self.used.fetch_sub(before, Ordering::Relaxed);
    }

    /// Whether there is room for `asked` bytes more, once others have made some. If not: the limit.
    pub(crate) fn make_room(&self, asked: usize) -> Result<(), usize> {
        let over =
            || (self.used.load(Ordering::Relaxed).saturating_add(asked)).checked_sub(self.max);
        if asked == 0 || over().is_none_or(|over| over == 0) {
            return Ok(());
        }
        let mut values: Vec<Value> = {
            let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            values.iter().filter_map(Weak::upgrade).map(Value::from_inner).collect()
        };
        values.sort_by_cached_key(Value::last_used);
        for value in values {
            let over = over().unwrap_or(0);
            if over == 0 {
                break;
            }
            let freed = value.evict(over);
            self.evicted.fetch_add(freed as u64, Ordering::Relaxed);
        }
        if over().is_none_or(|over| over == 0) {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(self.max)
    }
}
