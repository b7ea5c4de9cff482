//! Stores from their snapshots, in other slots and other processes.
//!
//! # Protocol
//!
//! 1. An empty store with the snapshot's room and limits reserves a slot, and has the snapshot's types from the start.
//! 2. What was put into the store is put in again, in order, with the modules and host functions of this process, by
//!    the functions that first did; imports are matched as in linking. Memories and tables grow to their sizes as soon
//!    as they are there.
//! 3. The description of what came out must be the snapshot's.
//! 4. The pages replace what is in the slot. The addresses of this process, which step 2 has written, are put back.
//! 5. Sizes must be those that are described, and references must be of something of their types.
//!
//! Nothing runs and no initial value is computed: all values are in the pages.
//!
//! # In place
//!
//! A captured store is restored from an image file ([`restore_captured`]): in step 4 the pages that hold no address of
//! this process are mapped, copied on write, where there are enough of them to be worth a mapping. They are what its
//! births map, too, so the time does not depend on how many they are.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use faasm_abi::layout::funcref;
use faasm_abi::module::{Import, ImportKind};
use faasm_abi::object::Digest;
use faasm_abi::types::{HeapType, MemoryType, RefType, ValType};
use faasm_sfi::HOST_PAGE;
use faasm_sfi::image::Image;

use crate::capture::{self, CaptureError, Captured};
use crate::code_cache::Check;
use crate::dynlink;
use crate::engine::Engine;
use crate::externs::{Extern, Global, Memory, Table, Tag};
use crate::func::Func;
use crate::heap;
use crate::image_cache::StoredImage;
use crate::instantiate::{self, Linked, Origin, Resolved};
use crate::linker::{self, Linker, MissingImport};
use crate::module::Module;
use crate::place;
use crate::shared_memory::{SharedMemory, SharedMemoryError};
use crate::snapshot::{self, Description, PageRun, Sizes, StoreSnapshot};
use crate::store::contents::Contents;
use crate::store::core::StoreCore;
use crate::store::creation::{Creation, Room, Source};
use crate::store::plan::pages;
use crate::store::{Store, StoreError};

/// Why a snapshot cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A module of the store was not given.
    #[error("the module with digest {digest} is needed and was not given")]
    Module {
        /// Its object's.
        digest: Digest,
    },
    /// A host function of the store is unknown or has another type.
    #[error("a host function is not as it was: {0}")]
    Host(MissingImport),
    /// The snapshot is not of a store that this VM could have made.
    #[error("the snapshot is damaged, or another version of the VM made it: {what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
    /// No room for the store.
    #[error("no store can be made for the snapshot")]
    Store(#[from] StoreError),
    /// The system does not tell which pages were written.
    #[error("the slot cannot be filled")]
    Pages(#[source] CaptureError),
}

const fn damaged(what: &'static str) -> RestoreError {
    RestoreError::Damaged { what }
}

fn ensure(holds: bool, what: &'static str) -> Result<(), RestoreError> {
    if holds { Ok(()) } else { Err(damaged(what)) }
}

/// An open store; see the file's page.
pub(crate) fn restore<T: 'static>(
    engine: &Engine,
    snapshot: &StoreSnapshot,
    modules: &[Module],
    linker: &Linker<T>,
    data: T,
) -> Result<Store<T>, RestoreError> {
    let StoreSnapshot { description, runs } = snapshot;
    let mut core = make(engine, description, modules, linker)?;
    overlay(&mut core, runs, &description.sizes)?;
    check(&core, description, Check::Bytes)?;
    Ok(Store::from_core(core, data))
}

/// A captured store; see the file's page. With [`Check::Seal`] its references are believed, as they were looked at
/// before.
pub(crate) fn restore_captured<T: 'static>(
    engine: &Engine,
    image: &StoredImage,
    modules: &[Module],
    linker: &Linker<T>,
    looked: Check,
) -> Result<Captured, RestoreError> {
    let description = image.description();
    let mut core = make(engine, description, modules, linker)?;
    let mapped = show(&mut core, image)?;
    check(&core, description, looked)?;
    if looked == Check::Bytes {
        ensure(!capture::refers_to_host(&mut core), "it refers to something of a host's")?;
    }
    capture::of_settled(&mut core, &mapped).map_err(RestoreError::Pages)
}

/// Steps 1 to 3.
fn make<T: 'static>(
    engine: &Engine,
    description: &Description,
    modules: &[Module],
    linker: &Linker<T>,
) -> Result<Box<StoreCore>, RestoreError> {
    let Description { room, limits, types, modules: digests, creations, .. } = description;
    let modules = find(modules, digests)?;
    let first = modules.iter().take(usize::from(!matches!(room, Room::Arena { .. }))).cloned();
    let mut core =
        StoreCore::with_room(engine, *room, first.collect(), *limits, TypeId::of::<T>())?;
    for group in types {
        let known = core.contents_mut()?.types.restore_group(group);
        ensure(known, "a type refers to none")?;
    }
    place::put_supertypes(&mut core)?;
    let mut maker = Maker { core: &mut core, description, modules: &modules, linker };
    for creation in creations {
        maker.create(creation)?;
    }
    heap::grow_to(&mut core, description.sizes.heap)?;
    ensure(snapshot::describe(&core) == *description, "what it describes has another form")?;
    core.grown = false;
    core.refused = false;
    Ok(core)
}

/// Step 5.
fn check(core: &StoreCore, description: &Description, looked: Check) -> Result<(), RestoreError> {
    ensure(snapshot::sizes(core) == description.sizes, "a size is not as described")?;
    let sound = looked == Check::Seal || heap::is_sound(core);
    ensure(sound, "a reference is of nothing, or of another type")
}

/// The modules with these digests, in their order.
fn find(modules: &[Module], digests: &[Digest]) -> Result<Vec<Module>, RestoreError> {
    let known: HashMap<Digest, &Module> =
        modules.iter().map(|module| (module.digest(), module)).collect();
    let find = |&digest: &Digest| {
        known.get(&digest).map(|&module| module.clone()).ok_or(RestoreError::Module { digest })
    };
    digests.iter().map(find).collect()
}

/// Step 2.
struct Maker<'a, T: 'static> {
    core: &'a mut StoreCore,
    description: &'a Description,
    modules: &'a [Module],
    linker: &'a Linker<T>,
}

impl<T: 'static> Maker<'_, T> {
    fn create(&mut self, creation: &Creation) -> Result<(), RestoreError> {
        let contents = &self.core.contents;
        let (memories, tables) = (contents.memories.len(), contents.tables.len());
        let made = match creation {
            Creation::Instance { module, imports } => self.instance(*module, imports)?,
            Creation::Memory(ty) => {
                check_memory(ty)?;
                place::own_memory(self.core, *ty)
            }
            Creation::Shared { ty, room } => {
                check_memory(ty)?;
                let room = usize::try_from(*room).map_err(|_| damaged("a memory has no room"))?;
                SharedMemory::with_room(*ty, room)
                    .map_err(StoreError::from)
                    .and_then(|memory| place::imported_memory(self.core, memory))
            }
            Creation::Table(ty) => {
                self.check_reference(ty.element)?;
                place::own_table(self.core, *ty, 0)
            }
            Creation::Global(ty) => {
                if let ValType::Ref(reference) = ty.value {
                    self.check_reference(reference)?;
                }
                place::own_global(self.core, *ty, 0)
            }
            Creation::Tag(ty) => {
                let types = &self.core.contents.types;
                let known = (*ty as usize) < types.len();
                ensure(known && types.kind(*ty) == HeapType::Func, "a tag of no function type")?;
                place::put_tag(self.core, *ty)
            }
            Creation::Library(record) => {
                let instances = self.core.contents.instances.len();
                ensure((record.instance as usize) < instances, "a library that is no instance")?;
                let contents = self.core.contents_mut()?;
                contents.libraries.push(record.clone());
                contents.creations.push(creation.clone());
                Ok(0)
            }
            Creation::Promotion(library) => {
                let contents = self.core.contents_mut()?;
                let record = contents.libraries.get_mut(*library as usize);
                record.ok_or(damaged("a promotion of no library"))?.global = true;
                contents.creations.push(creation.clone());
                Ok(0)
            }
        };
        match made {
            // What was refused for want of room then is refused now, and has left the same parts.
            Ok(_)
            | Err(
                StoreError::Limit { .. }
                | StoreError::Sealed
                | StoreError::Shared(SharedMemoryError::NotShared | SharedMemoryError::Limit),
            ) => self.grow(memories, tables),
            Err(error) => Err(error.into()),
        }
    }

    fn instance(
        &mut self,
        module: u32,
        imports: &[Source],
    ) -> Result<Result<u32, StoreError>, RestoreError> {
        let module =
            self.modules.get(module as usize).ok_or(damaged("an instance of no module"))?;
        let asked = &module.info().imports;
        ensure(asked.len() == imports.len(), "an instance has not its module's imports")?;
        let types = self.core.contents_mut()?.types.intern_module(module.info());
        let imports = asked
            .iter()
            .zip(imports)
            .map(|(import, source)| self.resolve(&types, import, *source))
            .collect::<Result<Vec<_>, _>>()?;
        let origin = Origin::Snapshot;
        Ok(instantiate::build(self.core, Linked { module, imports, types, origin }))
    }

    fn resolve(
        &mut self,
        types: &[u32],
        import: &Import,
        source: Source,
    ) -> Result<Resolved, RestoreError> {
        let store = self.core.id;
        let item = match source {
            Source::Host => {
                let known = &mut self.core.contents_mut()?.types;
                let host = self.linker.host_function(known, types, import);
                return host.map(Resolved::Host).map_err(RestoreError::Host);
            }
            Source::Late => return self.late(types, import),
            Source::Func(index) => Extern::Func(Func { store, index }),
            Source::Memory(index) => Extern::Memory(Memory { store, index }),
            Source::Table(index) => Extern::Table(Table { store, index }),
            Source::Global(index) => Extern::Global(Global { store, index }),
            Source::Tag(index) => Extern::Tag(Tag { store, index }),
        };
        linker::resolve_item(self.core, types, import.kind, &item)
            .ok_or(damaged("an import is of nothing, or of another type"))
    }

    fn late(&self, types: &[u32], import: &Import) -> Result<Resolved, RestoreError> {
        let wrong = || damaged("an import that is bound late is of another kind");
        let ImportKind::Function(ty) = import.kind else { return Err(wrong()) };
        let ty = self.core.contents.types.func(types[ty as usize]);
        let host = dynlink::late::<T>(ty, &import.name).ok_or_else(wrong)?;
        Ok(Resolved::Late(Arc::new(host)))
    }

    /// Grows what came since there were so many memories and tables.
    fn grow(&mut self, memories: usize, tables: usize) -> Result<(), RestoreError> {
        let sizes = &self.description.sizes;
        let wrong = || damaged("a memory or table is of another size");
        for at in memories..self.core.contents.memories.len() {
            let wanted = *sizes.memories.get(at).ok_or_else(wrong)?;
            let memory = &self.core.contents.memories[at];
            let more = wanted.checked_sub(self.core.memory_len(memory)).ok_or_else(wrong)?;
            let more = more >> memory.ty.page_size_log2;
            self.core.grow_memory(place::number(at), more).map_err(|_| wrong())?;
        }
        for at in tables..self.core.contents.tables.len() {
            let wanted = *sizes.tables.get(at).ok_or_else(wrong)?;
            let now = self.core.table_len(&self.core.contents.tables[at]);
            let more = wanted.checked_sub(now).ok_or_else(wrong)?;
            self.core.grow_table(place::number(at), 0, more).map_err(|_| wrong())?;
        }
        Ok(())
    }

    fn check_reference(&self, ty: RefType) -> Result<(), RestoreError> {
        match ty.heap {
            HeapType::Concrete(id) => {
                ensure((id as usize) < self.core.contents.types.len(), "a reference of no type")
            }
            _ => Ok(()),
        }
    }
}

fn check_memory(ty: &MemoryType) -> Result<(), RestoreError> {
    ensure(matches!(ty.page_size_log2, 0 | 16), "a memory has pages of no size")
}

/// Step 4.
fn overlay(core: &mut StoreCore, runs: &[PageRun], sizes: &Sizes) -> Result<(), RestoreError> {
    let kept = snapshot::kept(core, sizes);
    let offset = |run: &PageRun| usize::try_from(run.offset).unwrap_or(usize::MAX);
    let inside = |run: &PageRun| {
        let (start, len) = (offset(run), run.bytes.len());
        kept.iter().any(|range| range.contains(&start) && range.end - start >= len)
    };
    ensure(runs.iter().all(inside), "a page is not in the store")?;
    let addresses = Addresses::of(core);
    clear(core, sizes)?;
    for run in runs {
        fill(core, offset(run), &run.bytes)?;
    }
    addresses.put(core);
    Ok(())
}

/// From so many bytes of data on a part of an image is mapped and not copied: a mapping costs each birth about a
/// microsecond and each live Faaslet a mapping, a copy costs the restoration about two microseconds a page.
const IN_PLACE: usize = 1 << 20;

/// Step 4, in place; which images the slot shows now, and where.
fn show(core: &mut StoreCore, image: &StoredImage) -> Result<Vec<(usize, Image)>, RestoreError> {
    let addresses = Addresses::of(core);
    let mut mapped = Vec::new();
    let mut copied = Vec::new();
    for extent in image.extents() {
        let shared = core
            .shared
            .iter()
            .any(|(index, _)| core.contents.memories[*index as usize].base == extent.start);
        // Behind the last page that holds an address.
        let last = addresses.last_before(&core.contents, extent.end);
        let own = last.map_or(0, |at| pages(at + 1)).clamp(extent.start, extent.end);
        let cut =
            if !shared && image.data_in(own..extent.end) >= IN_PLACE { own } else { extent.end };
        if cut < extent.end {
            let part = image.part(cut..extent.end);
            let part = part.map_err(|error| RestoreError::Pages(error.into()))?;
            core.slot.map_image(cut, &part).map_err(StoreError::from)?;
            mapped.push((cut, part));
        }
        copied.push(extent.start..cut);
    }
    // What is mapped was not written.
    clear(core, &image.description().sizes)?;
    for (offset, bytes) in copied.into_iter().flat_map(|range| image.runs_in(range)) {
        fill(core, offset, bytes)?;
    }
    addresses.put(core);
    Ok(mapped)
}

/// The addresses of this process in contexts, ascending by where they are. Those in descriptors are the records'.
struct Addresses(Vec<(usize, u64)>);

impl Addresses {
    fn of(core: &StoreCore) -> Self {
        let fields = snapshot::context_addresses(&core.contents);
        Self(fields.into_iter().map(|at| (at, core.get(at))).collect())
    }

    /// Where the last address before `end` is.
    fn last_before(&self, contents: &Contents, end: usize) -> Option<usize> {
        let field = self.0[..self.0.partition_point(|&(at, _)| at < end)].last();
        let before = end.saturating_sub(snapshot::code_address(contents, 0));
        let before = contents.funcs.len().min(before.div_ceil(funcref::SIZE as usize));
        let code = before.checked_sub(1).map(|last| snapshot::code_address(contents, last));
        code.max(field.map(|&(at, _)| at))
    }

    fn put(self, core: &mut StoreCore) {
        for (at, address) in self.0 {
            core.put(at, address);
        }
        let contents = Arc::clone(&core.contents);
        for (reference, record) in contents.funcs.iter().enumerate() {
            core.put(snapshot::code_address(&contents, reference), record.code as u64);
        }
    }
}

/// Makes what was written while the store was made zero: what is not in the snapshot is.
fn clear(core: &mut StoreCore, sizes: &Sizes) -> Result<(), RestoreError> {
    for range in snapshot::written(core, sizes).map_err(RestoreError::Pages)? {
        for page in range.step_by(HOST_PAGE) {
            fill(core, page, &[0; HOST_PAGE])?;
        }
    }
    Ok(())
}

fn fill(core: &StoreCore, offset: usize, bytes: &[u8]) -> Result<(), RestoreError> {
    core.known.touch();
    // SAFETY: the callers' ranges are of what the store has made accessible (`snapshot::kept`, which `make` has found to
    // be the description's), and no call runs in it. What compiled code will take from these bytes is as trusted as the
    // code: a snapshot is a store's, or was under our seal (`StoreSnapshot`, `StoredImage`).
    unsafe { core.slot.write(offset, bytes) }.map_err(|error| StoreError::from(error).into())
}
