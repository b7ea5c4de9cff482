//! Where each field of an instance's context lies.
//!
//! Both sides compute the layout from the module's description with [`ContextLayout::of`], so it is not stored.
//!
//! # Layout
//!
//! All offsets are negative, in bytes from the context pointer; the hottest fields lie nearest.
//!
//! ```text
//!  −size                                                            −88            0
//!   | inline tables | types | imports | table, memory defs | globals | header      |  memory 0 (fused)
//! ```
//!
//! # Invariants
//!
//! * Nothing here depends on where the store lies: places are *deltas* in bytes, added to the context pointer.
//! * The only absolute addresses are those that [`ContextLayout::absolute`] lists; they are equal for all stores of a
//!   module in a process.

use crate::module::ModuleInfo;
use crate::types::TableType;

/// Guest addresses that a 32-bit memory reserves behind its base: 4 GiB.
pub const MEMORY_RESERVATION: u64 = 1 << 32;

/// Bytes behind the reservation that always fault, so that an access with a static offset (plus its own size) up to
/// this needs no check.
pub const MEMORY_GUARD: u64 = 32 << 20;

/// Bytes of a page of WebAssembly memory, unless the memory's type says otherwise.
pub const WASM_PAGE: u64 = 1 << 16;

/// Fields that every context has.
pub mod header {
    /// `u64`: size of memory 0 in bytes, if the instance owns it. Written by growth. Of a shared memory: see
    /// [`super::shared_memory`].
    pub const MEMORY0_LENGTH: i32 = -8;
    /// `i64`: context to the base of memory 0, if the instance owns it (0 when fused).
    pub const MEMORY0_BASE: i32 = -16;
    /// Address of the table of builtins.
    pub const BUILTINS: i32 = -24;
    /// `i64`: context to the lowest usable byte of the guest stack.
    pub const STACK_LIMIT: i32 = -32;
    /// `i64`: context to the store's table of function references (descriptor 0).
    pub const FUNCREFS: i32 = -40;
    /// `i64`: context to the store's anchor, from which descriptors count contexts.
    pub const ANCHOR: i32 = -48;
    /// `u32`: function reference of this instance's first escaping function.
    pub const FIRST_FUNCREF: i32 = -52;
    /// `u32`: index of this instance in its store.
    pub const INSTANCE: i32 = -56;
    /// `u32`: always 0, the null reference. What an index beyond a table reads when it is executed speculatively.
    pub const NULL: i32 = -64;
    /// Frame pointer of the stub through which this instance's code called the host last: where the VM finds the
    /// guest's frames. Written by the stub; an address of this store's stack.
    pub const EXIT_FRAME: i32 = -72;
    /// `i64`: context to the garbage-collected heap (see [`crate::gc`]).
    pub const GC_HEAP: i32 = -80;
    /// `i64`: context to the table of supertypes (see [`crate::gc::ROW`]).
    pub const SUPERTYPES: i32 = -88;
    /// Bytes of the header.
    pub const SIZE: i32 = 88;
}

/// Descriptors of function references: the store's table, whose entry 0 is null's.
pub mod funcref {
    /// Bytes of a descriptor.
    pub const SIZE: i32 = 16;
    /// log2 of the bytes of a descriptor.
    pub const SIZE_LOG2: u8 = 4;
    /// Address of the compiled code.
    pub const CODE: i32 = 0;
    /// `u32`: canonical type id in the store; [`NO_TYPE`] in null's descriptor.
    pub const TYPE: i32 = 8;
    /// `i32`: anchor to the callee's context, in units of `1 << CONTEXT_SHIFT` bytes.
    pub const CONTEXT: i32 = 12;
    /// log2 of the unit of [`CONTEXT`]: contexts lie at whole host pages.
    pub const CONTEXT_SHIFT: u8 = 12;
    /// The type id that no type has.
    pub const NO_TYPE: u32 = u32::MAX;
}

/// Fields of an imported function.
pub mod imported_function {
    /// Address of compiled code to call: another instance's function, or one of the host stubs of this import.
    pub const CODE: i32 = 0;
    /// `i64`: own context to the callee's (0 for a host function).
    pub const CONTEXT: i32 = 8;
    /// Address of the host function, for the stub.
    pub const HOST: i32 = 16;
    /// The host function's environment, for the stub.
    pub const ENVIRONMENT: i32 = 24;
    /// `u64`: stack room in bytes that the host function needs.
    pub const ROOM: i32 = 32;
    /// Bytes of the entry.
    pub const SIZE: i32 = 40;
}

/// Fields of a memory that the instance owns (memory 0's are in the header, at the same distances).
pub mod memory {
    /// `i64`: context to base.
    pub const BASE: i32 = 0;
    /// `u64`: size in bytes.
    pub const LENGTH: i32 = 8;
    /// Bytes of the entry.
    pub const SIZE: i32 = 16;
}

/// Fields of a shared memory that the instance owns, in the place of [`memory`]'s: the length is not the instance's.
pub mod shared_memory {
    /// `i64`: context to base.
    pub const BASE: i32 = super::memory::BASE;
    /// `i64`: context to the entry of the shared memory itself, whose [`super::memory::LENGTH`] counts.
    pub const DEFINITION: i32 = super::memory::LENGTH;
}

/// Fields of a memory that the instance imports.
pub mod imported_memory {
    /// `i64`: own context to base.
    pub const BASE: i32 = 0;
    /// `i64`: own context to the owner's entry, whose [`super::memory::LENGTH`] counts.
    pub const DEFINITION: i32 = 8;
    /// Bytes of the entry.
    pub const SIZE: i32 = 16;
}

/// Fields of a table that the instance owns; elements are `u32` references.
pub mod table {
    /// `i64`: context to element 0.
    pub const BASE: i32 = 0;
    /// `u64`: length in elements.
    pub const LENGTH: i32 = 8;
    /// Bytes of the entry.
    pub const SIZE: i32 = 16;
    /// Bytes of an element.
    pub const ELEMENT_SIZE: i32 = 4;
}

/// Fields of a table that the instance imports.
pub mod imported_table {
    /// `i64`: own context to element 0.
    pub const BASE: i32 = 0;
    /// `i64`: own context to the owner's entry, whose [`super::table::LENGTH`] counts.
    pub const DEFINITION: i32 = 8;
    /// Bytes of the entry.
    pub const SIZE: i32 = 16;
}

/// The largest context, in bytes: modules that need more are refused.
pub const MAX_CONTEXT: i32 = 256 << 20;

/// A fixed table up to this many elements lies in the context itself.
pub const MAX_INLINE_TABLE: u64 = 1 << 14;

/// Where a memory's or a table's entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The instance owns it; the offset is of its [`memory`] or [`table`] entry.
    Owned(i32),
    /// It is imported; the offset is of its [`imported_memory`] or [`imported_table`] entry.
    Imported(i32),
}

/// Where a global's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalPlace {
    /// At this offset.
    Owned(i32),
    /// Elsewhere: the `i64` at this offset is the distance from the own context to the value.
    Imported(i32),
}

/// The context of one module's instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextLayout {
    /// Bytes of the context, a multiple of 16.
    pub size: i32,
    /// Each global, by index.
    pub globals: Vec<GlobalPlace>,
    /// Each memory, by index.
    pub memories: Vec<Place>,
    /// Each table, by index.
    pub tables: Vec<Place>,
    /// For each table, the offset of its elements if they lie in the context (then the length is fixed).
    pub inline_tables: Vec<Option<i32>>,
    /// Offset of each imported function's entry.
    pub imported_functions: Vec<i32>,
    /// Offset of a `u32` for each type index: its canonical id in the store.
    pub types: i32,
    /// Offset of a `u32` for each tag index: its number in the store.
    pub tags: i32,
    /// Offset of a `u32` for each data segment: its length, 0 when dropped.
    pub data_lengths: i32,
    /// Offset of a `u32` for each element segment: its length, 0 when dropped.
    pub element_lengths: i32,
}

/// A module needs a larger context than [`MAX_CONTEXT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the module needs an instance context of more than {MAX_CONTEXT} bytes: it has too many globals, imports, types or table elements"
)]
pub struct ContextTooLarge;

impl ContextLayout {
    /// Lays out the context of `module`'s instances.
    ///
    /// # Errors
    ///
    /// [`ContextTooLarge`] when it would exceed [`MAX_CONTEXT`].
    pub fn of(module: &ModuleInfo) -> Result<Self, ContextTooLarge> {
        let mut cursor = Cursor { used: i64::from(header::SIZE) };
        let globals = place_globals(module, &mut cursor)?;
        let memories = place_memories(module, &mut cursor)?;
        let tables = place_tables(module, &mut cursor)?;
        let imported_functions = (0..module.imported.functions)
            .map(|_| cursor.take(imported_function::SIZE, 8))
            .collect::<Result<_, _>>()?;
        let types = cursor.array(4, module.types.len())?;
        let tags = cursor.array(4, module.tags.len())?;
        let data_lengths = cursor.array(4, module.data_segments as usize)?;
        let element_lengths = cursor.array(4, module.elements.len())?;
        let inline_tables = place_inline_tables(module, &mut cursor)?;
        let size = -cursor.take(0, 16)?;
        Ok(Self {
            size,
            globals,
            memories,
            tables,
            inline_tables,
            imported_functions,
            types,
            tags,
            data_lengths,
            element_lengths,
        })
    }

    /// Offsets of the 8-byte fields that hold absolute addresses of this process.
    pub fn absolute(&self) -> impl Iterator<Item = i32> + '_ {
        let of_import =
            [imported_function::CODE, imported_function::HOST, imported_function::ENVIRONMENT];
        std::iter::once(header::BUILTINS).chain(
            self.imported_functions
                .iter()
                .flat_map(move |entry| of_import.map(|field| entry + field)),
        )
    }
}

fn place_globals(
    module: &ModuleInfo,
    cursor: &mut Cursor,
) -> Result<Vec<GlobalPlace>, ContextTooLarge> {
    let imported = module.imported.globals as usize;
    let mut places = vec![GlobalPlace::Owned(0); module.globals.len()];
    // Eight-byte globals first: the stack pointer of clang and rustc is global 0 and must lie near.
    for width in [8, 16] {
        for (index, ty) in module.globals.iter().enumerate().skip(imported) {
            if ty.value.global_bytes() == width {
                places[index] = GlobalPlace::Owned(cursor.take(width, width)?);
            }
        }
    }
    for place in places.iter_mut().take(imported) {
        *place = GlobalPlace::Imported(cursor.take(8, 8)?);
    }
    Ok(places)
}

fn place_memories(module: &ModuleInfo, cursor: &mut Cursor) -> Result<Vec<Place>, ContextTooLarge> {
    let imported = module.imported.memories as usize;
    (0..module.memories.len())
        .map(|index| {
            Ok(if index < imported {
                Place::Imported(cursor.take(imported_memory::SIZE, 8)?)
            } else if index == 0 {
                Place::Owned(header::MEMORY0_BASE)
            } else {
                Place::Owned(cursor.take(memory::SIZE, 8)?)
            })
        })
        .collect()
}

fn place_tables(module: &ModuleInfo, cursor: &mut Cursor) -> Result<Vec<Place>, ContextTooLarge> {
    let imported = module.imported.tables as usize;
    (0..module.tables.len())
        .map(|index| {
            Ok(if index < imported {
                Place::Imported(cursor.take(imported_table::SIZE, 8)?)
            } else {
                Place::Owned(cursor.take(table::SIZE, 8)?)
            })
        })
        .collect()
}

fn place_inline_tables(
    module: &ModuleInfo,
    cursor: &mut Cursor,
) -> Result<Vec<Option<i32>>, ContextTooLarge> {
    let imported = module.imported.tables as usize;
    module
        .tables
        .iter()
        .enumerate()
        .map(|(index, ty)| {
            let growable = u32::try_from(index).is_ok_and(|i| module.growable_tables.contains(&i));
            if index < imported || !is_inline(ty, growable) {
                return Ok(None);
            }
            let elements = usize::try_from(ty.limits.min).map_err(|_| ContextTooLarge)?;
            cursor.array(table::ELEMENT_SIZE, elements).map(Some)
        })
        .collect()
}

/// Whether a table of this type, owned by the instance, has its elements in the context.
fn is_inline(ty: &TableType, growable: bool) -> bool {
    let fixed = !growable || ty.limits.max == Some(ty.limits.min);
    fixed && ty.limits.min <= MAX_INLINE_TABLE
}

/// Hands out space downwards from the context pointer.
struct Cursor {
    used: i64,
}

impl Cursor {
    fn take(&mut self, size: i32, align: i32) -> Result<i32, ContextTooLarge> {
        let (size, align) = (i64::from(size), i64::from(align));
        self.used = (self.used + size + align - 1) / align * align;
        match i32::try_from(self.used) {
            Ok(used) if used <= MAX_CONTEXT => Ok(-used),
            _ => Err(ContextTooLarge),
        }
    }

    fn array(&mut self, element: i32, count: usize) -> Result<i32, ContextTooLarge> {
        let count = i32::try_from(count).map_err(|_| ContextTooLarge)?;
        let bytes = element.checked_mul(count).ok_or(ContextTooLarge)?;
        self.take(bytes, 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{GlobalType, Limits, RefType, ValType};

    fn module(globals: &[ValType], table: Option<u64>) -> ModuleInfo {
        ModuleInfo {
            globals: globals.iter().map(|&value| GlobalType { value, mutable: true }).collect(),
            tables: table
                .map(|min| TableType {
                    element: RefType::FUNCREF,
                    limits: Limits { min, max: None },
                    table64: false,
                })
                .into_iter()
                .collect(),
            ..ModuleInfo::default()
        }
    }

    #[test]
    fn the_first_global_is_reached_with_a_byte_of_displacement() {
        let layout = ContextLayout::of(&module(&[ValType::V128, ValType::I32], None)).unwrap();
        assert_eq!(layout.globals[1], GlobalPlace::Owned(-96));
        assert_eq!(layout.globals[0], GlobalPlace::Owned(-112));
        assert_eq!(layout.size % 16, 0);
    }

    #[test]
    fn fixed_small_tables_lie_in_the_context_and_growable_ones_do_not() {
        let mut info = module(&[], Some(10));
        let layout = ContextLayout::of(&info).unwrap();
        assert!(layout.inline_tables[0].is_some_and(|at| at >= -layout.size));
        info.growable_tables.push(0);
        assert_eq!(ContextLayout::of(&info).unwrap().inline_tables, [None]);
    }

    #[test]
    fn absurd_counts_are_refused() {
        let mut info = module(&[], None);
        info.imported.functions = u32::MAX;
        assert_eq!(ContextLayout::of(&info), Err(ContextTooLarge));
    }
}
