//! What a guest may ask of its host, once: WASI preview 1 and the Faasm calls.
//!
//! ```text
//! HostBuilder ─build→ Host ─call(id, input)→ HostState, the T of a call's store
//!                                               ↑
//! table of host functions ─link→ Linker<HostState>   (and: check_imports at upload, docs/host-interface.md)
//! ```
//!
//! # Invariants
//!
//! * What is not given to a [`HostBuilder`] does not exist for the guest: no file, variable, function or state value can
//!   be named that is not below something it was handed.
//! * A guest's pointer is checked on a copy, once; a guest's length is bounded before anything is allocated for it.
//! * A [`HostState`] is one call's and dropped with it.
//! * Whatever may wait is a `Pending`, waited for in one place, which also ends the wait when the call is over.
//!
//! # Boundary
//!
//! The ports [`Calls`], [`Files`] and [`Libraries`], narrowed to a tenant, and [`Threads`] are implemented by the
//! runtime. State comes as a narrowed namespace.
//!
//! # Not here
//!
//! Tenants' names, WebAssembly, HTTP.

#![forbid(unsafe_code)]

mod calls;
mod dynlink;
mod error;
mod faasm;
mod files;
mod guest;
mod host;
mod leftover;
mod libraries;
mod memory;
mod net;
mod stream;
mod table;
mod threads;
mod wasi;

pub use calls::{CallId, Calls, ChainError, ChainedOutcome, Target};
pub use error::{HostError, Problem};
pub use files::{Access, Content, FetchError, Files, Preopen, PutError, Shared};
pub use host::{Host, HostBuildError, HostBuilder, HostLimits, HostState, monotonic_origin};
pub use leftover::Leftover;
pub use libraries::{FoundLibrary, Libraries, LibraryError};
pub use net::{
    EgressRule, ListenRule, Lookup, Network, NetworkHost, NetworkReach, NetworkRules, RuleError,
};
pub use stream::{Capture, Input, Output};
pub use table::{
    FAASM, HostFunction, ImportError, Phase, ROOM, THREADS, Touches, WASI, check_imports, document,
    link, signatures,
};
pub use threads::{Cause, Hook, Job, NoThread, Place, Team, Threads};
pub use wasi::errno::Errno;
