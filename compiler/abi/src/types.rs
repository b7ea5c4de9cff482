//! Value, reference, function and aggregate types (WebAssembly specification, section 2.3 *Types*).
//!
//! A type index in a module's description counts the module's types; in what a VM's store says it is the store's own
//! number of the type, where equal types have equal numbers.

use serde::{Deserialize, Serialize};

/// The type of a WebAssembly value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference: 32 bits in compiled code, 0 is null (see [`RefType`]).
    Ref(RefType),
}

impl ValType {
    /// `funcref`.
    pub const FUNCREF: Self = Self::Ref(RefType::FUNCREF);
    /// `externref`.
    pub const EXTERNREF: Self = Self::Ref(RefType::EXTERNREF);

    /// Bytes that a value of this type takes in a global or an array of globals: 16 for vectors, else 8.
    #[must_use]
    pub const fn global_bytes(self) -> i32 {
        match self {
            Self::V128 => 16,
            _ => 8,
        }
    }

    /// The same type with its type index, if it has one, replaced.
    #[must_use]
    pub fn map_indices(self, map: impl Fn(u32) -> u32) -> Self {
        match self {
            Self::Ref(ty) => Self::Ref(ty.map_indices(map)),
            other => other,
        }
    }

    /// Whether host functions can take and return this type in one general or float register.
    #[must_use]
    pub const fn is_scalar(self) -> bool {
        !matches!(self, Self::V128)
    }
}

/// A reference type.
///
/// In compiled code a reference is 32 bits wide and 0 is null.
/// A function reference is the index of a descriptor in the store's table (see [`crate::layout::funcref`]); all others
/// are as [`crate::gc`] lays down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RefType {
    /// Whether null belongs to the type.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// `(ref null func)`.
    pub const FUNCREF: Self = Self { nullable: true, heap: HeapType::Func };
    /// `(ref null extern)`.
    pub const EXTERNREF: Self = Self { nullable: true, heap: HeapType::Extern };

    /// The same type with its type index, if it has one, replaced.
    #[must_use]
    pub fn map_indices(self, map: impl Fn(u32) -> u32) -> Self {
        let heap = match self.heap {
            HeapType::Concrete(index) => HeapType::Concrete(map(index)),
            heap => heap,
        };
        Self { nullable: self.nullable, heap }
    }
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HeapType {
    /// Any function.
    Func,
    /// Anything of the host's.
    Extern,
    /// Any internal reference.
    Any,
    /// Comparable references.
    Eq,
    /// Unboxed 31-bit integers.
    I31,
    /// Any structure.
    Struct,
    /// Any array.
    Array,
    /// An exception.
    Exn,
    /// Bottom of the internal hierarchy.
    None,
    /// Bottom of the functions.
    NoFunc,
    /// Bottom of the external references.
    NoExtern,
    /// Bottom of the exceptions.
    NoExn,
    /// A defined type, by its index.
    Concrete(u32),
}

/// A defined type: what a type section's `sub` declares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SubType {
    /// Whether it has no further subtypes.
    pub is_final: bool,
    /// The type that it declares to be a subtype of.
    pub supertype: Option<u32>,
    /// What it is.
    pub composite: CompositeType,
}

impl SubType {
    /// A function type as it is without `sub`: final, with no supertype.
    #[must_use]
    pub const fn func(ty: FuncType) -> Self {
        Self { is_final: true, supertype: None, composite: CompositeType::Func(ty) }
    }

    /// The function type that it is, if it is one.
    #[must_use]
    pub const fn as_func(&self) -> Option<&FuncType> {
        match &self.composite {
            CompositeType::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// The fields of the structure type that it is, if it is one.
    #[must_use]
    pub const fn as_struct(&self) -> Option<&StructType> {
        match &self.composite {
            CompositeType::Struct(ty) => Some(ty),
            _ => None,
        }
    }

    /// The elements of the array type that it is, if it is one.
    #[must_use]
    pub const fn as_array(&self) -> Option<&FieldType> {
        match &self.composite {
            CompositeType::Array(ty) => Some(ty),
            _ => None,
        }
    }

    /// The same type with each of its type indices, of the supertype too, replaced.
    #[must_use]
    pub fn map_indices(&self, map: impl Fn(u32) -> u32 + Copy) -> Self {
        let composite = match &self.composite {
            CompositeType::Func(ty) => CompositeType::Func(ty.map_indices(map)),
            CompositeType::Struct(ty) => CompositeType::Struct(StructType {
                fields: ty.fields.iter().map(|field| field.map_indices(map)).collect(),
            }),
            CompositeType::Array(ty) => CompositeType::Array(ty.map_indices(map)),
        };
        Self { is_final: self.is_final, supertype: self.supertype.map(map), composite }
    }
}

/// What a defined type is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CompositeType {
    /// A function.
    Func(FuncType),
    /// A structure.
    Struct(StructType),
    /// An array of so typed elements.
    Array(FieldType),
}

/// The type of a structure.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StructType {
    /// Its fields, in order.
    pub fields: Box<[FieldType]>,
}

/// The type of a structure's field or an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldType {
    /// What is stored.
    pub storage: StorageType,
    /// Whether it can be written after it was initialised.
    pub mutable: bool,
}

impl FieldType {
    fn map_indices(&self, map: impl Fn(u32) -> u32) -> Self {
        let storage = match self.storage {
            StorageType::Val(ty) => StorageType::Val(ty.map_indices(map)),
            packed => packed,
        };
        Self { storage, mutable: self.mutable }
    }
}

/// What a field stores: a value, or the low bits of an `i32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StorageType {
    /// Eight bits of an `i32`.
    I8,
    /// Sixteen bits of an `i32`.
    I16,
    /// A value.
    Val(ValType),
}

impl StorageType {
    /// The type of the value that is read and written.
    #[must_use]
    pub const fn unpacked(self) -> ValType {
        match self {
            Self::I8 | Self::I16 => ValType::I32,
            Self::Val(ty) => ty,
        }
    }

    /// Bytes that it takes in an object.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I8 => 1,
            Self::I16 => 2,
            Self::Val(ValType::I32 | ValType::F32 | ValType::Ref(_)) => 4,
            Self::Val(ValType::I64 | ValType::F64) => 8,
            Self::Val(ValType::V128) => 16,
        }
    }
}

/// The type of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FuncType {
    /// Parameter types, in order.
    pub params: Box<[ValType]>,
    /// Result types, in order.
    pub results: Box<[ValType]>,
}

impl FuncType {
    /// The same type with each of its type indices replaced.
    #[must_use]
    pub fn map_indices(&self, map: impl Fn(u32) -> u32 + Copy) -> Self {
        let all = |types: &[ValType]| types.iter().map(|ty| ty.map_indices(map)).collect();
        Self { params: all(&self.params), results: all(&self.results) }
    }

    /// Whether the *native* host convention can carry it: scalar parameters and at most one scalar result
    /// (see [`crate::host`]).
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.params.iter().all(|ty| ty.is_scalar())
            && self.results.len() <= 1
            && self.results.iter().all(|ty| ty.is_scalar())
    }
}

/// Size limits of a memory or a table; the unit is pages or elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Size at instantiation.
    pub min: u64,
    /// Largest size ever, if the module gives one.
    pub max: Option<u64>,
}

/// The type of a linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryType {
    /// Limits in pages of `1 << page_size_log2` bytes.
    pub limits: Limits,
    /// Whether addresses are 64 bits wide (memory64).
    pub memory64: bool,
    /// Whether threads share it.
    pub shared: bool,
    /// 16, or 0 with the custom-page-sizes proposal.
    pub page_size_log2: u8,
}

impl MemoryType {
    /// How many pages it ever has.
    ///
    /// A memory of 32-bit addresses that does not begin with all of its address space never gets the last page of 64 KiB,
    /// whatever its type allows: growing may fail for any reason (4.2.8 *Growing Memories*). So an address in the memory
    /// and less than a page more is a sum that does not wrap, on which compiled code relies.
    #[must_use]
    pub fn most_pages(&self) -> u64 {
        let log2 = u32::from(self.page_size_log2);
        let addressable = match (self.memory64, log2) {
            (true, _) => 1 << (64 - log2).min(63),
            (false, 16) if self.limits.min < 1 << 16 => (1 << 16) - 1,
            (false, _) => (1 << 32) >> log2,
        };
        self.limits.max.unwrap_or(addressable).min(addressable)
    }
}

/// The type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableType {
    /// What its elements are.
    pub element: RefType,
    /// Limits in elements.
    pub limits: Limits,
    /// Whether indices are 64 bits wide (table64).
    pub table64: bool,
}

/// The type of a global variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GlobalType {
    /// The type of its value.
    pub value: ValType,
    /// Whether it can be written.
    pub mutable: bool,
}
