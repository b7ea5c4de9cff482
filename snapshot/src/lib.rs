//! Proto-Faaslets: modules that are instantiated and initialised once, captured, and then given birth from.
//!
//! Here they live in memory; their form at rest and the port for chunks come with the file format.
#![forbid(unsafe_code)]

mod entry;
mod proto;

pub use entry::{Entry, EntryError};
pub use proto::{Proto, ProtoError, Recipe};
