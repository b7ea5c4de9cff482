//! Locals and globals (WebAssembly specification, section 4.4.5 *Variable Instructions*).

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use faasm_abi::layout::GlobalPlace;
use faasm_abi::module::ConstOp;
use faasm_abi::types::ValType;

use super::{FuncTranslator, Region};
use crate::env::ir_type;

/// `local.get`.
pub(super) fn local_get(f: &mut FuncTranslator<'_, '_>, index: u32) {
    let value = f.builder.use_var(FuncTranslator::local(index));
    f.push(value);
}

/// `local.set`.
pub(super) fn local_set(f: &mut FuncTranslator<'_, '_>, index: u32) {
    let value = f.pop();
    f.builder.def_var(FuncTranslator::local(index), value);
}

/// `local.tee`.
pub(super) fn local_tee(f: &mut FuncTranslator<'_, '_>, index: u32) {
    let value = f.pop();
    f.builder.def_var(FuncTranslator::local(index), value);
    f.push(value);
}

/// `global.get`.
pub(super) fn global_get(f: &mut FuncTranslator<'_, '_>, index: u32) {
    if let Some(value) = constant(f, index) {
        return f.push(value);
    }
    let at = address(f, index);
    let value = f.builder.ins().load(at.ty, at.flags, at.base, at.offset);
    f.push_typed(value, f.env.info.globals[index as usize].value);
}

/// `global.set`.
pub(super) fn global_set(f: &mut FuncTranslator<'_, '_>, index: u32) {
    let value = f.pop();
    let at = address(f, index);
    f.builder.ins().store(at.flags, value, at.base, at.offset);
}

struct GlobalAddress {
    ty: Type,
    flags: MemFlagsData,
    base: Value,
    offset: i32,
}

fn address(f: &mut FuncTranslator<'_, '_>, index: u32) -> GlobalAddress {
    let global = f.env.info.globals[index as usize];
    let ty = ir_type(global.value);
    let (region, base, offset) = match f.env.layout.globals[index as usize] {
        GlobalPlace::Owned(offset) => (Region::Global(index), f.context(), offset),
        GlobalPlace::Imported(offset) => (Region::ImportedGlobals, f.place_at(offset), 0),
    };
    let flags = if global.mutable {
        f.field_flags(region)
    } else {
        MemFlagsData::trusted().with_readonly().with_can_move()
    };
    GlobalAddress { ty, flags, base, offset }
}

/// The value of an own global that cannot change and is initialised by a constant.
fn constant(f: &mut FuncTranslator<'_, '_>, index: u32) -> Option<Value> {
    let info = f.env.info;
    let own = index.checked_sub(info.imported.globals)?;
    let global = info.globals[index as usize];
    if global.mutable {
        return None;
    }
    let [op] = info.global_inits[own as usize].0[..] else { return None };
    let ins = f.builder.ins();
    Some(match op {
        ConstOp::I32(value) => ins.iconst(types::I32, i64::from(value)),
        ConstOp::I64(value) => ins.iconst(types::I64, value),
        ConstOp::F32(bits) => ins.f32const(f32::from_bits(bits)),
        ConstOp::F64(bits) => ins.f64const(f64::from_bits(bits)),
        ConstOp::RefNull if matches!(global.value, ValType::Ref(_)) => ins.iconst(types::I32, 0),
        _ => return None,
    })
}
