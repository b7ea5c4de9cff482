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

use std::collections::HashMap;

use faasm_abi::module::Import;
use faasm_abi::object::Digest;
use faasm_abi::types::{HeapType, MemoryType, RefType, ValType};
use faasm_sfi::HOST_PAGE;

use crate::capture::CaptureError;
use crate::engine::Engine;
use crate::externs::{Extern, Global, Memory, Table, Tag};
use crate::func::Func;
use crate::heap;
use crate::instantiate::{self, Linked, Resolved};
use crate::linker::{self, Linker, MissingImport};
use crate::module::Module;
use crate::place;
use crate::shared_memory::{SharedMemory, SharedMemoryError};
use crate::snapshot::{self, Description, PageRun, Sizes, StoreSnapshot};
use crate::store::core::StoreCore;
use crate::store::creation::{Creation, Room, Source};
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

/// See the file's page.
pub(crate) fn restore<T: 'static>(
    engine: &Engine,
    snapshot: &StoreSnapshot,
    modules: &[Module],
    linker: &Linker<T>,
    data: T,
) -> Result<Store<T>, RestoreError> {
    let StoreSnapshot { description, runs } = snapshot;
    let Description { room, limits, types, modules: digests, creations, .. } = description;
    let modules = find(modules, digests)?;
    let first = modules.iter().take(usize::from(matches!(room, Room::Module { .. }))).cloned();
    let mut store = Store::with_room(engine, *room, first.collect(), *limits, data)?;
    let core = store.core_mut();
    for group in types {
        let known = core.contents_mut()?.types.restore_group(group);
        ensure(known, "a type refers to none")?;
    }
    place::put_supertypes(core)?;
    let mut maker = Maker { core, description, modules: &modules, linker };
    for creation in creations {
        maker.create(creation)?;
    }
    heap::grow_to(core, description.sizes.heap)?;
    ensure(snapshot::describe(core) == *description, "what it describes has another form")?;
    overlay(core, runs, &description.sizes)?;
    ensure(snapshot::sizes(core) == description.sizes, "a size is not as described")?;
    ensure(heap::is_sound(core), "a reference is of nothing, or of another type")?;
    core.grown = false;
    core.refused = false;
    Ok(store)
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
        Ok(instantiate::build(self.core, Linked { module, imports, types }))
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
            Source::Func(index) => Extern::Func(Func { store, index }),
            Source::Memory(index) => Extern::Memory(Memory { store, index }),
            Source::Table(index) => Extern::Table(Table { store, index }),
            Source::Global(index) => Extern::Global(Global { store, index }),
            Source::Tag(index) => Extern::Tag(Tag { store, index }),
        };
        linker::resolve_item(self.core, types, import.kind, &item)
            .ok_or(damaged("an import is of nothing, or of another type"))
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
    let absolutes: Vec<(usize, u64)> =
        snapshot::absolutes(&core.contents).into_iter().map(|at| (at, core.get(at))).collect();
    // What making the store has written and the snapshot does not have is zero there.
    for range in snapshot::written(core, sizes).map_err(RestoreError::Pages)? {
        for page in range.step_by(HOST_PAGE) {
            fill(core, page, &[0; HOST_PAGE])?;
        }
    }
    for run in runs {
        fill(core, offset(run), &run.bytes)?;
    }
    for (at, address) in absolutes {
        core.put(at, address);
    }
    Ok(())
}

fn fill(core: &StoreCore, offset: usize, bytes: &[u8]) -> Result<(), RestoreError> {
    core.known.touch();
    // SAFETY: the callers' ranges are of what the store has made accessible (`snapshot::kept`), and no call runs in it.
    // What compiled code will take from these bytes is as trusted as the code: a snapshot is a store's, or was under
    // our seal (`StoreSnapshot`).
    unsafe { core.slot.write(offset, bytes) }.map_err(|error| StoreError::from(error).into())
}
