//! Linking: names to definitions.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use faasm_abi::module::{Import, ImportKind};
use faasm_abi::types::{FuncType, GlobalType, Limits, MemoryType, TableType};

use crate::caller::Caller;
use crate::engine::Engine;
use crate::externs::{self, Extern};
use crate::host::{HostFunc, IntoHostFunc};
use crate::instance::Instance;
use crate::instantiate::{self, InstantiateError, Linked, Origin, Resolved};
use crate::module::Module;
use crate::place;
use crate::shared_memory::SharedMemory;
use crate::store::core::StoreCore;
use crate::store::types::Types;
use crate::store::{AsStore, Store, StoreError};
use crate::trap::Trap;
use crate::value::Val;

/// Definitions that modules can import, by module name and field name.
pub struct Linker<T: 'static> {
    definitions: HashMap<String, HashMap<String, Definition>>,
    data: PhantomData<fn(T)>,
}

#[derive(Clone, Debug)]
enum Definition {
    Host(Arc<HostFunc>),
    Item(Extern),
    Shared(SharedMemory),
    /// Each store that imports it gets a memory of its own, of the type that is asked for.
    OwnShared,
}

/// An import that a linker cannot satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImport {
    /// Module name.
    pub module: String,
    /// Field name.
    pub name: String,
    /// Whether the name is known and only its type is another.
    pub incompatible: bool,
}

impl fmt::Display for MissingImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.incompatible { "incompatible import type" } else { "unknown import" };
        write!(f, "{what}: {}.{}", self.module, self.name)
    }
}

/// Why a definition is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The name is taken.
    #[error("{module}.{name} is defined twice")]
    Duplicate {
        /// Module name.
        module: String,
        /// Field name.
        name: String,
    },
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    #[must_use]
    pub fn new(_: &Engine) -> Self {
        Self { definitions: HashMap::new(), data: PhantomData }
    }

    /// Defines a host function; compiled code calls it with its arguments in registers.
    ///
    /// # Errors
    ///
    /// [`LinkError::Duplicate`].
    pub fn func_wrap<P>(
        &mut self,
        module: &str,
        name: &str,
        function: impl IntoHostFunc<T, P>,
    ) -> Result<&mut Self, LinkError> {
        self.func_wrap_with_room(module, name, function, faasm_abi::host::HOST_ROOM)
    }

    /// As [`Self::func_wrap`], for a function that needs `room` bytes of stack.
    ///
    /// # Errors
    ///
    /// [`LinkError::Duplicate`].
    pub fn func_wrap_with_room<P>(
        &mut self,
        module: &str,
        name: &str,
        function: impl IntoHostFunc<T, P>,
        room: u32,
    ) -> Result<&mut Self, LinkError> {
        self.host(module, name, HostFunc::native(function, room))
    }

    /// Defines a host function of any type; arguments and results go through an array.
    ///
    /// # Errors
    ///
    /// [`LinkError::Duplicate`].
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        function: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Trap> + Send + Sync + 'static,
    ) -> Result<&mut Self, LinkError> {
        self.host(module, name, HostFunc::array(ty, Box::new(function)))
    }

    fn host(
        &mut self,
        module: &str,
        name: &str,
        function: HostFunc,
    ) -> Result<&mut Self, LinkError> {
        let fields = self.definitions.entry(module.to_owned()).or_default();
        if fields.contains_key(name) {
            let (module, name) = (module.to_owned(), name.to_owned());
            return Err(LinkError::Duplicate { module, name });
        }
        fields.insert(name.to_owned(), Definition::Host(Arc::new(function)));
        Ok(self)
    }

    /// Defines something of a store's; replaces an earlier definition.
    pub fn define(&mut self, module: &str, name: &str, item: Extern) -> &mut Self {
        let fields = self.definitions.entry(module.to_owned()).or_default();
        fields.insert(name.to_owned(), Definition::Item(item));
        self
    }

    /// Defines a memory that stores share: each store that imports it maps it once. Replaces an earlier definition.
    pub fn define_shared_memory(
        &mut self,
        module: &str,
        name: &str,
        memory: SharedMemory,
    ) -> &mut Self {
        let fields = self.definitions.entry(module.to_owned()).or_default();
        fields.insert(name.to_owned(), Definition::Shared(memory));
        self
    }

    /// Defines a shared memory that each store makes for itself when it imports it, with the limits that the import asks
    /// for: what the toolchains' `--import-memory` needs. Others get it only with a thread
    /// ([`crate::Caller::thread_seed`]). Replaces an earlier definition.
    pub fn define_own_shared_memory(&mut self, module: &str, name: &str) -> &mut Self {
        let fields = self.definitions.entry(module.to_owned()).or_default();
        fields.insert(name.to_owned(), Definition::OwnShared);
        self
    }

    /// Defines all exports of `instance` under `module`; replaces earlier definitions.
    pub fn instance(
        &mut self,
        store: &impl AsStore<Data = T>,
        module: &str,
        instance: Instance,
    ) -> &mut Self {
        for (name, item) in instance.exports(store.core_ptr().core()) {
            self.define(module, &name, item);
        }
        self
    }

    /// The imports of `module` that this linker cannot satisfy. What belongs to a store is taken to fit when its kind
    /// does, as its type is known only with the store.
    #[must_use]
    pub fn missing(&self, module: &Module) -> Vec<MissingImport> {
        let info = module.info();
        let mut known = Types::default();
        let types = known.intern_module(info);
        info.imports
            .iter()
            .filter_map(|import| {
                let fits = match self.find(import) {
                    None => false,
                    Some(Definition::Host(host)) => {
                        host_fits(&mut known, &types, import.kind, host)
                    }
                    Some(Definition::Item(item)) => same_kind(import.kind, item),
                    Some(Definition::Shared(memory)) => shared_fits(import.kind, memory),
                    Some(Definition::OwnShared) => shared_type(import.kind).is_some(),
                };
                (!fits).then(|| self.missing_import(import))
            })
            .collect()
    }

    /// Instantiates `module` in `store`.
    ///
    /// # Errors
    ///
    /// [`InstantiateError`].
    pub fn instantiate(
        &self,
        store: &mut Store<T>,
        module: &Module,
    ) -> Result<Instance, InstantiateError> {
        let info = module.info();
        // Types are numbered first, as matching is a matter of the store's numbers.
        let core = store.core_mut();
        let types = core.contents_mut()?.types.intern_module(info);
        let imports = info
            .imports
            .iter()
            .map(|import| {
                self.resolve(core, &types, import)
                    .ok_or_else(|| InstantiateError::Import(self.missing_import(import)))
            })
            .collect::<Result<Vec<_>, _>>();
        // Also what a failed link has made known has its row: a snapshot tells nobody when a type came.
        place::put_supertypes(core)?;
        let imports =
            imports?.into_iter().map(|found| found.place(core)).collect::<Result<_, _>>()?;
        let origin = Origin::Module;
        instantiate::instantiate(store, Linked { module, imports, types, origin })
    }

    /// The host function that an import of a module with these types asks for.
    pub(crate) fn host_function(
        &self,
        known: &mut Types,
        types: &[u32],
        import: &Import,
    ) -> Result<Arc<HostFunc>, MissingImport> {
        match self.find(import) {
            Some(Definition::Host(host)) if host_fits(known, types, import.kind, host) => {
                Ok(Arc::clone(host))
            }
            _ => Err(self.missing_import(import)),
        }
    }

    fn find(&self, import: &Import) -> Option<&Definition> {
        self.definitions.get(&import.module)?.get(&import.name)
    }

    fn missing_import(&self, import: &Import) -> MissingImport {
        MissingImport {
            module: import.module.clone(),
            name: import.name.clone(),
            incompatible: self.find(import).is_some(),
        }
    }

    fn resolve(&self, core: &mut StoreCore, types: &[u32], import: &Import) -> Option<Found> {
        match self.find(import)? {
            Definition::Host(host) => {
                let known = &mut core.contents_mut().ok()?.types;
                host_fits(known, types, import.kind, host)
                    .then(|| Found::Here(Resolved::Host(Arc::clone(host))))
            }
            Definition::Item(item) if item.store() == core.id => {
                resolve_item(core, types, import.kind, item).map(Found::Here)
            }
            Definition::Item(_) => None,
            Definition::Shared(memory) => {
                shared_fits(import.kind, memory).then(|| Found::Shared(memory.clone()))
            }
            Definition::OwnShared => shared_type(import.kind).map(Found::OwnShared),
        }
    }
}

/// What an import is, before anything of the store is changed.
enum Found {
    Here(Resolved),
    /// Perhaps not in the store yet.
    Shared(SharedMemory),
    /// To be made.
    OwnShared(MemoryType),
}

impl Found {
    fn place(self, core: &mut StoreCore) -> Result<Resolved, StoreError> {
        match self {
            Self::Here(resolved) => Ok(resolved),
            Self::Shared(memory) => place::imported_memory(core, memory).map(Resolved::Memory),
            Self::OwnShared(ty) => place::made_memory(core, ty).map(Resolved::Memory),
        }
    }
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self { definitions: self.definitions.clone(), data: PhantomData }
    }
}

impl<T: 'static> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker").field("definitions", &self.definitions).finish()
    }
}

/// Whether a host function has the type that an import of a module with these types asks for.
fn host_fits(known: &mut Types, types: &[u32], kind: ImportKind, host: &HostFunc) -> bool {
    let ImportKind::Function(asked) = kind else { return false };
    let found = known.intern_func(&host.ty);
    found.is_some_and(|found| known.is_subtype(found, types[asked as usize]))
}

fn shared_fits(kind: ImportKind, memory: &SharedMemory) -> bool {
    matches!(kind, ImportKind::Memory(asked) if memory_matches(&memory.ty(), &asked))
}

/// The type of the shared memory that an import asks for.
fn shared_type(kind: ImportKind) -> Option<MemoryType> {
    match kind {
        ImportKind::Memory(asked) if asked.shared => Some(asked),
        _ => None,
    }
}

fn same_kind(kind: ImportKind, item: &Extern) -> bool {
    matches!(
        (kind, item),
        (ImportKind::Function(_), Extern::Func(_))
            | (ImportKind::Memory(_), Extern::Memory(_))
            | (ImportKind::Table(_), Extern::Table(_))
            | (ImportKind::Global(_), Extern::Global(_))
            | (ImportKind::Tag(_), Extern::Tag(_))
    )
}

/// Matches an item of this store with what an import asks for (specification, section 4.5.3 *External typing* and
/// 3.3.18 *Matching*); `types` are the store's numbers of the importer's types.
pub(crate) fn resolve_item(
    core: &StoreCore,
    types: &[u32],
    kind: ImportKind,
    item: &Extern,
) -> Option<Resolved> {
    let contents = &core.contents;
    let number = |index: u32| types[index as usize];
    match (kind, item) {
        (ImportKind::Function(asked), Extern::Func(func)) => {
            let record = contents.func(func.index)?;
            let fits = contents.types.is_subtype(record.ty, number(asked));
            fits.then_some(Resolved::Func(func.index))
        }
        (ImportKind::Memory(asked), Extern::Memory(memory)) => {
            let found = externs::memory_type(core, contents.memories.get(memory.index as usize)?);
            memory_matches(&found, &asked).then_some(Resolved::Memory(memory.index))
        }
        (ImportKind::Table(asked), Extern::Table(table)) => {
            let found = externs::table_type(core, contents.tables.get(table.index as usize)?);
            let element = asked.element.map_indices(number);
            table_matches(&found, &TableType { element, ..asked })
                .then_some(Resolved::Table(table.index))
        }
        (ImportKind::Global(asked), Extern::Global(global)) => {
            let found = &contents.globals.get(global.index as usize)?.ty;
            let asked = GlobalType { value: asked.value.map_indices(number), ..asked };
            global_matches(&contents.types, found, &asked).then_some(Resolved::Global(global.index))
        }
        (ImportKind::Tag(asked), Extern::Tag(tag)) => {
            let found = contents.tags.get(tag.index as usize)?.ty;
            (found == number(asked)).then_some(Resolved::Tag(tag.index))
        }
        _ => None,
    }
}

fn limits_match(found: &Limits, asked: &Limits) -> bool {
    let max = match asked.max {
        None => true,
        Some(asked) => found.max.is_some_and(|found| found <= asked),
    };
    found.min >= asked.min && max
}

fn memory_matches(found: &MemoryType, asked: &MemoryType) -> bool {
    limits_match(&found.limits, &asked.limits)
        && found.memory64 == asked.memory64
        && found.shared == asked.shared
        && found.page_size_log2 == asked.page_size_log2
}

fn table_matches(found: &TableType, asked: &TableType) -> bool {
    limits_match(&found.limits, &asked.limits)
        && found.table64 == asked.table64
        && found.element == asked.element
}

/// A constant global may have a subtype of what is asked for.
fn global_matches(types: &Types, found: &GlobalType, asked: &GlobalType) -> bool {
    let value = if asked.mutable {
        found.value == asked.value
    } else {
        types.matches(found.value, asked.value)
    };
    found.mutable == asked.mutable && value
}
