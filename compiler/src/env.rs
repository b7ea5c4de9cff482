//! What all functions of a module share while they are translated.

use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use faasm_abi::layout::{ContextLayout, ContextTooLarge};
use faasm_abi::module::{ModuleInfo, Shape};
use faasm_abi::types::{FuncType, MemoryType, SubType, ValType};

use crate::constant_table::{ConstantTable, type_numbers};
use crate::isa::{self, Isas};
use crate::limits::{Clock, Limits};
use crate::options::{CompileOptions, RelaxedSimd};
use crate::validate::{Hint, Validated};

/// Namespaces of the names by which code calls other code.
pub(crate) mod namespace {
    /// Functions of the module, by function index.
    pub(crate) const FUNCTION: u32 = 0;
    /// Builtin stubs, by number.
    pub(crate) const BUILTIN: u32 = 1;
    /// Copies of constant tables, by table index.
    pub(crate) const TABLE: u32 = 2;
    /// Parts of the function itself, by position.
    pub(crate) const PART: u32 = 3;
}

/// The module, its layout and its target.
pub(crate) struct Env<'a> {
    pub(crate) info: &'a ModuleInfo,
    pub(crate) layout: ContextLayout,
    pub(crate) shape: Shape,
    pub(crate) isa: &'a dyn TargetIsa,
    /// The same target with the least effort, which takes linear time: for functions of unusual shape.
    pub(crate) plain: &'a dyn TargetIsa,
    /// The signature of each function type in compiled code.
    pub(crate) signatures: Vec<Signature>,
    /// For each table, whether it holds functions of the same instance only.
    pub(crate) closed_tables: &'a [bool],
    /// The number of each plain type, for constant tables.
    pub(crate) type_numbers: Vec<Option<u32>>,
    /// The tables that have a copy in the text, by table index.
    pub(crate) constant_tables: Vec<Option<&'a ConstantTable>>,
    /// Of all functions, by position in the module.
    pub(crate) hints: &'a [Hint],
    /// What relaxed vector operators may use, unless they are to be deterministic.
    pub(crate) relaxed: Option<Relaxed>,
    /// Whether code is to know its operators.
    pub(crate) lines: bool,
    /// What the module may ask for, and until when.
    pub(crate) limits: &'a Limits,
    pub(crate) clock: Clock,
}

/// What a machine is fastest at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relaxed {
    /// Instructions of x86-64.
    pub(crate) x86: bool,
    /// Multiplication and addition with one rounding.
    pub(crate) fma: bool,
}

impl Relaxed {
    fn of(isa: &dyn TargetIsa, choice: RelaxedSimd) -> Option<Self> {
        match choice {
            RelaxedSimd::Deterministic => None,
            RelaxedSimd::Machine => Some(Self { x86: isa::is_x86(isa), fma: isa::has_fma(isa) }),
        }
    }
}

impl<'a> Env<'a> {
    pub(crate) fn new(
        module: &'a Validated<'_>,
        isas: &'a Isas,
        options: &'a CompileOptions,
    ) -> Result<Self, ContextTooLarge> {
        let info = module.info();
        let isa = &*isas.normal;
        let type_numbers = type_numbers(info);
        let constant = module
            .constant_tables()
            .iter()
            .map(|table| table.as_ref().filter(|table| table.is_plain(info, &type_numbers)));
        Ok(Self {
            info,
            layout: ContextLayout::of(info)?,
            shape: info.shape(),
            isa,
            plain: &*isas.plain,
            signatures: info.types.iter().map(signature_of).collect(),
            closed_tables: module.closed_tables(),
            constant_tables: constant.collect(),
            type_numbers,
            relaxed: Relaxed::of(isa, options.relaxed_simd),
            lines: false,
            limits: &options.limits,
            clock: options.limits.clock(),
            hints: module.hints(),
        })
    }
}

impl<'a> Env<'a> {
    /// The function type with this index, of which validation says that it is one.
    pub(crate) fn func_type(&self, ty: u32) -> &'a FuncType {
        self.info.func_type(ty).expect("validated: the type is a function's")
    }

    /// Whether the memory begins at the context pointer, and the last page of its address space is never in it.
    pub(crate) fn keeps_apart(&self) -> bool {
        let is_apart = |memory: &MemoryType| {
            !memory.memory64 && memory.page_size_log2 == 16 && memory.most_pages() < 1 << 16
        };
        self.shape == Shape::Fused && self.info.memories.first().is_some_and(is_apart)
    }
}

/// The signature of a type; one of another kind than functions has none that anybody asks for.
fn signature_of(ty: &SubType) -> Signature {
    ty.as_func().map_or_else(|| Signature::new(CallConv::Tail), signature)
}

/// The signature of a function type in compiled code: the `Tail` convention, and only what WebAssembly passes.
pub(crate) fn signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend(ty.params.iter().map(|&ty| AbiParam::new(passed_type(ty))));
    signature.returns.extend(ty.results.iter().map(|&ty| AbiParam::new(passed_type(ty))));
    signature
}

/// The IR's type for what calls pass and return: an integer of 32 bits is zero-extended, so that it can be an index of
/// a memory as it is.
pub(crate) const fn passed_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I64,
        other => ir_type(other),
    }
}

/// The IR's type for a WebAssembly type.
pub(crate) const fn ir_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 | ValType::Ref(_) => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}
