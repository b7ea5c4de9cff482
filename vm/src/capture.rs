//! Captured stores, and the birth of new ones from them.
//!
//! # Protocol
//!
//! 1. `capture` copies the accessible parts of the slot, without the stack, into sealed images: one for each
//!    contiguous piece. The absolute addresses in them (code, host functions, builtins) are those of this process.
//!    A shared memory that nobody else has is copied to an image of its own.
//! 2. `birth` takes a slot that is at rest, the last one first, or reserves one and maps the images copy on write.
//!    Each birth has shared memories of its own, with the captured bytes.
//!    A thread of a guest is born from the images too, in a slot that has the guest's own shared memories (`threads`).
//! 3. `recycle` restores the written pages and shared memories and puts the slot to rest. Where mappings must change
//!    too, since something grew or a shared memory is to be replaced, it gives the slot to the engine's reclaimer, which
//!    does that and puts it to rest later.
//!
//! # Invariants
//!
//! A slot at rest holds, byte for byte, what a fresh mapping of the images would.

use std::any::TypeId;
use std::ops::Range;
use std::sync::Arc;

use faasm_abi::gc;
use faasm_abi::layout::header;
use faasm_abi::module::Import;
use faasm_abi::types::{HeapType, ValType};
use faasm_sfi::HOST_PAGE;
use faasm_sfi::dirty;
use faasm_sfi::image::{Image, ImageBuilder, ImageError};
use faasm_sfi::shared::RegionError;
use faasm_sfi::slot::SlotError;
use faasm_sfi::walls::Spans;

use crate::code_cache::Check;
use crate::engine::Engine;
use crate::externs::global_bits;
use crate::heap;
use crate::idle::Idle;
use crate::image_cache::StoredImage;
use crate::linker::Linker;
use crate::mappings::{Mappings, OF_PIECE, OF_REGION, OutOfMappings};
use crate::module::Module;
use crate::reclaim::{ReclaimError, Work};
use crate::restore::{self, RestoreError};
use crate::segments::reference;
use crate::shared_memory::{HEAD, SharedImage, SharedMemory, SharedMemoryError};
use crate::snapshot::{self, ExternRefs, StoreSnapshot};
use crate::store::contents::Contents;
use crate::store::core::{Placed, StoreCore};
use crate::store::creation::{Creation, Source};
use crate::store::plan::{pages, table_bytes};
use crate::store::{Store, StoreError, StoreLimits};

/// A store at rest, from which equal stores are born; cheap to clone.
#[derive(Clone, Debug)]
pub struct Captured {
    open: Arc<Open>,
}

/// What all handles share: with the last of them the slots at rest go.
#[derive(Debug)]
struct Open {
    inner: Arc<Inner>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.inner.idle.close();
        self.inner.idle_threads.iter().for_each(Idle::close);
    }
}

/// Where a store was born. Its slot holds it from life to life, also at rest, so that threads that give birth at the
/// same time have no count to share.
pub(crate) struct Origin(Arc<Inner>);

impl Origin {
    /// Another handle to it.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Whether what was captured has this instance.
    pub(crate) fn has_instance(&self, index: u32) -> bool {
        (index as usize) < self.0.contents.instances.len()
    }

    /// Whether what was captured has this memory.
    pub(crate) fn has_memory(&self, index: u32) -> bool {
        (index as usize) < self.0.contents.memories.len()
    }

    /// The type of the data of stores that are born there.
    pub(crate) fn data_type(&self) -> TypeId {
        self.0.contents.data_type
    }

    /// A thread's store, with these shared memories in the place of its own, and in them what is mapped there.
    pub(crate) fn thread(
        &self,
        shared: &[(u32, SharedMemory)],
        placed: &[Placed],
    ) -> Result<Box<StoreCore>, BirthError> {
        let inner = &self.0;
        let resting = || {
            let mut core = inner.idle_threads.as_ref()?.take()?;
            core.known.adopt();
            Some(core)
        };
        let mut core = match resting() {
            Some(core) => core,
            None => inner.contents.engine.with_room(BirthError::is_want_of_room, || {
                resting().map_or_else(|| bare(inner), Ok)
            })?,
        };
        core.is_thread = true;
        core.shared.extend_from_slice(shared);
        (0..shared.len()).try_for_each(|position| map_shared(&core, position))?;
        core.mappings.more(placed.len() * OF_REGION)?;
        for Placed { at, region, offset, len, .. } in placed {
            core.slot.map_region(*at, region, *offset, *len)?;
        }
        core.placed.extend_from_slice(placed);
        Ok(core)
    }

    /// The ranges of the slot that the images fill with anything but zeros.
    pub(crate) fn data(&self) -> Vec<Range<usize>> {
        let in_piece = |piece: &Piece| {
            let pages =
                (0..piece.image.len() / HOST_PAGE).filter(|&page| !piece.image.is_hole(page));
            let offset = piece.offset;
            let ranges = pages.map(|page| page * HOST_PAGE..(page + 1) * HOST_PAGE);
            joined(ranges.map(|range| offset + range.start..offset + range.end).collect())
        };
        self.0.pieces.iter().flat_map(in_piece).collect()
    }
}

impl Origin {
    /// Cuts a range of pages of the slot into what the images fill and what shows zeros when it is given back.
    pub(crate) fn cut(&self, range: Range<usize>) -> Vec<(Range<usize>, Shown)> {
        let mut cut: Vec<(Range<usize>, Shown)> = Vec::new();
        for page in range.step_by(HOST_PAGE) {
            let shown = if self.is_data(page) { Shown::Data } else { Shown::Zeros };
            match cut.last_mut() {
                Some((last, same)) if *same == shown => last.end += HOST_PAGE,
                _ => cut.push((page..page + HOST_PAGE, shown)),
            }
        }
        cut
    }

    fn is_data(&self, offset: usize) -> bool {
        self.0.pieces.iter().any(|piece| {
            let within = offset.checked_sub(piece.offset);
            within.is_some_and(|at| at < piece.image.len() && !piece.image.is_hole(at / HOST_PAGE))
        })
    }
}

/// What a page shows when it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing but zeros.
    Zeros,
    /// A page of an image.
    Data,
}

impl std::fmt::Debug for Origin {
    /// Without the slots at rest, which have origins.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Inner {
    contents: Arc<Contents>,
    code: Spans,
    pieces: Vec<Piece>,
    /// Shared memories, by index.
    shared: Vec<(u32, SharedImage)>,
    /// Accessible bytes of each memory, and of each table that is not in a context.
    extents: Vec<Extent>,
    limits: StoreLimits,
    memory_used: u64,
    elements_used: u64,
    idle: Idle,
    /// Slots of threads, if there can be any.
    idle_threads: Option<Idle>,
    /// Of the images.
    _mappings: Mappings,
}

/// A contiguous accessible part of the slot.
#[derive(Debug)]
struct Piece {
    offset: usize,
    image: Image,
}

/// Something that can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    base: usize,
    accessible: usize,
}

/// Why a store cannot be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A call was interrupted half-way.
    #[error("the store is poisoned by an interrupted call")]
    Poisoned,
    /// A shared region is mapped into a memory.
    #[error("a shared region is mapped into the store's memory")]
    MappedRegion,
    /// Others have, or could get, a shared memory of the store.
    #[error(
        "a shared memory of the store is also held outside of it: drop the stores, linkers and handles that have it"
    )]
    SharedMemory,
    /// A table or global holds a reference to something of the host's.
    #[error("the store holds an external reference that is not null")]
    ExternRef,
    /// Slots and modules have all mappings that they may have.
    #[error(transparent)]
    Mappings(#[from] OutOfMappings),
    /// The system refused memory for the image.
    #[error("the image cannot be made")]
    Image(#[from] ImageError),
    /// The system does not tell which pages were written.
    #[error("the written pages cannot be found")]
    Scan(#[from] dirty::RestoreError),
    /// The system does not tell which pages of a shared memory were written.
    #[error("the written pages of a shared memory cannot be found")]
    Region(#[from] RegionError),
    /// Another store has made a shared memory grow.
    #[error(
        "the store's memories have {bytes} bytes, which is over its limit, as another store has made a shared one grow: make the store with a larger limit"
    )]
    OverLimit {
        /// Of all memories together.
        bytes: u64,
    },
}

/// Why a captured store has no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotOfCapturedError {
    /// No slot to take it in.
    #[error(transparent)]
    Birth(#[from] BirthError),
    /// The store cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

/// Why a store cannot be born.
#[derive(Debug, thiserror::Error)]
pub enum BirthError {
    /// The data is of another type than the captured store's.
    #[error("the data's type is not that of the captured store")]
    WrongData,
    /// The system has no address space, mappings or memory left.
    #[error("no slot can be had for a birth")]
    Slot(#[from] SlotError),
    /// Slots and modules have all mappings that they may have.
    #[error(transparent)]
    Mappings(#[from] OutOfMappings),
    /// The system refused a shared memory.
    #[error("no shared memory can be had for a birth")]
    Shared(#[from] SharedMemoryError),
}

impl Captured {
    /// A new store, equal to the captured one at the time of its capture, with this data.
    ///
    /// `T` must be the captured store's, as its host functions expect it.
    ///
    /// # Errors
    ///
    /// [`BirthError`].
    pub fn birth<T: 'static>(&self, data: T) -> Result<Store<T>, BirthError> {
        let inner = &self.open.inner;
        if TypeId::of::<T>() != inner.contents.data_type {
            return Err(BirthError::WrongData);
        }
        let core = match resting(inner) {
            Some(core) => core,
            // What makes room may put one of these slots to rest.
            None => inner.contents.engine.with_room(BirthError::is_want_of_room, || {
                resting(inner).map_or_else(|| fresh(inner), Ok)
            })?,
        };
        Ok(Store::from_core(core, data))
    }

    /// What the store may take.
    #[must_use]
    pub fn limits(&self) -> StoreLimits {
        self.open.inner.limits
    }

    /// The modules of the store, in the order in which a snapshot names them.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.open.inner.contents.modules
    }

    /// Each import that is a function of the host's, with its module.
    #[must_use]
    pub fn host_imports(&self) -> Vec<(Module, Import)> {
        let contents = &self.open.inner.contents;
        let instances = contents.creations.iter().filter_map(|creation| match creation {
            Creation::Instance { module, imports } => {
                Some((contents.modules.get(*module as usize)?, imports))
            }
            _ => None,
        });
        let of_instance = |(module, sources): (&Module, &Vec<Source>)| {
            let imports = module.info().imports.iter().zip(sources);
            let host = imports.filter(|(_, source)| **source == Source::Host);
            host.map(|(import, _)| (module.clone(), import.clone())).collect::<Vec<_>>()
        };
        instances.flat_map(of_instance).collect()
    }

    /// How many slots are at rest, ready for a birth.
    #[must_use]
    pub fn idle_slots(&self) -> usize {
        self.open.inner.idle.len()
    }

    /// Bytes of the images, holes included.
    #[must_use]
    pub fn image_bytes(&self) -> usize {
        let pieces = self.open.inner.pieces.iter().map(|piece| piece.image.len());
        pieces.chain(self.open.inner.shared.iter().map(|(_, image)| image.image_bytes())).sum()
    }

    /// A captured store that is as the one of a snapshot was, from the snapshot's image: `modules` are what was
    /// instantiated there (and perhaps others), `linker` has the host functions under the names by which they were
    /// imported. With [`Check::Seal`] what the image says of references is believed: it was looked at when the image was
    /// made.
    ///
    /// # Errors
    ///
    /// [`RestoreError`].
    pub fn restore<T: 'static>(
        engine: &Engine,
        image: &StoredImage,
        modules: &[Module],
        linker: &Linker<T>,
        check: Check,
    ) -> Result<Self, RestoreError> {
        restore::restore_captured(engine, image, modules, linker, check)
    }

    /// A snapshot of the captured store.
    ///
    /// # Errors
    ///
    /// [`BirthError`], [`CaptureError`].
    pub fn snapshot(&self) -> Result<StoreSnapshot, SnapshotOfCapturedError> {
        let mut core = fresh(&self.open.inner)?;
        Ok(snapshot::snapshot(&mut core, ExternRefs::Refuse)?)
    }
}

impl BirthError {
    fn is_want_of_room(&self) -> bool {
        matches!(self, Self::Slot(_) | Self::Mappings(_))
    }
}

/// A store on a slot at rest.
fn resting(inner: &Inner) -> Option<Box<StoreCore>> {
    let mut core = inner.idle.take()?;
    core.known.adopt();
    Some(core)
}

/// A store on a new slot.
fn fresh(inner: &Arc<Inner>) -> Result<Box<StoreCore>, BirthError> {
    let mut core = bare(inner)?;
    for (index, image) in &inner.shared {
        core.shared.push((*index, image.memory()?));
        map_shared(&core, core.shared.len() - 1)?;
    }
    Ok(core)
}

/// A store on a new slot, without its shared memories.
fn bare(inner: &Arc<Inner>) -> Result<Box<StoreCore>, BirthError> {
    let core = StoreCore::on_slot(Arc::clone(&inner.contents), inner.limits);
    let mut core = Box::new(core.map_err(|error| match error {
        StoreError::Slot(error) => BirthError::Slot(error),
        StoreError::Mappings(error) => BirthError::Mappings(error),
        _ => SlotError::Exhausted { call: "reserve" }.into(),
    })?);
    let (pieces, shared) = (inner.pieces.len().saturating_sub(1), inner.shared.len());
    core.mappings.more(pieces * OF_PIECE + shared * OF_REGION)?;
    core.mappings.settle();
    core.walls.code.clone_from(&inner.code);
    for piece in &inner.pieces {
        core.slot.map_image(piece.offset, &piece.image)?;
    }
    inner.begin(&mut core);
    core.origin = Some(Origin(Arc::clone(inner)));
    Ok(core)
}

impl Inner {
    fn begin(&self, core: &mut StoreCore) {
        core.memory_used = self.memory_used;
        core.elements_used = self.elements_used;
    }

    /// Makes a slot what a fresh one would be, but for what is left to do with its mappings.
    fn reset(&self, core: &mut StoreCore) -> Result<Work, ResetError> {
        let mut work = Work {
            // The sizes must be read before the context is restored.
            grown: if core.grown { self.grown(core) } else { Vec::new() },
            regions: std::mem::take(&mut core.regions),
            ..Work::default()
        };
        let scanner = &core.contents.engine.inner.scanner;
        let images = self.pieces.iter().map(|piece| (piece.offset, &piece.image));
        // SAFETY: `fresh` mapped the images there, and only pages behind the pieces were mapped since (growth and
        // regions, which lie behind a memory's or table's first extent); no call runs, as the store is owned here.
        // All writes go through `StoreCore::address`, `GuestMemory` or an activation, which touch.
        let restored = unsafe { scanner.restore(&core.slot, images, &mut core.known)? };
        work.bloated = restored.bloated;
        if core.is_thread {
            return_shared(core)?;
        }
        for (position, (_, image)) in self.shared.iter().enumerate().take(core.shared.len()) {
            if !image.restore(&mut core.shared[position].1)? {
                work.shared.push(position);
            }
        }
        core.forget_life();
        self.begin(core);
        Ok(work)
    }

    /// What is accessible and would not be in a fresh slot, as offsets.
    fn grown(&self, core: &StoreCore) -> Vec<Range<usize>> {
        let now = extents(core).into_iter().zip(&self.extents);
        now.filter(|(now, then)| now.accessible > then.accessible)
            .map(|(now, then)| then.base + then.accessible..now.base + now.accessible)
            .collect()
    }
}

/// A slot could not be reset: it is dropped.
#[derive(Debug, thiserror::Error)]
enum ResetError {
    #[error(transparent)]
    Restore(#[from] dirty::RestoreError),
    #[error(transparent)]
    Shared(#[from] SharedMemoryError),
    #[error(transparent)]
    Slot(#[from] SlotError),
}

/// Puts a new memory with the captured bytes in the place of a shared one that others have or that has grown.
pub(crate) fn replace_shared(core: &mut StoreCore, position: usize) -> Result<(), ReclaimError> {
    let Some(Origin(inner)) = &core.origin else { return Ok(()) };
    let memory = inner.shared[position].1.memory()?;
    core.shared[position].1 = memory;
    Ok(map_shared(core, position)?)
}

/// Maps a shared memory of the core, by its position, to its place in the slot.
fn map_shared(core: &StoreCore, position: usize) -> Result<(), SlotError> {
    let (index, memory) = &core.shared[position];
    let at = core.contents.memories[*index as usize].definition;
    core.slot.map_growing(at, memory.region(), HEAD)
}

/// Takes the guest's shared memories from a thread's slot, so that no address shows them and no handle holds them.
fn return_shared(core: &mut StoreCore) -> Result<(), SlotError> {
    for (index, memory) in std::mem::take(&mut core.shared) {
        let at = core.contents.memories[index as usize].definition;
        core.slot.decommit(at, memory.region().max_len())?;
    }
    Ok(())
}

/// Makes sure that the store is at rest, and all in its slot and in its shared memories.
pub(crate) fn settle(core: &mut StoreCore) -> Result<(), CaptureError> {
    if core.poisoned {
        return Err(CaptureError::Poisoned);
    }
    if !core.regions.is_empty() {
        return Err(CaptureError::MappedRegion);
    }
    // Where the host was called from last depends on where the slot lies, and on who was called.
    for at in 0..core.contents.instances.len() {
        let context = core.contents.instances[at].context;
        core.put(context - header::EXIT_FRAME.unsigned_abs() as usize, 0_u64);
    }
    // Objects that nothing refers to are not captured, and what is left lies together.
    heap::collect(core);
    Ok(())
}

/// Captures the store; see the file's page.
pub(crate) fn capture(core: &mut StoreCore) -> Result<Captured, CaptureError> {
    settle(core)?;
    if !core.shared.iter_mut().all(|(_, memory)| memory.is_alone()) {
        return Err(CaptureError::SharedMemory);
    }
    if refers_to_host(core) {
        return Err(CaptureError::ExternRef);
    }
    of_settled(core, &[])
}

/// Captures a store that is at rest, in which these images were mapped, ascending, and nothing of them written.
pub(crate) fn of_settled(
    core: &mut StoreCore,
    mapped: &[(usize, Image)],
) -> Result<Captured, CaptureError> {
    let mut pieces = Vec::new();
    let written = snapshot::written(core, &snapshot::sizes(core))?;
    for range in ranges(core) {
        let mut from = range.start;
        for (offset, image) in mapped.iter().filter(|(offset, _)| range.contains(offset)) {
            pieces.extend(copied(core, from..*offset, &written)?);
            pieces.push(Piece { offset: *offset, image: image.clone() });
            from = offset + image.len();
        }
        pieces.extend(copied(core, from..range.end, &written)?);
    }
    let shared = core
        .shared
        .iter()
        .map(|(index, memory)| Ok((*index, SharedImage::of(memory)?)))
        .collect::<Result<Vec<_>, ImageError>>()?;
    let mappings = core.contents.engine.take_mappings(pieces.len() + shared.len())?;
    if let Some(contents) = Arc::get_mut(&mut core.contents) {
        contents.sealed = true;
    }
    let idle_threads = (!shared.is_empty()).then(|| Idle::new(&core.contents.engine));
    let inner = Inner {
        contents: Arc::clone(&core.contents),
        code: core.walls.code.clone(),
        pieces,
        shared,
        extents: extents(core),
        limits: core.limits,
        memory_used: core.memory_used,
        elements_used: core.elements_used,
        idle: Idle::new(&core.contents.engine),
        idle_threads,
        _mappings: mappings,
    };
    Ok(Captured { open: Arc::new(Open { inner: Arc::new(inner) }) })
}

/// A piece with a copy of what is in the range, if it is not empty.
fn copied(
    core: &StoreCore,
    range: Range<usize>,
    written: &[Range<usize>],
) -> Result<Option<Piece>, ImageError> {
    if range.is_empty() {
        return Ok(None);
    }
    Ok(Some(Piece { offset: range.start, image: image_of(core, &range, written)? }))
}

/// Ends a store whose data is dropped; its slot goes back to where it was born.
pub(crate) fn recycle(mut core: Box<StoreCore>) {
    let Some(origin) = core.origin.take() else { return };
    if !Arc::ptr_eq(&core.contents, &origin.0.contents) {
        // A library was loaded: what that has put in and made accessible goes with the slot.
        core.origin = Some(origin);
        return surplus(core);
    }
    let reset = origin.0.reset(&mut core);
    core.origin = Some(origin);
    let Ok(work) = reset else { return };
    if !work.is_none() {
        return reclaim(core, work);
    }
    if let Some(core) = put_to_rest(core) {
        surplus(core);
    }
}

fn reclaim(core: Box<StoreCore>, work: Work) {
    let contents = Arc::clone(&core.contents);
    contents.engine.inner.reclaimer.give(core, work);
}

/// Lets a slot go.
fn surplus(core: Box<StoreCore>) {
    reclaim(core, Work { surplus: true, ..Work::default() });
}

/// Puts a slot that is what a fresh one would be to rest; gives it back if there is no room.
pub(crate) fn put_to_rest(mut core: Box<StoreCore>) -> Option<Box<StoreCore>> {
    core.mappings.rest();
    for position in 0.. {
        let Some(list) = idle_of(&core)?.list(position) else { break };
        core = list.put(core)?;
    }
    let idle = idle_of(&core)?;
    let list = idle.list(0)?;
    idle.ask_others().into_iter().for_each(surplus);
    list.put(core)
}

/// Where the slot rests.
fn idle_of(core: &StoreCore) -> Option<&Idle> {
    let Origin(inner) = core.origin.as_ref()?;
    if core.is_thread { inner.idle_threads.as_ref() } else { Some(&inner.idle) }
}

/// The present extents of what can grow, in the contents' order. Shared memories have none: they are not the slot's.
fn extents(core: &StoreCore) -> Vec<Extent> {
    let whole = |bytes: u64| usize::try_from(bytes).map_or(0, pages);
    let memories = core.contents.memories.iter().filter(|memory| !memory.ty.shared);
    let memories = memories
        .map(|memory| Extent { base: memory.base, accessible: whole(core.memory_len(memory)) });
    let tables = core.contents.tables.iter().filter(|table| !table.inline).map(|table| Extent {
        base: table.base,
        accessible: table_bytes(core.table_len(table)).map_or(0, pages),
    });
    let heap = heap::accessible(core).map(|(base, accessible)| Extent { base, accessible });
    memories.chain(tables).chain(heap).collect()
}

/// All accessible ranges of the slot, joined where they touch.
pub(crate) fn ranges(core: &StoreCore) -> Vec<Range<usize>> {
    let growing = extents(core).into_iter().map(|e| e.base..e.base + e.accessible);
    joined(core.contents.committed.iter().cloned().chain(growing).collect())
}

/// What the ranges cover, ascending, joined where they touch.
pub(crate) fn joined(mut all: Vec<Range<usize>>) -> Vec<Range<usize>> {
    all.retain(|range| !range.is_empty());
    all.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in all {
        match joined.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Every accessible page: its offset and its bytes.
pub(crate) fn accessible_pages(core: &StoreCore) -> Vec<(usize, Vec<u8>)> {
    let pages = ranges(core).into_iter().flat_map(|range| range.step_by(HOST_PAGE));
    let shared = core.shared.iter().flat_map(|(index, memory)| {
        let base = core.contents.memories[*index as usize].base;
        memory.pages().into_iter().map(move |(at, bytes)| (base + at, bytes))
    });
    pages
        .map(|offset| {
            let mut bytes = vec![0; HOST_PAGE];
            // SAFETY: the ranges are of what the store has made accessible, and no call runs in it.
            let read = unsafe { core.slot.read(offset, &mut bytes) };
            debug_assert!(read.is_ok(), "inside the slot");
            (offset, bytes)
        })
        .chain(shared)
        .collect()
}

/// The bytes of a range, of which the others than `written` are zero, and so is the stack: what was left there by
/// earlier calls is nobody's business.
fn image_of(
    core: &StoreCore,
    range: &Range<usize>,
    written: &[Range<usize>],
) -> Result<Image, ImageError> {
    let mut builder = ImageBuilder::new(range.len())?;
    let stack = &core.contents.plan.stack;
    let before = range.start..range.end.min(stack.start);
    let after = range.start.max(stack.end)..range.end;
    for part in [before, after] {
        for written in written {
            let (start, end) = (part.start.max(written.start), part.end.min(written.end));
            if start < end {
                let (at, address) = (start - range.start, core.slot.address() + start);
                // SAFETY: the ranges are of what the store has made accessible, and no call runs in it.
                unsafe { builder.copy_from(at, address, end - start)? };
            }
        }
    }
    builder.seal()
}

fn is_extern(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if matches!(ty.heap, HeapType::Extern | HeapType::Any))
}

/// Whether anything in the store refers to something of the host's.
pub(crate) fn refers_to_host(core: &mut StoreCore) -> bool {
    holds_externref(core) || heap::refers_to_host(core)
}

/// Whether a global or table does.
fn holds_externref(core: &StoreCore) -> bool {
    let of_host = |reference: u32| reference & gc::TAG_BITS == gc::EXTERN_TAG;
    let globals = core.contents.globals.iter().zip(0..);
    let in_globals = globals
        .filter(|(global, _)| is_extern(global.ty.value))
        .any(|(_, index)| of_host(reference(global_bits(core, index))));
    let mut tables = core.contents.tables.iter().filter(|t| is_extern(ValType::Ref(t.ty.element)));
    in_globals || tables.any(|t| (0..core.table_len(t)).any(|at| of_host(core.element(t, at))))
}
