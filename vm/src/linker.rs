//! Linking: names to definitions.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use faasm_abi::module::{Import, ImportKind, ModuleInfo};
use faasm_abi::types::{FuncType, GlobalType, Limits, MemoryType, TableType};

use crate::caller::Caller;
use crate::engine::Engine;
use crate::externs::{self, Extern};
use crate::host::{HostFunc, IntoHostFunc};
use crate::instance::Instance;
use crate::instantiate::{self, InstantiateError, Resolved};
use crate::module::Module;
use crate::store::core::StoreCore;
use crate::store::{AsStore, Store};
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
        info.imports
            .iter()
            .filter_map(|import| {
                let fits = match self.find(import) {
                    None => false,
                    Some(Definition::Host(host)) => host_fits(info, import.kind, host),
                    Some(Definition::Item(item)) => same_kind(import.kind, item),
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
        let core = store.core();
        let imports = &module.info().imports;
        let resolved = imports
            .iter()
            .map(|import| {
                self.resolve(core, module.info(), import)
                    .ok_or_else(|| InstantiateError::Import(self.missing_import(import)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        instantiate::instantiate(store, module, resolved)
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

    fn resolve(&self, core: &StoreCore, info: &ModuleInfo, import: &Import) -> Option<Resolved> {
        match self.find(import)? {
            Definition::Host(host) => {
                host_fits(info, import.kind, host).then(|| Resolved::Host(Arc::clone(host)))
            }
            Definition::Item(item) if item.store() == core.id => {
                resolve_item(core, info, import.kind, item)
            }
            Definition::Item(_) => None,
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

fn host_fits(info: &ModuleInfo, kind: ImportKind, host: &HostFunc) -> bool {
    matches!(kind, ImportKind::Function(ty) if info.types[ty as usize] == host.ty)
}

fn same_kind(kind: ImportKind, item: &Extern) -> bool {
    matches!(
        (kind, item),
        (ImportKind::Function(_), Extern::Func(_))
            | (ImportKind::Memory(_), Extern::Memory(_))
            | (ImportKind::Table(_), Extern::Table(_))
            | (ImportKind::Global(_), Extern::Global(_))
    )
}

/// Matches an item of this store with what an import asks for (specification, section 4.5.3 *External typing* and
/// 3.3.18 *Matching*).
fn resolve_item(
    core: &StoreCore,
    info: &ModuleInfo,
    kind: ImportKind,
    item: &Extern,
) -> Option<Resolved> {
    let contents = &core.contents;
    match (kind, item) {
        (ImportKind::Function(ty), Extern::Func(func)) => {
            let record = contents.func(func.index)?;
            let same = *contents.types.get(record.ty) == info.types[ty as usize];
            same.then(|| Resolved::Func(record.clone()))
        }
        (ImportKind::Memory(asked), Extern::Memory(memory)) => {
            let found = externs::memory_type(core, contents.memories.get(memory.index as usize)?);
            memory_matches(&found, &asked).then_some(Resolved::Memory(memory.index))
        }
        (ImportKind::Table(asked), Extern::Table(table)) => {
            let found = externs::table_type(core, contents.tables.get(table.index as usize)?);
            table_matches(&found, &asked).then_some(Resolved::Table(table.index))
        }
        (ImportKind::Global(asked), Extern::Global(global)) => {
            let found = &contents.globals.get(global.index as usize)?.ty;
            global_matches(found, &asked).then_some(Resolved::Global(global.index))
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

fn global_matches(found: &GlobalType, asked: &GlobalType) -> bool {
    use faasm_abi::types::ValType;
    let value = match (found.value, asked.value) {
        // An immutable global may hold less than what is asked for: never null, where null is allowed.
        (ValType::Ref(found), ValType::Ref(wanted)) if !asked.mutable => {
            found.heap == wanted.heap && (wanted.nullable || !found.nullable)
        }
        (found, asked) => found == asked,
    };
    found.mutable == asked.mutable && value
}
