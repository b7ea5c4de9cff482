//! Integer lanes: shifts, bits, widening arithmetic.

use cranelift_codegen::ir::types::{I8X16, I16X8, I32, I32X4};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};

use super::table::Widen;
use super::{one, pop2_as, pop3_as, push_bool, two};
use crate::translate::FuncTranslator;

/// Cranelift takes the count modulo the bits of a lane, as WebAssembly does.
pub(super) fn shift(f: &mut FuncTranslator<'_, '_>, ty: Type, opcode: Opcode) {
    let (vector, count) = f.pop2();
    let vector = f.cast_lanes(vector, ty);
    let result = two(f, opcode, ty, vector, count);
    f.push_v128(result);
}

pub(super) fn and_not(f: &mut FuncTranslator<'_, '_>) {
    let (x, y) = pop2_as(f, I8X16);
    let result = f.builder.ins().band_not(x, y);
    f.push_v128(result);
}

pub(super) fn bitselect(f: &mut FuncTranslator<'_, '_>) {
    let (x, y, mask) = pop3_as(f, I8X16);
    let result = f.builder.ins().bitselect(mask, x, y);
    f.push_v128(result);
}

pub(super) fn any_true(f: &mut FuncTranslator<'_, '_>) {
    let x = f.pop_as(I8X16);
    let result = f.builder.ins().vany_true(x);
    push_bool(f, result);
}

pub(super) fn all_true(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let x = f.pop_as(ty);
    let result = f.builder.ins().vall_true(x);
    push_bool(f, result);
}

pub(super) fn bitmask(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let x = f.pop_as(ty);
    let result = f.builder.ins().vhigh_bits(I32, x);
    f.push(result);
}

pub(super) fn extended_mul(f: &mut FuncTranslator<'_, '_>, ty: Type, widen: Opcode) {
    let (x, y) = pop2_as(f, ty);
    let result = widened_product(f, widen, x, y);
    f.push_v128(result);
}

pub(super) fn add_pairs(f: &mut FuncTranslator<'_, '_>, ty: Type, widen: Widen) {
    let x = f.pop_as(ty);
    let result = pair_sums(f, widen, x);
    f.push_v128(result);
}

pub(super) fn dot(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let (x, y) = pop2_as(f, ty);
    let result = dot_product(f, x, y);
    f.push_v128(result);
}

pub(super) fn dot_add(f: &mut FuncTranslator<'_, '_>) {
    let (x, y, addend) = f.pop3();
    let (x, y) = (f.cast_lanes(x, I8X16), f.cast_lanes(y, I8X16));
    let addend = f.cast_lanes(addend, I32X4);
    let halves = dot_product(f, x, y);
    debug_assert_eq!(f.builder.func.dfg.value_type(halves), I16X8);
    let sums = pair_sums(f, Widen::SIGNED, halves);
    let result = f.builder.ins().iadd(sums, addend);
    f.push_v128(result);
}

fn dot_product(f: &mut FuncTranslator<'_, '_>, x: Value, y: Value) -> Value {
    let low = widened_product(f, Opcode::SwidenLow, x, y);
    let high = widened_product(f, Opcode::SwidenHigh, x, y);
    f.builder.ins().iadd_pairwise(low, high)
}

fn pair_sums(f: &mut FuncTranslator<'_, '_>, widen: Widen, x: Value) -> Value {
    let ty = f.builder.func.dfg.value_type(x);
    let low = one(f, widen.low, ty, x);
    let high = one(f, widen.high, ty, x);
    f.builder.ins().iadd_pairwise(low, high)
}

fn widened_product(f: &mut FuncTranslator<'_, '_>, widen: Opcode, x: Value, y: Value) -> Value {
    let ty = f.builder.func.dfg.value_type(x);
    let x = one(f, widen, ty, x);
    let y = one(f, widen, ty, y);
    f.builder.ins().imul(x, y)
}
