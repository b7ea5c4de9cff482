//! Casts and tests of references, unboxed integers, conversions (WebAssembly specification, section 4.6.2).
//!
//! A type with no subtypes is found by its number alone. Others are found in the row of supertypes of what the object
//! is, at the depth of what is asked for; a row that is not long enough is asked of the VM.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Value, types};
use faasm_abi::builtin::Builtin;
use faasm_abi::gc;
use faasm_abi::layout::{funcref, header};
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{HeapType, RefType};
use wasmparser::Operator as Op;

use super::signed;
use crate::translate::{FuncTranslator, control, user_trap};
use crate::validate::{heap_type, ref_type};

pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match *op {
        Op::RefTestNonNull { hty } => test(f, target(hty, false)),
        Op::RefTestNullable { hty } => test(f, target(hty, true)),
        Op::RefCastNonNull { hty } => cast(f, target(hty, false)),
        Op::RefCastNullable { hty } => cast(f, target(hty, true)),
        Op::BrOnCast { relative_depth, to_ref_type, .. } => {
            branch(f, relative_depth, known(to_ref_type), true);
        }
        Op::BrOnCastFail { relative_depth, to_ref_type, .. } => {
            branch(f, relative_depth, known(to_ref_type), false);
        }
        Op::RefEq => eq(f),
        Op::RefI31 => i31(f),
        Op::I31GetS => i31_get(f, true),
        Op::I31GetU => i31_get(f, false),
        // All references but the functions' have one form.
        Op::AnyConvertExtern | Op::ExternConvertAny => {}
        _ => return false,
    }
    true
}

fn target(heap: wasmparser::HeapType, nullable: bool) -> RefType {
    let heap = heap_type(heap).expect("validated: a supported heap type");
    RefType { nullable, heap }
}

fn known(ty: wasmparser::RefType) -> RefType {
    ref_type(ty).expect("validated: a supported reference type")
}

fn test(f: &mut FuncTranslator<'_, '_>, ty: RefType) {
    let reference = f.pop();
    let is = is_instance(f, reference, ty);
    f.push(is);
}

fn cast(f: &mut FuncTranslator<'_, '_>, ty: RefType) {
    let reference = f.pop();
    let is = is_instance(f, reference, ty);
    f.builder.ins().trapz(is, user_trap(TrapCode::CastFailure));
    f.push(reference);
}

/// `br_on_cast` if `on_success`, else `br_on_cast_fail`: the reference goes with the branch and stays.
fn branch(f: &mut FuncTranslator<'_, '_>, depth: u32, ty: RefType, on_success: bool) {
    let reference = f.pop();
    let is = is_instance(f, reference, ty);
    f.push(reference);
    let taken = if on_success { is } else { f.builder.ins().icmp_imm_s(IntCC::Equal, is, 0) };
    f.push(taken);
    control::br_if(f, depth);
}

/// Whether a reference is of a type, as an `i32`.
fn is_instance(f: &mut FuncTranslator<'_, '_>, reference: Value, ty: RefType) -> Value {
    let of_kind = match ty.heap {
        HeapType::Any | HeapType::Extern | HeapType::Func | HeapType::Exn => {
            f.builder.ins().icmp_imm_s(IntCC::NotEqual, reference, 0)
        }
        HeapType::None | HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn => {
            f.builder.ins().iconst(types::I8, 0)
        }
        HeapType::I31 => {
            let bit = f.builder.ins().band_imm_u(reference, i64::from(gc::I31_BIT));
            f.builder.ins().icmp_imm_s(IntCC::NotEqual, bit, 0)
        }
        HeapType::Eq => {
            let tag = f.builder.ins().band_imm_u(reference, i64::from(gc::TAG_BITS));
            let own = f.builder.ins().icmp_imm_s(IntCC::NotEqual, tag, i64::from(gc::EXTERN_TAG));
            let some = f.builder.ins().icmp_imm_s(IntCC::NotEqual, reference, 0);
            f.builder.ins().band(own, some)
        }
        HeapType::Struct | HeapType::Array | HeapType::Concrete(_) => {
            return is_defined(f, reference, ty);
        }
    };
    let is = if ty.nullable {
        let null = f.builder.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        f.builder.ins().bor(of_kind, null)
    } else {
        of_kind
    };
    f.builder.ins().uextend(types::I32, is)
}

/// [`is_instance`] of a type that only the object itself can tell.
fn is_defined(f: &mut FuncTranslator<'_, '_>, reference: Value, ty: RefType) -> Value {
    let done = f.builder.create_block();
    let answer = f.builder.append_block_param(done, types::I32);
    let null = f.builder.ins().iconst(types::I32, i64::from(ty.nullable));
    next_unless(f, reference, (done, null), false);
    match ty.heap {
        HeapType::Concrete(index) if f.env.info.func_type(index).is_some() => {
            let descriptor = f.descriptor(reference);
            let flags = MemFlagsData::trusted().with_readonly();
            let number = f.builder.ins().load(types::I32, flags, descriptor, funcref::TYPE);
            is_subtype(f, number, index, done);
        }
        heap => {
            let tag = f.builder.ins().band_imm_u(reference, i64::from(gc::TAG_BITS));
            let no = f.builder.ins().iconst(types::I32, 0);
            next_unless(f, tag, (done, no), true);
            let place = f.known_object(reference);
            let word = f.builder.ins().load(types::I32, place.flags, place.base, signed(gc::TYPE));
            object_is(f, word, heap, done);
        }
    }
    f.builder.switch_to_block(done);
    f.builder.seal_block(done);
    f.forget_context();
    answer
}

/// Goes on if `value` is zero (or, if not `zero`, if it is not); else to the block with an answer.
fn next_unless(
    f: &mut FuncTranslator<'_, '_>,
    value: Value,
    (done, answer): (Block, Value),
    zero: bool,
) {
    let next = f.builder.create_block();
    let answer = [BlockArg::Value(answer)];
    if zero {
        f.builder.ins().brif(value, done, &answer, next, &[]);
    } else {
        f.builder.ins().brif(value, next, &[], done, &answer);
    }
    f.fall_into(next);
}

/// Answers whether an object whose header has this type is what is asked for.
fn object_is(f: &mut FuncTranslator<'_, '_>, word: Value, heap: HeapType, done: Block) {
    let HeapType::Concrete(index) = heap else {
        let array = f.builder.ins().band_imm_u(word, i64::from(gc::ARRAY));
        let wanted = if heap == HeapType::Array { IntCC::NotEqual } else { IntCC::Equal };
        let is = f.builder.ins().icmp_imm_s(wanted, array, 0);
        return finish(f, is, done);
    };
    let number = f.builder.ins().band_imm_u(word, i64::from(!gc::ARRAY));
    is_subtype(f, number, index, done);
}

/// Answers whether the type with the store's number `actual` is `index` or a subtype.
fn is_subtype(f: &mut FuncTranslator<'_, '_>, actual: Value, index: u32, done: Block) {
    let expected = f.canonical_type(index);
    let same = f.builder.ins().icmp(IntCC::Equal, actual, expected);
    if f.env.info.types[index as usize].is_final {
        return finish(f, same, done);
    }
    let yes = f.builder.ins().iconst(types::I32, 1);
    next_unless(f, same, (done, yes), true);
    let depth = depth(f, index);
    if depth < gc::ROW {
        let rows = f.place_at(header::SUPERTYPES);
        let row = f.builder.ins().uextend(types::I64, actual);
        let row = f.builder.ins().ishl_imm_u(row, i64::from(gc::ROW_BYTES_LOG2));
        let row = f.builder.ins().iadd(rows, row);
        let flags = MemFlagsData::trusted().with_readonly();
        let ancestor = f.builder.ins().load(types::I32, flags, row, signed(depth * 4));
        let is = f.builder.ins().icmp(IntCC::Equal, ancestor, expected);
        finish(f, is, done);
    } else {
        let args = [f.extend_index(actual), f.extend_index(expected)];
        let is = f.call_builtin(Builtin::IsSubtype, &args);
        finish(f, is, done);
    }
}

fn finish(f: &mut FuncTranslator<'_, '_>, is: Value, done: Block) {
    let is = match f.builder.func.dfg.value_type(is) {
        types::I64 => f.builder.ins().ireduce(types::I32, is),
        _ => f.builder.ins().uextend(types::I32, is),
    };
    f.builder.ins().jump(done, &[BlockArg::Value(is)]);
}

/// How many ancestors a type has.
fn depth(f: &FuncTranslator<'_, '_>, ty: u32) -> u32 {
    let types = &f.env.info.types;
    let ancestors =
        std::iter::successors(types[ty as usize].supertype, |&ty| types[ty as usize].supertype);
    // Validation allows 63.
    u32::try_from(ancestors.count()).unwrap_or(u32::MAX)
}

/// `ref.eq`.
fn eq(f: &mut FuncTranslator<'_, '_>) {
    let (left, right) = f.pop2();
    let same = f.builder.ins().icmp(IntCC::Equal, left, right);
    f.push_condition(same);
}

/// `ref.i31`.
fn i31(f: &mut FuncTranslator<'_, '_>) {
    let value = f.pop();
    let shifted = f.builder.ins().ishl_imm_u(value, 1);
    let reference = f.builder.ins().bor_imm_u(shifted, i64::from(gc::I31_BIT));
    f.push_collected(reference);
}

/// `i31.get_s`, `i31.get_u`.
fn i31_get(f: &mut FuncTranslator<'_, '_>, signed: bool) {
    let reference = f.pop();
    f.trap_if_null(reference, TrapCode::NullI31);
    let ins = f.builder.ins();
    let value = if signed { ins.sshr_imm_u(reference, 1) } else { ins.ushr_imm_u(reference, 1) };
    f.push(value);
}
