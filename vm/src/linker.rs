//! Linking: names to definitions, and the errors of instantiation.

use std::marker::PhantomData;

use faasm_abi::types::FuncType;

use crate::caller::Caller;
use crate::engine::Engine;
use crate::externs::Extern;
use crate::host::IntoHostFunc;
use crate::instance::Instance;
use crate::module::Module;
use crate::store::{AsStore, Store, StoreError};
use crate::trap::Trap;
use crate::value::Val;

/// Definitions that modules can import, by module name and field name.
#[derive(Debug)]
pub struct Linker<T: 'static> {
    data: PhantomData<fn(T)>,
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

impl std::fmt::Display for MissingImport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// Why a module cannot be instantiated.
#[derive(Debug, thiserror::Error)]
pub enum InstantiateError {
    /// An import is unknown or of another type.
    #[error("{0}")]
    Import(MissingImport),
    /// The store is for one module, or was captured or born.
    #[error("nothing more can be instantiated in this store")]
    Sealed,
    /// No room, or limits.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An active segment did not fit, or the start function trapped; what came before has happened.
    #[error(transparent)]
    Trap(#[from] Trap),
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        let _ = engine;
        Self { data: PhantomData }
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
        let _ = (module, name, function, room);
        unimplemented!()
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
        let _ = (module, name, ty, function);
        unimplemented!()
    }

    /// Defines something of a store's; replaces an earlier definition.
    pub fn define(&mut self, module: &str, name: &str, item: Extern) -> &mut Self {
        let _ = (module, name, item);
        unimplemented!()
    }

    /// Defines all exports of `instance` under `module`; replaces earlier definitions.
    pub fn instance(
        &mut self,
        store: &impl AsStore<Data = T>,
        module: &str,
        instance: Instance,
    ) -> &mut Self {
        let _ = (module, store, instance);
        unimplemented!()
    }

    /// The imports of `module` that this linker cannot satisfy. Definitions of a store's are taken to fit if their
    /// kind does, as their types are known only with the store.
    #[must_use]
    pub fn missing(&self, module: &Module) -> Vec<MissingImport> {
        let _ = module;
        unimplemented!()
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
        let _ = (store, module, self.data);
        unimplemented!()
    }
}
