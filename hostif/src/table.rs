//! The one table of host functions. Linking, the check of imports at upload and the page of documentation come from it.

mod imports;
mod page;
mod rows;

use faasm_vm::{FuncType, LinkError, Linker, ValType};

use crate::host::HostState;

pub use imports::{ImportError, check_imports};
pub use page::document;

/// Stack that a host function may use, in bytes: its stub makes sure of it before the call.
pub const ROOM: u32 = 128 * 1024;

/// The module name of the Faasm calls.
pub const FAASM: &str = "env";

/// The module name of WASI preview 1.
pub const WASI: &str = "wasi_snapshot_preview1";

/// The module name of `wasi-threads`.
pub const THREADS: &str = "wasi";

/// What a host function has to do with, besides the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// Nothing.
    Nothing,
    /// The call's arguments or environment.
    Strings,
    /// Clocks.
    Clock,
    /// Clocks and descriptors; may wait.
    Waiting,
    /// The operating system's random numbers.
    Random,
    /// The table of descriptors alone.
    Descriptors,
    /// An open file, directory or stream.
    File,
    /// Names below an open directory.
    Paths,
    /// The end of the call.
    Exit,
    /// The call's input or output.
    Data,
    /// Other functions; may wait.
    Calls,
    /// The tenant's state; may wait.
    State,
    /// The tenant's shared files; may wait.
    Objects,
    /// Sockets; may wait.
    Network,
    /// The host's configuration or log.
    Host,
    /// The tenant's libraries; may wait.
    Libraries,
    /// The guest's memory itself, and open files.
    Memory,
    /// The call's threads.
    Threads,
}

/// When what a function works with is made. A function of a later phase works with that of the earlier ones, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// When it is linked: it needs the guest's memory and the operating system.
    Link,
    /// When a function's host is prepared ([`crate::HostBuilder`]): it reads what is the same in all calls.
    Prepare,
    /// When a call's state is built ([`crate::Host::call`]): it changes what is the call's own and gone with it.
    Build,
}

impl Phase {
    /// In a word.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Prepare => "prepare",
            Self::Build => "build",
        }
    }
}

impl Touches {
    /// When that is made.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::Nothing | Self::Random | Self::Exit => Phase::Link,
            Self::Strings | Self::Clock | Self::Host => Phase::Prepare,
            Self::Waiting
            | Self::Descriptors
            | Self::File
            | Self::Paths
            | Self::Data
            | Self::Calls
            | Self::State
            | Self::Objects
            | Self::Network
            | Self::Libraries
            | Self::Memory
            | Self::Threads => Phase::Build,
        }
    }

    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Strings => "arguments, environment",
            Self::Clock => "clock",
            Self::Waiting => "clock, descriptors; waits",
            Self::Random => "random numbers",
            Self::Descriptors => "descriptors",
            Self::File => "an open file",
            Self::Paths => "files below a directory",
            Self::Exit => "the end of the call",
            Self::Data => "input and output",
            Self::Calls => "other functions; may wait",
            Self::State => "state; may wait",
            Self::Objects => "shared files; may wait",
            Self::Network => "sockets; may wait",
            Self::Host => "the host's configuration and log",
            Self::Libraries => "libraries; may wait",
            Self::Memory => "memory, an open file",
            Self::Threads => "the call's threads",
        }
    }
}

/// A function that guests can import.
#[derive(Clone, Copy)]
pub struct HostFunction {
    /// Module name of the import.
    pub module: &'static str,
    /// Field name of the import.
    pub name: &'static str,
    /// Its parameters: name and type.
    pub params: &'static [(&'static str, ValType)],
    /// Its result.
    pub result: Option<ValType>,
    /// What it has to do with.
    pub touches: Touches,
    /// Stack that it may use, in bytes.
    pub room: u32,
    /// What it does, in one line.
    pub doc: &'static str,
    register: fn(&mut Linker<HostState>) -> Result<(), LinkError>,
}

impl HostFunction {
    /// Its WebAssembly type.
    #[must_use]
    pub fn ty(&self) -> FuncType {
        FuncType {
            params: self.params.iter().map(|(_, ty)| *ty).collect(),
            results: self.result.into_iter().collect(),
        }
    }
}

/// Every function that guests can import.
pub fn signatures() -> impl Iterator<Item = &'static HostFunction> {
    rows::TABLES.iter().copied().flatten()
}

/// Defines every function of the table, and the memory that a module with threads imports.
///
/// # Errors
///
/// [`LinkError::Duplicate`] when the linker has one of them already.
pub fn link(linker: &mut Linker<HostState>) -> Result<(), LinkError> {
    let (module, name) = imports::MEMORY;
    linker.define_own_shared_memory(module, name);
    signatures().try_for_each(|function| (function.register)(linker))
}

#[cfg(test)]
mod tests;
