//! Vector operators: the 236 of SIMD and the 20 of relaxed SIMD.
//!
//! Vectors lie on the operand stack as `I8X16`; each lowering casts them to the lanes that it needs, and back.
//! Relaxed operators compute what the deterministic profile prescribes, so results do not depend on the machine, unless
//! the embedder has chosen otherwise ([`relaxed`]).
//!
//! Several lowerings keep the exact shape that Cranelift's back ends turn into one machine instruction
//! (`pmaddwd`, `pmuldq`, `minps`, `smull`, …).

mod float;
mod integer;
mod lanes;
mod loads;
mod memory;
mod relaxed;
mod table;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use wasmparser::Operator;

use super::FuncTranslator;
use crate::error::CompileError;
pub(crate) use loads::retype_loads;
use table::Lowering;

/// Translates the vector operator `op`.
///
/// # Errors
///
/// [`CompileError::Operator`] if `op` is none.
pub(super) fn translate(
    f: &mut FuncTranslator<'_, '_>,
    op: &Operator<'_>,
) -> Result<(), CompileError> {
    if relaxed::translate(f, op) {
        return Ok(());
    }
    let lowering = table::lowering(op).ok_or_else(|| CompileError::Operator(format!("{op:?}")))?;
    lower(f, lowering);
    Ok(())
}

fn lower(f: &mut FuncTranslator<'_, '_>, lowering: Lowering) {
    match lowering {
        Lowering::Const(bytes) => lanes::constant(f, bytes),
        Lowering::Unary(ty, opcode) => unary(f, ty, opcode),
        Lowering::Binary(ty, opcode) => binary(f, ty, opcode),
        Lowering::Convert(from, opcode, to) => convert(f, from, opcode, to),
        Lowering::Shift(ty, opcode) => integer::shift(f, ty, opcode),
        Lowering::IntCompare(ty, cc) => int_compare(f, ty, cc),
        Lowering::FloatCompare(ty, cc) => float_compare(f, ty, cc),
        Lowering::AndNot => integer::and_not(f),
        Lowering::Bitselect => integer::bitselect(f),
        Lowering::AnyTrue => integer::any_true(f),
        Lowering::AllTrue(ty) => integer::all_true(f, ty),
        Lowering::Bitmask(ty) => integer::bitmask(f, ty),
        Lowering::Shuffle(indices) => lanes::shuffle(f, indices),
        Lowering::Splat(ty) => lanes::splat(f, ty),
        Lowering::Extract(ty, lane) => lanes::extract(f, ty, lane),
        Lowering::ExtractExtended(ty, extend, lane) => lanes::extract_extended(f, ty, extend, lane),
        Lowering::Replace(ty, lane) => lanes::replace(f, ty, lane),
        Lowering::ExtendedMul(ty, widen) => integer::extended_mul(f, ty, widen),
        Lowering::AddPairs(ty, widen) => integer::add_pairs(f, ty, widen),
        Lowering::Dot(ty) => integer::dot(f, ty),
        Lowering::DotAdd => integer::dot_add(f),
        Lowering::PseudoMin(ty) => float::pseudo_min(f, ty),
        Lowering::PseudoMax(ty) => float::pseudo_max(f, ty),
        Lowering::MulAdd(ty) => float::mul_add(f, ty),
        Lowering::NegMulAdd(ty) => float::neg_mul_add(f, ty),
        Lowering::TruncZero(convert, narrow) => float::trunc_zero(f, convert, narrow),
        Lowering::ConvertLow(widen, convert) => float::convert_low(f, widen, convert),
        Lowering::Load(memarg) => memory::load(f, &memarg),
        Lowering::Store(memarg) => memory::store(f, &memarg),
        Lowering::LoadExtend(opcode, memarg) => memory::load_extend(f, opcode, &memarg),
        Lowering::LoadSplat(ty, memarg) => memory::load_splat(f, ty, &memarg),
        Lowering::LoadZero(ty, memarg) => memory::load_zero(f, ty, &memarg),
        Lowering::LoadLane(ty, memarg, lane) => memory::load_lane(f, ty, &memarg, lane),
        Lowering::StoreLane(ty, memarg, lane) => memory::store_lane(f, ty, &memarg, lane),
    }
}

fn unary(f: &mut FuncTranslator<'_, '_>, ty: Type, opcode: Opcode) {
    let x = f.pop_as(ty);
    let result = one(f, opcode, ty, x);
    f.push_v128(result);
}

fn binary(f: &mut FuncTranslator<'_, '_>, ty: Type, opcode: Opcode) {
    let (x, y) = pop2_as(f, ty);
    let result = two(f, opcode, ty, x, y);
    f.push_v128(result);
}

fn convert(f: &mut FuncTranslator<'_, '_>, from: Type, opcode: Opcode, to: Type) {
    let x = f.pop_as(from);
    let result = one(f, opcode, to, x);
    f.push_v128(result);
}

fn int_compare(f: &mut FuncTranslator<'_, '_>, ty: Type, cc: IntCC) {
    let (x, y) = pop2_as(f, ty);
    let result = f.builder.ins().icmp(cc, x, y);
    f.push_v128(result);
}

fn float_compare(f: &mut FuncTranslator<'_, '_>, ty: Type, cc: FloatCC) {
    let (x, y) = pop2_as(f, ty);
    let result = f.builder.ins().fcmp(cc, x, y);
    f.push_v128(result);
}

/// The one-operand instruction `opcode`, whose type variable is `ty`.
fn one(f: &mut FuncTranslator<'_, '_>, opcode: Opcode, ty: Type, x: Value) -> Value {
    let (inst, dfg) = f.builder.ins().Unary(opcode, ty, x);
    dfg.first_result(inst)
}

/// The two-operand instruction `opcode`, whose type variable is `ty`.
fn two(f: &mut FuncTranslator<'_, '_>, opcode: Opcode, ty: Type, x: Value, y: Value) -> Value {
    let (inst, dfg) = f.builder.ins().Binary(opcode, ty, x, y);
    dfg.first_result(inst)
}

fn pop2_as(f: &mut FuncTranslator<'_, '_>, ty: Type) -> (Value, Value) {
    let (x, y) = f.pop2();
    (f.cast_lanes(x, ty), f.cast_lanes(y, ty))
}

fn pop3_as(f: &mut FuncTranslator<'_, '_>, ty: Type) -> (Value, Value, Value) {
    let (x, y, z) = f.pop3();
    (f.cast_lanes(x, ty), f.cast_lanes(y, ty), f.cast_lanes(z, ty))
}

/// Pushes the truth value that an instruction left in 8 bits.
fn push_bool(f: &mut FuncTranslator<'_, '_>, value: Value) {
    let wide = f.builder.ins().uextend(I32, value);
    f.push(wide);
}
