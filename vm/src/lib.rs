//! The VM: it gives WebAssembly's meaning to the walls that `faasm-sfi` builds.
//!
//! ```text
//! sealed object ─Module::load→ Module ─Linker::instantiate→ Instance in a Store ─Func::call→ values or a Trap
//!                                                               │
//!                                                Store::capture ├→ Captured ─birth→ Store ─recycle→ (back)
//!                                               Store::snapshot └→ StoreSnapshot ─restore→ Store, elsewhere
//! ```
//!
//! # Invariants
//!
//! * A store is one reservation ([`faasm_sfi`]'s slot) and its contents do not depend on the address, except for the
//!   fields that hold addresses of code and host functions, which are equal for all stores born from one [`Captured`].
//! * A store is used by one thread at a time. What the threads of a guest share is a [`SharedMemory`], which belongs to
//!   no store: each thread is a store of its own.
//! * Memories never move, and a guest pointer is a number until [`GuestMemory`] has checked it.
//! * Compiled code runs on the guest stack in its store; host functions run there too, after their stub has checked
//!   that there is room.
//! * What a guest or a host function throws leaves frames of compiled code behind, never one of the host's.
//! * Handles ([`Func`], [`Instance`], [`Memory`], [`Table`], [`Global`], [`Tag`], [`GcRef`]) are plain numbers that are
//!   checked against the store they are used with.
//!
//! # Not here
//!
//! Operating system calls (they are `faasm-sfi`'s) and code generation (`faasm-compiler`'s).

mod backtrace;
mod builtins;
mod caller;
mod capture;
mod code_cache;
mod debug;
mod discard;
pub mod dynlink;
mod engine;
mod exception;
mod externs;
mod func;
mod gc_ref;
mod guest_memory;
mod heap;
mod host;
mod idle;
mod image_cache;
mod instance;
mod instantiate;
mod linker;
mod mappings;
mod module;
mod object;
mod place;
mod private_folder;
mod profiling;
mod reclaim;
mod restore;
mod run;
mod segments;
mod shared_memory;
mod snapshot;
mod store;
mod threads;
mod trap;
mod value;

pub use backtrace::{Backtrace, Frame};
pub use caller::{Caller, MapError, WaitError};
pub use capture::{BirthError, CaptureError, Captured, SnapshotOfCapturedError};
pub use code_cache::{Check, CodeCache};
pub use debug::SourceLocation;
pub use engine::{Engine, EngineConfig, EngineError, Trusted};
pub use externs::{AccessError, Extern, Global, Memory, Table, Tag};
pub use faasm_abi::dylink::{self, Dylink};
pub use faasm_abi::module::{Export, ExportItem, Import, ImportKind, ModuleInfo};
pub use faasm_abi::object::{Digest, SealError, SealKey};
pub use faasm_abi::trap::TrapCode;
pub use faasm_abi::types::{
    CompositeType, FieldType, FuncType, GlobalType, HeapType, Limits, MemoryType, RefType,
    StorageType, StructType, SubType, TableType, ValType,
};
pub use faasm_sfi::dirty::Strategy;
pub use faasm_sfi::pending::Pending;
pub use faasm_sfi::shared::SharedRegion;
pub use func::{CallError, Func, TypedFunc, TypedFuncError};
pub use gc_ref::{GcError, GcRef};
pub use guest_memory::{GuestMemory, GuestMemoryError};
pub use host::{HostResult, IntoHostFunc};
pub use image_cache::{ImageCache, ImageWriter, StoredImage};
pub use instance::Instance;
pub use instantiate::InstantiateError;
pub use linker::{LinkError, Linker, MissingImport};
pub use mappings::OutOfMappings;
pub use module::{LoadError, Module};
pub use private_folder::CacheError;
pub use profiling::Profiling;
pub use restore::RestoreError;
pub use run::{Run, Suspended};
pub use shared_memory::{SharedMemory, SharedMemoryError};
pub use snapshot::{ExternRefs, PageRun, SNAPSHOT_PAGE, SnapshotError, StoreSnapshot, Summary};
#[doc(hidden)]
pub use store::CorePtr;
pub use store::{AsStore, Interrupt, Store, StoreError, StoreLimits};
pub use threads::ThreadSeed;
pub use trap::{Trap, TrapKind};
pub use value::{Scalar, Val, Values};
