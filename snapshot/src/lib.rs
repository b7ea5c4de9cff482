//! Proto-Faaslets: modules that are instantiated and initialised once, captured, and then given birth from.
//!
//! * [`Proto`]: one in memory. [`Entry`]: what of it is called.
//! * [`mod@manifest`] and [`mod@chunk`]: its form at rest; [`Chunks`]: where that is kept; [`mod@transfer`]: there and
//!   back; [`mod@bundle`]: all of it in one file.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod chunk;
mod chunks;
mod entry;
pub mod manifest;
pub mod merge;
mod proto;
pub mod transfer;

pub use chunks::{Chunks, ChunksError, MemoryChunks};
pub use entry::{Entry, EntryError};
pub use manifest::{About, ChunkRow, HostImport, Manifest, ManifestError};
pub use proto::{HostCheck, Proto, ProtoError, Recipe, RestoreProtoError};
