//! Operators on 128-bit integers in two halves (the wide-arithmetic proposal).
//!
//! An integer lies on the operand stack as its low half and, above it, its high half.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator as Op;

use super::FuncTranslator;

type Ins<'a, 'f> = FuncInstBuilder<'a, 'f>;

/// Translates `op` if it is an operator of wide arithmetic; says whether it is.
pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match op {
        Op::I64Add128 => binary(f, |ins, x, y| ins.iadd(x, y)),
        Op::I64Sub128 => binary(f, |ins, x, y| ins.isub(x, y)),
        Op::I64MulWideS => multiply(f, |ins, x| ins.sextend(types::I128, x)),
        Op::I64MulWideU => multiply(f, |ins, x| ins.uextend(types::I128, x)),
        _ => return false,
    }
    true
}

fn binary(f: &mut FuncTranslator<'_, '_>, make: impl FnOnce(Ins<'_, '_>, Value, Value) -> Value) {
    let y = pop_wide(f);
    let x = pop_wide(f);
    let result = make(f.builder.ins(), x, y);
    push_wide(f, result);
}

/// Cranelift makes one instruction of a product of extended factors.
fn multiply(f: &mut FuncTranslator<'_, '_>, extend: impl Fn(Ins<'_, '_>, Value) -> Value) {
    let (x, y) = f.pop2();
    let x = extend(f.builder.ins(), x);
    let y = extend(f.builder.ins(), y);
    let product = f.builder.ins().imul(x, y);
    push_wide(f, product);
}

fn pop_wide(f: &mut FuncTranslator<'_, '_>) -> Value {
    let (low, high) = f.pop2();
    f.builder.ins().iconcat(low, high)
}

fn push_wide(f: &mut FuncTranslator<'_, '_>, value: Value) {
    let (low, high) = f.builder.ins().isplit(value);
    f.push(low);
    f.push(high);
}
