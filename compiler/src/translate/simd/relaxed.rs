//! Relaxed operators as the machine does them fastest: for who gives up equal results on all machines
//! ([`crate::RelaxedSimd::Machine`]; WebAssembly specification, section 4.3.5 *Relaxed Operations*).
//!
//! What is not here is as fast in the deterministic profile.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator as Op;

use super::table::Lowering;
use super::{float, lower, pop2_as, pop3_as};
use crate::translate::FuncTranslator;

/// Translates a relaxed operator if the machine has a faster way; false if not.
pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    let Some(machine) = f.env.relaxed else { return false };
    machine.fma && multiply_add(f, op) || machine.x86 && x86(f, op)
}

/// Rounded once.
fn multiply_add(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    let (ty, negated) = match op {
        Op::F32x4RelaxedMadd => (F32X4, false),
        Op::F32x4RelaxedNmadd => (F32X4, true),
        Op::F64x2RelaxedMadd => (F64X2, false),
        Op::F64x2RelaxedNmadd => (F64X2, true),
        _ => return false,
    };
    let (x, y, z) = pop3_as(f, ty);
    let x = if negated { f.builder.ins().fneg(x) } else { x };
    let result = f.builder.ins().fma(x, y, z);
    f.push_v128(result);
    true
}

fn x86(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match op {
        Op::I8x16RelaxedSwizzle => two(f, I8X16, |f, x, y| f.builder.ins().x86_pshufb(x, y)),
        Op::I16x8RelaxedQ15mulrS => two(f, I16X8, |f, x, y| f.builder.ins().x86_pmulhrsw(x, y)),
        Op::I16x8RelaxedDotI8x16I7x16S => {
            two(f, I8X16, |f, x, y| f.builder.ins().x86_pmaddubsw(x, y));
        }
        Op::I32x4RelaxedDotI8x16I7x16AddS => dot_add(f),
        Op::I32x4RelaxedTruncF32x4S => truncate(f),
        Op::F32x4RelaxedMin => lower(f, Lowering::PseudoMin(F32X4)),
        Op::F32x4RelaxedMax => lower(f, Lowering::PseudoMax(F32X4)),
        Op::F64x2RelaxedMin => float::pseudo_min(f, F64X2),
        Op::F64x2RelaxedMax => float::pseudo_max(f, F64X2),
        _ => return false,
    }
    true
}

fn two(
    f: &mut FuncTranslator<'_, '_>,
    ty: Type,
    make: impl FnOnce(&mut FuncTranslator<'_, '_>, Value, Value) -> Value,
) {
    let (x, y) = pop2_as(f, ty);
    let result = make(f, x, y);
    f.push_v128(result);
}

/// Out of range becomes the smallest integer.
fn truncate(f: &mut FuncTranslator<'_, '_>) {
    let x = f.pop_as(F32X4);
    let result = f.builder.ins().x86_cvtt2dq(I32X4, x);
    f.push_v128(result);
}

fn dot_add(f: &mut FuncTranslator<'_, '_>) {
    let (x, y, z) = pop3_as(f, I8X16);
    let products = f.builder.ins().x86_pmaddubsw(x, y);
    let low = f.builder.ins().swiden_low(products);
    let high = f.builder.ins().swiden_high(products);
    let sums = f.builder.ins().iadd_pairwise(low, high);
    let addend = f.cast_lanes(z, I32X4);
    let result = f.builder.ins().iadd(sums, addend);
    f.push_v128(result);
}
