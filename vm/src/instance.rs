//! Instances of modules, as handles.

use faasm_abi::module::ExportItem;

use crate::externs::{Extern, Global, Memory, Table, Tag};
use crate::func::Func;
use crate::module::Module;
use crate::store::AsStore;
use crate::store::contents::InstanceRecord;
use crate::store::core::StoreCore;

/// An instance of a module in a store; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Instance {
    /// Its position among the store's instances: see [`crate::Store::instances`].
    #[must_use]
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// The export with this name; `None` also when the instance is of another store.
    #[must_use]
    pub fn export(&self, store: &impl AsStore, name: &str) -> Option<Extern> {
        let core = store.core_ptr().core();
        let record = self.record(core)?;
        let exports = &record.module.info().exports;
        let export = exports.iter().find(|export| export.name == name)?;
        item(core, record, export.item)
    }

    /// Table 0, whether it is exported or not: C's function pointers are indices of it. `None` also when the instance is
    /// of another store.
    #[must_use]
    pub fn first_table(&self, store: &impl AsStore) -> Option<Table> {
        let core = store.core_ptr().core();
        let record = self.record(core)?;
        if record.module.info().tables.is_empty() {
            return None;
        }
        match item(core, record, ExportItem::Table(0))? {
            Extern::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The exported function with this name.
    #[must_use]
    pub fn func(&self, store: &impl AsStore, name: &str) -> Option<Func> {
        match self.export(store, name)? {
            Extern::Func(func) => Some(func),
            _ => None,
        }
    }

    /// All exports, by name.
    pub(crate) fn exports(&self, core: &StoreCore) -> Vec<(String, Extern)> {
        let Some(record) = self.record(core) else { return Vec::new() };
        let exports = &record.module.info().exports;
        exports
            .iter()
            .filter_map(|export| Some((export.name.clone(), item(core, record, export.item)?)))
            .collect()
    }

    /// The module that this is an instance of.
    ///
    /// # Panics
    ///
    /// When it is a handle of another store.
    #[must_use]
    pub fn module(&self, store: &impl AsStore) -> Module {
        let core = store.core_ptr().core();
        match self.record(core) {
            Some(record) => record.module.clone(),
            None => panic!("an instance of another store"),
        }
    }

    fn record<'a>(&self, core: &'a StoreCore) -> Option<&'a InstanceRecord> {
        if self.store == core.id { core.contents.instances.get(self.index as usize) } else { None }
    }
}

/// What an export of an instance is.
pub(crate) fn item(core: &StoreCore, record: &InstanceRecord, item: ExportItem) -> Option<Extern> {
    let store = core.id;
    let of = |list: &[u32], index: u32| list.get(index as usize).copied();
    Some(match item {
        ExportItem::Function(index) => {
            let position = record.module.info().escaping_position(index)?;
            Extern::Func(Func { store, index: record.first_funcref + position })
        }
        ExportItem::Memory(index) => {
            Extern::Memory(Memory { store, index: of(&record.memories, index)? })
        }
        ExportItem::Table(index) => {
            Extern::Table(Table { store, index: of(&record.tables, index)? })
        }
        ExportItem::Global(index) => {
            Extern::Global(Global { store, index: of(&record.globals, index)? })
        }
        ExportItem::Tag(index) => Extern::Tag(Tag { store, index: of(&record.tags, index)? }),
    })
}
