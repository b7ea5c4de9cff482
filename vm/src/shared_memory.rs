//! Linear memories that several stores share (WebAssembly threads proposal).
//!
//! A shared memory belongs to no store. A thread is a store of its own, on an operating system's thread of its own,
//! that maps the same region; a store's core is never shared between threads.
//!
//! # Layout
//!
//! ```text
//! the region:  | head: one page, length at byte 8 | bytes of the memory, up to its present length … its maximum |
//! in a slot:   | read only                        | base: readable and writable; behind the length a bus error   |
//! ```
//!
//! # Invariants
//!
//! * The length is in the head, so that compiled code of all stores reads the same one. It only grows, and is written
//!   by growth alone, under a lock, after the file has grown.
//! * The host touches the bytes through relaxed atomic copies only.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use faasm_abi::layout::memory;
use faasm_abi::types::MemoryType;
use faasm_sfi::HOST_PAGE;
use faasm_sfi::image::{Image, ImageBuilder, ImageError};
use faasm_sfi::parking::{Parked, ParkingLot};
use faasm_sfi::shared::{RegionError, SharedRegion};

use crate::engine::Engine;
use crate::externs::AccessError;
use crate::guest_memory::GuestMemoryError;
use crate::store::StoreLimits;
use crate::store::plan::{memory_bytes, memory_reservation, pages};

/// Bytes of the region before the memory's first.
pub(crate) const HEAD: usize = HOST_PAGE;

/// A memory that several stores can share, each on a thread of its own; a clone is another handle to the same memory.
#[derive(Clone, Debug)]
pub struct SharedMemory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ty: MemoryType,
    region: SharedRegion,
    growth: Mutex<()>,
    parked: ParkingLot,
}

/// Why a shared memory cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SharedMemoryError {
    /// The type is of a memory that belongs to one store.
    #[error("the memory's type does not say that it is shared, with a maximum")]
    NotShared,
    /// It is larger than any store takes.
    #[error("the memory's minimum is too large")]
    Limit,
    /// The system refused.
    #[error("a shared memory cannot be made")]
    Region(#[from] RegionError),
}

/// The value that a wait expects to find.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    Word(u32),
    Long(u64),
}

impl Expected {
    /// Bytes of the value.
    pub(crate) const fn bytes(self) -> u64 {
        match self {
            Self::Word(_) => 4,
            Self::Long(_) => 8,
        }
    }
}

impl SharedMemory {
    /// A memory of this type, all zero. A 64-bit one can grow to the default limit of a store
    /// ([`StoreLimits::memory_bytes`]), whatever larger maximum it declares.
    ///
    /// # Errors
    ///
    /// [`SharedMemoryError`].
    pub fn new(_: &Engine, ty: MemoryType) -> Result<Self, SharedMemoryError> {
        let reserved = memory_reservation(&ty, &StoreLimits::default());
        let (reserved, _) = reserved.map_err(|_| SharedMemoryError::Limit)?;
        Self::with_room(ty, reserved)
    }

    /// A memory that can grow to its maximum, or to `room` bytes if that is less.
    pub(crate) fn with_room(ty: MemoryType, room: usize) -> Result<Self, SharedMemoryError> {
        let (true, Some(max)) = (ty.shared, ty.limits.max) else {
            return Err(SharedMemoryError::NotShared);
        };
        let max = memory_bytes(&ty, max).and_then(|max| usize::try_from(max).ok());
        let max = max.map_or(room, |max| max.min(room));
        let min = memory_bytes(&ty, ty.limits.min).and_then(|min| usize::try_from(min).ok());
        let min = min.filter(|&min| min <= max).ok_or(SharedMemoryError::Limit)?;
        Self::of_size(ty, min, max)
    }

    fn of_size(ty: MemoryType, len: usize, max: usize) -> Result<Self, SharedMemoryError> {
        let whole = |bytes: usize| bytes.checked_add(HEAD).ok_or(SharedMemoryError::Limit);
        let region = SharedRegion::create(whole(len)?, whole(max)?)?;
        let (growth, parked) = (Mutex::new(()), ParkingLot::default());
        let memory = Self { inner: Arc::new(Inner { ty, region, growth, parked }) };
        memory.length().store(len as u64, Ordering::SeqCst);
        Ok(memory)
    }

    /// Its type, with the present size as minimum: what imports are matched with.
    #[must_use]
    pub fn ty(&self) -> MemoryType {
        let mut ty = self.inner.ty;
        ty.limits.min = self.size();
        ty
    }

    /// Its size in pages.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.byte_len() >> self.inner.ty.page_size_log2
    }

    /// Its size in bytes.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        self.length().load(Ordering::SeqCst)
    }

    /// Grows it by `pages`, for all that share it, and returns the size before, in pages.
    ///
    /// # Errors
    ///
    /// [`AccessError::Limit`].
    pub fn grow(&self, pages: u64) -> Result<u64, AccessError> {
        self.grow_within(pages, u64::MAX)
    }

    /// As [`Self::grow`], by no more than `room` bytes.
    pub(crate) fn grow_within(&self, pages: u64, room: u64) -> Result<u64, AccessError> {
        let ty = &self.inner.ty;
        let _growth = self.inner.growth.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, len) = (self.size(), self.byte_len());
        let wanted =
            old.checked_add(pages).filter(|&new| ty.limits.max.is_some_and(|max| new <= max));
        let bytes = wanted.and_then(|pages| memory_bytes(ty, pages));
        let bytes = bytes.filter(|bytes| bytes - len <= room).ok_or(AccessError::Limit)?;
        let file = usize::try_from(bytes).ok().and_then(|bytes| bytes.checked_add(HEAD));
        // The region refuses what is beyond its room.
        let grown = file.map(|file| self.inner.region.grow_to(file));
        grown.and_then(Result::ok).ok_or(AccessError::Limit)?;
        self.length().store(bytes, Ordering::SeqCst);
        Ok(old)
    }

    /// Fills `into` from byte `at` on. Another thread may write meanwhile: the copy is not atomic as a whole.
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`]; nothing is copied then.
    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<(), GuestMemoryError> {
        let offset = self.place(at, into.len())?;
        let len = into.len();
        self.inner.region.read(offset, into).map_err(|_| self.out_of_bounds(at, len))
    }

    /// Copies `bytes` to byte `at` and those after it, as [`Self::read`].
    ///
    /// # Errors
    ///
    /// [`GuestMemoryError::OutOfBounds`]; nothing is written then.
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<(), GuestMemoryError> {
        let offset = self.place(at, bytes.len())?;
        self.inner.region.write(offset, bytes).map_err(|_| self.out_of_bounds(at, bytes.len()))
    }

    /// Wakes up to `count` guests that wait at byte `at`, the oldest first; how many it woke.
    pub fn notify(&self, at: u64, count: u32) -> u32 {
        self.inner.parked.unpark(at, count)
    }

    /// How many guests wait, wherever in the memory they do.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner.parked.waiting()
    }

    /// Whether both handles are to the same memory.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Waits at byte `at`, which was checked, until it is notified.
    pub(crate) fn wait(&self, at: u64, expected: Expected, deadline: Option<Instant>) -> Parked {
        self.inner.parked.park(at, || self.holds(at, expected), deadline)
    }

    fn holds(&self, at: u64, expected: Expected) -> bool {
        let region = &self.inner.region;
        let Ok(offset) = usize::try_from(at) else { return false };
        match expected {
            Expected::Word(value) => region
                .atomic_u32(HEAD + offset)
                .is_ok_and(|word| word.load(Ordering::SeqCst) == value),
            Expected::Long(value) => region
                .atomic_u64(HEAD + offset)
                .is_ok_and(|word| word.load(Ordering::SeqCst) == value),
        }
    }

    /// Its pages of the host: where each is, and its bytes.
    pub(crate) fn pages(&self) -> Vec<(usize, Vec<u8>)> {
        let len = usize::try_from(self.byte_len()).unwrap_or(usize::MAX);
        let page = |at| Some((at, self.inner.region.read_vec(HEAD + at, HOST_PAGE).ok()?));
        (0..len).step_by(HOST_PAGE).filter_map(page).collect()
    }

    /// The pages of the host among its first `len` bytes that anybody has touched; all others are zero.
    pub(crate) fn touched(&self, len: usize) -> Result<Vec<Range<usize>>, RegionError> {
        let (mut touched, mut from, end) = (Vec::new(), HEAD, HEAD + pages(len));
        while let Some(range) = self.inner.region.next_touched(from)?
            && range.start < end
        {
            from = range.end;
            touched.push(range.start - HEAD..range.end.min(end) - HEAD);
        }
        Ok(touched)
    }

    /// Copies the page of the host at byte `at`, which is there.
    pub(crate) fn read_page(&self, at: usize, page: &mut [u8; HOST_PAGE]) {
        let read = self.inner.region.read(HEAD + at, page);
        debug_assert!(read.is_ok(), "inside the memory");
    }

    /// Whether this is the only handle; then what was written by way of others is there.
    pub(crate) fn is_alone(&mut self) -> bool {
        Arc::get_mut(&mut self.inner).is_some()
    }

    pub(crate) fn region(&self) -> &SharedRegion {
        &self.inner.region
    }

    /// The most bytes that it can have.
    pub(crate) fn reserved(&self) -> usize {
        self.inner.region.max_len() - HEAD
    }

    fn length(&self) -> &AtomicU64 {
        let length = self.inner.region.atomic_u64(memory::LENGTH as usize);
        length.unwrap_or_else(|_| unreachable!("every region has a head"))
    }

    /// Where `len` bytes at `at` are in the region.
    fn place(&self, at: u64, len: usize) -> Result<usize, GuestMemoryError> {
        let end = at.checked_add(len as u64).filter(|&end| end <= self.byte_len());
        match usize::try_from(at) {
            Ok(offset) if end.is_some() => Ok(HEAD + offset),
            _ => Err(self.out_of_bounds(at, len)),
        }
    }

    fn out_of_bounds(&self, ptr: u64, len: usize) -> GuestMemoryError {
        GuestMemoryError::OutOfBounds { ptr, len: len as u64, memory: self.byte_len() }
    }
}

/// The bytes of a shared memory at the time of a capture, from which each birth gets a memory of its own.
#[derive(Debug)]
pub(crate) struct SharedImage {
    ty: MemoryType,
    len: usize,
    reserved: usize,
    image: Image,
}

/// Bytes that are copied at once.
const PIECE: usize = 64 << 10;

impl SharedImage {
    /// The memory's bytes now; nobody else has it.
    pub(crate) fn of(memory: &SharedMemory) -> Result<Self, ImageError> {
        let len = usize::try_from(memory.byte_len()).unwrap_or(usize::MAX);
        let mut builder = ImageBuilder::new(len)?;
        let mut bytes = vec![0; PIECE.min(len)];
        for at in (0..len).step_by(PIECE) {
            let piece = &mut bytes[..PIECE.min(len - at)];
            // The length only grows, so it is there.
            let read = memory.read(at as u64, piece);
            debug_assert_eq!(read, Ok(()));
            builder.write(at, piece)?;
        }
        Ok(Self { ty: memory.inner.ty, len, reserved: memory.reserved(), image: builder.seal()? })
    }

    /// A new memory with these bytes. Pages that are zero are not touched.
    pub(crate) fn memory(&self) -> Result<SharedMemory, SharedMemoryError> {
        let memory = SharedMemory::of_size(self.ty, self.len, self.reserved)?;
        let pages = (0..self.len).step_by(HOST_PAGE).enumerate();
        for (_, at) in pages.filter(|&(page, _)| !self.image.is_hole(page)) {
            let end = self.len.min(at + HOST_PAGE);
            memory.region().write(HEAD + at, &self.image.bytes()[at..end])?;
        }
        Ok(memory)
    }

    /// Makes a memory that was born from this what a new one would be, in place: only pages that anybody has touched
    /// are written. `false` if it cannot be, since others have it or it has grown.
    pub(crate) fn restore(&self, memory: &mut SharedMemory) -> Result<bool, SharedMemoryError> {
        if !memory.is_alone() || memory.byte_len() != self.len as u64 {
            return Ok(false);
        }
        let region = memory.region();
        let mut from = HEAD;
        while let Some(touched) = region.next_touched(from)? {
            from = touched.end;
            for at in touched.step_by(HOST_PAGE) {
                let image = at - HEAD;
                if self.image.is_hole(image / HOST_PAGE) {
                    region.fill(at, HOST_PAGE, 0)?;
                } else {
                    region.write(at, &self.image.bytes()[image..image + HOST_PAGE])?;
                }
            }
        }
        Ok(true)
    }

    /// Bytes of the image.
    pub(crate) fn image_bytes(&self) -> usize {
        self.image.len()
    }
}
