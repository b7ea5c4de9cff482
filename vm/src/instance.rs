//! Instances of modules, as handles.

use crate::externs::Extern;
use crate::func::Func;
use crate::module::Module;
use crate::store::AsStore;

/// An instance of a module in a store; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Instance {
    /// The export with this name.
    #[must_use]
    pub fn export(&self, store: &impl AsStore, name: &str) -> Option<Extern> {
        let _ = (store, name, self.store, self.index);
        unimplemented!()
    }

    /// The exported function with this name.
    #[must_use]
    pub fn func(&self, store: &impl AsStore, name: &str) -> Option<Func> {
        match self.export(store, name)? {
            Extern::Func(func) => Some(func),
            Extern::Memory(_) | Extern::Table(_) | Extern::Global(_) => None,
        }
    }

    /// The module that this is an instance of.
    #[must_use]
    pub fn module(&self, store: &impl AsStore) -> Module {
        let _ = store;
        unimplemented!()
    }
}
