//! Putting memories, tables, globals and tags into a store: room, accessible pages, records, limits.

use faasm_abi::gc::{ROW, ROW_BYTES_LOG2};
use faasm_abi::layout::{funcref, memory, table};
use faasm_abi::types::{FuncType, GlobalType, MemoryType, TableType};
use faasm_sfi::HOST_PAGE;

use crate::externs::put_global;
use crate::mappings::OF_REGION;
use crate::shared_memory::{HEAD, SharedMemory};
use crate::store::StoreError;
use crate::store::contents::{GlobalRecord, MemoryRecord, TableRecord, TagRecord};
use crate::store::core::StoreCore;
use crate::store::creation::Creation;
use crate::store::plan::{memory_bytes, memory_reservation, pages, table_bytes, table_capacity};

const TOO_MUCH_MEMORY: StoreError = StoreError::Limit { what: "memory" };
const TOO_MANY_ELEMENTS: StoreError = StoreError::Limit { what: "table elements" };

/// A memory of the store's own.
pub(crate) fn own_memory(core: &mut StoreCore, ty: MemoryType) -> Result<u32, StoreError> {
    let limits = core.limits;
    core.contents_mut()?.creations.push(Creation::Memory(ty));
    let (reserved, guard) = memory_reservation(&ty, &limits)?;
    if ty.shared {
        return shared_memory(core, SharedMemory::with_room(ty, reserved)?, ty);
    }
    let base = core.contents_mut()?.plan.take_memory(&ty, (reserved, guard))?;
    let definition = take_cell(core)?;
    put_memory(core, MemoryRecord { ty, base, reserved, definition }, 0)
}

/// A shared memory that was made outside of the store: at a place of its own, if it has none yet.
pub(crate) fn imported_memory(
    core: &mut StoreCore,
    memory: SharedMemory,
) -> Result<u32, StoreError> {
    if let Some((index, _)) = core.shared.iter().find(|(_, known)| known.same_as(&memory)) {
        return Ok(*index);
    }
    // Read once: others can make it grow at any time.
    let ty = memory.ty();
    let room = memory.reserved() as u64;
    core.contents_mut()?.creations.push(Creation::Shared { ty, room });
    shared_memory(core, memory, ty)
}

/// A shared memory that is made for the store, as if it came from outside.
pub(crate) fn made_memory(core: &mut StoreCore, ty: MemoryType) -> Result<u32, StoreError> {
    let (reserved, _) = memory_reservation(&ty, &core.limits)?;
    imported_memory(core, SharedMemory::with_room(ty, reserved)?)
}

/// A shared memory that the store does not have yet; `ty` has its size as minimum.
fn shared_memory(
    core: &mut StoreCore,
    memory: SharedMemory,
    ty: MemoryType,
) -> Result<u32, StoreError> {
    let (reserved, guard) = memory_reservation(&ty, &core.limits)?;
    let room = (reserved.max(memory.reserved()), guard);
    let base = core.contents_mut()?.plan.take_memory(&ty, room)?;
    put_shared(core, memory, ty, base)
}

/// Maps a shared memory whose place is known, and makes its record.
pub(crate) fn put_shared(
    core: &mut StoreCore,
    memory: SharedMemory,
    ty: MemoryType,
    base: usize,
) -> Result<u32, StoreError> {
    let bytes = memory_bytes(&ty, ty.limits.min);
    if bytes.is_none_or(|bytes| bytes > core.memory_room()) {
        return Err(TOO_MUCH_MEMORY);
    }
    let definition = base - HEAD;
    core.mappings.more(OF_REGION)?;
    core.slot.map_growing(definition, memory.region(), HEAD)?;
    let memories = &mut core.contents_mut()?.memories;
    let index = number(memories.len());
    memories.push(MemoryRecord { ty, base, reserved: memory.reserved(), definition });
    core.shared.push((index, memory));
    Ok(index)
}

/// A table of the store's own.
pub(crate) fn own_table(
    core: &mut StoreCore,
    ty: TableType,
    element: u32,
) -> Result<u32, StoreError> {
    core.contents_mut()?.creations.push(Creation::Table(ty));
    let capacity = table_capacity(&ty, &core.limits)?;
    let base = core.contents_mut()?.plan.take(table_bytes(capacity)?)?;
    let definition = take_cell(core)?;
    let record = TableRecord { ty, base, capacity, definition, inline: false };
    put_table(core, record, 0, element)
}

/// A global of the store's own.
pub(crate) fn own_global(
    core: &mut StoreCore,
    ty: GlobalType,
    bits: u128,
) -> Result<u32, StoreError> {
    core.contents_mut()?.creations.push(Creation::Global(ty));
    let value = take_cell(core)?;
    let record = GlobalRecord { ty, value };
    put_global(core, &record, bits);
    let globals = &mut core.contents_mut()?.globals;
    globals.push(record);
    Ok(number(globals.len() - 1))
}

/// A tag of the store's own.
pub(crate) fn own_tag(core: &mut StoreCore, ty: &FuncType) -> Result<u32, StoreError> {
    let contents = core.contents_mut()?;
    if !contents.plan.many {
        // The plan has counted the module's own types only.
        return Err(StoreError::Sealed);
    }
    let ty = contents.types.intern_func(ty).ok_or(StoreError::WrongType)?;
    // As in linking, what was made known has its row.
    put_supertypes(core)?;
    put_tag(core, ty)
}

/// A tag of the store's own whose type, a function's, the store knows.
pub(crate) fn put_tag(core: &mut StoreCore, ty: u32) -> Result<u32, StoreError> {
    let contents = core.contents_mut()?;
    contents.creations.push(Creation::Tag(ty));
    contents.tags.push(TagRecord { ty });
    Ok(number(contents.tags.len() - 1))
}

/// Sixteen bytes for an entry or a value that belongs to no instance.
fn take_cell(core: &mut StoreCore) -> Result<usize, StoreError> {
    const CELL: usize = 16;
    if core.contents_mut()?.cells.is_empty() {
        let page = core.contents_mut()?.plan.take(HOST_PAGE)?;
        commit(core, page, HOST_PAGE)?;
        core.contents_mut()?.cells = page..page + HOST_PAGE;
    }
    let cells = &mut core.contents_mut()?.cells;
    let at = cells.start;
    cells.start += CELL;
    Ok(at)
}

/// Gives each type that has none yet its row in the table of supertypes, as far as there is room.
pub(crate) fn put_supertypes(core: &mut StoreCore) -> Result<(), StoreError> {
    let contents = &core.contents;
    let (first, plan) = (contents.n_rows, &contents.plan);
    if plan.many && contents.types.len() > plan.max_supertypes {
        return Err(StoreError::Limit { what: "types" });
    }
    let end = contents.types.len().min(plan.max_supertypes);
    let at = |row: usize| plan.supertypes + (row << ROW_BYTES_LOG2);
    let (old, new) = (pages(at(first)), pages(at(end)));
    if plan.many {
        commit(core, old, new - old)?;
    }
    for row in first..end {
        let base = core.contents.plan.supertypes + (row << ROW_BYTES_LOG2);
        for depth in 0..ROW as usize {
            let ancestor = core.contents.types.ancestors(number(row)).get(depth).copied();
            core.put(base + depth * 4, ancestor.unwrap_or(funcref::NO_TYPE));
        }
    }
    core.contents_mut()?.n_rows = end;
    Ok(())
}

/// Makes pages accessible for good.
pub(crate) fn commit(core: &mut StoreCore, offset: usize, len: usize) -> Result<(), StoreError> {
    if len > 0 {
        core.slot.commit(offset, len)?;
        core.contents_mut()?.committed.push(offset..offset + len);
    }
    Ok(())
}

/// Fills in a memory whose place is known: its first pages, its entry (with the distance from the owner's context to
/// its base), its record.
pub(crate) fn put_memory(
    core: &mut StoreCore,
    record: MemoryRecord,
    delta: i64,
) -> Result<u32, StoreError> {
    let bytes = memory_bytes(&record.ty, record.ty.limits.min).ok_or(TOO_MUCH_MEMORY)?;
    if bytes > core.memory_room() || bytes > record.reserved as u64 {
        return Err(TOO_MUCH_MEMORY);
    }
    let accessible = pages(usize::try_from(bytes).map_err(|_| TOO_MUCH_MEMORY)?);
    if accessible > 0 {
        core.slot.commit(record.base, accessible)?;
    }
    core.memory_used += bytes;
    core.put(record.definition + memory::BASE as usize, delta);
    core.put(record.definition + memory::LENGTH as usize, bytes);
    let memories = &mut core.contents_mut()?.memories;
    memories.push(record);
    Ok(number(memories.len() - 1))
}

/// Fills in a table whose place is known, as [`put_memory`].
pub(crate) fn put_table(
    core: &mut StoreCore,
    record: TableRecord,
    delta: i64,
    element: u32,
) -> Result<u32, StoreError> {
    let len = record.ty.limits.min;
    if len > core.limits.table_elements - core.elements_used || len > record.capacity {
        return Err(TOO_MANY_ELEMENTS);
    }
    if !record.inline && len > 0 {
        core.slot.commit(record.base, pages(table_bytes(len)?))?;
    }
    core.elements_used += len;
    core.put(record.definition + table::BASE as usize, delta);
    core.put(record.definition + table::LENGTH as usize, len);
    if element != 0 {
        (0..len).for_each(|at| core.put_element(&record, at, element));
    }
    let tables = &mut core.contents_mut()?.tables;
    tables.push(record);
    Ok(number(tables.len() - 1))
}

/// A position as an index of the store's; far below the limit, as each takes room in the slot.
pub(crate) fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
