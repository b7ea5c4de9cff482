//! The functions that there are, by name: in memory for calls, in the registry for the next start.
//!
//! # Invariants
//!
//! Changes are one at a time, under `changes`, and reach the registry before memory: what can be called is committed.
//! Lookups never wait for the disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::digest::Digest;
use crate::function::{Binder, Function};
use crate::host::HostError;
use crate::libraries::Library;
use crate::name::FunctionName;
use crate::registry::{Kind, Record, Registry, RegistryError};

/// The functions of a host; see the module's page.
#[derive(Debug)]
pub(crate) struct Directory {
    registry: Registry,
    functions: RwLock<BTreeMap<FunctionName, Arc<Function>>>,
    libraries: RwLock<BTreeMap<FunctionName, Arc<Library>>>,
    changes: Mutex<()>,
}

impl Directory {
    /// No function yet.
    pub(crate) fn new(registry: Registry) -> Self {
        Self {
            registry,
            functions: RwLock::default(),
            libraries: RwLock::default(),
            changes: Mutex::new(()),
        }
    }

    /// Makes callable what the registry has. Protos are made at the first call.
    pub(crate) fn load(&self, binder: &Binder) -> Result<(), HostError> {
        let mut functions = BTreeMap::new();
        let libraries = self.registry.records(Kind::Library)?.into_iter();
        let libraries =
            libraries.map(|(name, record)| (name.clone(), Library::new(name, record, None)));
        *self.libraries.write().unwrap_or_else(PoisonError::into_inner) = libraries.collect();
        for (name, record) in self.registry.records(Kind::Function)? {
            functions.insert(name.clone(), binder.bind(name, record, None)?);
        }
        *self.functions.write().unwrap_or_else(PoisonError::into_inner) = functions;
        Ok(())
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn get(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.functions.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Function>> {
        self.functions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Commits a function and makes it callable; whether it replaced one.
    pub(crate) fn publish(&self, function: &Arc<Function>) -> Result<bool, RegistryError> {
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.registry.commit(Kind::Function, function.name(), function.record())?;
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        Ok(functions.insert(function.name().clone(), Arc::clone(function)).is_some())
    }

    /// Removes a function; whether there was one.
    pub(crate) fn remove(&self, name: &FunctionName) -> Result<bool, RegistryError> {
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = self.registry.remove(Kind::Function, name)?;
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        Ok(functions.remove(name).is_some() || removed)
    }

    pub(crate) fn library(&self, name: &FunctionName) -> Option<Arc<Library>> {
        self.libraries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The libraries in the namespace of `any`.
    pub(crate) fn libraries(&self, any: &FunctionName) -> Vec<Arc<Library>> {
        let libraries = self.libraries.read().unwrap_or_else(PoisonError::into_inner);
        let inside = |library: &&Arc<Library>| library.name().namespace() == any.namespace();
        libraries.values().filter(inside).cloned().collect()
    }

    /// Commits a library and makes it loadable; whether it replaced one.
    pub(crate) fn publish_library(&self, library: &Arc<Library>) -> Result<bool, RegistryError> {
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.registry.commit(Kind::Library, library.name(), library.record())?;
        let mut libraries = self.libraries.write().unwrap_or_else(PoisonError::into_inner);
        Ok(libraries.insert(library.name().clone(), Arc::clone(library)).is_some())
    }

    /// Removes a library; whether there was one. Who has loaded it keeps it.
    pub(crate) fn remove_library(&self, name: &FunctionName) -> Result<bool, RegistryError> {
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = self.registry.remove(Kind::Library, name)?;
        let mut libraries = self.libraries.write().unwrap_or_else(PoisonError::into_inner);
        Ok(libraries.remove(name).is_some() || removed)
    }

    /// Notes what `function` is made of now, unless the function has been replaced since.
    pub(crate) fn renewed(
        &self,
        function: &Function,
        object: Digest,
        snapshot: Option<Digest>,
    ) -> Result<(), RegistryError> {
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.get(function.name());
        if current.is_none_or(|current| current.record() != function.record()) {
            return Ok(());
        }
        let record = Record { object, snapshot, ..function.record().clone() };
        self.registry.commit(Kind::Function, function.name(), &record)
    }
}
