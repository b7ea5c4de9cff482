//! Proto-Faaslets: modules that are instantiated and initialised once, captured, and then given birth from.
//!
//! Here they live in memory; [`mod@file`] is a store's form at rest, for tests, until the format of chunks comes.
#![forbid(unsafe_code)]

mod entry;
pub mod file;
pub mod merge;
mod proto;

pub use entry::{Entry, EntryError};
pub use proto::{HostCheck, Proto, ProtoError, Recipe};
