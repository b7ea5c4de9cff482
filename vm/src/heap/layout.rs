//! What objects of a type look like, as the collector and the host need it (see [`faasm_abi::gc`]).

use faasm_abi::gc::{self, FieldsLayout};
use faasm_abi::types::{CompositeType, StorageType, SubType, ValType};

use crate::store::types::Types;

/// Where the parts of an object lie, and which of them are references that are collected.
#[derive(Clone, Debug)]
pub(crate) enum ObjectLayout {
    /// A structure, or an exception.
    Fields {
        /// Each field: its offset in the object and what is stored.
        fields: Box<[(u32, StorageType)]>,
        /// Offsets of the references that are collected.
        references: Box<[u32]>,
        /// Bytes of the object.
        size: u32,
    },
    /// An array.
    Elements {
        /// What is stored.
        storage: StorageType,
        /// Whether elements are references that are collected.
        collected: bool,
    },
}

impl Default for ObjectLayout {
    fn default() -> Self {
        Self::Fields { fields: [].into(), references: [].into(), size: gc::HEADER }
    }
}

impl ObjectLayout {
    /// The layout of a type, with the store's numbers in it.
    pub(crate) fn of(types: &Types, ty: &SubType) -> Self {
        match &ty.composite {
            CompositeType::Array(field) => Self::Elements {
                storage: field.storage,
                collected: is_collected(types, field.storage),
            },
            CompositeType::Struct(ty) => {
                Self::fields(types, ty.fields.iter().map(|field| field.storage).collect())
            }
            CompositeType::Func(ty) => {
                Self::fields(types, ty.params.iter().map(|&ty| StorageType::Val(ty)).collect())
            }
        }
    }

    fn fields(types: &Types, storages: Vec<StorageType>) -> Self {
        let layout = FieldsLayout::of(storages.iter().copied());
        let fields: Box<[_]> = layout.offsets.iter().copied().zip(storages).collect();
        let references = fields
            .iter()
            .filter(|(_, storage)| is_collected(types, *storage))
            .map(|(offset, _)| *offset)
            .collect();
        Self::Fields { fields, references, size: layout.size }
    }
}

fn is_collected(types: &Types, storage: StorageType) -> bool {
    matches!(storage, StorageType::Val(ValType::Ref(ty)) if types.is_collected(ty.heap))
}
