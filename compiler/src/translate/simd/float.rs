//! Float lanes: pseudo-minimum and -maximum, multiply-add, conversions.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F64X2, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};

use super::{lanes, one, pop2_as, pop3_as, two};
use crate::translate::FuncTranslator;

/// `b < a ? b : a`, which is x86's `minps`.
pub(super) fn pseudo_min(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let (a, b) = pop2_as(f, ty);
    let chosen = f.builder.ins().fcmp(FloatCC::LessThan, b, a);
    choose(f, ty, chosen, (b, a));
}

/// `a < b ? b : a`, which is x86's `maxps`.
pub(super) fn pseudo_max(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let (a, b) = pop2_as(f, ty);
    let chosen = f.builder.ins().fcmp(FloatCC::LessThan, a, b);
    choose(f, ty, chosen, (b, a));
}

fn choose(f: &mut FuncTranslator<'_, '_>, ty: Type, mask: Value, (yes, no): (Value, Value)) {
    let mask = f.cast_lanes(mask, ty);
    let result = f.builder.ins().bitselect(mask, yes, no);
    f.push_v128(result);
}

pub(super) fn mul_add(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let (x, y, z) = pop3_as(f, ty);
    let product = f.builder.ins().fmul(x, y);
    let result = f.builder.ins().fadd(product, z);
    f.push_v128(result);
}

pub(super) fn neg_mul_add(f: &mut FuncTranslator<'_, '_>, ty: Type) {
    let (x, y, z) = pop3_as(f, ty);
    let negated = f.builder.ins().fneg(x);
    let product = f.builder.ins().fmul(negated, y);
    let result = f.builder.ins().fadd(product, z);
    f.push_v128(result);
}

pub(super) fn trunc_zero(f: &mut FuncTranslator<'_, '_>, convert: Opcode, narrow: Opcode) {
    let x = f.pop_as(F64X2);
    let converted = one(f, convert, I64X2, x);
    let zero = lanes::zero(f, I64X2);
    let result = two(f, narrow, I64X2, converted, zero);
    f.push_v128(result);
}

pub(super) fn convert_low(f: &mut FuncTranslator<'_, '_>, widen: Opcode, convert: Opcode) {
    let x = f.pop_as(I32X4);
    let widened = one(f, widen, I32X4, x);
    let result = one(f, convert, F64X2, widened);
    f.push_v128(result);
}
