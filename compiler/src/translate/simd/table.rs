//! Which lowering each vector operator has: the operators' table.
//!
//! Relaxed operators share the row of the operator that the deterministic profile makes of them
//! (WebAssembly specification, section 4.3.5 *Relaxed Operations*: every choice *R* is 0).

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{Opcode, Type};
use wasmparser::{MemArg, Operator};

/// How an operator becomes instructions; a [`Type`] is that of the operands, unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lowering {
    /// Pushes these bytes, first byte lowest.
    Const([u8; 16]),
    /// One instruction, one operand.
    Unary(Type, Opcode),
    /// One instruction, two operands.
    Binary(Type, Opcode),
    /// One instruction whose type variable is the result's type: operand, instruction, result.
    Convert(Type, Opcode, Type),
    /// A vector and a count, taken modulo the bits of a lane.
    Shift(Type, Opcode),
    /// Lanes of all ones where it holds, else zero.
    IntCompare(Type, IntCC),
    /// Lanes of all ones where it holds, else zero.
    FloatCompare(Type, FloatCC),
    /// First operand and not the second.
    AndNot,
    /// Bits of the first where the third has ones, else of the second.
    Bitselect,
    /// 1 if any bit is set.
    AnyTrue,
    /// 1 if no lane is zero.
    AllTrue(Type),
    /// The sign bit of each lane.
    Bitmask(Type),

    /// Bytes of two vectors by constant index.
    Shuffle([u8; 16]),
    /// A scalar in every lane.
    Splat(Type),
    /// A lane as it is.
    Extract(Type, u8),
    /// A narrow lane, extended to 32 bits.
    ExtractExtended(Type, Opcode, u8),
    /// A vector with one lane replaced.
    Replace(Type, u8),

    /// Both operands widened by this instruction, then multiplied.
    ExtendedMul(Type, Opcode),
    /// Sums of widened neighbours.
    AddPairs(Type, Widen),
    /// Sums of products of widened neighbours, signed.
    Dot(Type),
    /// [`Lowering::Dot`] of bytes, neighbours added once more, and a third operand.
    DotAdd,

    /// `b < a ? b : a`.
    PseudoMin(Type),
    /// `a < b ? b : a`.
    PseudoMax(Type),
    /// `a * b + c`, rounded twice.
    MulAdd(Type),
    /// `-(a * b) + c`, rounded twice.
    NegMulAdd(Type),
    /// Two doubles converted by the first instruction, narrowed by the second, above them zero.
    TruncZero(Opcode, Opcode),
    /// The two low integers widened by the first instruction, converted to doubles by the second.
    ConvertLow(Opcode, Opcode),

    /// 16 bytes.
    Load(MemArg),
    /// 16 bytes.
    Store(MemArg),
    /// 8 bytes by a load that widens.
    LoadExtend(Opcode, MemArg),
    /// One lane into all lanes.
    LoadSplat(Type, MemArg),
    /// One lane into the lowest, zero above.
    LoadZero(Type, MemArg),
    /// One lane of a given vector.
    LoadLane(Type, MemArg, u8),
    /// One lane.
    StoreLane(Type, MemArg, u8),
}

/// The two instructions that widen the halves of a vector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Widen {
    /// For the low half.
    pub(super) low: Opcode,
    /// For the high half.
    pub(super) high: Opcode,
}

impl Widen {
    /// By the sign.
    pub(super) const SIGNED: Self = Self { low: Opcode::SwidenLow, high: Opcode::SwidenHigh };
    /// By zeros.
    pub(super) const UNSIGNED: Self = Self { low: Opcode::UwidenLow, high: Opcode::UwidenHigh };
}

/// The lowering of `op`; `None` if it is no vector operator.
pub(super) fn lowering(op: &Operator<'_>) -> Option<Lowering> {
    use Lowering::*;
    use Operator as Op;
    Some(match *op {
        // Memory
        Op::V128Load { memarg } => Load(memarg),
        Op::V128Store { memarg } => Store(memarg),
        Op::V128Load8x8S { memarg } => LoadExtend(Opcode::Sload8x8, memarg),
        Op::V128Load8x8U { memarg } => LoadExtend(Opcode::Uload8x8, memarg),
        Op::V128Load16x4S { memarg } => LoadExtend(Opcode::Sload16x4, memarg),
        Op::V128Load16x4U { memarg } => LoadExtend(Opcode::Uload16x4, memarg),
        Op::V128Load32x2S { memarg } => LoadExtend(Opcode::Sload32x2, memarg),
        Op::V128Load32x2U { memarg } => LoadExtend(Opcode::Uload32x2, memarg),
        Op::V128Load8Splat { memarg } => LoadSplat(I8X16, memarg),
        Op::V128Load16Splat { memarg } => LoadSplat(I16X8, memarg),
        Op::V128Load32Splat { memarg } => LoadSplat(I32X4, memarg),
        Op::V128Load64Splat { memarg } => LoadSplat(I64X2, memarg),
        Op::V128Load32Zero { memarg } => LoadZero(I32X4, memarg),
        Op::V128Load64Zero { memarg } => LoadZero(I64X2, memarg),
        Op::V128Load8Lane { memarg, lane } => LoadLane(I8X16, memarg, lane),
        Op::V128Load16Lane { memarg, lane } => LoadLane(I16X8, memarg, lane),
        Op::V128Load32Lane { memarg, lane } => LoadLane(I32X4, memarg, lane),
        Op::V128Load64Lane { memarg, lane } => LoadLane(I64X2, memarg, lane),
        Op::V128Store8Lane { memarg, lane } => StoreLane(I8X16, memarg, lane),
        Op::V128Store16Lane { memarg, lane } => StoreLane(I16X8, memarg, lane),
        Op::V128Store32Lane { memarg, lane } => StoreLane(I32X4, memarg, lane),
        Op::V128Store64Lane { memarg, lane } => StoreLane(I64X2, memarg, lane),

        // Lanes
        Op::V128Const { value } => Const(*value.bytes()),
        Op::I8x16Shuffle { lanes } => Shuffle(lanes),
        Op::I8x16Swizzle | Op::I8x16RelaxedSwizzle => Binary(I8X16, Opcode::Swizzle),
        Op::I8x16Splat => Splat(I8X16),
        Op::I16x8Splat => Splat(I16X8),
        Op::I32x4Splat => Splat(I32X4),
        Op::I64x2Splat => Splat(I64X2),
        Op::F32x4Splat => Splat(F32X4),
        Op::F64x2Splat => Splat(F64X2),
        Op::I8x16ExtractLaneS { lane } => ExtractExtended(I8X16, Opcode::Sextend, lane),
        Op::I8x16ExtractLaneU { lane } => ExtractExtended(I8X16, Opcode::Uextend, lane),
        Op::I16x8ExtractLaneS { lane } => ExtractExtended(I16X8, Opcode::Sextend, lane),
        Op::I16x8ExtractLaneU { lane } => ExtractExtended(I16X8, Opcode::Uextend, lane),
        Op::I32x4ExtractLane { lane } => Extract(I32X4, lane),
        Op::I64x2ExtractLane { lane } => Extract(I64X2, lane),
        Op::F32x4ExtractLane { lane } => Extract(F32X4, lane),
        Op::F64x2ExtractLane { lane } => Extract(F64X2, lane),
        Op::I8x16ReplaceLane { lane } => Replace(I8X16, lane),
        Op::I16x8ReplaceLane { lane } => Replace(I16X8, lane),
        Op::I32x4ReplaceLane { lane } => Replace(I32X4, lane),
        Op::I64x2ReplaceLane { lane } => Replace(I64X2, lane),
        Op::F32x4ReplaceLane { lane } => Replace(F32X4, lane),
        Op::F64x2ReplaceLane { lane } => Replace(F64X2, lane),

        // Bits
        Op::V128Not => Unary(I8X16, Opcode::Bnot),
        Op::V128And => Binary(I8X16, Opcode::Band),
        Op::V128AndNot => AndNot,
        Op::V128Or => Binary(I8X16, Opcode::Bor),
        Op::V128Xor => Binary(I8X16, Opcode::Bxor),
        Op::V128Bitselect
        | Op::I8x16RelaxedLaneselect
        | Op::I16x8RelaxedLaneselect
        | Op::I32x4RelaxedLaneselect
        | Op::I64x2RelaxedLaneselect => Bitselect,
        Op::V128AnyTrue => AnyTrue,
        Op::I8x16AllTrue => AllTrue(I8X16),
        Op::I16x8AllTrue => AllTrue(I16X8),
        Op::I32x4AllTrue => AllTrue(I32X4),
        Op::I64x2AllTrue => AllTrue(I64X2),
        Op::I8x16Bitmask => Bitmask(I8X16),
        Op::I16x8Bitmask => Bitmask(I16X8),
        Op::I32x4Bitmask => Bitmask(I32X4),
        Op::I64x2Bitmask => Bitmask(I64X2),
        Op::I8x16Popcnt => Unary(I8X16, Opcode::Popcnt),

        // Integer comparisons
        Op::I8x16Eq => IntCompare(I8X16, IntCC::Equal),
        Op::I8x16Ne => IntCompare(I8X16, IntCC::NotEqual),
        Op::I8x16LtS => IntCompare(I8X16, IntCC::SignedLessThan),
        Op::I8x16LtU => IntCompare(I8X16, IntCC::UnsignedLessThan),
        Op::I8x16GtS => IntCompare(I8X16, IntCC::SignedGreaterThan),
        Op::I8x16GtU => IntCompare(I8X16, IntCC::UnsignedGreaterThan),
        Op::I8x16LeS => IntCompare(I8X16, IntCC::SignedLessThanOrEqual),
        Op::I8x16LeU => IntCompare(I8X16, IntCC::UnsignedLessThanOrEqual),
        Op::I8x16GeS => IntCompare(I8X16, IntCC::SignedGreaterThanOrEqual),
        Op::I8x16GeU => IntCompare(I8X16, IntCC::UnsignedGreaterThanOrEqual),
        Op::I16x8Eq => IntCompare(I16X8, IntCC::Equal),
        Op::I16x8Ne => IntCompare(I16X8, IntCC::NotEqual),
        Op::I16x8LtS => IntCompare(I16X8, IntCC::SignedLessThan),
        Op::I16x8LtU => IntCompare(I16X8, IntCC::UnsignedLessThan),
        Op::I16x8GtS => IntCompare(I16X8, IntCC::SignedGreaterThan),
        Op::I16x8GtU => IntCompare(I16X8, IntCC::UnsignedGreaterThan),
        Op::I16x8LeS => IntCompare(I16X8, IntCC::SignedLessThanOrEqual),
        Op::I16x8LeU => IntCompare(I16X8, IntCC::UnsignedLessThanOrEqual),
        Op::I16x8GeS => IntCompare(I16X8, IntCC::SignedGreaterThanOrEqual),
        Op::I16x8GeU => IntCompare(I16X8, IntCC::UnsignedGreaterThanOrEqual),
        Op::I32x4Eq => IntCompare(I32X4, IntCC::Equal),
        Op::I32x4Ne => IntCompare(I32X4, IntCC::NotEqual),
        Op::I32x4LtS => IntCompare(I32X4, IntCC::SignedLessThan),
        Op::I32x4LtU => IntCompare(I32X4, IntCC::UnsignedLessThan),
        Op::I32x4GtS => IntCompare(I32X4, IntCC::SignedGreaterThan),
        Op::I32x4GtU => IntCompare(I32X4, IntCC::UnsignedGreaterThan),
        Op::I32x4LeS => IntCompare(I32X4, IntCC::SignedLessThanOrEqual),
        Op::I32x4LeU => IntCompare(I32X4, IntCC::UnsignedLessThanOrEqual),
        Op::I32x4GeS => IntCompare(I32X4, IntCC::SignedGreaterThanOrEqual),
        Op::I32x4GeU => IntCompare(I32X4, IntCC::UnsignedGreaterThanOrEqual),
        Op::I64x2Eq => IntCompare(I64X2, IntCC::Equal),
        Op::I64x2Ne => IntCompare(I64X2, IntCC::NotEqual),
        Op::I64x2LtS => IntCompare(I64X2, IntCC::SignedLessThan),
        Op::I64x2GtS => IntCompare(I64X2, IntCC::SignedGreaterThan),
        Op::I64x2LeS => IntCompare(I64X2, IntCC::SignedLessThanOrEqual),
        Op::I64x2GeS => IntCompare(I64X2, IntCC::SignedGreaterThanOrEqual),

        // Integer arithmetic
        Op::I8x16Abs => Unary(I8X16, Opcode::Iabs),
        Op::I8x16Neg => Unary(I8X16, Opcode::Ineg),
        Op::I8x16Shl => Shift(I8X16, Opcode::Ishl),
        Op::I8x16ShrS => Shift(I8X16, Opcode::Sshr),
        Op::I8x16ShrU => Shift(I8X16, Opcode::Ushr),
        Op::I8x16Add => Binary(I8X16, Opcode::Iadd),
        Op::I8x16Sub => Binary(I8X16, Opcode::Isub),
        Op::I8x16AddSatS => Binary(I8X16, Opcode::SaddSat),
        Op::I8x16AddSatU => Binary(I8X16, Opcode::UaddSat),
        Op::I8x16SubSatS => Binary(I8X16, Opcode::SsubSat),
        Op::I8x16SubSatU => Binary(I8X16, Opcode::UsubSat),
        Op::I8x16AvgrU => Binary(I8X16, Opcode::AvgRound),
        Op::I8x16MinS => Binary(I8X16, Opcode::Smin),
        Op::I8x16MinU => Binary(I8X16, Opcode::Umin),
        Op::I8x16MaxS => Binary(I8X16, Opcode::Smax),
        Op::I8x16MaxU => Binary(I8X16, Opcode::Umax),
        Op::I16x8Abs => Unary(I16X8, Opcode::Iabs),
        Op::I16x8Neg => Unary(I16X8, Opcode::Ineg),
        Op::I16x8Shl => Shift(I16X8, Opcode::Ishl),
        Op::I16x8ShrS => Shift(I16X8, Opcode::Sshr),
        Op::I16x8ShrU => Shift(I16X8, Opcode::Ushr),
        Op::I16x8Add => Binary(I16X8, Opcode::Iadd),
        Op::I16x8Sub => Binary(I16X8, Opcode::Isub),
        Op::I16x8Mul => Binary(I16X8, Opcode::Imul),
        Op::I16x8AddSatS => Binary(I16X8, Opcode::SaddSat),
        Op::I16x8AddSatU => Binary(I16X8, Opcode::UaddSat),
        Op::I16x8SubSatS => Binary(I16X8, Opcode::SsubSat),
        Op::I16x8SubSatU => Binary(I16X8, Opcode::UsubSat),
        Op::I16x8AvgrU => Binary(I16X8, Opcode::AvgRound),
        Op::I16x8MinS => Binary(I16X8, Opcode::Smin),
        Op::I16x8MinU => Binary(I16X8, Opcode::Umin),
        Op::I16x8MaxS => Binary(I16X8, Opcode::Smax),
        Op::I16x8MaxU => Binary(I16X8, Opcode::Umax),
        Op::I32x4Abs => Unary(I32X4, Opcode::Iabs),
        Op::I32x4Neg => Unary(I32X4, Opcode::Ineg),
        Op::I32x4Shl => Shift(I32X4, Opcode::Ishl),
        Op::I32x4ShrS => Shift(I32X4, Opcode::Sshr),
        Op::I32x4ShrU => Shift(I32X4, Opcode::Ushr),
        Op::I32x4Add => Binary(I32X4, Opcode::Iadd),
        Op::I32x4Sub => Binary(I32X4, Opcode::Isub),
        Op::I32x4Mul => Binary(I32X4, Opcode::Imul),
        Op::I32x4MinS => Binary(I32X4, Opcode::Smin),
        Op::I32x4MinU => Binary(I32X4, Opcode::Umin),
        Op::I32x4MaxS => Binary(I32X4, Opcode::Smax),
        Op::I32x4MaxU => Binary(I32X4, Opcode::Umax),
        Op::I64x2Abs => Unary(I64X2, Opcode::Iabs),
        Op::I64x2Neg => Unary(I64X2, Opcode::Ineg),
        Op::I64x2Shl => Shift(I64X2, Opcode::Ishl),
        Op::I64x2ShrS => Shift(I64X2, Opcode::Sshr),
        Op::I64x2ShrU => Shift(I64X2, Opcode::Ushr),
        Op::I64x2Add => Binary(I64X2, Opcode::Iadd),
        Op::I64x2Sub => Binary(I64X2, Opcode::Isub),
        Op::I64x2Mul => Binary(I64X2, Opcode::Imul),
        Op::I16x8Q15MulrSatS | Op::I16x8RelaxedQ15mulrS => Binary(I16X8, Opcode::SqmulRoundSat),

        // Integer lanes of another width
        Op::I8x16NarrowI16x8S => Binary(I16X8, Opcode::Snarrow),
        Op::I8x16NarrowI16x8U => Binary(I16X8, Opcode::Unarrow),
        Op::I16x8NarrowI32x4S => Binary(I32X4, Opcode::Snarrow),
        Op::I16x8NarrowI32x4U => Binary(I32X4, Opcode::Unarrow),
        Op::I16x8ExtendLowI8x16S => Unary(I8X16, Opcode::SwidenLow),
        Op::I16x8ExtendLowI8x16U => Unary(I8X16, Opcode::UwidenLow),
        Op::I16x8ExtendHighI8x16S => Unary(I8X16, Opcode::SwidenHigh),
        Op::I16x8ExtendHighI8x16U => Unary(I8X16, Opcode::UwidenHigh),
        Op::I16x8ExtMulLowI8x16S => ExtendedMul(I8X16, Opcode::SwidenLow),
        Op::I16x8ExtMulLowI8x16U => ExtendedMul(I8X16, Opcode::UwidenLow),
        Op::I16x8ExtMulHighI8x16S => ExtendedMul(I8X16, Opcode::SwidenHigh),
        Op::I16x8ExtMulHighI8x16U => ExtendedMul(I8X16, Opcode::UwidenHigh),
        Op::I32x4ExtendLowI16x8S => Unary(I16X8, Opcode::SwidenLow),
        Op::I32x4ExtendLowI16x8U => Unary(I16X8, Opcode::UwidenLow),
        Op::I32x4ExtendHighI16x8S => Unary(I16X8, Opcode::SwidenHigh),
        Op::I32x4ExtendHighI16x8U => Unary(I16X8, Opcode::UwidenHigh),
        Op::I32x4ExtMulLowI16x8S => ExtendedMul(I16X8, Opcode::SwidenLow),
        Op::I32x4ExtMulLowI16x8U => ExtendedMul(I16X8, Opcode::UwidenLow),
        Op::I32x4ExtMulHighI16x8S => ExtendedMul(I16X8, Opcode::SwidenHigh),
        Op::I32x4ExtMulHighI16x8U => ExtendedMul(I16X8, Opcode::UwidenHigh),
        Op::I64x2ExtendLowI32x4S => Unary(I32X4, Opcode::SwidenLow),
        Op::I64x2ExtendLowI32x4U => Unary(I32X4, Opcode::UwidenLow),
        Op::I64x2ExtendHighI32x4S => Unary(I32X4, Opcode::SwidenHigh),
        Op::I64x2ExtendHighI32x4U => Unary(I32X4, Opcode::UwidenHigh),
        Op::I64x2ExtMulLowI32x4S => ExtendedMul(I32X4, Opcode::SwidenLow),
        Op::I64x2ExtMulLowI32x4U => ExtendedMul(I32X4, Opcode::UwidenLow),
        Op::I64x2ExtMulHighI32x4S => ExtendedMul(I32X4, Opcode::SwidenHigh),
        Op::I64x2ExtMulHighI32x4U => ExtendedMul(I32X4, Opcode::UwidenHigh),
        Op::I16x8ExtAddPairwiseI8x16S => AddPairs(I8X16, Widen::SIGNED),
        Op::I16x8ExtAddPairwiseI8x16U => AddPairs(I8X16, Widen::UNSIGNED),
        Op::I32x4ExtAddPairwiseI16x8S => AddPairs(I16X8, Widen::SIGNED),
        Op::I32x4ExtAddPairwiseI16x8U => AddPairs(I16X8, Widen::UNSIGNED),
        Op::I32x4DotI16x8S => Dot(I16X8),
        Op::I16x8RelaxedDotI8x16I7x16S => Dot(I8X16),
        Op::I32x4RelaxedDotI8x16I7x16AddS => DotAdd,

        // Floating point
        Op::F32x4Eq => FloatCompare(F32X4, FloatCC::Equal),
        Op::F32x4Ne => FloatCompare(F32X4, FloatCC::NotEqual),
        Op::F32x4Lt => FloatCompare(F32X4, FloatCC::LessThan),
        Op::F32x4Gt => FloatCompare(F32X4, FloatCC::GreaterThan),
        Op::F32x4Le => FloatCompare(F32X4, FloatCC::LessThanOrEqual),
        Op::F32x4Ge => FloatCompare(F32X4, FloatCC::GreaterThanOrEqual),
        Op::F32x4Ceil => Unary(F32X4, Opcode::Ceil),
        Op::F32x4Floor => Unary(F32X4, Opcode::Floor),
        Op::F32x4Trunc => Unary(F32X4, Opcode::Trunc),
        Op::F32x4Nearest => Unary(F32X4, Opcode::Nearest),
        Op::F32x4Abs => Unary(F32X4, Opcode::Fabs),
        Op::F32x4Neg => Unary(F32X4, Opcode::Fneg),
        Op::F32x4Sqrt => Unary(F32X4, Opcode::Sqrt),
        Op::F32x4Add => Binary(F32X4, Opcode::Fadd),
        Op::F32x4Sub => Binary(F32X4, Opcode::Fsub),
        Op::F32x4Mul => Binary(F32X4, Opcode::Fmul),
        Op::F32x4Div => Binary(F32X4, Opcode::Fdiv),
        Op::F32x4Min | Op::F32x4RelaxedMin => Binary(F32X4, Opcode::Fmin),
        Op::F32x4Max | Op::F32x4RelaxedMax => Binary(F32X4, Opcode::Fmax),
        Op::F32x4PMin => PseudoMin(F32X4),
        Op::F32x4PMax => PseudoMax(F32X4),
        Op::F32x4RelaxedMadd => MulAdd(F32X4),
        Op::F32x4RelaxedNmadd => NegMulAdd(F32X4),
        Op::F64x2Eq => FloatCompare(F64X2, FloatCC::Equal),
        Op::F64x2Ne => FloatCompare(F64X2, FloatCC::NotEqual),
        Op::F64x2Lt => FloatCompare(F64X2, FloatCC::LessThan),
        Op::F64x2Gt => FloatCompare(F64X2, FloatCC::GreaterThan),
        Op::F64x2Le => FloatCompare(F64X2, FloatCC::LessThanOrEqual),
        Op::F64x2Ge => FloatCompare(F64X2, FloatCC::GreaterThanOrEqual),
        Op::F64x2Ceil => Unary(F64X2, Opcode::Ceil),
        Op::F64x2Floor => Unary(F64X2, Opcode::Floor),
        Op::F64x2Trunc => Unary(F64X2, Opcode::Trunc),
        Op::F64x2Nearest => Unary(F64X2, Opcode::Nearest),
        Op::F64x2Abs => Unary(F64X2, Opcode::Fabs),
        Op::F64x2Neg => Unary(F64X2, Opcode::Fneg),
        Op::F64x2Sqrt => Unary(F64X2, Opcode::Sqrt),
        Op::F64x2Add => Binary(F64X2, Opcode::Fadd),
        Op::F64x2Sub => Binary(F64X2, Opcode::Fsub),
        Op::F64x2Mul => Binary(F64X2, Opcode::Fmul),
        Op::F64x2Div => Binary(F64X2, Opcode::Fdiv),
        Op::F64x2Min | Op::F64x2RelaxedMin => Binary(F64X2, Opcode::Fmin),
        Op::F64x2Max | Op::F64x2RelaxedMax => Binary(F64X2, Opcode::Fmax),
        Op::F64x2PMin => PseudoMin(F64X2),
        Op::F64x2PMax => PseudoMax(F64X2),
        Op::F64x2RelaxedMadd => MulAdd(F64X2),
        Op::F64x2RelaxedNmadd => NegMulAdd(F64X2),

        // Conversions
        Op::I32x4TruncSatF32x4S | Op::I32x4RelaxedTruncF32x4S => {
            Convert(F32X4, Opcode::FcvtToSintSat, I32X4)
        }
        Op::I32x4TruncSatF32x4U | Op::I32x4RelaxedTruncF32x4U => {
            Convert(F32X4, Opcode::FcvtToUintSat, I32X4)
        }
        Op::I32x4TruncSatF64x2SZero | Op::I32x4RelaxedTruncF64x2SZero => {
            TruncZero(Opcode::FcvtToSintSat, Opcode::Snarrow)
        }
        Op::I32x4TruncSatF64x2UZero | Op::I32x4RelaxedTruncF64x2UZero => {
            TruncZero(Opcode::FcvtToUintSat, Opcode::Uunarrow)
        }
        Op::F32x4ConvertI32x4S => Convert(I32X4, Opcode::FcvtFromSint, F32X4),
        Op::F64x2ConvertLowI32x4S => ConvertLow(Opcode::SwidenLow, Opcode::FcvtFromSint),
        Op::F32x4ConvertI32x4U => Convert(I32X4, Opcode::FcvtFromUint, F32X4),
        Op::F64x2ConvertLowI32x4U => ConvertLow(Opcode::UwidenLow, Opcode::FcvtFromUint),
        Op::F32x4DemoteF64x2Zero => Unary(F64X2, Opcode::Fvdemote),
        Op::F64x2PromoteLowF32x4 => Unary(F32X4, Opcode::FvpromoteLow),
        _ => return None,
    })
}
