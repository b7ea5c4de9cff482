//! The Proto-Faaslet: an initialised module, captured.
//!
//! # Protocol
//!
//! 1. A store of exactly the module's size is made and the module instantiated in it.
//! 2. Its initialisers run once, in the order of [`crate::entry`]'s page, under a deadline.
//! 3. The store is captured and dropped. What is left is the image, and handles that are valid in every store that is
//!    born from it.

use std::time::Instant;

use faasm_vm::{
    AccessError, BirthError, CaptureError, Captured, Engine, Extern, Instance, InstantiateError,
    Linker, Module, Store, StoreError, StoreLimits, Trap, Val,
};

use crate::entry::{Entry, EntryError, initialisers, main_entry};

/// The table that compilers of C and Rust put their function pointers in.
const POINTERS: &str = "__indirect_function_table";

/// What a Proto is made with, besides the module.
#[derive(Debug)]
pub struct Recipe<'a, T: 'static> {
    /// Where the module was loaded.
    pub engine: &'a Engine,
    /// What it can import.
    pub linker: &'a Linker<T>,
    /// What it may take.
    pub limits: StoreLimits,
    /// When the initialisation must be over.
    pub deadline: Option<Instant>,
}

/// Why a Proto cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProtoError {
    /// There is no room for the store, or the module needs more than the limits.
    #[error("no store can be made for the module")]
    Store(#[from] StoreError),
    /// The module cannot be instantiated.
    #[error("the module cannot be instantiated")]
    Instantiate(#[from] InstantiateError),
    /// An initialiser trapped.
    #[error("`{name}` trapped")]
    Trapped {
        /// The export.
        name: &'static str,
        /// Its trap.
        #[source]
        trap: Trap,
    },
    /// An initialiser failed.
    #[error("`{name}` returned {code}, and 0 is success")]
    Failed {
        /// The export.
        name: &'static str,
        /// What it returned, or its exit code.
        code: i32,
    },
    /// An initialiser has a type that it cannot have.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The initialised store cannot be captured.
    #[error("the initialised module cannot be captured")]
    Capture(#[from] CaptureError),
}

/// A Proto-Faaslet; see the module's page.
#[derive(Debug)]
pub struct Proto {
    module: Module,
    captured: Captured,
    instance: Instance,
    main: Result<Entry, EntryError>,
}

impl Proto {
    /// Instantiates `module`, initialises it with `data` as its host's state, and captures it.
    ///
    /// # Errors
    ///
    /// [`ProtoError`].
    pub fn make<T: 'static>(
        recipe: &Recipe<'_, T>,
        module: &Module,
        data: T,
    ) -> Result<Self, ProtoError> {
        let mut store = Store::for_module(recipe.engine, module, recipe.limits, data)?;
        store.set_deadline(recipe.deadline);
        let instance = recipe.linker.instantiate(&mut store, module)?;
        for name in initialisers(module) {
            initialise(&mut store, instance, name)?;
        }
        store.set_deadline(None);
        let main = main_entry(&store, instance);
        let captured = store.capture()?;
        Ok(Self { module: module.clone(), captured, instance, main })
    }

    /// A new store that is as the initialised one was, with this data.
    ///
    /// # Errors
    ///
    /// [`BirthError`].
    pub fn birth<T: 'static>(&self, data: T) -> Result<Store<T>, BirthError> {
        self.captured.birth(data)
    }

    /// The module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The instance, valid in every store born from here.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// The function's own entry.
    ///
    /// # Errors
    ///
    /// [`EntryError`] when the module has none.
    pub fn main(&self) -> Result<Entry, EntryError> {
        self.main.clone()
    }

    /// The entry that a guest's function pointer names: the element `index` of the module's exported table, in a store
    /// that was born from here and has not run.
    ///
    /// # Errors
    ///
    /// [`EntryError::Type`] when there is no function of the type `() -> i32`.
    pub fn pointer<T: 'static>(&self, store: &Store<T>, index: u32) -> Result<Entry, EntryError> {
        let name = format!("element {index} of the table");
        let element = self.table_element(store, index);
        match element {
            Some(Ok(Val::FuncRef(Some(func)))) => Entry::new(store, func, &name),
            _ => Err(EntryError::Type(name)),
        }
    }

    fn table_element<T: 'static>(
        &self,
        store: &Store<T>,
        index: u32,
    ) -> Option<Result<Val, AccessError>> {
        match self.instance.export(store, POINTERS)? {
            Extern::Table(table) => Some(table.get(store, index.into())),
            _ => None,
        }
    }
}

fn initialise<T: 'static>(
    store: &mut Store<T>,
    instance: Instance,
    name: &'static str,
) -> Result<(), ProtoError> {
    let func = instance.func(store, name).ok_or(EntryError::Missing)?;
    let entry = Entry::new(store, func, &format!("`{name}`"))?;
    match Entry::return_code(entry.func().call(store, &[])) {
        Ok(0) => Ok(()),
        Ok(code) => Err(ProtoError::Failed { name, code }),
        Err(trap) => Err(ProtoError::Trapped { name, trap }),
    }
}

#[cfg(test)]
mod tests;
