//! Lanes as values: constants, splats, extraction, replacement, shuffles.

use cranelift_codegen::ir::types::{I8X16, I32};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Opcode, Type, Value};

use super::{one, pop2_as};
use crate::translate::FuncTranslator;

pub(super) fn constant(f: &mut FuncTranslator<'_, '_>, bytes: [u8; 16]) {
    let value = vector_constant(f, I8X16, bytes);
    f.push(value);
}

pub(super) fn zero(f: &mut FuncTranslator<'_, '_>, ty: Type) -> Value {
    vector_constant(f, ty, [0; 16])
}

fn vector_constant(f: &mut FuncTranslator<'_, '_>, ty: Type, bytes: [u8; 16]) -> Value {
    let data = ConstantData::from(&bytes[..]);
    let constant = f.builder.func.dfg.constants.insert(data);
    f.builder.ins().vconst(ty, constant)
}

pub(super) fn shuffle(f: &mut FuncTranslator<'_, '_>, indices: [u8; 16]) {
    let (x, y) = pop2_as(f, I8X16);
    let data = ConstantData::from(&indices[..]);
    let mask = f.builder.func.dfg.immediates.push(data);
    let result = f.builder.ins().shuffle(x, y, mask);
    f.push_v128(result);
}

pub(super) fn splat(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let scalar = pop_lane(f, ty);
    let result = f.builder.ins().splat(ty, scalar);
    f.push_v128(result);
}

pub(super) fn extract(f: &mut FuncTranslator<'_, '_>, ty: Type, lane: u8) {
    let vector = f.pop_as(ty);
    let scalar = f.builder.ins().extractlane(vector, lane);
    f.push(scalar);
}

pub(super) fn extract_extended(f: &mut FuncTranslator<'_, '_>, ty: Type, extend: Opcode, lane: u8) {
    let vector = f.pop_as(ty);
    let scalar = f.builder.ins().extractlane(vector, lane);
    let wide = one(f, extend, I32, scalar);
    f.push(wide);
}

pub(super) fn replace(f: &mut FuncTranslator<'_, '_>, ty: Type, lane: u8) {
    let scalar = pop_lane(f, ty);
    let vector = f.pop_as(ty);
    let result = f.builder.ins().insertlane(vector, scalar, lane);
    f.push_v128(result);
}

/// Pops a scalar as a lane of `ty`: lanes under 32 bits come as `i32`, of which the low bits count.
fn pop_lane(f: &mut FuncTranslator<'_, '_>, ty: Type) -> Value {
    let scalar = f.pop();
    let lane = ty.lane_type();
    if lane.is_int() && lane.bits() < 32 { f.builder.ins().ireduce(lane, scalar) } else { scalar }
}
