//! A call's descriptors and what they refer to: standard streams, and files and directories below the directories
//! that were opened for it.
//!
//! The names of files are resolved by cap-std, which never leaves the directory it starts from.
//! What a path names is decided by the operating system when it is opened, once: no check comes before the use.
//!
//! # Not here
//!
//! Guest memory: everything here takes and returns the host's own bytes.

mod descriptor;
mod directory;
mod filestat;
mod open;
mod preopen;
mod table;

pub(crate) use descriptor::{Fdstat, Sync, Whence};
pub(crate) use directory::{Entry, Links};
pub(crate) use filestat::{Filestat, NewTimes};
pub(crate) use open::Opening;
pub use preopen::{Access, Preopen};
pub(crate) use table::Descriptors;

#[cfg(test)]
mod tests;
