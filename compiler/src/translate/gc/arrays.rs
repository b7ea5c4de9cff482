//! Arrays (WebAssembly specification, section 4.6.2 *Reference Instructions*, `array`).
//!
//! An index is checked against the length; beyond it no element is loaded, also not speculatively.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use faasm_abi::builtin::Builtin;
use faasm_abi::gc;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::StorageType;
use wasmparser::Operator as Op;

use super::{ObjectPlace, Sign, signed, stored_type, words};
use crate::translate::{FuncTranslator, user_trap};

/// Arrays of so many elements are initialised one by one in code.
const INLINE: u64 = 16;

pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match *op {
        Op::ArrayNew { array_type_index } => new(f, array_type_index),
        Op::ArrayNewDefault { array_type_index } => new_default(f, array_type_index),
        Op::ArrayNewFixed { array_type_index, array_size } => {
            new_fixed(f, array_type_index, array_size);
        }
        Op::ArrayGet { array_type_index } | Op::ArrayGetU { array_type_index } => {
            get(f, array_type_index, Sign::Unsigned);
        }
        Op::ArrayGetS { array_type_index } => get(f, array_type_index, Sign::Signed),
        Op::ArraySet { array_type_index } => set(f, array_type_index),
        Op::ArrayLen => len(f),
        _ => return bulk(f, op),
    }
    true
}

/// What is done by the VM.
fn bulk(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match *op {
        Op::ArrayFill { array_type_index } => fill(f, array_type_index),
        Op::ArrayCopy { array_type_index_dst, .. } => copy(f, array_type_index_dst),
        Op::ArrayNewData { array_type_index, array_data_index } => {
            new_of_segment(f, Builtin::ArrayNewData, array_type_index, array_data_index);
        }
        Op::ArrayNewElem { array_type_index, array_elem_index } => {
            new_of_segment(f, Builtin::ArrayNewElem, array_type_index, array_elem_index);
        }
        Op::ArrayInitData { array_type_index, array_data_index } => {
            init(f, Builtin::ArrayInitData, array_type_index, array_data_index);
        }
        Op::ArrayInitElem { array_type_index, array_elem_index } => {
            init(f, Builtin::ArrayInitElem, array_type_index, array_elem_index);
        }
        _ => return false,
    }
    true
}

/// What an array type's elements are.
fn storage(f: &FuncTranslator<'_, '_>, ty: u32) -> StorageType {
    let field = f.env.info.types[ty as usize].as_array();
    field.expect("validated: the type is an array's").storage
}

/// An array of `length` elements, which are to be initialised.
fn make(f: &mut FuncTranslator<'_, '_>, ty: u32, length: Value) -> Value {
    let bytes = storage(f, ty).bytes();
    let wide = f.builder.ins().uextend(types::I64, length);
    let size = f.builder.ins().imul_imm_u(wide, i64::from(bytes));
    let round = i64::from(gc::array_elements(bytes) + gc::ALIGN - 1);
    let size = f.builder.ins().iadd_imm_s(size, round);
    let size = f.builder.ins().band_imm_s(size, -i64::from(gc::ALIGN));
    let array = f.allocate(ty, size);
    let place = f.known_object(array);
    f.builder.ins().store(place.flags, length, place.base, signed(gc::ARRAY_LENGTH));
    array
}

fn new(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let (value, length) = f.pop2();
    new_filled(f, ty, value, length);
}

fn new_default(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let length = f.pop();
    let value = f.default_of(storage(f, ty));
    new_filled(f, ty, value, length);
}

fn new_filled(f: &mut FuncTranslator<'_, '_>, ty: u32, value: Value, length: Value) {
    let known = f.constant(length).filter(|&length| length <= INLINE);
    let array = make(f, ty, length);
    match known {
        Some(length) => (0..length).for_each(|at| put(f, ty, array, at, value)),
        None => {
            let zero = f.builder.ins().iconst(types::I32, 0);
            call_fill(f, ty, array, (zero, value, length));
        }
    }
    f.push(array);
}

fn new_fixed(f: &mut FuncTranslator<'_, '_>, ty: u32, length: u32) {
    let count = f.builder.ins().iconst(types::I32, i64::from(length));
    let array = make(f, ty, count);
    let from = f.stack.len() - length as usize;
    for at in 0..u64::from(length) {
        let value = f.stack[from + usize::try_from(at).unwrap_or(0)];
        put(f, ty, array, at, value);
    }
    f.stack.truncate(from);
    f.push(array);
}

/// Initialises one element.
fn put(f: &mut FuncTranslator<'_, '_>, ty: u32, array: Value, index: u64, value: Value) {
    let storage = storage(f, ty);
    let place = f.known_object(array);
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let offset = gc::array_elements(storage.bytes()) + storage.bytes() * index;
    f.store_field(place.behind(offset), storage, value);
}

fn length_of(f: &mut FuncTranslator<'_, '_>, array: Value) -> Value {
    if !f.env.info.needs_gc_heap() {
        // A store of this module alone has no heap, whose first page would fault.
        f.builder.ins().trapz(array, user_trap(TrapCode::NullArray));
    }
    let place = f.object(array, TrapCode::NullArray);
    f.builder.ins().load(types::I32, place.flags, place.base, signed(gc::ARRAY_LENGTH))
}

fn len(f: &mut FuncTranslator<'_, '_>) {
    let array = f.pop();
    let length = length_of(f, array);
    f.push(length);
}

/// The place of an element, after the check of its index.
fn element(f: &mut FuncTranslator<'_, '_>, ty: u32, array: Value, index: Value) -> ObjectPlace {
    let length = length_of(f, array);
    let beyond = f.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
    f.builder.ins().trapnz(beyond, user_trap(TrapCode::ArrayOutOfBounds));
    let index = f.builder.ins().uextend(types::I64, index);
    let zero = f.builder.ins().iconst(types::I64, 0);
    let index = f.builder.ins().select_spectre_guard(beyond, zero, index);
    let bytes = stored_type(storage(f, ty)).bytes();
    let distance = f.builder.ins().ishl_imm_u(index, i64::from(bytes.trailing_zeros()));
    let place = f.known_object(array);
    let base = f.builder.ins().iadd(place.base, distance);
    ObjectPlace { base, offset: signed(gc::array_elements(bytes)), ..place }
}

fn get(f: &mut FuncTranslator<'_, '_>, ty: u32, sign: Sign) {
    let (array, index) = f.pop2();
    let place = element(f, ty, array, index);
    f.load_field(place, storage(f, ty), sign);
}

fn set(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let (array, index, value) = f.pop3();
    let place = element(f, ty, array, index);
    f.store_field(place, storage(f, ty), value);
}

fn fill(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let (index, value, length) = f.pop3();
    let array = f.pop();
    call_fill(f, ty, array, (index, value, length));
}

fn call_fill(
    f: &mut FuncTranslator<'_, '_>,
    ty: u32,
    array: Value,
    (index, value, length): (Value, Value, Value),
) {
    let (low, high) = words(f, value);
    let bytes = i64::from(storage(f, ty).bytes());
    let bytes = f.builder.ins().iconst(types::I64, bytes);
    let args =
        [f.extend_index(array), f.extend_index(index), low, high, f.extend_index(length), bytes];
    f.call_builtin(Builtin::ArrayFill, &args);
}

fn copy(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let (source, from, length) = f.pop3();
    let (target, to) = f.pop2();
    let bytes = i64::from(storage(f, ty).bytes());
    let bytes = f.builder.ins().iconst(types::I64, bytes);
    let args = [
        f.extend_index(target),
        f.extend_index(to),
        f.extend_index(source),
        f.extend_index(from),
        f.extend_index(length),
        bytes,
    ];
    f.call_builtin(Builtin::ArrayCopy, &args);
}

/// `(type, segment, from, length) -> array`.
fn new_of_segment(f: &mut FuncTranslator<'_, '_>, builtin: Builtin, ty: u32, segment: u32) {
    let (from, length) = f.pop2();
    let args = [
        f.builder.ins().iconst(types::I64, i64::from(ty)),
        f.builder.ins().iconst(types::I64, i64::from(segment)),
        f.extend_index(from),
        f.extend_index(length),
    ];
    let array = f.call_builtin(builtin, &args);
    let array = f.builder.ins().ireduce(types::I32, array);
    f.push_collected(array);
}

/// `(type, segment, array, to, from, length)`.
fn init(f: &mut FuncTranslator<'_, '_>, builtin: Builtin, ty: u32, segment: u32) {
    let (to, from, length) = f.pop3();
    let array = f.pop();
    let args = [
        f.builder.ins().iconst(types::I64, i64::from(ty)),
        f.builder.ins().iconst(types::I64, i64::from(segment)),
        f.extend_index(array),
        f.extend_index(to),
        f.extend_index(from),
        f.extend_index(length),
    ];
    f.call_builtin(builtin, &args);
}
