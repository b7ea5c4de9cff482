//! The history of a store: what was put into it, in order.
//!
//! # Invariants
//!
//! Places, indices and ids in a store depend on nothing but its [`Room`], its limits, its types and its creations: doing
//! them again in another slot gives the same [`crate::store::contents::Contents`]. So a snapshot holds no offset that
//! somebody would have to believe.

use faasm_abi::types::{GlobalType, MemoryType, TableType};
use serde::{Deserialize, Serialize};

use crate::store::contents::LibraryRecord;

/// How much room a store was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Room {
    /// For any number of modules, in so many bytes of address space.
    Arena {
        /// Of the guest stack.
        stack_bytes: u64,
        /// Of the slot.
        arena_bytes: u64,
    },
    /// For one instance of the store's first module.
    Module {
        /// Of the guest stack and the context together.
        stack_bytes: u64,
    },
    /// For one instance of the store's first module, and for libraries that it loads.
    Program {
        /// Of the guest stack and the context together.
        stack_bytes: u64,
    },
}

/// Something that was put into a store. Initial values are not here: they are in the slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Creation {
    /// An instance of the module with this position among the store's modules. It may have failed half-way, for want of
    /// room: the parts that it made are there.
    Instance {
        /// Which module.
        module: u32,
        /// What its imports are, in the module's order.
        imports: Vec<Source>,
    },
    /// A memory of the store's own.
    Memory(MemoryType),
    /// A table of the store's own.
    Table(TableType),
    /// A global of the store's own.
    Global(GlobalType),
    /// A shared memory that was made outside of the store, and what it was then. A restored store has one of its own.
    Shared {
        /// With its size as minimum.
        ty: MemoryType,
        /// The most bytes that it can have.
        room: u64,
    },
    /// A tag of the store's own, by the number of its type.
    Tag(u32),
    /// An instance became a library.
    Library(LibraryRecord),
    /// The symbols of the library with this position became everybody's.
    Promotion(u32),
}

/// What an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// The host function that a linker has under the import's name.
    Host,
    /// The function with this reference.
    Func(u32),
    /// The store's memory with this index.
    Memory(u32),
    /// The store's table with this index.
    Table(u32),
    /// The store's global with this index.
    Global(u32),
    /// The store's tag with this index.
    Tag(u32),
    /// Whatever function has the import's name when it is called.
    Late,
}
