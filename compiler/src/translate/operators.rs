//! The table of operators: which function translates which.

use cranelift_codegen::ir::types;
use wasmparser::Operator as Op;

use super::memory::Sign::{Signed, Unsigned};
use super::{
    FuncTranslator, atomic, bulk, calls, control, exception, gc, memory, numeric, reference, simd,
    table, variable, wide,
};
use crate::error::CompileError;

/// Translates an operator that can be reached.
pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> Result<(), CompileError> {
    match op {
        Op::BrTable { targets } => return control::br_table(f, targets),
        Op::TryTable { try_table } => exception::try_table(f, try_table),
        _ if structured(f, op) || plain(f, op) || access(f, op) || numeric::translate(f, op) => {}
        _ if wide::translate(f, op) || atomic::translate(f, op) || gc::translate(f, op) => {}
        _ => return simd::translate(f, op),
    }
    Ok(())
}

/// Control and calls.
fn structured(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match *op {
        Op::Unreachable => control::unreachable(f),
        Op::Nop => {}
        Op::Block { blockty } => control::block(f, blockty),
        Op::Loop { blockty } => control::loop_(f, blockty),
        Op::If { blockty } => control::if_(f, blockty),
        Op::Else => control::else_(f),
        Op::End => control::end(f),
        Op::Br { relative_depth } => control::br(f, relative_depth),
        Op::BrIf { relative_depth } => control::br_if(f, relative_depth),
        Op::Return => control::return_(f),
        Op::Call { function_index } => calls::call(f, function_index),
        Op::CallIndirect { type_index, table_index } => {
            calls::call_indirect(f, type_index, table_index);
        }
        Op::ReturnCall { function_index } => calls::return_call(f, function_index),
        Op::ReturnCallIndirect { type_index, table_index } => {
            calls::return_call_indirect(f, type_index, table_index);
        }
        Op::CallRef { type_index } => calls::call_ref(f, type_index),
        Op::ReturnCallRef { type_index } => calls::return_call_ref(f, type_index),
        Op::BrOnNull { relative_depth } => control::br_on_null(f, relative_depth),
        Op::BrOnNonNull { relative_depth } => control::br_on_non_null(f, relative_depth),
        Op::Throw { tag_index } => exception::throw(f, tag_index),
        Op::ThrowRef => exception::throw_ref(f),
        Op::Drop => _ = f.pop(),
        Op::Select => control::select(f, None),
        Op::TypedSelect { ty } => control::select(f, Some(ty)),
        _ => return false,
    }
    true
}

/// Variables, references, tables and bulk operations.
fn plain(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match *op {
        Op::LocalGet { local_index } => variable::local_get(f, local_index),
        Op::LocalSet { local_index } => variable::local_set(f, local_index),
        Op::LocalTee { local_index } => variable::local_tee(f, local_index),
        Op::GlobalGet { global_index } => variable::global_get(f, global_index),
        Op::GlobalSet { global_index } => variable::global_set(f, global_index),
        Op::RefNull { .. } => reference::null(f),
        Op::RefIsNull => reference::is_null(f),
        Op::RefAsNonNull => reference::as_non_null(f),
        Op::RefFunc { function_index } => reference::func(f, function_index),
        Op::TableGet { table } => table::get(f, table),
        Op::TableSet { table } => table::set(f, table),
        Op::TableSize { table } => table::size(f, table),
        Op::TableGrow { table } => table::grow(f, table),
        Op::TableFill { table } => table::fill(f, table),
        Op::TableCopy { dst_table, src_table } => table::copy(f, dst_table, src_table),
        Op::TableInit { elem_index, table } => table::init(f, table, elem_index),
        Op::ElemDrop { elem_index } => table::drop_segment(f, elem_index),
        Op::MemorySize { mem } => memory::size(f, mem),
        Op::MemoryGrow { mem } => memory::grow(f, mem),
        Op::MemoryCopy { dst_mem, src_mem } => bulk::memory_copy(f, dst_mem, src_mem),
        Op::MemoryFill { mem } => bulk::memory_fill(f, mem),
        Op::MemoryInit { data_index, mem } => bulk::memory_init(f, mem, data_index),
        Op::DataDrop { data_index } => bulk::data_drop(f, data_index),
        _ => return false,
    }
    true
}

/// Loads and stores.
fn access(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    use types::{F32, F64, I8, I16, I32, I64};
    match op {
        Op::I32Load { memarg } => memory::load(f, memarg, I32),
        Op::I64Load { memarg } => memory::load(f, memarg, I64),
        Op::F32Load { memarg } => memory::load(f, memarg, F32),
        Op::F64Load { memarg } => memory::load(f, memarg, F64),
        Op::I32Load8S { memarg } => memory::load_extended(f, memarg, I8, I32, Signed),
        Op::I32Load8U { memarg } => memory::load_extended(f, memarg, I8, I32, Unsigned),
        Op::I32Load16S { memarg } => memory::load_extended(f, memarg, I16, I32, Signed),
        Op::I32Load16U { memarg } => memory::load_extended(f, memarg, I16, I32, Unsigned),
        Op::I64Load8S { memarg } => memory::load_extended(f, memarg, I8, I64, Signed),
        Op::I64Load8U { memarg } => memory::load_extended(f, memarg, I8, I64, Unsigned),
        Op::I64Load16S { memarg } => memory::load_extended(f, memarg, I16, I64, Signed),
        Op::I64Load16U { memarg } => memory::load_extended(f, memarg, I16, I64, Unsigned),
        Op::I64Load32S { memarg } => memory::load_extended(f, memarg, I32, I64, Signed),
        Op::I64Load32U { memarg } => memory::load_extended(f, memarg, I32, I64, Unsigned),
        Op::I32Store { memarg } => memory::store(f, memarg, I32),
        Op::I64Store { memarg } => memory::store(f, memarg, I64),
        Op::F32Store { memarg } => memory::store(f, memarg, F32),
        Op::F64Store { memarg } => memory::store(f, memarg, F64),
        Op::I32Store8 { memarg } | Op::I64Store8 { memarg } => memory::store(f, memarg, I8),
        Op::I32Store16 { memarg } | Op::I64Store16 { memarg } => memory::store(f, memarg, I16),
        Op::I64Store32 { memarg } => memory::store(f, memarg, I32),
        _ => return false,
    }
    true
}
