//! Value, reference and function types (WebAssembly specification, section 2.3 *Types*).

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

    /// Whether host functions can take and return this type in one general or float register.
    #[must_use]
    pub const fn is_scalar(self) -> bool {
        !matches!(self, Self::V128)
    }
}

/// A reference type.
///
/// In compiled code a reference is 32 bits wide and 0 is null.
/// A function reference is the index of a descriptor in the store's table (see [`crate::layout::funcref`]);
/// an external reference is an index into a table of the host.
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
    /// A type defined in the module, by its type index.
    Concrete(u32),
}

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FuncType {
    /// Parameter types, in order.
    pub params: Box<[ValType]>,
    /// Result types, in order.
    pub results: Box<[ValType]>,
}

impl FuncType {
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
