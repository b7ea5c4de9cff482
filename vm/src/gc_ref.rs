//! References to objects of a store's garbage-collected heap, as handles.

use faasm_abi::gc;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{CompositeType, HeapType, StorageType};

use crate::heap::{self, ObjectLayout, OnFull};
use crate::instance::Instance;
use crate::store::AsStore;
use crate::store::core::StoreCore;
use crate::value::{self, Val};

/// A reference to a structure, an array, an exception or an unboxed integer; a handle, which keeps what it refers to.
///
/// A handle that was made while a host function runs is good until that returns; any other until the store is recycled
/// or [`release_refs`](crate::Store::release_refs) is called.
/// After that, and in another store, it refers to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GcRef {
    store: u64,
    position: u32,
    stamp: u32,
}

/// Why an object cannot be made, read or written so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GcError {
    /// The handle was given back, or is of another store, or the store is poisoned.
    #[error("the reference is no longer good, or belongs to another store")]
    Stale,
    /// The object is of another kind, or the type is.
    #[error("the object or type is of another kind")]
    Kind,
    /// There is no such field or element.
    #[error("there is no field or element with this index")]
    OutOfBounds,
    /// The field or element is constant.
    #[error("the field or element is immutable")]
    Immutable,
    /// The value is of another type, or of another store.
    #[error("the value does not have the type that is needed here")]
    WrongType,
    /// The heap is full of what is in use.
    #[error("the garbage-collected heap is exhausted")]
    Exhausted,
    /// The deadline has passed, or an interrupt was asked for, while a collection made room.
    #[error("the store was interrupted: it can only be recycled")]
    Interrupted,
}

impl From<TrapCode> for GcError {
    fn from(code: TrapCode) -> Self {
        if code == TrapCode::Interrupted { Self::Interrupted } else { Self::Exhausted }
    }
}

impl GcRef {
    /// A handle for a reference that is not null.
    pub(crate) fn root(core: &StoreCore, bits: u32) -> Self {
        let (position, stamp) = core.roots.borrow_mut().add(bits);
        Self { store: core.id, position, stamp }
    }

    /// Gives the handle back before its time, if it is the latest.
    pub(crate) fn give_back(&self, core: &StoreCore) {
        core.roots.borrow_mut().remove_last(self.position, self.stamp);
    }

    /// The reference as compiled code has it. In a poisoned store a collection may have stopped half-way.
    pub(crate) fn bits(&self, core: &StoreCore) -> Option<u32> {
        if self.store == core.id && !core.poisoned {
            core.roots.borrow().get(self.position, self.stamp)
        } else {
            None
        }
    }

    pub(crate) fn object(&self, core: &StoreCore) -> Result<usize, GcError> {
        let bits = self.bits(core).ok_or(GcError::Stale)?;
        heap::object(core, bits).ok_or(GcError::Kind)
    }

    /// An unboxed integer, of which the low 31 bits count.
    pub fn new_i31(store: &mut impl AsStore, value: i32) -> Self {
        Self::root(store.core_ptr().core(), value.cast_unsigned() << 1 | gc::I31_BIT)
    }

    /// A structure of the type with this index in the module of `instance`.
    ///
    /// # Errors
    ///
    /// [`GcError::Kind`], [`GcError::WrongType`] (also for a wrong number of fields), [`GcError::Exhausted`],
    /// [`GcError::Interrupted`].
    pub fn new_struct(
        store: &mut impl AsStore,
        instance: Instance,
        ty: u32,
        fields: &[Val],
    ) -> Result<Self, GcError> {
        let core = store.core_ptr().core_mut();
        let number = type_number(core, instance, ty)?;
        let known = core.contents.types.get(number).as_struct().ok_or(GcError::Kind)?;
        let storages: Vec<_> = known.fields.iter().map(|field| field.storage).collect();
        let bytes = gc::FieldsLayout::of(storages.iter().copied()).size;
        let values = values_with_room(core, bytes.into(), &storages, fields)?;
        let made = heap::new_struct(core, number, &values, OnFull::Grow)?;
        Ok(Self::root(core, made))
    }

    /// An array of the type with this index in the module of `instance`.
    ///
    /// # Errors
    ///
    /// As for [`Self::new_struct`].
    pub fn new_array(
        store: &mut impl AsStore,
        instance: Instance,
        ty: u32,
        elements: &[Val],
    ) -> Result<Self, GcError> {
        let core = store.core_ptr().core_mut();
        let number = type_number(core, instance, ty)?;
        let known = core.contents.types.get(number).as_array().ok_or(GcError::Kind)?;
        let length = u32::try_from(elements.len()).map_err(|_| GcError::Exhausted)?;
        let bytes = gc::array_bytes(known.storage.bytes(), length);
        let storages = vec![known.storage; elements.len()];
        let values = values_with_room(core, bytes, &storages, elements)?;
        let made = heap::new_array(core, number, (length, values.into_iter()), OnFull::Grow)?;
        Ok(Self::root(core, made))
    }

    /// What it refers to: [`HeapType::I31`], [`HeapType::Exn`], or a defined type by the store's number.
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`].
    pub fn heap_type(&self, store: &impl AsStore) -> Result<HeapType, GcError> {
        let core = store.core_ptr().core();
        Ok(heap::heap_type(core, self.bits(core).ok_or(GcError::Stale)?))
    }

    /// Whether it is a structure, an array, an exception or an unboxed integer, as an abstract type.
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`].
    pub fn kind(&self, store: &impl AsStore) -> Result<HeapType, GcError> {
        let core = store.core_ptr().core();
        Ok(match self.heap_type(store)? {
            HeapType::Concrete(number) => core.contents.types.kind(number),
            other => other,
        })
    }

    /// The unboxed integer that it is, sign-extended; `None` if it is something else.
    #[must_use]
    pub fn as_i31(&self, store: &impl AsStore) -> Option<i32> {
        let bits = self.bits(store.core_ptr().core())?;
        (bits & gc::I31_BIT != 0).then_some(bits.cast_signed() >> 1)
    }

    /// Whether both refer to the same object, or are the same integer.
    #[must_use]
    pub fn is_same(&self, store: &impl AsStore, other: &Self) -> bool {
        let core = store.core_ptr().core();
        let bits = self.bits(core);
        bits.is_some() && bits == other.bits(core)
    }

    /// How many fields or elements it has.
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`], [`GcError::Kind`].
    pub fn len(&self, store: &impl AsStore) -> Result<u32, GcError> {
        let core = store.core_ptr().core();
        let object = self.object(core)?;
        Ok(match heap::layout_of(&core.contents, heap::type_word(core, object)) {
            ObjectLayout::Fields { fields, .. } => u32::try_from(fields.len()).unwrap_or(u32::MAX),
            ObjectLayout::Elements { .. } => heap::array_length(core, object),
        })
    }

    /// Whether it has no fields or elements.
    ///
    /// # Errors
    ///
    /// As for [`Self::len`].
    pub fn is_empty(&self, store: &impl AsStore) -> Result<bool, GcError> {
        self.len(store).map(|len| len == 0)
    }

    /// A field of a structure or exception, or an element of an array; packed ones zero-extended.
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`], [`GcError::Kind`], [`GcError::OutOfBounds`].
    pub fn get(&self, store: &mut impl AsStore, index: u32) -> Result<Val, GcError> {
        let core = store.core_ptr().core();
        let (at, storage) = self.place(core, index)?;
        Ok(core.val(storage.unpacked(), heap::load(core, at, storage)))
    }

    /// Sets a field of a structure or an element of an array; of packed ones the low bits.
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`], [`GcError::Kind`], [`GcError::OutOfBounds`], [`GcError::Immutable`],
    /// [`GcError::WrongType`].
    pub fn set(&self, store: &mut impl AsStore, index: u32, value: Val) -> Result<(), GcError> {
        let core = store.core_ptr().core_mut();
        let (at, storage) = self.place(core, index)?;
        let word = heap::type_word(core, self.object(core)?);
        if !is_mutable(core, word, index) {
            return Err(GcError::Immutable);
        }
        let bits = to_bits(core, storage, value)?;
        heap::store(core, at, storage, bits);
        Ok(())
    }

    /// Where a field or element is in the slot, and what is stored.
    fn place(&self, core: &StoreCore, index: u32) -> Result<(usize, StorageType), GcError> {
        let object = self.object(core)?;
        match heap::layout_of(&core.contents, heap::type_word(core, object)) {
            ObjectLayout::Fields { fields, .. } => {
                let field = fields.get(index as usize).ok_or(GcError::OutOfBounds)?;
                Ok((object + field.0 as usize, field.1))
            }
            ObjectLayout::Elements { storage, .. } => {
                if index >= heap::array_length(core, object) {
                    return Err(GcError::OutOfBounds);
                }
                let bytes = storage.bytes();
                let first = object + gc::array_elements(bytes) as usize;
                Ok((first + index as usize * bytes as usize, *storage))
            }
        }
    }
}

fn is_mutable(core: &StoreCore, word: u32, field: u32) -> bool {
    if word & gc::EXCEPTION != 0 {
        return false;
    }
    match &core.contents.types.get(word & !gc::ARRAY).composite {
        CompositeType::Struct(ty) => ty.fields[field as usize].mutable,
        CompositeType::Array(ty) => ty.mutable,
        CompositeType::Func(_) => false,
    }
}

/// The store's number of a type of an instance's module.
fn type_number(core: &StoreCore, instance: Instance, ty: u32) -> Result<u32, GcError> {
    if instance.store != core.id {
        return Err(GcError::Stale);
    }
    let record = core.contents.instances.get(instance.index as usize).ok_or(GcError::Stale)?;
    record.types.get(ty as usize).copied().ok_or(GcError::Kind)
}

fn to_bits(core: &StoreCore, storage: StorageType, value: Val) -> Result<u128, GcError> {
    value::to_bits(core, storage.unpacked(), value).ok_or(GcError::WrongType)
}

/// The bits of values, after room for `bytes` bytes was made, which may move what they refer to.
pub(crate) fn values_with_room(
    core: &mut StoreCore,
    bytes: u64,
    storages: &[StorageType],
    values: &[Val],
) -> Result<Vec<u128>, GcError> {
    if storages.len() != values.len() {
        return Err(GcError::WrongType);
    }
    heap::reserve(core, bytes)?;
    storages.iter().zip(values).map(|(&storage, &value)| to_bits(core, storage, value)).collect()
}
