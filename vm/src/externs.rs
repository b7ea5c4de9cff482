//! What instances export and import besides functions, as handles: memories, tables, globals, tags.

use faasm_abi::types::{FuncType, GlobalType, MemoryType, TableType, ValType};

use crate::func::Func;
use crate::guest_memory::GuestMemory;
use crate::place;
use crate::shared_memory::SharedMemory;
use crate::store::contents::{GlobalRecord, MemoryRecord, TableRecord};
use crate::store::core::StoreCore;
use crate::store::{AsStore, Store, StoreError};
use crate::value::{self, Val};

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
    /// A tag.
    Tag(Tag),
}

impl Extern {
    /// The number of the store that it belongs to.
    pub(crate) fn store(&self) -> u64 {
        match self {
            Self::Func(func) => func.store,
            Self::Memory(memory) => memory.store,
            Self::Table(table) => table.store,
            Self::Global(global) => global.store,
            Self::Tag(tag) => tag.store,
        }
    }
}

/// A linear memory; a handle. Its methods panic when it is used with another store than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// A table; a handle. Its methods panic when it is used with another store than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// A global; a handle. Its methods panic when it is used with another store than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// A tag, which tells exceptions apart; a handle. Its methods panic when it is used with another store than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Tag {
    /// A tag of the store's own, for modules to import, whose exceptions carry values of these types.
    ///
    /// # Errors
    ///
    /// [`StoreError::WrongType`] when a type is one of a module's own; [`StoreError::Sealed`], also in a store for one
    /// module.
    pub fn new<T: 'static>(store: &mut Store<T>, params: &[ValType]) -> Result<Self, StoreError> {
        let core = store.core_mut();
        let ty = FuncType { params: params.into(), results: Box::default() };
        Ok(Self { store: core.id, index: place::own_tag(core, &ty)? })
    }

    /// Its type: the parameters are what an exception with this tag carries.
    #[must_use]
    pub fn ty<'a>(&self, store: &'a impl AsStore) -> &'a FuncType {
        let core = store.core_ptr().core();
        own(self.store, core);
        core.contents.types.func(core.contents.tags[self.index as usize].ty)
    }
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

fn own(store: u64, core: &StoreCore) {
    assert!(store == core.id, "a handle of another store");
}

impl Memory {
    /// A memory of the store's own, for modules to import.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn new<T: 'static>(store: &mut Store<T>, ty: MemoryType) -> Result<Self, StoreError> {
        let core = store.core_mut();
        Ok(Self { store: core.id, index: place::own_memory(core, ty)? })
    }

    fn record<'a>(&self, core: &'a StoreCore) -> &'a MemoryRecord {
        own(self.store, core);
        &core.contents.memories[self.index as usize]
    }

    /// Its type, with the present size as minimum.
    #[must_use]
    pub fn ty(&self, store: &impl AsStore) -> MemoryType {
        memory_type(store.core_ptr().core(), self.record(store.core_ptr().core()))
    }

    /// Its size in pages.
    #[must_use]
    pub fn size(&self, store: &impl AsStore) -> u64 {
        self.ty(store).limits.min
    }

    /// Grows it by `pages` and returns the size before, in pages.
    ///
    /// # Errors
    ///
    /// [`AccessError::Limit`].
    pub fn grow(&self, store: &mut impl AsStore, pages: u64) -> Result<u64, AccessError> {
        own(self.store, store.core_ptr().core());
        store.core_ptr().core_mut().grow_memory(self.index, pages)
    }

    /// The memory as other stores can have it, if it is shared.
    #[must_use]
    pub fn shared(&self, store: &impl AsStore) -> Option<SharedMemory> {
        let core = store.core_ptr().core();
        own(self.store, core);
        core.shared_memory(self.index).cloned()
    }

    /// Its bytes, through checked copies.
    #[must_use]
    pub fn view<'a>(&self, store: &'a impl AsStore) -> GuestMemory<'a> {
        let core = store.core_ptr().core();
        GuestMemory::new(core, self.record(core))
    }
}

/// A memory's type with its present size as minimum: what imports are matched with.
pub(crate) fn memory_type(core: &StoreCore, record: &MemoryRecord) -> MemoryType {
    let mut ty = record.ty;
    ty.limits.min = core.memory_len(record) >> ty.page_size_log2;
    ty
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
        let core = store.core_mut();
        let element = element_bits(core, &ty, element).map_err(|_| StoreError::WrongType)?;
        Ok(Self { store: core.id, index: place::own_table(core, ty, element)? })
    }

    fn record<'a>(&self, core: &'a StoreCore) -> &'a TableRecord {
        own(self.store, core);
        &core.contents.tables[self.index as usize]
    }

    /// Its type, with the present size as minimum.
    #[must_use]
    pub fn ty(&self, store: &impl AsStore) -> TableType {
        table_type(store.core_ptr().core(), self.record(store.core_ptr().core()))
    }

    /// Its size in elements.
    #[must_use]
    pub fn size(&self, store: &impl AsStore) -> u64 {
        self.ty(store).limits.min
    }

    /// The element at `index`.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`].
    pub fn get(&self, store: &impl AsStore, index: u64) -> Result<Val, AccessError> {
        let core = store.core_ptr().core();
        let record = self.record(core);
        if index >= core.table_len(record) {
            return Err(AccessError::OutOfBounds);
        }
        Ok(core.val(ValType::Ref(record.ty.element), core.element(record, index).into()))
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    ///
    /// [`AccessError::OutOfBounds`], [`AccessError::WrongType`].
    pub fn set(&self, store: &mut impl AsStore, index: u64, value: Val) -> Result<(), AccessError> {
        let core = store.core_ptr().core_mut();
        let record = self.record(core).clone();
        let element = element_bits(core, &record.ty, value)?;
        if index >= core.table_len(&record) {
            return Err(AccessError::OutOfBounds);
        }
        core.put_element(&record, index, element);
        Ok(())
    }

    /// Grows it by `delta` elements and returns the size before.
    ///
    /// # Errors
    ///
    /// [`AccessError::Limit`], [`AccessError::WrongType`].
    pub fn grow(
        &self,
        store: &mut impl AsStore,
        delta: u64,
        element: Val,
    ) -> Result<u64, AccessError> {
        let core = store.core_ptr().core_mut();
        let element = element_bits(core, &self.record(core).ty, element)?;
        core.grow_table(self.index, element, delta)
    }
}

fn element_bits(core: &StoreCore, ty: &TableType, element: Val) -> Result<u32, AccessError> {
    let bits = value::to_bits(core, ValType::Ref(ty.element), element);
    bits.map(crate::segments::reference).ok_or(AccessError::WrongType)
}

/// A table's type with its present size as minimum: what imports are matched with.
pub(crate) fn table_type(core: &StoreCore, record: &TableRecord) -> TableType {
    let mut ty = record.ty;
    ty.limits.min = core.table_len(record);
    ty
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
        let core = store.core_mut();
        let bits = value::to_bits(core, ty.value, value).ok_or(StoreError::WrongType)?;
        Ok(Self { store: core.id, index: place::own_global(core, ty, bits)? })
    }

    fn record<'a>(&self, core: &'a StoreCore) -> &'a GlobalRecord {
        own(self.store, core);
        &core.contents.globals[self.index as usize]
    }

    /// Its type.
    #[must_use]
    pub fn ty(&self, store: &impl AsStore) -> GlobalType {
        self.record(store.core_ptr().core()).ty
    }

    /// Its value.
    #[must_use]
    pub fn get(&self, store: &impl AsStore) -> Val {
        let core = store.core_ptr().core();
        core.val(self.record(core).ty.value, global_bits(core, self.index))
    }

    /// Sets its value.
    ///
    /// # Errors
    ///
    /// [`AccessError::Immutable`], [`AccessError::WrongType`].
    pub fn set(&self, store: &mut impl AsStore, value: Val) -> Result<(), AccessError> {
        let core = store.core_ptr().core_mut();
        let record = self.record(core).clone();
        if !record.ty.mutable {
            return Err(AccessError::Immutable);
        }
        let bits = value::to_bits(core, record.ty.value, value).ok_or(AccessError::WrongType)?;
        put_global(core, &record, bits);
        Ok(())
    }
}

/// The bits of a global's value.
pub(crate) fn global_bits(core: &StoreCore, index: u32) -> u128 {
    let record = &core.contents.globals[index as usize];
    match record.ty.value {
        ValType::V128 => core.get(record.value),
        _ => core.get::<u64>(record.value).into(),
    }
}

/// Sets the bits of a global's value.
#[expect(clippy::cast_possible_truncation, reason = "all types but v128 have 64 bits at most")]
pub(crate) fn put_global(core: &mut StoreCore, record: &GlobalRecord, bits: u128) {
    match record.ty.value {
        ValType::V128 => core.put(record.value, bits),
        _ => core.put(record.value, bits as u64),
    }
}
