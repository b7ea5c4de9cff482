//! wasmparser's types as ours.

use faasm_abi::module::{ConstExpr, ConstOp};
use faasm_abi::types::{
    CompositeType, FieldType, FuncType, GlobalType, HeapType, Limits, MemoryType, RefType,
    StorageType, StructType, SubType, TableType, ValType,
};
use wasmparser::{AbstractHeapType as Abstract, Operator, UnpackedIndex};

use super::features::refuse;
use crate::error::ValidateError;

/// Validation refuses all of this before; the translation must not meet it.
fn unsupported(what: &str) -> ValidateError {
    ValidateError::Unknown(what.to_owned())
}

pub(super) fn sub_type(ty: &wasmparser::SubType) -> Result<SubType, ValidateError> {
    let composite = match &ty.composite_type.inner {
        wasmparser::CompositeInnerType::Func(ty) => CompositeType::Func(func_type(ty)?),
        wasmparser::CompositeInnerType::Struct(ty) => {
            let fields = ty.fields.iter().map(|&field| field_type(field)).collect::<Result<_, _>>();
            CompositeType::Struct(StructType { fields: fields? })
        }
        wasmparser::CompositeInnerType::Array(ty) => CompositeType::Array(field_type(ty.0)?),
        wasmparser::CompositeInnerType::Cont(_) => return Err(unsupported("stack switching")),
    };
    let supertype = match ty.supertype_idxs.first().map(|index| index.unpack()) {
        None => None,
        Some(UnpackedIndex::Module(index)) => Some(index),
        Some(_) => return Err(unsupported("such supertypes")),
    };
    Ok(SubType { is_final: ty.is_final, supertype, composite })
}

fn field_type(ty: wasmparser::FieldType) -> Result<FieldType, ValidateError> {
    let storage = match ty.element_type {
        wasmparser::StorageType::I8 => StorageType::I8,
        wasmparser::StorageType::I16 => StorageType::I16,
        wasmparser::StorageType::Val(ty) => StorageType::Val(val_type(ty)?),
    };
    Ok(FieldType { storage, mutable: ty.mutable })
}

fn func_type(ty: &wasmparser::FuncType) -> Result<FuncType, ValidateError> {
    Ok(FuncType { params: val_types(ty.params())?, results: val_types(ty.results())? })
}

fn val_types(types: &[wasmparser::ValType]) -> Result<Box<[ValType]>, ValidateError> {
    types.iter().map(|&ty| val_type(ty)).collect()
}

pub(crate) fn val_type(ty: wasmparser::ValType) -> Result<ValType, ValidateError> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty)?),
    })
}

pub(crate) fn ref_type(ty: wasmparser::RefType) -> Result<RefType, ValidateError> {
    Ok(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type())? })
}

pub(crate) fn heap_type(ty: wasmparser::HeapType) -> Result<HeapType, ValidateError> {
    Ok(match ty {
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => HeapType::Concrete(index),
        wasmparser::HeapType::Abstract { shared: false, ty } => abstract_type(ty)?,
        _ => return Err(unsupported("shared or exact references")),
    })
}

fn abstract_type(ty: Abstract) -> Result<HeapType, ValidateError> {
    Ok(match ty {
        Abstract::Func => HeapType::Func,
        Abstract::Extern => HeapType::Extern,
        Abstract::Any => HeapType::Any,
        Abstract::Eq => HeapType::Eq,
        Abstract::I31 => HeapType::I31,
        Abstract::Struct => HeapType::Struct,
        Abstract::Array => HeapType::Array,
        Abstract::Exn => HeapType::Exn,
        Abstract::None => HeapType::None,
        Abstract::NoFunc => HeapType::NoFunc,
        Abstract::NoExtern => HeapType::NoExtern,
        Abstract::NoExn => HeapType::NoExn,
        Abstract::Cont | Abstract::NoCont => return Err(unsupported("stack switching")),
    })
}

pub(super) fn table_type(ty: &wasmparser::TableType) -> Result<TableType, ValidateError> {
    Ok(TableType {
        element: ref_type(ty.element_type)?,
        limits: Limits { min: ty.initial, max: ty.maximum },
        table64: ty.table64,
    })
}

pub(super) fn memory_type(ty: &wasmparser::MemoryType) -> Result<MemoryType, ValidateError> {
    Ok(MemoryType {
        limits: Limits { min: ty.initial, max: ty.maximum },
        memory64: ty.memory64,
        shared: ty.shared,
        page_size_log2: u8::try_from(ty.page_size_log2()).map_err(|_| unsupported("such pages"))?,
    })
}

pub(super) fn global_type(ty: &wasmparser::GlobalType) -> Result<GlobalType, ValidateError> {
    Ok(GlobalType { value: val_type(ty.content_type)?, mutable: ty.mutable })
}

/// A constant expression without its `end`.
pub(super) fn const_expr(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, ValidateError> {
    let mut ops = Vec::new();
    for op in expr.get_operators_reader() {
        match op.map_err(refuse)? {
            Operator::End => {}
            op => ops.push(const_op(&op)?),
        }
    }
    Ok(ConstExpr(ops))
}

fn const_op(op: &Operator<'_>) -> Result<ConstOp, ValidateError> {
    Ok(match *op {
        Operator::I32Const { value } => ConstOp::I32(value),
        Operator::I64Const { value } => ConstOp::I64(value),
        Operator::F32Const { value } => ConstOp::F32(value.bits()),
        Operator::F64Const { value } => ConstOp::F64(value.bits()),
        Operator::V128Const { value } => ConstOp::V128(u128::from_le_bytes(*value.bytes())),
        Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
        Operator::RefNull { .. } => ConstOp::RefNull,
        Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
        Operator::I32Add => ConstOp::I32Add,
        Operator::I32Sub => ConstOp::I32Sub,
        Operator::I32Mul => ConstOp::I32Mul,
        Operator::I64Add => ConstOp::I64Add,
        Operator::I64Sub => ConstOp::I64Sub,
        Operator::I64Mul => ConstOp::I64Mul,
        Operator::StructNew { struct_type_index } => ConstOp::StructNew(struct_type_index),
        Operator::StructNewDefault { struct_type_index } => {
            ConstOp::StructNewDefault(struct_type_index)
        }
        Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(array_type_index),
        Operator::ArrayNewDefault { array_type_index } => {
            ConstOp::ArrayNewDefault(array_type_index)
        }
        Operator::ArrayNewFixed { array_type_index, array_size } => {
            ConstOp::ArrayNewFixed(array_type_index, array_size)
        }
        Operator::RefI31 => ConstOp::RefI31,
        // All references but the functions' have one form.
        Operator::AnyConvertExtern | Operator::ExternConvertAny => ConstOp::Convert,
        ref other => return Err(unsupported(&format!("{other:?} in a constant expression"))),
    })
}
