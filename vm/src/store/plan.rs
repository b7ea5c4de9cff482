//! Where the parts of a slot lie.
//!
//! # Layout
//!
//! ```text
//! of one module:  | unused | guard | stack ↓ [supertypes][descriptors][context] | memory 0, 4 GiB + guard | other memories, large tables, heap |
//! of a program:   | unused | descriptors, 16 MiB | supertypes, 8 MiB | guard | stack ↓ [context] | memory 0, … | libraries: contexts, cells, … |
//! an arena:       | guard | stack ↓ | descriptors, 64 MiB | supertypes, 32 MiB | whatever comes: contexts with memories, tables, … |
//! ```
//!
//! The anchor, from which descriptors count contexts, is the slot's first byte.

use std::ops::Range;

use faasm_abi::gc::ROW_BYTES_LOG2;
use faasm_abi::layout::{ContextLayout, MEMORY_GUARD, MEMORY_RESERVATION, funcref, table};
use faasm_abi::module::{ImportKind, ModuleInfo, Shape};
use faasm_abi::types::{MemoryType, TableType};
use faasm_sfi::HOST_PAGE;

use crate::module::{Module, ModuleInner};
use crate::segments;
use crate::shared_memory::HEAD;
use crate::store::creation::Room;
use crate::store::{StoreError, StoreLimits};

/// Inaccessible bytes below the guest stack.
pub(crate) const STACK_GUARD: usize = 64 << 10;
/// The least that is left for the stack beside a large context.
const MIN_STACK: usize = 512 << 10;
/// Bytes of the descriptor table of an arena: four million functions.
const ARENA_FUNCREFS: usize = 64 << 20;
/// Bytes of the table of supertypes of an arena: a million types.
const ARENA_SUPERTYPES: usize = 32 << 20;
/// Bytes reserved for a garbage-collected heap: all that references reach, and the largest structure behind it.
const GC_RESERVATION: usize = (4 << 30) + (1 << 20);

/// Bytes for contexts, cells and tables of the libraries that a program loads; their data lie in the program's memory.
/// What the host keeps of libraries is in proportion to this and to their functions, so neither is more than it must be.
const LIBRARIES: usize = 64 << 20;
/// Bytes of the descriptor table of a program with its libraries: a million functions.
const PROGRAM_FUNCREFS: usize = 16 << 20;
/// Bytes of their table of supertypes: 262,144 types.
const PROGRAM_SUPERTYPES: usize = 8 << 20;

/// The most bytes of a stack or a slot: half of what a process can address.
const MAX_ROOM: usize = 1 << 46;

/// Offsets in a slot, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct SlotPlan {
    /// The usable guest stack; its end is a multiple of 16.
    pub(crate) stack: Range<usize>,
    /// Descriptor 0.
    pub(crate) funcrefs: usize,
    /// How many descriptors there is room for.
    pub(crate) max_funcrefs: usize,
    /// The first row of the table of supertypes.
    pub(crate) supertypes: usize,
    /// How many rows there is room for; none if nothing ever reads them.
    pub(crate) max_supertypes: usize,
    /// The garbage-collected heap, once an instance needs one.
    pub(crate) gc_heap: Option<usize>,
    /// The context pointer of the next instance, if its place is kept: that of the first one, in a store that is for a
    /// module.
    pub(crate) context: Option<usize>,
    /// Whether more instances may follow the first: then descriptors and supertypes have room of their own, which
    /// becomes accessible as it is needed.
    pub(crate) many: bool,
    /// Where the next part goes.
    pub(crate) next: usize,
    /// Bytes of the slot.
    pub(crate) len: usize,
}

/// What one page of page table covers, from slots' first byte on.
const BLOCK: usize = 2 << 20;
/// How much of the stack most calls use at most.
const SHALLOW: usize = 64 << 10;

/// Where the context ends if `below` of the `room` before it is not stack. The block in which memory 0 begins holds what
/// most calls use of the stack, and no more: who looks for written pages passes over the rest, which has no page table.
fn context_end(room: usize, below: usize) -> usize {
    let deep = (STACK_GUARD + room).saturating_sub(pages(below) + SHALLOW);
    deep.next_multiple_of(BLOCK) + (STACK_GUARD + room - deep)
}

impl SlotPlan {
    /// A slot with this room, which is for `module` if it is for one.
    pub(crate) fn of(
        room: Room,
        module: Option<&Module>,
        limits: &StoreLimits,
    ) -> Result<Self, StoreError> {
        match (room, module) {
            (Room::Arena { stack_bytes, arena_bytes }, _) => {
                Ok(Self::arena(room_bytes(stack_bytes)?, room_bytes(arena_bytes)?))
            }
            (Room::Module { stack_bytes }, Some(module)) => {
                Self::for_module(room_bytes(stack_bytes)?, &module.inner, limits)
            }
            (Room::Program { stack_bytes }, Some(module)) => {
                Self::for_program(room_bytes(stack_bytes)?, &module.inner, limits)
            }
            (Room::Module { .. } | Room::Program { .. }, None) => {
                Err(StoreError::Limit { what: "modules" })
            }
        }
    }

    /// A slot for any number of modules.
    fn arena(stack_bytes: usize, arena_bytes: usize) -> Self {
        let funcrefs = pages(STACK_GUARD + stack_bytes.max(MIN_STACK));
        Self {
            stack: STACK_GUARD..funcrefs,
            funcrefs,
            max_funcrefs: ARENA_FUNCREFS / funcref::SIZE as usize,
            supertypes: funcrefs + ARENA_FUNCREFS,
            max_supertypes: ARENA_SUPERTYPES >> ROW_BYTES_LOG2,
            gc_heap: None,
            context: None,
            many: true,
            next: funcrefs + ARENA_FUNCREFS + ARENA_SUPERTYPES,
            len: arena_bytes.max(funcrefs + (1 << 30)),
        }
    }

    /// A slot for one instance of `module`.
    fn for_module(
        stack_bytes: usize,
        module: &ModuleInner,
        limits: &StoreLimits,
    ) -> Result<Self, StoreError> {
        let context_bytes = module.layout.size.unsigned_abs() as usize;
        let max_funcrefs = module.info.escaping.len() + 1;
        let max_supertypes = n_supertypes(&module.info);
        let descriptors = context_bytes + max_funcrefs * funcref::SIZE as usize;
        let below = descriptors + (max_supertypes << ROW_BYTES_LOG2);
        let room = pages(stack_bytes.max(below + MIN_STACK));
        let context = context_end(room, below);
        let mut plan = Self {
            stack: context - room..context - below,
            funcrefs: context - descriptors,
            max_funcrefs,
            supertypes: context - below,
            max_supertypes,
            gc_heap: None,
            context: Some(context),
            many: false,
            next: context,
            len: usize::MAX,
        };
        plan.len = plan.dry_run(module, limits)?;
        Ok(plan)
    }

    /// A slot for one instance of `module`, and for libraries that it loads.
    fn for_program(
        stack_bytes: usize,
        module: &ModuleInner,
        limits: &StoreLimits,
    ) -> Result<Self, StoreError> {
        let below = (module.layout.size.unsigned_abs() as usize).next_multiple_of(16);
        let room = pages(stack_bytes.max(below + MIN_STACK));
        let before = PROGRAM_FUNCREFS + PROGRAM_SUPERTYPES;
        let context = before + context_end(room, below);
        let mut plan = Self {
            stack: context - room..context - below,
            funcrefs: 0,
            max_funcrefs: PROGRAM_FUNCREFS / funcref::SIZE as usize,
            supertypes: PROGRAM_FUNCREFS,
            max_supertypes: PROGRAM_SUPERTYPES >> ROW_BYTES_LOG2,
            gc_heap: None,
            context: Some(context),
            many: true,
            next: context,
            len: usize::MAX,
        };
        let dry = plan.dry_run(module, limits)?;
        plan.len = dry.checked_add(LIBRARIES).ok_or(StoreError::Limit { what: "address space" })?;
        Ok(plan)
    }

    /// Where the slot ends after what an instance of `module` will take.
    fn dry_run(&self, module: &ModuleInner, limits: &StoreLimits) -> Result<usize, StoreError> {
        let mut dry = self.clone();
        Places::of(&mut dry, &module.info, &module.layout, limits)?;
        for import in &module.info.imports {
            if let ImportKind::Memory(ty) = import.kind
                && ty.shared
            {
                dry.take_memory(&ty, memory_reservation(&ty, limits)?)?;
            }
        }
        Ok(dry.next)
    }

    /// Whether a context lies above the descriptors, in a slot of one module: another module may be instantiated than
    /// the one it was made for.
    fn fits(&self, layout: &ContextLayout) -> bool {
        let end = match self.many {
            true => self.stack.end,
            false => self.funcrefs + self.max_funcrefs * funcref::SIZE as usize,
        };
        self.context.is_some_and(|context| {
            context.checked_sub(end).is_some_and(|room| layout.size.unsigned_abs() as usize <= room)
        })
    }

    /// Takes room for a memory with its guard, and its head if it is shared; where its first byte is.
    pub(crate) fn take_memory(
        &mut self,
        ty: &MemoryType,
        (reserved, guard): (usize, usize),
    ) -> Result<usize, StoreError> {
        let head = if ty.shared { HEAD } else { 0 };
        Ok(self.take(head + reserved + guard)? + head)
    }

    /// Takes `len` bytes, whole pages.
    pub(crate) fn take(&mut self, len: usize) -> Result<usize, StoreError> {
        let at = self.next;
        let end = len
            .checked_next_multiple_of(HOST_PAGE)
            .and_then(|len| at.checked_add(len))
            .filter(|&end| end <= self.len)
            .ok_or(StoreError::Limit { what: "address space" })?;
        self.next = end;
        Ok(at)
    }
}

/// Where the parts of one instance lie.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The context pointer.
    pub(crate) context: usize,
    /// Each memory that the instance owns: base and reserved bytes.
    pub(crate) memories: Vec<(usize, usize)>,
    /// Each table that the instance owns: element 0 and how many there is room for.
    pub(crate) tables: Vec<(usize, u64)>,
    /// For each element segment whose elements are made once: room for a table's entry and the elements.
    pub(crate) element_values: Vec<Option<usize>>,
}

impl Places {
    /// Takes room from `plan` for an instance of this module.
    pub(crate) fn of(
        plan: &mut SlotPlan,
        info: &ModuleInfo,
        layout: &ContextLayout,
        limits: &StoreLimits,
    ) -> Result<Self, StoreError> {
        let context = match plan.context {
            Some(context) if plan.fits(layout) => {
                if plan.many {
                    plan.context = None;
                }
                context
            }
            Some(_) => return Err(StoreError::Sealed),
            None => {
                let room = pages(layout.size.unsigned_abs() as usize);
                plan.take(room)? + room
            }
        };
        if info.shape() == Shape::Fused && plan.next != context {
            // Something was put where memory 0 must begin.
            return Err(StoreError::Sealed);
        }
        let memories = info.memories[info.imported.memories as usize..]
            .iter()
            .map(|ty| {
                let reserved = memory_reservation(ty, limits)?;
                Ok((plan.take_memory(ty, reserved)?, reserved.0))
            })
            .collect::<Result<_, StoreError>>()?;
        let imported = info.imported.tables as usize;
        let tables = info.tables[imported..]
            .iter()
            .zip(&layout.inline_tables[imported..])
            .map(|(ty, inline)| match inline {
                Some(offset) => Ok((context - offset.unsigned_abs() as usize, ty.limits.min)),
                None => {
                    let capacity = table_capacity(ty, limits)?;
                    Ok((plan.take(table_bytes(capacity)?)?, capacity))
                }
            })
            .collect::<Result<_, StoreError>>()?;
        let element_values = info
            .elements
            .iter()
            .map(|segment| match segments::is_kept(segment) {
                true => {
                    let bytes = table_bytes(segment.items.len() as u64)?;
                    plan.take(table::SIZE as usize + bytes).map(Some)
                }
                false => Ok(None),
            })
            .collect::<Result<_, StoreError>>()?;
        // In a store for several modules, one that makes no objects may be given another's later.
        let needed = info.needs_gc_heap() || plan.many;
        if needed && plan.gc_heap.is_none() {
            plan.gc_heap = Some(plan.take(GC_RESERVATION)?);
        }
        Ok(Self { context, memories, tables, element_values })
    }
}

/// How many rows of supertypes an instance in a slot of its own needs: none if no type can have subtypes.
fn n_supertypes(info: &ModuleInfo) -> usize {
    if info.types.iter().all(|ty| ty.is_final) { 0 } else { info.types.len() }
}

/// Bytes of a stack or slot, if they are not beyond all address spaces.
fn room_bytes(bytes: u64) -> Result<usize, StoreError> {
    usize::try_from(bytes)
        .ok()
        .filter(|&bytes| bytes <= MAX_ROOM)
        .ok_or(StoreError::Limit { what: "address space" })
}

/// Bytes of a number of pages of this memory.
pub(crate) fn memory_bytes(ty: &MemoryType, n_pages: u64) -> Option<u64> {
    n_pages.checked_mul(1 << ty.page_size_log2)
}

/// The most bytes that a memory can ever have, and the bytes of the guard behind them.
pub(crate) fn memory_reservation(
    ty: &MemoryType,
    limits: &StoreLimits,
) -> Result<(usize, usize), StoreError> {
    let too_large = StoreError::Limit { what: "memory" };
    let min = memory_bytes(ty, ty.limits.min).filter(|&min| min <= limits.memory_bytes);
    let Some(min) = min else { return Err(too_large) };
    if !ty.memory64 && ty.page_size_log2 == 16 {
        return match (usize::try_from(MEMORY_RESERVATION), usize::try_from(MEMORY_GUARD)) {
            (Ok(reserved), Ok(guard)) => Ok((reserved, guard)),
            _ => Err(too_large),
        };
    }
    let max = ty.limits.max.and_then(|max| memory_bytes(ty, max)).unwrap_or(u64::MAX);
    let addressable = if ty.memory64 { u64::MAX } else { MEMORY_RESERVATION };
    let room = max.min(addressable).min(limits.memory_bytes).max(min);
    match usize::try_from(room).ok().and_then(|room| room.checked_next_multiple_of(HOST_PAGE)) {
        Some(room) => Ok((room, HOST_PAGE)),
        None => Err(too_large),
    }
}

/// How many elements a table that is not in a context has room for.
pub(crate) fn table_capacity(ty: &TableType, limits: &StoreLimits) -> Result<u64, StoreError> {
    if ty.limits.min > limits.table_elements {
        return Err(StoreError::Limit { what: "table elements" });
    }
    let addressable = u64::from(u32::MAX);
    Ok(ty.limits.max.unwrap_or(u64::MAX).min(limits.table_elements).min(addressable))
}

/// Bytes of so many elements.
pub(crate) fn table_bytes(elements: u64) -> Result<usize, StoreError> {
    usize::try_from(elements)
        .ok()
        .and_then(|elements| elements.checked_mul(table::ELEMENT_SIZE as usize))
        .ok_or(StoreError::Limit { what: "table elements" })
}

/// `bytes` rounded up to whole pages.
pub(crate) const fn pages(bytes: usize) -> usize {
    bytes.next_multiple_of(HOST_PAGE)
}
