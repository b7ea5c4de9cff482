//! What instances export and import besides functions, as handles: memories, tables, globals.

use faasm_abi::types::{GlobalType, MemoryType, TableType};

use crate::func::Func;
use crate::guest_memory::GuestMemory;
use crate::store::{AsStore, Store, StoreError};
use crate::value::Val;

/// Anything that can be exported or imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A memory.
    Memory(Memory),
    /// A table.
    Table(Table),
    /// A global.
    Global(Global),
}

/// A linear memory; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// A table; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// A global; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// Why a table or global cannot be read or written so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The index is not in the table.
    #[error("out of bounds table access")]
    OutOfBounds,
    /// The value is of another type, or of another store.
    #[error("the value does not have the type that is needed here")]
    WrongType,
    /// The global is constant.
    #[error("the global is immutable")]
    Immutable,
    /// It cannot be larger.
    #[error("the size limit is reached")]
    Limit,
}

impl Memory {
    /// A memory of the store's own, for modules to import.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn new<T: 'static>(store: &mut Store<T>, ty: MemoryType) -> Result<Self, StoreError> {
        let _ = (store, ty);
        unimplemented!()
    }

    /// Its type, with the present size as minimum.
    #[must_use]
    pub fn ty(&self, store: &impl AsStore) -> MemoryType {
        let _ = (store, self.store, self.index);
        unimplemented!()
    }

    /// Its size in pages.
    #[must_use]
    pub fn size(&self, store: &impl AsStore) -> u64 {
        let _ = store;
        unimplemented!()
    }

    /// Grows it by `pages` and returns the size before, in pages.
    ///
    /// # Errors
    ///
    /// [`AccessError::Limit`].
    pub fn grow(&self, store: &mut impl AsStore, pages: u64) -> Result<u64, AccessError> {
        let _ = (store, pages);
        unimplemented!()
    }

    /// Its bytes, through checked copies.
    #[must_use]
    pub fn view<'a>(&self, store: &'a impl AsStore) -> GuestMemory<'a> {
        let _ = store;
        unimplemented!()
    }
}

impl Table {
    /// A table of the store's own, for modules to import, filled with `element`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn new<T: 'static>(
        store: &mut Store<T>,
        ty: TableType,
        element: Val,
    ) -> Result<Self, StoreError> {
        let _ = (store, ty, element);
        unimplemented!()
    }

    /// Its type, with the present size as minimum.
    #[must_use]
    pub fn ty(&self, store: &impl AsStore) -> TableType {
        let _ = (store, self.store, self.index);
        unimplemented!()
    }

    /// Its size in elements.
    #[must_use]
    pub fn size(&self, store: &impl AsStore) -> u64 {
        let _ = store;
        unimplemented!()
    }

    /// The element at `index`.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`].
    pub fn get(&self, store: &impl AsStore, index: u64) -> Result<Val, AccessError> {
        let _ = (store, index);
        unimplemented!()
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    pub fn set(&self, store: &mut impl AsStore, index: u64, value: Val) -> Result<(), AccessError> {
        let _ = (store, index, value);
        unimplemented!()
    }

    /// Grows it by `delta` elements and returns the size before.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    pub fn grow(
        &self,
        store: &mut impl AsStore,
        delta: u64,
        element: Val,
    ) -> Result<u64, AccessError> {
        let _ = (store, delta, element);
        unimplemented!()
    }
}

impl Global {
    /// A global of the store's own, for modules to import.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn new<T: 'static>(
        store: &mut Store<T>,
        ty: GlobalType,
        value: Val,
    ) -> Result<Self, StoreError> {
        let _ = (store, ty, value);
        unimplemented!()
    }

    /// Its type.
    #[must_use]
    pub fn ty(&self, store: &impl AsStore) -> GlobalType {
        let _ = (store, self.store, self.index);
        unimplemented!()
    }

    /// Its value.
    #[must_use]
    pub fn get(&self, store: &impl AsStore) -> Val {
        let _ = store;
        unimplemented!()
    }

    /// Sets its value.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    pub fn set(&self, store: &mut impl AsStore, value: Val) -> Result<(), AccessError> {
        let _ = (store, value);
        unimplemented!()
    }
}
