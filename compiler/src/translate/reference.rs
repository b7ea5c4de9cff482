//! References (WebAssembly specification, section 4.4.2 *Reference Instructions*).

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use faasm_abi::layout::header;
use faasm_abi::trap::TrapCode;

use super::{FuncTranslator, user_trap};

/// `ref.null`.
pub(super) fn null(f: &mut FuncTranslator<'_, '_>) {
    let null = f.builder.ins().iconst(types::I32, 0);
    f.push(null);
}

/// `ref.is_null`.
pub(super) fn is_null(f: &mut FuncTranslator<'_, '_>) {
    let reference = f.pop();
    let null = f.builder.ins().icmp_imm_s(IntCC::Equal, reference, 0);
    f.push_condition(null);
}

/// `ref.as_non_null`.
pub(super) fn as_non_null(f: &mut FuncTranslator<'_, '_>) {
    let reference = f.pop();
    f.builder.ins().trapz(reference, user_trap(TrapCode::NullReference));
    f.push(reference);
}

/// `ref.func`: descriptors of an instance's escaping functions follow one another.
pub(super) fn func(f: &mut FuncTranslator<'_, '_>, function: u32) {
    // Validation demands that the function is declared, so it is among the escaping ones.
    let position = f.env.info.escaping_position(function).unwrap_or(0);
    let first = f.fixed_field(types::I32, header::FIRST_FUNCREF);
    let reference = f.builder.ins().iadd_imm_s(first, i64::from(position));
    f.push(reference);
}
