//! What profilers and debuggers of this machine are told of code that is mapped: names, bytes, source lines.
//!
//! * [`perf_map`]: the file in `/tmp` that `perf report` reads names from.
//! * [`jit_dump`]: the file from which `perf inject --jit` makes an image of each function, for `perf annotate`.
//! * [`debugger`]: the interface by which gdb and lldb load symbols of generated code.
//!
//! # Statics
//!
//! Each of the three is one for each process, by the tools' protocols: they find it by the process's number or by a
//! symbol's name.
//! So each is a static here, behind a lock, whatever number of engines the process has; nothing that guests do reaches
//! them, no fault handler does, and none is touched unless a profile was asked for.

pub mod debugger;
pub mod jit_dump;
pub mod perf_map;

use std::io;
use std::path::PathBuf;

/// A piece of code with a name.
#[derive(Clone, Debug)]
pub struct Symbol<'a> {
    /// Its name, without control characters.
    pub name: &'a str,
    /// Where it runs.
    pub address: usize,
    /// Its machine code.
    pub code: &'a [u8],
    /// Its source lines, ascending by address.
    pub lines: Vec<SourceLine<'a>>,
}

/// From here on, code came from this line.
#[derive(Clone, Copy, Debug)]
pub struct SourceLine<'a> {
    /// Where.
    pub address: usize,
    /// The file's path.
    pub file: &'a str,
    /// The line's number, from 1.
    pub line: u32,
}

/// Profilers and debuggers cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The profile's file cannot be written.
    #[error("the profile {} cannot be written", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ProfileError {
    pub(crate) fn at(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Opens a file that only this process writes, in a folder where others may have put one of that name.
pub(crate) fn create(path: &std::path::Path) -> io::Result<std::fs::File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Neither follows a link nor opens what is there.
    std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests;
