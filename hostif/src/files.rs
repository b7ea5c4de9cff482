//! A call's descriptors and what they refer to: standard streams, files of the call's own tree over the tenant's shared
//! ones ([`overlay`]), and files below directories of the host that were opened for it.
//!
//! The names of the host's files are resolved by cap-std, which never leaves the directory it starts from.
//! What a path names is decided by the operating system when it is opened, once: no check comes before the use.
//!
//! # Not here
//!
//! Guest memory: everything here takes and returns the host's own bytes.

mod descriptor;
mod directory;
mod filestat;
mod open;
mod overlay;
mod port;
mod preopen;
pub(crate) mod readiness;
mod table;

pub(crate) use descriptor::{Descriptor, Fdstat, Sync, Whence};
pub(crate) use directory::{Base, Entry, Links};
pub(crate) use filestat::{FileType, Filestat, NewTimes};
pub(crate) use open::Opening;
pub use port::{Content, FetchError, Files, PutError, Shared};
pub(crate) use preopen::Given;
pub use preopen::{Access, Preopen};
pub(crate) use table::Descriptors;

#[cfg(test)]
mod tests;
