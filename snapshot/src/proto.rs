//! The Proto-Faaslet: an initialised module, captured.
//!
//! # Protocol
//!
//! 1. A store of exactly the module's size is made and the module instantiated in it.
//! 2. Its initialisers run once, in the order of [`crate::entry`]'s page, under a deadline.
//! 3. What the host has for the store is looked at: it is dropped with it, so that nothing in the memory may count on
//!    it.
//! 4. The store is captured and dropped. What is left is the image, and handles that are valid in every store that is
//!    born from it.
//!
//! Every birth is a restore. A module that must know of it, because it has a random generator of its own or remembers a
//! time, exports `after_restore`: whoever gives birth calls [`Proto::after_restore`] before the entry, as a part of the
//! call, under its deadline.
//!
//! # At rest
//!
//! A Proto's snapshot is the captured store's, and what the manifest says it is about ([`About`]). In another process
//! it is restored without running anything, from an image ([`crate::transfer::image`]); from then on it is as one that
//! was made there.

use std::error::Error;
use std::time::Instant;

use faasm_vm::{
    AccessError, BirthError, CaptureError, Captured, Check, Engine, Extern, ImportKind, Instance,
    InstantiateError, Linker, Module, RestoreError, SnapshotOfCapturedError, Store, StoreError,
    StoreLimits, StoreSnapshot, StoredImage, Trap, Val,
};

use crate::entry::{Entry, EntryError, after_restore, entries, initialisers, main_entry};
use crate::manifest::{About, HostImport};

/// The table that compilers of C and Rust put their function pointers in, if it is exported; else it is table 0.
const POINTERS: &str = "__indirect_function_table";

/// What the host says about what it has for a store: whether a store that is born from its capture could do without it.
pub type HostCheck<T> = fn(&T) -> Result<(), Box<dyn Error + Send + Sync>>;

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
    /// The export that initialises the module, in the place of those that do by convention.
    pub init: Option<&'a str>,
    /// Asked after the initialisation.
    pub check: HostCheck<T>,
}

impl<'a, T: 'static> Recipe<'a, T> {
    /// The default limits, no deadline, what initialises by convention, and a host that allows everything.
    #[must_use]
    pub fn new(engine: &'a Engine, linker: &'a Linker<T>) -> Self {
        let limits = StoreLimits::default();
        Self { engine, linker, limits, deadline: None, init: None, check: |_| Ok(()) }
    }
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
        name: String,
        /// Its trap.
        #[source]
        trap: Trap,
    },
    /// An initialiser failed.
    #[error("`{name}` returned {code}, and 0 is success")]
    Failed {
        /// The export.
        name: String,
        /// What it returned, or its exit code.
        code: i32,
    },
    /// An initialiser has ended the program.
    #[error(
        "`{name}` exited instead of returning, and its frames cannot be captured: let it return 0"
    )]
    Exited {
        /// The export.
        name: String,
    },
    /// The module does not have the export that was named.
    #[error("the module exports no function `{name}` to initialise it with")]
    NoInit {
        /// The name.
        name: String,
    },
    /// The host has something for the store that no other store can have.
    #[error("what the host has for the initialised module cannot be captured")]
    Host(#[source] Box<dyn Error + Send + Sync>),
    /// An initialiser has a type that it cannot have.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The initialised store cannot be captured.
    #[error("the initialised module cannot be captured")]
    Capture(#[from] CaptureError),
}

/// Why a Proto cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreProtoError {
    /// The snapshot does not fit what is here.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The snapshot's stores have other limits.
    #[error("the snapshot was taken with other limits: up to {} bytes of memory", .0.memory_bytes)]
    Limits(StoreLimits),
    /// It is a store's, and no Proto's.
    #[error("the snapshot is of a store, and of no function")]
    NoFunction,
    /// Nothing can be born from it.
    #[error(transparent)]
    Birth(#[from] BirthError),
    /// What every call begins with has another type.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// A Proto-Faaslet; see the module's page.
#[derive(Debug)]
pub struct Proto {
    module: Module,
    captured: Captured,
    instance: Instance,
    main: Result<Entry, EntryError>,
    after_restore: Option<Entry>,
    /// The exports that have initialised it.
    initialised: Vec<String>,
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
        let initialisers = initialisers(module, recipe.init);
        for name in &initialisers {
            initialise(&mut store, instance, name)?;
        }
        store.set_deadline(None);
        (recipe.check)(store.data()).map_err(ProtoError::Host)?;
        let main = main_entry(&store, instance);
        let after_restore = after_restore(&store, instance)?;
        let captured = store.capture()?;
        let initialised = initialisers.into_iter().map(str::to_owned).collect();
        Ok(Self { module: module.clone(), captured, instance, main, after_restore, initialised })
    }

    /// The Proto of a snapshot's image: `modules` are those of the snapshot (and perhaps others). `data` is the host's
    /// state of a first birth, whose slot is ready for the first call then.
    ///
    /// # Errors
    ///
    /// [`RestoreProtoError`].
    pub fn restore<T: 'static>(
        recipe: &Recipe<'_, T>,
        modules: &[Module],
        (image, about): (&StoredImage, &About),
        check: Check,
        data: T,
    ) -> Result<Self, RestoreProtoError> {
        let Recipe { engine, linker, limits, .. } = recipe;
        let captured = Captured::restore(engine, image, modules, linker, check)?;
        if captured.limits() != *limits {
            return Err(RestoreProtoError::Limits(captured.limits()));
        }
        let store = captured.birth(data)?;
        let position = about.instance.and_then(|at| usize::try_from(at).ok());
        let instance = position.and_then(|at| store.instances().nth(at));
        let instance = instance.ok_or(RestoreProtoError::NoFunction)?;
        let module = instance.module(&store);
        let main = main_entry(&store, instance);
        let after_restore = after_restore(&store, instance)?;
        store.recycle();
        let initialised = about.initialised.clone();
        Ok(Self { module, captured, instance, main, after_restore, initialised })
    }

    /// The Proto as plain data.
    ///
    /// # Errors
    ///
    /// [`SnapshotOfCapturedError`].
    pub fn snapshot(&self) -> Result<StoreSnapshot, SnapshotOfCapturedError> {
        self.captured.snapshot()
    }

    /// What a snapshot of it is about, taken of `source`.
    #[must_use]
    pub fn about(&self, source: &str) -> About {
        About {
            source: source.to_owned(),
            modules: names(self.captured.modules()),
            hosts: hosts(&self.captured),
            initialised: self.initialised.clone(),
            instance: u32::try_from(self.instance.index()).ok(),
            entries: entries(&self.module).into_iter().map(str::to_owned).collect(),
        }
    }

    /// A new store that is as the initialised one was, with this data.
    ///
    /// # Errors
    ///
    /// [`BirthError`].
    pub fn birth<T: 'static>(&self, data: T) -> Result<Store<T>, BirthError> {
        self.captured.birth(data)
    }

    /// Bytes of the image, holes included.
    #[must_use]
    pub fn image_bytes(&self) -> usize {
        self.captured.image_bytes()
    }

    /// The module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Whether its calls can have threads: the module has a shared memory.
    #[must_use]
    pub fn shares_memory(&self) -> bool {
        self.module.info().memories.iter().any(|memory| memory.shared)
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

    /// What a newborn runs before its entry, if the module has it. Anything but 0 is a failure of the call.
    #[must_use]
    pub fn after_restore(&self) -> Option<Entry> {
        self.after_restore
    }

    /// The entry that a guest's function pointer names: the element `index` of its table of pointers, in a store
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
        let table = match self.instance.export(store, POINTERS) {
            Some(Extern::Table(table)) => table,
            // Of a module with one table, which is not for others.
            _ => self.instance.first_table(store)?,
        };
        Some(table.get(store, index.into()))
    }
}

fn names(modules: &[Module]) -> Vec<Option<String>> {
    modules.iter().map(|module| module.info().name.clone()).collect()
}

/// The host functions that the modules import.
fn hosts(captured: &Captured) -> Vec<HostImport> {
    let imports = captured.host_imports().into_iter().filter_map(|(module, import)| {
        let ImportKind::Function(ty) = import.kind else { return None };
        let ty = module.info().func_type(ty)?;
        let (module, name) = (import.module, import.name);
        Some(HostImport { module, name, signature: ty.to_string() })
    });
    let mut hosts: Vec<_> = imports.collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn initialise<T: 'static>(
    store: &mut Store<T>,
    instance: Instance,
    name: &str,
) -> Result<(), ProtoError> {
    let no_init = || ProtoError::NoInit { name: name.to_owned() };
    let func = instance.func(store, name).ok_or_else(no_init)?;
    let entry = Entry::new(store, func, &format!("`{name}`"))?;
    let result = entry.func().call(store, &[]);
    let returned = result.is_ok();
    let name = name.to_owned();
    match Entry::return_code(result) {
        Ok(0) if returned => Ok(()),
        Ok(0) => Err(ProtoError::Exited { name }),
        Ok(code) => Err(ProtoError::Failed { name, code }),
        Err(trap) => Err(ProtoError::Trapped { name, trap }),
    }
}

#[cfg(test)]
mod tests;
