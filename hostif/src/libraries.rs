//! The port through which a guest finds the libraries that it loads.

use std::error::Error;

use faasm_sfi::pending::Pending;
use faasm_vm::Module;

/// A library that was found.
#[derive(Clone, Debug)]
pub struct FoundLibrary {
    /// Its path, or its name if it has none: two libraries never have the same.
    pub name: String,
    /// The library.
    pub module: Module,
}

/// Why a library is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// There is none of this name.
    #[error("{name}: no such library")]
    Unknown {
        /// The name.
        name: String,
    },
    /// There is one, but it is no good.
    #[error("{name}: {}", chain(&**why))]
    Refused {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: Box<dyn Error + Send + Sync>,
    },
}

/// The libraries of one tenant: whoever holds this can name no other tenant's.
pub trait Libraries: Send + Sync {
    /// The library that a guest means by `name`: a bare name, or a path. What takes long (compiling, for one) is done
    /// elsewhere.
    fn find(&self, name: &str) -> Pending<Result<FoundLibrary, LibraryError>>;

    /// Whether libraries in the guest's files are taken.
    fn takes_files(&self) -> bool;

    /// The library with these bytes, which the guest has in a file of this path; compiled, if need be. Asked only if files
    /// are taken.
    fn compile(&self, path: &str, wasm: Vec<u8>) -> Pending<Result<FoundLibrary, LibraryError>>;
}

/// An error and its sources, in one line.
fn chain(error: &(dyn Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
