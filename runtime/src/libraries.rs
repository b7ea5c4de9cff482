//! Libraries that functions load (`dlopen`): uploaded by a namespace, compiled at the upload.
//!
//! A function names those of its own namespace. A Proto keeps the libraries that it was initialised with, also when one
//! of the name is uploaded again; a call that loads one gets the present one.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use faasm_hostif::{FoundLibrary, Libraries, LibraryError};
use faasm_sfi::pending::{Pending, pending};
use faasm_vm::Module;

use crate::executors::Shared;
use crate::forge::ForgeError;
use crate::name::FunctionName;
use crate::registry::Record;

/// What a lookup answers.
pub(crate) type Found = Result<FoundLibrary, LibraryError>;

/// A library: its record, and its module when it is loaded.
#[derive(Debug)]
pub struct Library {
    name: FunctionName,
    record: Record,
    /// Under the lock while it is being loaded, so that it is loaded once.
    module: Mutex<Option<Module>>,
}

impl Library {
    pub(crate) fn new(name: FunctionName, record: Record, module: Option<Module>) -> Arc<Self> {
        Arc::new(Self { name, record, module: Mutex::new(module) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &FunctionName {
        &self.name
    }

    /// What the registry knows of it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its module, loaded with `load` if it is not there.
    pub(crate) fn module<E>(
        &self,
        load: impl FnOnce(&Record) -> Result<Module, E>,
    ) -> Result<Module, E> {
        let mut module = self.module.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = &*module {
            return Ok(module.clone());
        }
        Ok(module.insert(load(&self.record)?).clone())
    }

    /// Its module, if it is loaded and nobody is about it.
    fn loaded(&self) -> Option<Module> {
        self.module.try_lock().ok()?.clone()
    }
}

/// The libraries of one namespace, as guests find them.
pub(crate) struct Shelf {
    shared: Weak<Shared>,
    /// Of any function of the namespace.
    function: FunctionName,
}

impl Shelf {
    pub(crate) fn new(shared: &Weak<Shared>, function: &FunctionName) -> Arc<Self> {
        Arc::new(Self { shared: Weak::clone(shared), function: function.clone() })
    }
}

impl Libraries for Shelf {
    /// By the last component of a path: the namespace's libraries are in no folder.
    fn find(&self, name: &str) -> Pending<Found> {
        let unknown = || LibraryError::Unknown { name: name.to_owned() };
        let last = name.rsplit('/').next().unwrap_or(name);
        let found = self.shared.upgrade().and_then(|shared| {
            let library = shared.directory.library(&self.function.sibling(last).ok()?)?;
            Some((shared, library))
        });
        let Some((shared, library)) = found else { return Pending::ready(Err(unknown())) };
        let name = last.to_owned();
        if let Some(module) = library.loaded() {
            return Pending::ready(Ok(FoundLibrary { name, module }));
        }
        elsewhere(name, move |_| shared.forge.library(shared.directory.registry(), &library))
    }

    /// Nobody has said how long compiling may take in a call.
    fn takes_files(&self) -> bool {
        false
    }

    fn compile(&self, path: &str, _: Vec<u8>) -> Pending<Found> {
        Pending::ready(Err(LibraryError::Unknown { name: path.to_owned() }))
    }
}

/// Has a thread of its own load a library: no executor waits for the disk or the compiler.
pub(crate) fn elsewhere(
    name: String,
    load: impl FnOnce(&str) -> Result<Module, ForgeError> + Send + 'static,
) -> Pending<Found> {
    let (completer, found) = pending();
    let work = move || {
        let loaded = load(&name);
        completer.complete(match loaded {
            Ok(module) => Ok(FoundLibrary { name, module }),
            Err(error) => Err(LibraryError::Refused { name, why: Box::new(error) }),
        });
    };
    // Without a thread the completer is dropped, and the guest is told that the library was lost.
    drop(thread::Builder::new().name("faasm-library".into()).spawn(work));
    found
}
