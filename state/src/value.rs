//! A value in the local tier: bytes in a shared region, and what is known about them.
//!
//! # Protocol
//!
//! 1. `tracking` is the lock of the copying calls: they copy under it, readers together, writers alone. So each copy
//!    is whole against every other, on any thread. Guests' own loads and stores through mapped pages take no lock.
//! 2. Whatever talks to the global tier about the value holds the `gate`'s permit from before it looks at `tracking`
//!    until its outcome is noted there: one at a time per value, in order. Otherwise a slow fetch could bring back what
//!    a push has replaced in between.
//! 3. `tracking` is never held across a call of the global tier.
//! 4. The marks of what a push sends are taken off before it is sent and put back if it fails, or if the tier loses the
//!    operation. Writes in between make marks of their own.
//! 5. What many bytes are pushed is read while they are sent. Until then copying calls keep a copy of what they write over
//!    (`before`), so that what is sent is the value as it was in one moment.
//! 6. What is pulled is put in place while it comes, where nobody can tell: the pages are taken not to be here meanwhile,
//!    and whoever wants them waits at the gate (`inflow`).
//!
//! # Not here
//!
//! Which values exist, and locks that guests ask for: see `local` and `lock`.

mod before;
mod catch_up;
mod inflow;
mod mapping;
mod merge;
mod pull;
mod push;
mod room;

use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use faasm_sfi::pending::Pending;
use faasm_sfi::shared::{RegionError, SharedRegion};

use self::before::Before;
use crate::budget::Budget;
use crate::gate::Gate;
use crate::tracking::Tracking;
use crate::{Address, Condition, GlobalError, GlobalTier, Key, StateError};

pub use mapping::Mapping;
pub(crate) use push::How;
pub use push::Pushed;

/// What an operation on state gives, now or later.
pub type Op<T> = Pending<Result<T, StateError>>;

/// How often what was fetched may have to make room for others before it was used, until that is an error.
const TRIES: u32 = 16;

/// A handle to a value; a clone is another handle to the same value.
///
/// A handle to a value that has been deleted answers [`StateError::Gone`].
#[derive(Clone)]
pub struct Value {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    address: Address,
    tier: Arc<dyn GlobalTier>,
    /// The bytes; at least `tracking.size` of them, and never fewer than before.
    region: SharedRegion,
    tracking: RwLock<Tracking>,
    gate: Gate,
    /// What was written over since a push has begun. Changes only while `tracking` is held for writing.
    before: Before,
    budget: Arc<Budget>,
    /// When the value was asked for last, by the budget's clock.
    used: AtomicU64,
}

impl Value {
    /// A value of `size` bytes of which nothing is known, which can grow to `max` bytes.
    pub(crate) fn create(
        address: Address,
        (tier, budget): (Arc<dyn GlobalTier>, Arc<Budget>),
        size: usize,
        max: usize,
    ) -> Result<Self, StateError> {
        let key = &address.key;
        if size > max {
            return Err(StateError::TooLarge { key: key.clone(), asked: size, max });
        }
        let memory = |source| StateError::Memory { key: key.clone(), source };
        let region = SharedRegion::create(size, max).map_err(memory)?;
        let tracking = RwLock::new(Tracking::new(size));
        let (gate, used) = (Gate::default(), AtomicU64::new(budget.tick()));
        let before = Before::default();
        let inner = Inner { address, tier, region, tracking, gate, before, budget, used };
        let inner = Arc::new(inner);
        inner.budget.join(Arc::downgrade(&inner));
        Ok(Self { inner })
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The value's key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.inner.address.key
    }

    /// The value's present size, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.tracking().size
    }

    /// Whether a push may have something to send: something is dirty, or guests can have written through pointers since the
    /// last push and have not flagged.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.tracking().is_dirty()
    }

    /// The bytes, for atomic access. Fetches nothing and marks nothing; see [`Value::map`] for guests.
    #[must_use]
    pub fn region(&self) -> &SharedRegion {
        &self.inner.region
    }

    /// Makes the value at least `size` bytes long; new bytes are zero until they are fetched. That alone makes nothing
    /// dirty: the next push that sends anything takes the size along.
    ///
    /// # Errors
    ///
    /// [`StateError::TooLarge`], [`StateError::Memory`], [`StateError::Gone`].
    pub fn grow(&self, size: usize) -> Result<(), StateError> {
        let mut tracking = self.writing()?;
        if size > tracking.size { self.resize(&mut tracking, size) } else { Ok(()) }
    }

    /// Copies the bytes from `offset` on that are here, without fetching any: those never fetched nor written are zero.
    /// After [`Value::ensure`] this is a read.
    ///
    /// # Errors
    ///
    /// [`StateError::OutOfBounds`], [`StateError::Gone`].
    pub fn read_local(&self, offset: usize, into: &mut [u8]) -> Result<(), StateError> {
        let tracking = self.reading()?;
        self.check(&tracking, offset, into.len())?;
        self.inner.region.read(offset, into).map_err(|source| self.memory(source))
    }

    /// Copies `len` bytes from `offset` on, fetching first what has not been pulled yet.
    ///
    /// # Errors
    ///
    /// As of [`Value::ensure`].
    pub fn read(&self, offset: usize, len: usize) -> Op<Vec<u8>> {
        self.read_within(TRIES, offset, len)
    }

    fn read_within(&self, tries: u32, offset: usize, len: usize) -> Op<Vec<u8>> {
        let value = self.clone();
        self.ensure(offset, len).then(move |ensured| {
            if let Err(error) = ensured {
                return Pending::ready(Err(error));
            }
            match value.read_if_here(offset, len) {
                Ok(Some(bytes)) => Pending::ready(Ok(bytes)),
                // It had to make room for others in between.
                Ok(None) if tries > 0 => value.read_within(tries - 1, offset, len),
                Ok(None) => Pending::ready(Err(value.has_no_room(len))),
                Err(error) => Pending::ready(Err(error)),
            }
        })
    }

    /// The bytes, if all of them are here.
    fn read_if_here(&self, offset: usize, len: usize) -> Result<Option<Vec<u8>>, StateError> {
        let tracking = self.reading()?;
        let range = self.check(&tracking, offset, len)?;
        if tracking.is_missing(range) {
            return Ok(None);
        }
        let bytes = self.inner.region.read_vec(offset, len);
        bytes.map(Some).map_err(|source| self.memory(source))
    }

    /// Writes `bytes` at `offset`, inside the value; local only.
    ///
    /// # Errors
    ///
    /// [`StateError::OutOfBounds`], [`StateError::Gone`], [`StateError::OverBudget`].
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<(), StateError> {
        self.make_place(offset..offset.saturating_add(bytes.len()))?;
        let mut tracking = self.writing()?;
        let range = self.check(&tracking, offset, bytes.len())?;
        self.put(offset, bytes)?;
        tracking.wrote(range);
        self.charge(&mut tracking);
        Ok(())
    }

    /// Makes `bytes` the whole value, with their length as its size; local only. The next push, of any kind, replaces
    /// the global value.
    ///
    /// # Errors
    ///
    /// [`StateError::TooLarge`], [`StateError::Memory`], [`StateError::Gone`], [`StateError::OverBudget`].
    pub fn set(&self, bytes: &[u8]) -> Result<(), StateError> {
        self.make_place(0..bytes.len())?;
        let mut tracking = self.writing()?;
        self.make_room(tracking.size, bytes.len())?;
        self.put(0, bytes)?;
        tracking.replace(bytes.len());
        self.charge(&mut tracking);
        Ok(())
    }

    /// Marks `len` bytes from `offset` on as dirty, for those who write through a pointer.
    ///
    /// From the first flag on, until the last mapping of the value ends, mapped pages are no longer taken as dirty for
    /// being mapped: its writers are trusted to flag what they write.
    ///
    /// # Errors
    ///
    /// [`StateError::OutOfBounds`], [`StateError::Gone`].
    pub fn flag_dirty(&self, offset: usize, len: usize) -> Result<(), StateError> {
        let mut tracking = self.writing()?;
        let range = self.check(&tracking, offset, len)?;
        tracking.flag(range);
        self.charge(&mut tracking);
        Ok(())
    }

    /// Whether the local tier may forget the value: nobody has a handle but the caller (a mapping holds one, and so does
    /// an operation on its way), and nothing would be lost.
    pub(crate) fn is_idle(&self) -> bool {
        if Arc::strong_count(&self.inner) > 1 {
            return false;
        }
        let Ok(mut tracking) = self.inner.tracking.try_write() else { return false };
        self.settle_suspects(&mut tracking);
        !tracking.is_dirty()
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Deletes the value in the global tier, then makes all handles to it dead. Whether it was there.
    pub(crate) fn delete(&self, when: Condition) -> Op<bool> {
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| {
            let deleted = value.inner.tier.delete(&value.inner.address, when);
            deleted.map(move |deleted| {
                let _permit = permit;
                let deleted = deleted.map_err(|source| value.global(source))?;
                value.end();
                Ok(deleted)
            })
        })
    }

    /// Makes all handles to the value dead.
    pub(crate) fn end(&self) {
        self.inner.tracking.write().unwrap_or_else(PoisonError::into_inner).gone = true;
    }

    fn tracking(&self) -> RwLockReadGuard<'_, Tracking> {
        // What is done under the lock leaves it whole, also where it ends early.
        self.inner.tracking.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> Result<RwLockReadGuard<'_, Tracking>, StateError> {
        let tracking = self.tracking();
        if tracking.gone { Err(StateError::Gone { key: self.key().clone() }) } else { Ok(tracking) }
    }

    fn writing(&self) -> Result<RwLockWriteGuard<'_, Tracking>, StateError> {
        let tracking = self.inner.tracking.write().unwrap_or_else(PoisonError::into_inner);
        if tracking.gone { Err(StateError::Gone { key: self.key().clone() }) } else { Ok(tracking) }
    }

    /// The range of `len` bytes from `offset` on, if the value has them.
    fn check(
        &self,
        tracking: &Tracking,
        offset: usize,
        len: usize,
    ) -> Result<Range<usize>, StateError> {
        let size = tracking.size;
        match offset.checked_add(len) {
            Some(end) if end <= size => Ok(offset..end),
            _ => Err(StateError::OutOfBounds { key: self.key().clone(), offset, len, size }),
        }
    }

    fn resize(&self, tracking: &mut Tracking, size: usize) -> Result<(), StateError> {
        if size > tracking.size && tracking.is_last_page_suspect() {
            let found = tracking.find_writes(0..tracking.size, &self.inner.region);
            found.map_err(|source| self.memory(source))?;
        }
        self.make_room(tracking.size, size)?;
        tracking.resize(size);
        Ok(())
    }

    /// Gives the region room for `size` bytes, and zeroes those past the present end that were used before: by a
    /// longer value, or by a guest that wrote past the value's end in its last page.
    fn make_room(&self, present: usize, size: usize) -> Result<(), StateError> {
        self.check_room(size)?;
        let region = &self.inner.region;
        let used = region.len();
        region.grow_to(size).map_err(|source| self.memory(source))?;
        if size > present {
            let stale = size.min(used).saturating_sub(present);
            self.zero(present..present + stale)?;
        }
        Ok(())
    }

    fn check_room(&self, size: usize) -> Result<(), StateError> {
        let max = self.inner.region.max_len();
        if size > max {
            return Err(StateError::TooLarge { key: self.key().clone(), asked: size, max });
        }
        Ok(())
    }

    fn put(&self, offset: usize, bytes: &[u8]) -> Result<(), StateError> {
        self.keep_before(offset..offset + bytes.len())?;
        self.inner.region.write(offset, bytes).map_err(|source| self.memory(source))
    }

    fn zero(&self, range: Range<usize>) -> Result<(), StateError> {
        self.keep_before(range.clone())?;
        self.inner.region.fill(range.start, range.len(), 0).map_err(|source| self.memory(source))
    }

    /// Whatever writes to the region, under `tracking`, says so before.
    fn keep_before(&self, range: Range<usize>) -> Result<(), StateError> {
        let kept = self.inner.before.keep(range, &self.inner.region);
        kept.map_err(|source| self.memory(source))
    }

    fn memory(&self, source: RegionError) -> StateError {
        StateError::Memory { key: self.key().clone(), source }
    }

    fn global(&self, source: GlobalError) -> StateError {
        StateError::Global { key: self.key().clone(), source }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.size();
        f.debug_struct("Value")
            .field("at", &self.inner.address)
            .field("size", &size)
            .finish_non_exhaustive()
    }
}
