//! The global tier inside this process: nothing outlives it.
//!
//! # Invariants
//!
//! 1. An address lives in one shard, and every operation does all its work under that shard's lock: operations on one
//!    address are atomic and in one order.
//! 2. Versions come from one counter of the whole tier, so a value that is deleted and made again never has an old one.
//! 3. `used` counts every byte that is kept, with a fixed sum for each address and list element, and is raised before
//!    the bytes are kept: the tier never holds more than its capacity, but for elements that come back.
//! 4. A lock's table is looked at under the shard's lock, never the other way round.
//! 5. Elements that were taken are taken from the answer, or are put back when that is dropped.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use faasm_sfi::pending::{Completer, Pending, pending};

use crate::{
    Address, Arbiter, Condition, Entry as Listed, Fetched, GlobalError, GlobalOp, GlobalTier, Key,
    Merge, Merged, Mode, Patch, Stat, Token, Version, Wait, Written,
};

const SHARDS: usize = 64;

/// What an address or a list element costs beside its bytes: its place in the tables.
const OVERHEAD: usize = 128;

/// A global tier in this process's memory; many threads may use it at once. A clone is another handle to it.
#[derive(Clone, Debug)]
pub struct MemoryTier {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    arbiter: Arbiter,
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
    list: VecDeque<Vec<u8>>,
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
        let inner = Inner {
            arbiter: Arbiter::default(),
            shards: std::array::from_fn(|_| Mutex::default()),
            last_version: AtomicU64::new(Version::ABSENT.0),
            used: AtomicUsize::new(0),
            capacity,
        };
        Self { inner: Arc::new(inner) }
    }

    /// How many bytes are kept, with what their tables cost.
    #[must_use]
    pub fn used(&self) -> usize {
        self.inner.used.load(Ordering::Relaxed)
    }
}

impl Inner {
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

    /// Changes the value at `at` as planned: `plan` has the old bytes and says how many there will be, and `change`
    /// leaves as many.
    fn write<P, T>(
        &self,
        at: &Address,
        when: Condition,
        plan: impl FnOnce(&[u8]) -> Result<(usize, P), GlobalError>,
        change: impl FnOnce(&mut Vec<u8>, P) -> T,
    ) -> Result<(Written, T), GlobalError> {
        let mut shard = self.shard(at);
        let held = self.arbiter.check(at, when.under)?;
        let found = shard.get(at).and_then(|kept| kept.value.as_ref());
        let before = check(when, found)?;
        let bytes = found.map_or(&[][..], |value| &value.bytes);
        let old = bytes.len();
        let (new, planned) = plan(bytes)?;
        let address = if shard.contains_key(at) { 0 } else { overhead(at) };
        self.take_room(new.saturating_sub(old).saturating_add(address))?;
        let kept = shard.entry(at.clone()).or_default();
        let value = kept.value.get_or_insert(Versioned { version: before, bytes: Vec::new() });
        let changed = change(&mut value.bytes, planned);
        debug_assert_eq!(value.bytes.len(), new);
        value.version = self.next_version();
        let written = Written { before, after: value.version };
        drop((shard, held));
        self.give_room(old.saturating_sub(new));
        self.arbiter.changed(at);
        Ok((written, changed))
    }

    fn merge(
        &self,
        at: &Address,
        change: &Merge,
        when: Condition,
        wanted: bool,
    ) -> Result<Merged, GlobalError> {
        // Numbers are merged where they lie. A set is made anew, to know its size before room is taken.
        let plan = |old: &[u8]| match change {
            Merge::Numbers { .. } => {
                let run = change.check_numbers(old.len())?;
                Ok((old.len().max(run.end), None))
            }
            Merge::Union(_) => {
                let mut set = old.to_vec();
                change.apply(&mut set)?;
                Ok((set.len(), Some(set)))
            }
        };
        let put = |kept: &mut Vec<u8>, set: Option<Vec<u8>>| {
            let run = match set {
                Some(set) => {
                    *kept = set;
                    0..kept.len()
                }
                // It was checked.
                None => change.apply(kept).unwrap_or(0..0),
            };
            wanted.then(|| kept[run].to_vec())
        };
        let (written, result) = self.write(at, when, plan, put)?;
        Ok(Merged { written, result })
    }

    fn remove(&self, at: &Address, when: Condition) -> Result<bool, GlobalError> {
        let mut shard = self.shard(at);
        let held = self.arbiter.check(at, when.under)?;
        check(when, shard.get(at).and_then(|kept| kept.value.as_ref()))?;
        let Some(kept) = shard.remove(at) else {
            return Ok(false);
        };
        drop((shard, held));
        let value = kept.value.map_or(0, |value| value.bytes.len());
        self.give_room(overhead(at) + value + list_cost(&kept.list));
        self.arbiter.changed(at);
        Ok(true)
    }

    fn push_element(
        &self,
        at: &Address,
        element: Vec<u8>,
        under: Option<Token>,
    ) -> Result<usize, GlobalError> {
        let mut shard = self.shard(at);
        let held = self.arbiter.check(at, under)?;
        let address = if shard.contains_key(at) { 0 } else { overhead(at) };
        self.take_room(element.len().saturating_add(address + OVERHEAD))?;
        let list = &mut shard.entry(at.clone()).or_default().list;
        list.push_back(element);
        let len = list.len();
        // Who waits for an element may look at the lock.
        drop((shard, held));
        self.arbiter.changed(at);
        Ok(len)
    }

    /// Takes the elements out that `fitting` says of the list.
    fn take_elements(
        &self,
        at: &Address,
        under: Option<Token>,
        fitting: impl FnOnce(&VecDeque<Vec<u8>>) -> usize,
    ) -> Result<Vec<Vec<u8>>, GlobalError> {
        let mut shard = self.shard(at);
        let _held = self.arbiter.check(at, under)?;
        let Entry::Occupied(mut entry) = shard.entry(at.clone()) else {
            return Ok(Vec::new());
        };
        let list = &mut entry.get_mut().list;
        let taken: Vec<_> = list.drain(..fitting(list)).collect();
        self.give_room(list_cost(&taken));
        if entry.get().list.is_empty() && entry.get().value.is_none() {
            entry.remove();
            self.give_room(overhead(at));
        }
        Ok(taken)
    }

    /// Puts elements back to the front that nobody has taken the answer with. They had room before.
    fn give_back(&self, at: &Address, taken: Vec<Vec<u8>>) {
        let mut shard = self.shard(at);
        let address = if shard.contains_key(at) { 0 } else { overhead(at) };
        self.used.fetch_add(address + list_cost(&taken), Ordering::Relaxed);
        let list = &mut shard.entry(at.clone()).or_default().list;
        taken.into_iter().rev().for_each(|element| list.push_front(element));
        drop(shard);
        self.arbiter.changed(at);
    }

    fn list(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&Key>,
        most: usize,
    ) -> Vec<Listed> {
        let mut all = BTreeMap::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = shard.iter().filter(|(at, _)| {
                &*at.namespace == namespace
                    && at.key.as_bytes().starts_with(prefix)
                    && after.is_none_or(|after| *after < at.key)
            });
            all.extend(asked.map(|(at, kept)| (at.key.clone(), kept.listed(&at.key))));
            while all.len() > most {
                all.pop_last();
            }
        }
        all.into_values().collect()
    }
}

/// What a [`GlobalTier::take_appended`] was asked for.
struct Taking {
    at: Address,
    most: usize,
    max_bytes: usize,
    wait: Wait,
    under: Option<Token>,
}

impl MemoryTier {
    /// Takes elements now, or after a change if it waits for one and somebody still wants them then.
    fn take_when_there(
        &self,
        taking: Taking,
        completer: Completer<Result<Vec<Vec<u8>>, GlobalError>>,
    ) {
        let waits = taking.wait == Wait::UntilThere;
        let change = waits.then(|| self.inner.arbiter.next_change(&taking.at));
        let mut there = 0;
        let taken = self.inner.take_elements(&taking.at, taking.under, |list| {
            there = list.len();
            fitting(list, taking.most, taking.max_bytes)
        });
        let Some(change) = change.filter(|_| taken.is_ok() && there == 0) else {
            let inner = Arc::clone(&self.inner);
            return completer.complete_or(taken, move |taken| {
                let taken = taken.unwrap_or_default();
                if !taken.is_empty() {
                    inner.give_back(&taking.at, taken);
                }
            });
        };
        let tier = self.clone();
        drop(change.map(move |()| {
            if completer.is_wanted() {
                tier.take_when_there(taking, completer);
            }
        }));
    }
}

impl GlobalTier for MemoryTier {
    fn stat(&self, at: &Address) -> GlobalOp<Option<Stat>> {
        Pending::ready(Ok(self.inner.shard(at).get(at).and_then(Kept::stat)))
    }

    fn get(&self, at: &Address, ranges: &[Range<usize>]) -> GlobalOp<Option<Fetched>> {
        let shard = self.inner.shard(at);
        let value = shard.get(at).and_then(|kept| kept.value.as_ref());
        Pending::ready(value.map(|value| value.fetch(ranges)).transpose())
    }

    fn set(&self, at: &Address, bytes: Vec<u8>, when: Condition) -> GlobalOp<Written> {
        let size = bytes.len();
        let written = self.inner.write(at, when, |_| Ok((size, ())), |kept, ()| *kept = bytes);
        Pending::ready(written.map(|(written, ())| written))
    }

    fn set_ranges(&self, at: &Address, patch: Patch, when: Condition) -> GlobalOp<Written> {
        let end = patch.runs().last().map_or(0, |run| run.end).max(patch.size());
        let change = |kept: &mut Vec<u8>, ()| {
            if kept.len() < end {
                kept.reserve_exact(end - kept.len());
                kept.resize(end, 0);
            }
            for (offset, bytes) in patch.chunks() {
                kept[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        };
        let written = self.inner.write(at, when, |old| Ok((old.len().max(end), ())), change);
        Pending::ready(written.map(|(written, ())| written))
    }

    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool> {
        Pending::ready(self.inner.remove(at, when))
    }

    fn merge(
        &self,
        at: &Address,
        change: Merge,
        when: Condition,
        wanted: bool,
    ) -> GlobalOp<Merged> {
        Pending::ready(self.inner.merge(at, &change, when, wanted))
    }

    fn append(&self, at: &Address, element: Vec<u8>, under: Option<Token>) -> GlobalOp<usize> {
        Pending::ready(self.inner.push_element(at, element, under))
    }

    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>> {
        let shard = self.inner.shard(at);
        let fitting = |kept: &Kept| {
            kept.list.iter().take(fitting(&kept.list, most, max_bytes)).cloned().collect()
        };
        Pending::ready(Ok(shard.get(at).map(fitting).unwrap_or_default()))
    }

    fn take_appended(
        &self,
        at: &Address,
        most: usize,
        max_bytes: usize,
        wait: Wait,
        under: Option<Token>,
    ) -> GlobalOp<Vec<Vec<u8>>> {
        let (completer, waiting) = pending();
        self.take_when_there(Taking { at: at.clone(), most, max_bytes, wait, under }, completer);
        waiting
    }

    fn clear_appended(&self, at: &Address, under: Option<Token>) -> GlobalOp<()> {
        let cleared = self.inner.take_elements(at, under, VecDeque::len).map(drop);
        self.inner.arbiter.changed(at);
        Pending::ready(cleared)
    }

    fn watch(&self, at: &Address, seen: Version) -> GlobalOp<Option<Stat>> {
        let change = self.inner.arbiter.next_change(at);
        let stat = self.inner.shard(at).get(at).and_then(Kept::stat);
        if stat.map_or(Version::ABSENT, |stat| stat.version) != seen {
            return Pending::ready(Ok(stat));
        }
        let (tier, at) = (self.clone(), at.clone());
        change.then(move |()| tier.watch(&at, seen))
    }

    fn list(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&Key>,
        most: usize,
    ) -> GlobalOp<Vec<Listed>> {
        Pending::ready(Ok(self.inner.list(namespace, prefix, after, most)))
    }

    fn lock(
        &self,
        at: &Address,
        mode: Mode,
        lease: Duration,
        patience: Option<Duration>,
    ) -> GlobalOp<Option<Token>> {
        self.inner.arbiter.lock(at, mode, lease, patience)
    }

    fn renew(&self, at: &Address, token: Token, lease: Duration) -> GlobalOp<()> {
        Pending::ready(self.inner.arbiter.renew(at, token, lease))
    }

    fn unlock(&self, at: &Address, token: Token) -> GlobalOp<()> {
        Pending::ready(self.inner.arbiter.unlock(at, token))
    }
}

impl Kept {
    fn stat(&self) -> Option<Stat> {
        let value = self.value.as_ref()?;
        Some(Stat { version: value.version, size: value.bytes.len() })
    }

    fn listed(&self, key: &Key) -> Listed {
        Listed { key: key.clone(), stat: self.stat(), appended: self.list.len() }
    }
}

/// How many elements from the first on are at most `most` and have at most `max_bytes` bytes together.
fn fitting(list: &VecDeque<Vec<u8>>, most: usize, max_bytes: usize) -> usize {
    let mut left = max_bytes;
    let fits = |element: &&Vec<u8>| match left.checked_sub(element.len()) {
        Some(less) => {
            left = less;
            true
        }
        None => false,
    };
    list.iter().take(most).take_while(fits).count()
}

impl Versioned {
    fn fetch(&self, ranges: &[Range<usize>]) -> Result<Fetched, GlobalError> {
        let patch = Patch::gather(self.bytes.len(), ranges, |offset, into| {
            into.copy_from_slice(&self.bytes[offset..offset + into.len()]);
            Ok::<(), GlobalError>(())
        })?;
        Ok(Fetched { version: self.version, patch })
    }
}

fn check(when: Condition, found: Option<&Versioned>) -> Result<Version, GlobalError> {
    let found = found.map_or(Version::ABSENT, |value| value.version);
    match when.at {
        Some(wanted) if wanted != found => Err(GlobalError::Conflict { wanted, found }),
        Some(_) | None => Ok(found),
    }
}

fn overhead(at: &Address) -> usize {
    OVERHEAD + at.namespace.len() + at.key.as_bytes().len()
}

fn list_cost<'a>(list: impl IntoIterator<Item = &'a Vec<u8>>) -> usize {
    list.into_iter().map(|element| element.len() + OVERHEAD).sum()
}

#[cfg(test)]
mod tests;
