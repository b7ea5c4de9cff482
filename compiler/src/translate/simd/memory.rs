//! Vector loads and stores.
//!
//! Each access has the width of what it touches, so that it traps at the same addresses as a scalar of that width.

use cranelift_codegen::ir::types::I8X16;
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use wasmparser::MemArg;

use crate::translate::FuncTranslator;

pub(super) fn load(f: &mut FuncTranslator<'_, '_>, memarg: &MemArg) {
    f.loads_vectors = true;
    let value = load_value(f, I8X16, memarg);
    f.push(value);
}

pub(super) fn store(f: &mut FuncTranslator<'_, '_>, memarg: &MemArg) {
    let value = f.pop_as(I8X16);
    store_value(f, memarg, value);
}

/// `opcode` is one of the loads that read 8 bytes and widen their lanes.
pub(super) fn load_extend(f: &mut FuncTranslator<'_, '_>, opcode: Opcode, memarg: &MemArg) {
    let access = f.memory_address(memarg, 8);
    let ins = f.builder.ins();
    let (flags, base, offset) = (access.flags, access.base, access.offset);
    let value = match opcode {
        Opcode::Sload8x8 => ins.sload8x8(flags, base, offset),
        Opcode::Uload8x8 => ins.uload8x8(flags, base, offset),
        Opcode::Sload16x4 => ins.sload16x4(flags, base, offset),
        Opcode::Uload16x4 => ins.uload16x4(flags, base, offset),
        Opcode::Sload32x2 => ins.sload32x2(flags, base, offset),
        _ => ins.uload32x2(flags, base, offset),
    };
    f.push_v128(value);
}

pub(super) fn load_splat(f: &mut FuncTranslator<'_, '_>, ty: Type, memarg: &MemArg) {
    let lane = load_value(f, ty.lane_type(), memarg);
    let value = f.builder.ins().splat(ty, lane);
    f.push_v128(value);
}

pub(super) fn load_zero(f: &mut FuncTranslator<'_, '_>, ty: Type, memarg: &MemArg) {
    let lane = load_value(f, ty.lane_type(), memarg);
    let value = f.builder.ins().scalar_to_vector(ty, lane);
    f.push_v128(value);
}

pub(super) fn load_lane(f: &mut FuncTranslator<'_, '_>, ty: Type, memarg: &MemArg, lane: u8) {
    let vector = f.pop_as(ty);
    let loaded = load_value(f, ty.lane_type(), memarg);
    let value = f.builder.ins().insertlane(vector, loaded, lane);
    f.push_v128(value);
}

pub(super) fn store_lane(f: &mut FuncTranslator<'_, '_>, ty: Type, memarg: &MemArg, lane: u8) {
    let vector = f.pop_as(ty);
    let value = f.builder.ins().extractlane(vector, lane);
    store_value(f, memarg, value);
}

fn load_value(f: &mut FuncTranslator<'_, '_>, ty: Type, memarg: &MemArg) -> Value {
    let access = f.memory_address(memarg, access_bytes(ty));
    f.builder.ins().load(ty, access.flags, access.base, access.offset)
}

fn store_value(f: &mut FuncTranslator<'_, '_>, memarg: &MemArg, value: Value) {
    let ty = f.builder.func.dfg.value_type(value);
    let access = f.memory_address(memarg, access_bytes(ty));
    f.builder.ins().store(access.flags, value, access.base, access.offset);
}

/// No vector or lane is wider than 16 bytes.
fn access_bytes(ty: Type) -> u8 {
    u8::try_from(ty.bytes()).unwrap_or(16)
}
