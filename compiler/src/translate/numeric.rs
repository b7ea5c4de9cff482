//! Numeric operators (WebAssembly specification, section 4.4.1 *Numeric Instructions*).
//!
//! The IR's operators have WebAssembly's semantics: shifts and rotations take their count modulo the width, divisions
//! and conversions trap with the codes that the trap table knows, minimum and maximum propagate NaNs.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator as Op;

use super::FuncTranslator;

type Ins<'a, 'f> = FuncInstBuilder<'a, 'f>;

/// Translates `op` if it is a numeric operator; says whether it is.
pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    constant(f, op) || integer(f, op) || float(f, op) || compare(f, op) || convert(f, op)
}

fn unary(f: &mut FuncTranslator<'_, '_>, make: impl FnOnce(Ins<'_, '_>, Value) -> Value) -> bool {
    let operand = f.pop();
    let value = make(f.builder.ins(), operand);
    f.push(value);
    true
}

fn binary(
    f: &mut FuncTranslator<'_, '_>,
    make: impl FnOnce(Ins<'_, '_>, Value, Value) -> Value,
) -> bool {
    let (first, second) = f.pop2();
    let value = make(f.builder.ins(), first, second);
    f.push(value);
    true
}

fn constant(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    let ins = f.builder.ins();
    let value = match *op {
        Op::I32Const { value } => ins.iconst(types::I32, i64::from(value)),
        Op::I64Const { value } => ins.iconst(types::I64, value),
        Op::F32Const { value } => ins.f32const(f32::from_bits(value.bits())),
        Op::F64Const { value } => ins.f64const(f64::from_bits(value.bits())),
        _ => return false,
    };
    f.push(value);
    true
}

fn integer(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match op {
        Op::I32Clz | Op::I64Clz => unary(f, |b, x| b.clz(x)),
        Op::I32Ctz | Op::I64Ctz => unary(f, |b, x| b.ctz(x)),
        Op::I32Popcnt | Op::I64Popcnt => unary(f, |b, x| b.popcnt(x)),
        Op::I32Add | Op::I64Add => binary(f, |b, x, y| b.iadd(x, y)),
        Op::I32Sub | Op::I64Sub => binary(f, |b, x, y| b.isub(x, y)),
        Op::I32Mul | Op::I64Mul => binary(f, |b, x, y| b.imul(x, y)),
        Op::I32DivS | Op::I64DivS => binary(f, |b, x, y| b.sdiv(x, y)),
        Op::I32DivU | Op::I64DivU => binary(f, |b, x, y| b.udiv(x, y)),
        Op::I32RemS | Op::I64RemS => binary(f, |b, x, y| b.srem(x, y)),
        Op::I32RemU | Op::I64RemU => binary(f, |b, x, y| b.urem(x, y)),
        Op::I32And | Op::I64And => binary(f, |b, x, y| b.band(x, y)),
        Op::I32Or | Op::I64Or => binary(f, |b, x, y| b.bor(x, y)),
        Op::I32Xor | Op::I64Xor => binary(f, |b, x, y| b.bxor(x, y)),
        Op::I32Shl | Op::I64Shl => binary(f, |b, x, y| b.ishl(x, y)),
        Op::I32ShrS | Op::I64ShrS => binary(f, |b, x, y| b.sshr(x, y)),
        Op::I32ShrU | Op::I64ShrU => binary(f, |b, x, y| b.ushr(x, y)),
        Op::I32Rotl | Op::I64Rotl => binary(f, |b, x, y| b.rotl(x, y)),
        Op::I32Rotr | Op::I64Rotr => binary(f, |b, x, y| b.rotr(x, y)),
        Op::I32Extend8S => extend_low(f, types::I8, types::I32),
        Op::I32Extend16S => extend_low(f, types::I16, types::I32),
        Op::I64Extend8S => extend_low(f, types::I8, types::I64),
        Op::I64Extend16S => extend_low(f, types::I16, types::I64),
        Op::I64Extend32S => extend_low(f, types::I32, types::I64),
        _ => false,
    }
}

/// Sign-extends the low bits.
fn extend_low(f: &mut FuncTranslator<'_, '_>, low: Type, whole: Type) -> bool {
    let operand = f.pop();
    let low = f.builder.ins().ireduce(low, operand);
    let value = f.builder.ins().sextend(whole, low);
    f.push(value);
    true
}

fn float(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match op {
        Op::F32Abs | Op::F64Abs => unary(f, |b, x| b.fabs(x)),
        Op::F32Neg | Op::F64Neg => unary(f, |b, x| b.fneg(x)),
        Op::F32Ceil | Op::F64Ceil => unary(f, |b, x| b.ceil(x)),
        Op::F32Floor | Op::F64Floor => unary(f, |b, x| b.floor(x)),
        Op::F32Trunc | Op::F64Trunc => unary(f, |b, x| b.trunc(x)),
        Op::F32Nearest | Op::F64Nearest => unary(f, |b, x| b.nearest(x)),
        Op::F32Sqrt | Op::F64Sqrt => unary(f, |b, x| b.sqrt(x)),
        Op::F32Add | Op::F64Add => binary(f, |b, x, y| b.fadd(x, y)),
        Op::F32Sub | Op::F64Sub => binary(f, |b, x, y| b.fsub(x, y)),
        Op::F32Mul | Op::F64Mul => binary(f, |b, x, y| b.fmul(x, y)),
        Op::F32Div | Op::F64Div => binary(f, |b, x, y| b.fdiv(x, y)),
        Op::F32Min | Op::F64Min => binary(f, |b, x, y| b.fmin(x, y)),
        Op::F32Max | Op::F64Max => binary(f, |b, x, y| b.fmax(x, y)),
        Op::F32Copysign | Op::F64Copysign => binary(f, |b, x, y| b.fcopysign(x, y)),
        _ => false,
    }
}

fn compare(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match op {
        Op::I32Eqz | Op::I64Eqz => {
            let operand = f.pop();
            let zero = f.builder.ins().icmp_imm_s(IntCC::Equal, operand, 0);
            f.push_condition(zero)
        }
        Op::I32Eq | Op::I64Eq => compare_integers(f, IntCC::Equal),
        Op::I32Ne | Op::I64Ne => compare_integers(f, IntCC::NotEqual),
        Op::I32LtS | Op::I64LtS => compare_integers(f, IntCC::SignedLessThan),
        Op::I32LtU | Op::I64LtU => compare_integers(f, IntCC::UnsignedLessThan),
        Op::I32GtS | Op::I64GtS => compare_integers(f, IntCC::SignedGreaterThan),
        Op::I32GtU | Op::I64GtU => compare_integers(f, IntCC::UnsignedGreaterThan),
        Op::I32LeS | Op::I64LeS => compare_integers(f, IntCC::SignedLessThanOrEqual),
        Op::I32LeU | Op::I64LeU => compare_integers(f, IntCC::UnsignedLessThanOrEqual),
        Op::I32GeS | Op::I64GeS => compare_integers(f, IntCC::SignedGreaterThanOrEqual),
        Op::I32GeU | Op::I64GeU => compare_integers(f, IntCC::UnsignedGreaterThanOrEqual),
        Op::F32Eq | Op::F64Eq => compare_floats(f, FloatCC::Equal),
        Op::F32Ne | Op::F64Ne => compare_floats(f, FloatCC::NotEqual),
        Op::F32Lt | Op::F64Lt => compare_floats(f, FloatCC::LessThan),
        Op::F32Gt | Op::F64Gt => compare_floats(f, FloatCC::GreaterThan),
        Op::F32Le | Op::F64Le => compare_floats(f, FloatCC::LessThanOrEqual),
        Op::F32Ge | Op::F64Ge => compare_floats(f, FloatCC::GreaterThanOrEqual),
        _ => false,
    }
}

fn compare_integers(f: &mut FuncTranslator<'_, '_>, condition: IntCC) -> bool {
    let (first, second) = f.pop2();
    let holds = f.builder.ins().icmp(condition, first, second);
    f.push_condition(holds)
}

fn compare_floats(f: &mut FuncTranslator<'_, '_>, condition: FloatCC) -> bool {
    let (first, second) = f.pop2();
    let holds = f.builder.ins().fcmp(condition, first, second);
    f.push_condition(holds)
}

impl FuncTranslator<'_, '_> {
    /// Pushes a comparison's result as an `i32`.
    pub(super) fn push_condition(&mut self, holds: Value) -> bool {
        let value = self.builder.ins().uextend(types::I32, holds);
        self.push(value);
        true
    }
}

fn convert(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    use types::{F32, F64, I32, I64};
    match op {
        Op::I32WrapI64 => unary(f, |b, x| b.ireduce(I32, x)),
        Op::I64ExtendI32S => unary(f, |b, x| b.sextend(I64, x)),
        Op::I64ExtendI32U => unary(f, |b, x| b.uextend(I64, x)),
        Op::I32TruncF32S | Op::I32TruncF64S => unary(f, |b, x| b.fcvt_to_sint(I32, x)),
        Op::I32TruncF32U | Op::I32TruncF64U => unary(f, |b, x| b.fcvt_to_uint(I32, x)),
        Op::I64TruncF32S | Op::I64TruncF64S => unary(f, |b, x| b.fcvt_to_sint(I64, x)),
        Op::I64TruncF32U | Op::I64TruncF64U => unary(f, |b, x| b.fcvt_to_uint(I64, x)),
        Op::I32TruncSatF32S | Op::I32TruncSatF64S => unary(f, |b, x| b.fcvt_to_sint_sat(I32, x)),
        Op::I32TruncSatF32U | Op::I32TruncSatF64U => unary(f, |b, x| b.fcvt_to_uint_sat(I32, x)),
        Op::I64TruncSatF32S | Op::I64TruncSatF64S => unary(f, |b, x| b.fcvt_to_sint_sat(I64, x)),
        Op::I64TruncSatF32U | Op::I64TruncSatF64U => unary(f, |b, x| b.fcvt_to_uint_sat(I64, x)),
        Op::F32ConvertI32S | Op::F32ConvertI64S => unary(f, |b, x| b.fcvt_from_sint(F32, x)),
        Op::F32ConvertI32U | Op::F32ConvertI64U => unary(f, |b, x| b.fcvt_from_uint(F32, x)),
        Op::F64ConvertI32S | Op::F64ConvertI64S => unary(f, |b, x| b.fcvt_from_sint(F64, x)),
        Op::F64ConvertI32U | Op::F64ConvertI64U => unary(f, |b, x| b.fcvt_from_uint(F64, x)),
        Op::F32DemoteF64 => unary(f, |b, x| b.fdemote(F32, x)),
        Op::F64PromoteF32 => unary(f, |b, x| b.fpromote(F64, x)),
        Op::I32ReinterpretF32 => unary(f, |b, x| b.bitcast(I32, MemFlagsData::new(), x)),
        Op::I64ReinterpretF64 => unary(f, |b, x| b.bitcast(I64, MemFlagsData::new(), x)),
        Op::F32ReinterpretI32 => unary(f, |b, x| b.bitcast(F32, MemFlagsData::new(), x)),
        Op::F64ReinterpretI64 => unary(f, |b, x| b.bitcast(F64, MemFlagsData::new(), x)),
        _ => false,
    }
}
