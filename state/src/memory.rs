//! The global tier inside this process: nothing outlives it, nothing waits.
//!
//! # Invariants
//!
//! 1. An address lives in one shard, and every operation does all its work under that shard's lock: operations on one
//!    address are atomic and in one order.
//! 2. Versions come from one counter of the whole tier, so a value that is deleted and made again never has an old one.
//! 3. `used` counts every byte that is kept, with a fixed sum for each address and list element, and is raised before
//!    the bytes are kept: the tier never holds more than its capacity.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use faasm_sfi::pending::Pending;

use crate::{
    Address, Condition, Fetched, GlobalError, GlobalOp, GlobalTier, Patch, Stat, Version, Written,
};

const SHARDS: usize = 64;

/// What an address or a list element costs beside its bytes: its place in the tables.
const OVERHEAD: usize = 128;

/// A global tier in this process's memory; many threads may use it at once.
#[derive(Debug)]
pub struct MemoryTier {
    shards: [Mutex<Shard>; SHARDS],
    last_version: AtomicU64,
    used: AtomicUsize,
    capacity: usize,
}

type Shard = HashMap<Address, Kept>;

/// What is kept at an address; never both empty.
#[derive(Debug, Default)]
struct Kept {
    value: Option<Versioned>,
    list: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Versioned {
    version: Version,
    bytes: Vec<u8>,
}

impl Default for MemoryTier {
    /// A tier of [`MemoryTier::DEFAULT_CAPACITY`].
    fn default() -> Self {
        Self::new(Self::DEFAULT_CAPACITY)
    }
}

impl MemoryTier {
    /// The capacity unless another is given: 1 GiB.
    pub const DEFAULT_CAPACITY: usize = 1 << 30;

    /// An empty tier that keeps at most `capacity` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            last_version: AtomicU64::new(Version::ABSENT.0),
            used: AtomicUsize::new(0),
            capacity,
        }
    }

    /// How many bytes are kept, with what their tables cost.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Nothing under the lock panics half way through a change, so a poisoned shard is a sound one.
    fn shard(&self, at: &Address) -> MutexGuard<'_, Shard> {
        let mut hasher = DefaultHasher::new();
        at.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or(0);
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_version(&self) -> Version {
        Version(self.last_version.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn take_room(&self, asked: usize) -> Result<(), GlobalError> {
        let capacity = self.capacity;
        let fits = |used: usize| used.checked_add(asked).filter(|sum| *sum <= capacity);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(()),
            Err(_) => Err(GlobalError::Full { asked, capacity }),
        }
    }

    fn give_room(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Changes the value at `at` with `change`, which leaves as many bytes as `size` says of the old size.
    fn write(
        &self,
        at: &Address,
        when: Condition,
        size: impl FnOnce(usize) -> usize,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Written, GlobalError> {
        let mut shard = self.shard(at);
        let found = shard.get(at).and_then(|kept| kept.value.as_ref());
        let before = check(when, found)?;
        let old = found.map_or(0, |value| value.bytes.len());
        let new = size(old);
        let address = if shard.contains_key(at) { 0 } else { overhead(at) };
        self.take_room(new.saturating_sub(old).saturating_add(address))?;
        let kept = shard.entry(at.clone()).or_default();
        let value = kept.value.get_or_insert(Versioned { version: before, bytes: Vec::new() });
        change(&mut value.bytes);
        debug_assert_eq!(value.bytes.len(), new);
        value.version = self.next_version();
        self.give_room(old.saturating_sub(new));
        Ok(Written { before, after: value.version })
    }

    fn remove(&self, at: &Address, when: Condition) -> Result<bool, GlobalError> {
        let mut shard = self.shard(at);
        check(when, shard.get(at).and_then(|kept| kept.value.as_ref()))?;
        let Some(kept) = shard.remove(at) else {
            return Ok(false);
        };
        let value = kept.value.map_or(0, |value| value.bytes.len());
        self.give_room(overhead(at) + value + list_cost(&kept.list));
        Ok(true)
    }

    fn push_element(&self, at: &Address, element: Vec<u8>) -> Result<usize, GlobalError> {
        let mut shard = self.shard(at);
        let address = if shard.contains_key(at) { 0 } else { overhead(at) };
        self.take_room(element.len().saturating_add(address + OVERHEAD))?;
        let list = &mut shard.entry(at.clone()).or_default().list;
        list.push(element);
        Ok(list.len())
    }

    fn clear_list(&self, at: &Address) {
        if let Entry::Occupied(mut entry) = self.shard(at).entry(at.clone()) {
            let list = std::mem::take(&mut entry.get_mut().list);
            self.give_room(list_cost(&list));
            if entry.get().value.is_none() {
                entry.remove();
                self.give_room(overhead(at));
            }
        }
    }
}

impl GlobalTier for MemoryTier {
    fn stat(&self, at: &Address) -> GlobalOp<Option<Stat>> {
        let shard = self.shard(at);
        let value = shard.get(at).and_then(|kept| kept.value.as_ref());
        Pending::ready(Ok(
            value.map(|value| Stat { version: value.version, size: value.bytes.len() })
        ))
    }

    fn get(&self, at: &Address, ranges: &[Range<usize>]) -> GlobalOp<Option<Fetched>> {
        let shard = self.shard(at);
        let value = shard.get(at).and_then(|kept| kept.value.as_ref());
        Pending::ready(value.map(|value| value.fetch(ranges)).transpose())
    }

    fn set(&self, at: &Address, bytes: Vec<u8>, when: Condition) -> GlobalOp<Written> {
        let size = bytes.len();
        Pending::ready(self.write(at, when, |_| size, |kept| *kept = bytes))
    }

    fn set_ranges(&self, at: &Address, patch: Patch, when: Condition) -> GlobalOp<Written> {
        let end = patch.runs().last().map_or(0, |run| run.end).max(patch.size());
        let change = |kept: &mut Vec<u8>| {
            if kept.len() < end {
                kept.reserve_exact(end - kept.len());
                kept.resize(end, 0);
            }
            for (offset, bytes) in patch.chunks() {
                kept[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        };
        Pending::ready(self.write(at, when, |old| old.max(end), change))
    }

    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool> {
        Pending::ready(self.remove(at, when))
    }

    fn append(&self, at: &Address, element: Vec<u8>) -> GlobalOp<usize> {
        Pending::ready(self.push_element(at, element))
    }

    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>> {
        let shard = self.shard(at);
        let list = shard.get(at).map_or(&[][..], |kept| &kept.list);
        let fitting = list.iter().take(most).scan(max_bytes, |left, element| {
            *left = left.checked_sub(element.len())?;
            Some(element.clone())
        });
        Pending::ready(Ok(fitting.collect()))
    }

    fn clear_appended(&self, at: &Address) -> GlobalOp<()> {
        self.clear_list(at);
        Pending::ready(Ok(()))
    }
}

impl Versioned {
    fn fetch(&self, ranges: &[Range<usize>]) -> Result<Fetched, GlobalError> {
        let patch = Patch::gather(self.bytes.len(), ranges, |offset, into| {
            into.copy_from_slice(&self.bytes[offset..offset + into.len()]);
            Ok(())
        })?;
        Ok(Fetched { version: self.version, patch })
    }
}

fn check(when: Condition, found: Option<&Versioned>) -> Result<Version, GlobalError> {
    let found = found.map_or(Version::ABSENT, |value| value.version);
    match when {
        Condition::At(wanted) if wanted != found => Err(GlobalError::Conflict { wanted, found }),
        Condition::At(_) | Condition::Always => Ok(found),
    }
}

fn overhead(at: &Address) -> usize {
    OVERHEAD + at.namespace.len() + at.key.as_bytes().len()
}

fn list_cost(list: &[Vec<u8>]) -> usize {
    list.iter().map(|element| element.len() + OVERHEAD).sum()
}

#[cfg(test)]
mod tests;
