//! The description of a module: everything but its code (WebAssembly specification, section 2.5 *Modules*).
//!
//! Index spaces follow the specification: imports come first in each.

use serde::{Deserialize, Serialize};

use crate::dylink::Dylink;
use crate::types::{FuncType, GlobalType, HeapType, MemoryType, RefType, SubType, TableType};

/// A validated module without its code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// The module's own name (name section), if any.
    pub name: Option<String>,
    /// Defined types, by type index.
    pub types: Vec<SubType>,
    /// How many types each recursion group has; together they are all types, in order.
    pub rec_groups: Vec<u32>,
    /// Imports, in order.
    pub imports: Vec<Import>,
    /// Type index of each function, imported ones first.
    #[serde(with = "crate::words")]
    pub functions: Vec<u32>,
    /// Tables, imported ones first.
    pub tables: Vec<TableType>,
    /// Memories, imported ones first.
    pub memories: Vec<MemoryType>,
    /// Globals, imported ones first.
    pub globals: Vec<GlobalType>,
    /// Type index of each tag, imported ones first.
    pub tags: Vec<u32>,
    /// How many of each index space are imported.
    pub imported: ImportCounts,
    /// Initial values of the defined globals.
    pub global_inits: Vec<ConstExpr>,
    /// Initial element of each defined table; `None` is null.
    pub table_inits: Vec<Option<ConstExpr>>,
    /// Exports, in order.
    pub exports: Vec<Export>,
    /// The start function, if any.
    pub start: Option<u32>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// How many data segments there are: the object's table of segments has them, because programs have very many.
    pub data_segments: u32,
    /// Where active data segments go, if that is not simply a constant.
    pub data_offsets: Vec<ConstExpr>,
    /// Functions that can become references (exported, in an element segment, a global or a `ref.func`),
    /// ascending and without repetition: the position here is the position of the descriptor.
    #[serde(with = "crate::words")]
    pub escaping: Vec<u32>,
    /// Tables, by index, that compiled code or an export can make grow.
    pub growable_tables: Vec<u32>,
    /// How it is linked at run time, if it says so: it is a library, or needs some.
    pub dylink: Option<Dylink>,
}

impl ModuleInfo {
    /// The type of function `index`, or `None` when there is no such function.
    #[must_use]
    pub fn function_type(&self, index: u32) -> Option<&FuncType> {
        self.func_type(*self.functions.get(index as usize)?)
    }

    /// The function type with this type index, or `None` when there is no such type or it is another kind.
    #[must_use]
    pub fn func_type(&self, ty: u32) -> Option<&FuncType> {
        self.types.get(ty as usize)?.as_func()
    }

    /// Whether references of a heap type are the garbage collector's: all but those to functions.
    #[must_use]
    pub fn is_collected(&self, heap: HeapType) -> bool {
        match heap {
            HeapType::Func | HeapType::NoFunc => false,
            HeapType::Concrete(index) => self.func_type(index).is_none(),
            _ => true,
        }
    }

    /// Whether instances can make objects that are collected: structures, arrays or exceptions.
    #[must_use]
    pub fn needs_gc_heap(&self) -> bool {
        !self.tags.is_empty() || self.types.iter().any(|ty| ty.as_func().is_none())
    }

    /// The position of function `index` among the escaping ones.
    #[must_use]
    pub fn escaping_position(&self, index: u32) -> Option<u32> {
        let at = self.escaping.binary_search(&index).ok()?;
        u32::try_from(at).ok()
    }

    /// The code shape: fused when memory 0 is the module's own, unshared, 32-bit and of 64 KiB pages.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match self.memories.first() {
            Some(memory)
                if self.imported.memories == 0
                    && !memory.shared
                    && !memory.memory64
                    && memory.page_size_log2 == 16 =>
            {
                Shape::Fused
            }
            _ => Shape::Split,
        }
    }
}

/// How the context pointer relates to memory 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// The context pointer is the base of memory 0.
    Fused,
    /// The context lies elsewhere; bases of memories are read from it.
    Split,
}

/// How many entries of each index space are imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// Functions.
    pub functions: u32,
    /// Tables.
    pub tables: u32,
    /// Memories.
    pub memories: u32,
    /// Globals.
    pub globals: u32,
    /// Tags.
    pub tags: u32,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Module name.
    pub module: String,
    /// Field name.
    pub name: String,
    /// What is asked for.
    pub kind: ImportKind,
}

/// What an import asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportKind {
    /// A function of the type with this index.
    Function(u32),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag of the type with this index.
    Tag(u32),
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it names.
    pub item: ExportItem,
}

/// What an export names, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportItem {
    /// A function.
    Function(u32),
    /// A table.
    Table(u32),
    /// A memory.
    Memory(u32),
    /// A global.
    Global(u32),
    /// A tag.
    Tag(u32),
}

/// A constant expression: a stack program (specification, section 3.4.11 and extended constants).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstExpr(pub Vec<ConstOp>);

/// One instruction of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConstOp {
    /// `i32.const`.
    I32(i32),
    /// `i64.const`.
    I64(i64),
    /// `f32.const`, as bits.
    F32(u32),
    /// `f64.const`, as bits.
    F64(u64),
    /// `v128.const`, little-endian.
    V128(u128),
    /// `global.get`.
    GlobalGet(u32),
    /// `ref.null`.
    RefNull,
    /// `ref.func`.
    RefFunc(u32),
    /// `i32.add`.
    I32Add,
    /// `i32.sub`.
    I32Sub,
    /// `i32.mul`.
    I32Mul,
    /// `i64.add`.
    I64Add,
    /// `i64.sub`.
    I64Sub,
    /// `i64.mul`.
    I64Mul,
    /// `struct.new` of the type with this index.
    StructNew(u32),
    /// `struct.new_default`.
    StructNewDefault(u32),
    /// `array.new`.
    ArrayNew(u32),
    /// `array.new_default`.
    ArrayNewDefault(u32),
    /// `array.new_fixed`: the type's index and how many elements.
    ArrayNewFixed(u32, u32),
    /// `ref.i31`.
    RefI31,
    /// `any.convert_extern` or `extern.convert_any`, which change nothing.
    Convert,
}

/// An element segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementSegment {
    /// When it is used.
    pub mode: SegmentMode,
    /// The type of its elements.
    pub element: RefType,
    /// Its elements.
    pub items: ElementItems,
}

/// The elements of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElementItems {
    /// Function indices.
    Functions(#[serde(with = "crate::words")] Vec<u32>),
    /// One constant expression each.
    Expressions(Vec<ConstExpr>),
}

impl ElementItems {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Functions(items) => items.len(),
            Self::Expressions(items) => items.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// When an element segment is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SegmentMode {
    /// At instantiation, to the table or memory `index` from `offset` on.
    Active {
        /// Table index.
        index: u32,
        /// Where it goes.
        offset: ConstExpr,
    },
    /// By an instruction.
    Passive,
    /// Never (declares function references).
    Declared,
}
