//! Every number that an object depends on, a second time: who changes one of them breaks the build here.
//!
//! Compiled code has these numbers in it, so an object that was made with others must not be loaded.
//! A change here goes with a new [`FORMAT`], a line in the history of `docs/object-format.md` and new golden files.

use crate::builtin::Builtin;
use crate::gc;
use crate::host::{BUILTIN_ROOM, HostReturn, VALUE_BYTES};
use crate::layout::{
    MAX_INLINE_TABLE, MEMORY_GUARD, MEMORY_RESERVATION, WASM_PAGE, funcref, header,
    imported_function, imported_memory, imported_table, memory, table,
};
use crate::object::{FORMAT, SECTION_ALIGNMENT, TEXT_PAGE};
use crate::seal::{SEAL_BYTES, SEAL_MAGIC};
use crate::tables::{EntryRow, FunctionRow, NO_NAME, SegmentRow, StubsRow};
use crate::trap::{TrapCode, TrapTable};

macro_rules! holds {
    ($($what:expr;)*) => { $(const _: () = assert!($what, stringify!($what));)* };
}

// The file.
holds! {
    FORMAT == 4;
    TEXT_PAGE == 4096;
    SECTION_ALIGNMENT == 16;
    SEAL_BYTES == 8 + 8 + 32 + 32;
    u64::from_be_bytes(SEAL_MAGIC) == 0x4641_4153_4d53_4541;
}

// The tables.
holds! {
    FunctionRow::WORDS == 3;
    StubsRow::WORDS == 4;
    EntryRow::WORDS == 2;
    SegmentRow::WORDS == 6;
    NO_NAME == 0xffff_ffff;
    TrapTable::HEADER == 4;
}

// What code expects below its context pointer.
holds! {
    header::MEMORY0_LENGTH == -8 && header::MEMORY0_BASE == -16;
    header::BUILTINS == -24;
    header::STACK_LIMIT == -32;
    header::FUNCREFS == -40 && header::ANCHOR == -48;
    header::FIRST_FUNCREF == -52 && header::INSTANCE == -56;
    header::NULL == -64 && header::EXIT_FRAME == -72;
    header::GC_HEAP == -80 && header::SUPERTYPES == -88 && header::SIZE == 88;
    imported_function::CODE == 0 && imported_function::CONTEXT == 8;
    imported_function::HOST == 16 && imported_function::ENVIRONMENT == 24;
    imported_function::ROOM == 32 && imported_function::SIZE == 40;
    memory::BASE == 0 && memory::LENGTH == 8 && memory::SIZE == 16;
    table::BASE == 0 && table::LENGTH == 8 && table::SIZE == 16 && table::ELEMENT_SIZE == 4;
    imported_memory::BASE == 0 && imported_memory::DEFINITION == 8 && imported_memory::SIZE == 16;
    imported_table::BASE == 0 && imported_table::DEFINITION == 8 && imported_table::SIZE == 16;
}

// Function references.
holds! {
    funcref::SIZE == 16 && funcref::SIZE_LOG2 == 4;
    funcref::CODE == 0 && funcref::TYPE == 8 && funcref::CONTEXT == 12;
    funcref::CONTEXT_SHIFT == 12 && funcref::NO_TYPE == u32::MAX;
}

// What code leaves to the guards: a smaller guard than it was compiled for would be no guard.
holds! {
    MEMORY_RESERVATION == 1 << 32;
    MEMORY_GUARD == 32 << 20;
    WASM_PAGE == 1 << 16;
    MAX_INLINE_TABLE == 1 << 14;
}

// Calls of the host.
holds! {
    VALUE_BYTES == 16;
    BUILTIN_ROOM == 32 * 1024;
    size_of::<HostReturn>() == 16 && align_of::<HostReturn>() == 8;
    Builtin::Raise as u8 == 0 && Builtin::MemoryGrow as u8 == 1 && Builtin::MemoryCopy as u8 == 2;
    Builtin::MemoryFill as u8 == 3 && Builtin::MemoryInit as u8 == 4 && Builtin::DataDrop as u8 == 5;
    Builtin::TableGrow as u8 == 6 && Builtin::TableFill as u8 == 7 && Builtin::TableCopy as u8 == 8;
    Builtin::TableInit as u8 == 9 && Builtin::ElemDrop as u8 == 10;
    Builtin::IsSubtype as u8 == 11 && Builtin::GcAllocate as u8 == 12;
    Builtin::ArrayFill as u8 == 13 && Builtin::ArrayCopy as u8 == 14;
    Builtin::ArrayNewData as u8 == 15 && Builtin::ArrayNewElem as u8 == 16;
    Builtin::ArrayInitData as u8 == 17 && Builtin::ArrayInitElem as u8 == 18;
}

// The garbage-collected heap, in which code makes and reads objects.
holds! {
    gc::NULL_PAGE == 4096 && gc::NEXT == 4096 && gc::LIMIT == 4100 && gc::OBJECTS == 4160;
    gc::ALIGN == 8 && gc::HEADER == 8 && gc::TYPE == 0 && gc::MARK == 4;
    gc::EXCEPTION == 1 << 31 && gc::ARRAY == 1 << 30 && gc::ARRAY_LENGTH == 8;
    gc::I31_BIT == 1 && gc::TAG_BITS == 3 && gc::EXTERN_TAG == 2 && gc::MAX_EXTERN == 1 << 30;
    gc::ROW == 8 && gc::ROW_BYTES_LOG2 == 5;
}

// Codes in the trap table.
holds! {
    TrapCode::Unreachable as u8 == 1 && TrapCode::MemoryOutOfBounds as u8 == 2;
    TrapCode::TableOutOfBounds as u8 == 3 && TrapCode::UndefinedElement as u8 == 4;
    TrapCode::UninitializedElement as u8 == 5 && TrapCode::IndirectCallTypeMismatch as u8 == 6;
    TrapCode::IntegerOverflow as u8 == 7 && TrapCode::IntegerDivideByZero as u8 == 8;
    TrapCode::InvalidConversion as u8 == 9 && TrapCode::StackOverflow as u8 == 10;
    TrapCode::NullReference as u8 == 11 && TrapCode::NullFunction as u8 == 12;
    TrapCode::UnalignedAtomic as u8 == 13 && TrapCode::CastFailure as u8 == 14;
    TrapCode::ArrayOutOfBounds as u8 == 15 && TrapCode::Interrupted as u8 == 16;
    TrapCode::NullStructure as u8 == 17 && TrapCode::NullArray as u8 == 18;
    TrapCode::NullI31 as u8 == 19 && TrapCode::GcHeapExhausted as u8 == 20;
}

// Words are used as they lie in the file.
#[cfg(not(target_endian = "little"))]
compile_error!("objects are little-endian, and so is every target");
