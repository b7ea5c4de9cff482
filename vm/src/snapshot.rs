//! Stores as plain data: what a file holds, and another process restores.
//!
//! # Contents
//!
//! * A [`Description`]: what the store was made of, so that it can be made again, and its present sizes.
//! * The pages of the slot that are not zero, but for the guest stack: what was left there is nobody's business. The
//!   addresses of this process in them are zero. Shared memories are where the slot shows them.
//!
//! # Invariants
//!
//! A [`StoreSnapshot`] is a store's, or was under our seal: restoring one is running it, as loading an object is.

use std::fmt;
use std::ops::Range;

use faasm_abi::layout::funcref;
use faasm_abi::object::Digest;
use faasm_abi::types::SubType;
use faasm_sfi::HOST_PAGE;
use serde::{Deserialize, Serialize};

use crate::capture::{self, CaptureError};
use crate::engine::Trusted;
use crate::heap;
use crate::shared_memory::SharedMemory;
use crate::store::StoreLimits;
use crate::store::contents::Contents;
use crate::store::core::StoreCore;
use crate::store::creation::{Creation, Room};
use crate::store::plan::pages;

/// A store at rest, as plain data. Equal stores have equal snapshots, in whatever slot or process they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSnapshot {
    pub(crate) description: Description,
    /// Ascending, neither empty nor touching.
    pub(crate) runs: Vec<PageRun>,
}

/// Pages of the slot that follow one another.
#[derive(Clone, PartialEq, Eq)]
pub struct PageRun {
    /// Offset of the first in the slot: whole pages.
    pub offset: u64,
    /// What is in them: whole pages.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for PageRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.bytes.len() / HOST_PAGE;
        f.debug_struct("PageRun").field("offset", &self.offset).field("pages", &pages).finish()
    }
}

/// Bytes of a page of [`PageRun`]s.
pub const SNAPSHOT_PAGE: usize = HOST_PAGE;

/// What [`crate::Store::snapshot`] does with references to what is the host's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternRefs {
    /// A store that holds one has no snapshot.
    #[default]
    Refuse,
    /// They stay the numbers that they are: where these mean the same in every process, as in tests.
    Keep,
}

/// The parts of a snapshot are none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot is malformed: {what}")]
pub struct SnapshotError {
    /// What is wrong.
    pub what: &'static str,
}

/// Everything of a store but its pages and the host's functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) room: Room,
    pub(crate) limits: StoreLimits,
    /// The groups of the store's types, in order.
    pub(crate) types: Vec<Box<[SubType]>>,
    /// By the numbers in `creations`.
    pub(crate) modules: Vec<Digest>,
    pub(crate) creations: Vec<Creation>,
    pub(crate) sizes: Sizes,
    pub(crate) outline: Outline,
}

/// What has grown since it was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    /// Of each memory, in bytes.
    pub(crate) memories: Vec<u64>,
    /// Of each table, in elements.
    pub(crate) tables: Vec<u64>,
    /// Of the garbage-collected heap, in bytes that are accessible; 0 without one.
    pub(crate) heap: u64,
}

/// What must come out when the store is made again: if not, other places would get the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outline {
    n_funcs: u64,
    n_instances: u64,
    n_globals: u64,
    /// Where the next part would go.
    next: u64,
    /// The ranges of the slot that are kept ([`kept`]), ascending.
    pub(crate) kept: Vec<(u64, u64)>,
}

impl StoreSnapshot {
    /// The digests of the modules that a restoration needs.
    #[must_use]
    pub fn modules(&self) -> &[Digest] {
        &self.description.modules
    }

    /// The fields of this snapshot's description that are for people and for planning.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.description.summary()
    }

    /// What the store may take.
    #[must_use]
    pub fn limits(&self) -> StoreLimits {
        self.description.limits
    }

    /// Everything but the pages, in postcard's encoding.
    #[must_use]
    pub fn describe(&self) -> Vec<u8> {
        self.description.encode()
    }

    /// The pages.
    #[must_use]
    pub fn runs(&self) -> &[PageRun] {
        &self.runs
    }

    /// A snapshot of what [`Self::describe`] and [`Self::runs`] gave.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    pub fn from_parts<'a>(
        description: Trusted<'_>,
        runs: impl IntoIterator<Item = (u64, Trusted<'a>)>,
    ) -> Result<Self, SnapshotError> {
        let description = Description::decode(description.bytes())?;
        let mut snapshot = Self { description, runs: Vec::new() };
        for (offset, pages) in runs {
            snapshot.append(offset, pages)?;
        }
        Ok(snapshot)
    }

    /// Adds pages behind those that there are.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] when they are no whole pages behind those.
    pub fn append(&mut self, offset: u64, pages: Trusted<'_>) -> Result<(), SnapshotError> {
        let run = PageRun { offset, bytes: pages.bytes().to_vec() };
        let free = self.runs.last().map_or(Some(0), end);
        if end(&run).is_none() || free.is_none_or(|free| offset < free) {
            return Err(SnapshotError { what: "a run of pages is misplaced" });
        }
        match self.runs.last_mut() {
            Some(last) if end(last) == Some(offset) => last.bytes.extend_from_slice(&run.bytes),
            _ => self.runs.push(run),
        }
        Ok(())
    }

    /// The digests of the modules that a description names: for who keeps them, whatever it is worth.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    pub fn objects_of(description: &[u8]) -> Result<Vec<Digest>, SnapshotError> {
        Ok(Description::decode(description)?.modules)
    }
}

/// What a snapshot's description says of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of all memories.
    pub memory_bytes: u64,
    /// Bytes of the slot that a birth makes accessible, without the stack.
    pub image_bytes: u64,
    /// Instances of modules.
    pub instances: u64,
}

impl Description {
    fn encode(&self) -> Vec<u8> {
        // Writing to a vector fails only for types that postcard cannot encode, and these it can.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    pub(crate) fn decode(encoded: &[u8]) -> Result<Self, SnapshotError> {
        let malformed = |what| SnapshotError { what };
        let description: Self = postcard::from_bytes(encoded)
            .map_err(|_| malformed("its description cannot be decoded"))?;
        // Numbers can be written in several ways, and bytes may follow.
        if description.encode() != encoded {
            return Err(malformed("its description is not written as it must be"));
        }
        Ok(description)
    }

    fn summary(&self) -> Summary {
        let kept = self.outline.kept.iter().map(|&(start, end)| end.saturating_sub(start));
        Summary {
            memory_bytes: self.sizes.memories.iter().fold(0, |all, &len| all.saturating_add(len)),
            image_bytes: kept.fold(0, u64::saturating_add),
            instances: self.outline.n_instances,
        }
    }
}

/// Where a run of whole pages ends.
fn end(run: &PageRun) -> Option<u64> {
    let whole = run.offset.is_multiple_of(HOST_PAGE as u64)
        && run.bytes.len().is_multiple_of(HOST_PAGE)
        && !run.bytes.is_empty();
    run.offset.checked_add(run.bytes.len() as u64).filter(|_| whole)
}

/// Takes a snapshot; see the file's page.
pub(crate) fn snapshot(
    core: &mut StoreCore,
    externs: ExternRefs,
) -> Result<StoreSnapshot, CaptureError> {
    capture::settle(core)?;
    if externs == ExternRefs::Refuse && capture::refers_to_host(core) {
        return Err(CaptureError::ExternRef);
    }
    // Sizes are read once: others can make shared memories grow at any time.
    let description = describe(core);
    let bytes = description.sizes.memories.iter().sum();
    if bytes > core.limits.memory_bytes {
        return Err(CaptureError::OverLimit { bytes });
    }
    let runs = runs(core, &description.sizes)?;
    Ok(StoreSnapshot { description, runs })
}

/// Everything of a store but its pages.
pub(crate) fn describe(core: &StoreCore) -> Description {
    // Every field is either in the description or follows from it: a new one must be decided here.
    let Contents {
        // Of the restored store's own.
        id: _,
        engine: _,
        data_type: _,
        sealed: _,
        // Described.
        room,
        creations,
        modules,
        types,
        // Made again by the creations.
        plan: _,
        funcs: _,
        instances: _,
        memories: _,
        tables: _,
        globals: _,
        tags: _,
        libraries: _,
        n_rows: _,
        gc_open: _,
        committed: _,
        cells: _,
    } = &*core.contents;
    let sizes = sizes(core);
    Description {
        room: *room,
        limits: core.limits,
        types: types.groups(),
        modules: modules.iter().map(crate::Module::digest).collect(),
        creations: creations.clone(),
        outline: outline(core, &sizes),
        sizes,
    }
}

/// The present sizes of what can grow.
pub(crate) fn sizes(core: &StoreCore) -> Sizes {
    let contents = &core.contents;
    let memories = contents.memories.iter();
    Sizes {
        memories: memories.map(|memory| core.memory_len(memory)).collect(),
        tables: contents.tables.iter().map(|table| core.table_len(table)).collect(),
        heap: heap::accessible(core).map_or(0, |(_, len)| len as u64),
    }
}

fn outline(core: &StoreCore, sizes: &Sizes) -> Outline {
    let contents = &core.contents;
    let kept = kept(core, sizes);
    Outline {
        n_funcs: contents.funcs.len() as u64,
        n_instances: contents.instances.len() as u64,
        n_globals: contents.globals.len() as u64,
        next: contents.plan.next as u64,
        kept: kept.iter().map(|r| (r.start as u64, r.end as u64)).collect(),
    }
}

/// Offsets of all 8-byte fields of the slot that hold addresses of this process: of code or of the host's.
fn absolutes(contents: &Contents) -> Vec<usize> {
    let mut all = context_addresses(contents);
    all.extend((0..contents.funcs.len()).map(|reference| code_address(contents, reference)));
    // Two ascending parts, which this sort makes use of.
    all.sort();
    all
}

/// Where descriptor `reference` holds the address of its code.
pub(crate) fn code_address(contents: &Contents, reference: usize) -> usize {
    contents.plan.funcrefs + reference * funcref::SIZE as usize + funcref::CODE as usize
}

/// The offsets of what holds an address outside of the descriptors, ascending.
pub(crate) fn context_addresses(contents: &Contents) -> Vec<usize> {
    let fields = contents.instances.iter().flat_map(|instance| {
        let fields = instance.module.inner.layout.absolute();
        fields.map(|field| instance.context - field.unsigned_abs() as usize)
    });
    let mut all: Vec<usize> = fields.collect();
    all.sort_unstable();
    all
}

/// The accessible ranges of the slot, without the stack, ascending; of shared memories so many bytes as `sizes` says.
pub(crate) fn kept(core: &StoreCore, sizes: &Sizes) -> Vec<Range<usize>> {
    let shared = core.shared.iter().map(|&(index, _)| {
        let (base, len) = shared_extent(core, index, sizes);
        base..base + len
    });
    let mut kept: Vec<_> = unshared(core).into_iter().chain(shared).collect();
    kept.retain(|range| !range.is_empty());
    kept.sort_by_key(|range| range.start);
    kept
}

fn unshared(core: &StoreCore) -> Vec<Range<usize>> {
    let stack = &core.contents.plan.stack;
    // The stack of a store of one module ends within a page, whose rest is descriptors.
    let stack = stack.start..stack.end / HOST_PAGE * HOST_PAGE;
    let mut kept = Vec::new();
    for range in capture::ranges(core) {
        kept.push(range.start..range.end.min(stack.start));
        kept.push(range.start.max(stack.end)..range.end);
    }
    kept.retain(|range| !range.is_empty());
    kept
}

/// Where shared memory `index` begins, and how many bytes of its pages there are.
fn shared_extent(core: &StoreCore, index: u32, sizes: &Sizes) -> (usize, usize) {
    let index = index as usize;
    let len = usize::try_from(sizes.memories[index]).map_or(0, pages);
    (core.contents.memories[index].base, len)
}

/// The pages that may hold anything but zeros, as ranges of offsets, ascending.
pub(crate) fn written(core: &StoreCore, sizes: &Sizes) -> Result<Vec<Range<usize>>, CaptureError> {
    let scanner = &core.contents.engine.inner.scanner;
    let scanned = unshared(core).into_iter().map(|range| scanner.written_in(&core.slot, range));
    let mut written = scanned.collect::<Result<Vec<_>, _>>()?.concat();
    // What an image shows was not written here.
    written.extend(core.origin.iter().flat_map(capture::Origin::data));
    // Nor was what a region shows.
    for (index, memory) in &core.shared {
        let (base, len) = shared_extent(core, *index, sizes);
        written.extend(memory.touched(len)?.into_iter().map(|r| base + r.start..base + r.end));
    }
    Ok(capture::joined(written))
}

fn runs(core: &StoreCore, sizes: &Sizes) -> Result<Vec<PageRun>, CaptureError> {
    let absolutes = absolutes(&core.contents);
    let mut runs: Vec<PageRun> = Vec::new();
    let mut page = [0; HOST_PAGE];
    for offset in written(core, sizes)?.into_iter().flat_map(|range| range.step_by(HOST_PAGE)) {
        read_page(core, offset, &absolutes, &mut page);
        if page == [0; HOST_PAGE] {
            continue;
        }
        match runs.last_mut() {
            Some(last) if end(last) == Some(offset as u64) => last.bytes.extend_from_slice(&page),
            _ => runs.push(PageRun { offset: offset as u64, bytes: page.to_vec() }),
        }
    }
    Ok(runs)
}

/// The shared memory that the slot shows at `offset`, and how far in it that is.
fn shared_at(core: &StoreCore, offset: usize) -> Option<(&SharedMemory, usize)> {
    core.shared.iter().find_map(|(index, memory)| {
        let at = offset.checked_sub(core.contents.memories[*index as usize].base)?;
        (at < memory.reserved()).then_some((memory, at))
    })
}

/// Reads a page, with zeros for the absolute fields and for the stack's last bytes.
fn read_page(core: &StoreCore, offset: usize, absolutes: &[usize], page: &mut [u8; HOST_PAGE]) {
    const FIELD: usize = 8;
    if let Some((memory, at)) = shared_at(core, offset) {
        memory.read_page(at, page);
        return;
    }
    // SAFETY: the range is of what the store has made accessible, and no call runs in it.
    let read = unsafe { core.slot.read(offset, page) };
    debug_assert!(read.is_ok(), "inside the slot");
    let first = absolutes.partition_point(|&at| at < offset);
    for at in absolutes[first..].iter().take_while(|&&at| at < offset + HOST_PAGE) {
        // Contexts and descriptors lie at whole words, so a field is in one page.
        page[at - offset..at - offset + FIELD].fill(0);
    }
    let stack = &core.contents.plan.stack;
    if stack.contains(&offset) {
        page[..(stack.end - offset).min(HOST_PAGE)].fill(0);
    }
}
