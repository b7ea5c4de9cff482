//! Structures (WebAssembly specification, section 4.6.2 *Reference Instructions*, `struct`).

use cranelift_codegen::ir::{InstBuilder, Value, types};
use faasm_abi::gc::{FieldsLayout, NULL_PAGE};
use faasm_abi::trap::TrapCode;
use faasm_abi::types::StorageType;
use wasmparser::Operator as Op;

use super::{ObjectPlace, Sign, signed};
use crate::translate::FuncTranslator;

pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    match *op {
        Op::StructNew { struct_type_index } => new(f, struct_type_index),
        Op::StructNewDefault { struct_type_index } => new_default(f, struct_type_index),
        Op::StructGet { struct_type_index, field_index }
        | Op::StructGetU { struct_type_index, field_index } => {
            get(f, struct_type_index, field_index, Sign::Unsigned);
        }
        Op::StructGetS { struct_type_index, field_index } => {
            get(f, struct_type_index, field_index, Sign::Signed);
        }
        Op::StructSet { struct_type_index, field_index } => set(f, struct_type_index, field_index),
        _ => return false,
    }
    true
}

/// The fields of a structure type.
fn storages(f: &FuncTranslator<'_, '_>, ty: u32) -> Vec<StorageType> {
    let fields = f.env.info.types[ty as usize].as_struct().map(|ty| &*ty.fields);
    fields.unwrap_or_default().iter().map(|field| field.storage).collect()
}

fn new(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let storages = storages(f, ty);
    let from = f.stack.len() - storages.len();
    let object = make(f, ty, &storages, |f, at| f.stack[from + at]);
    f.stack.truncate(from);
    f.push(object);
}

fn new_default(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let storages = storages(f, ty);
    let object = make(f, ty, &storages, |f, at| f.default_of(storages[at]));
    f.push(object);
}

/// A structure whose fields have these values.
fn make(
    f: &mut FuncTranslator<'_, '_>,
    ty: u32,
    storages: &[StorageType],
    value: impl Fn(&mut FuncTranslator<'_, '_>, usize) -> Value,
) -> Value {
    let layout = FieldsLayout::of(storages.iter().copied());
    let bytes = f.builder.ins().iconst(types::I64, i64::from(layout.size));
    let object = f.allocate(ty, bytes);
    let place = f.known_object(object);
    for (at, (&storage, &offset)) in storages.iter().zip(&layout.offsets).enumerate() {
        let value = value(f, at);
        f.store_field(place.behind(offset), storage, value);
    }
    object
}

fn get(f: &mut FuncTranslator<'_, '_>, ty: u32, field: u32, sign: Sign) {
    let reference = f.pop();
    let (place, storage) = field_place(f, ty, field, reference);
    f.load_field(place, storage, sign);
}

fn set(f: &mut FuncTranslator<'_, '_>, ty: u32, field: u32) {
    let (reference, value) = f.pop2();
    let (place, storage) = field_place(f, ty, field, reference);
    f.store_field(place, storage, value);
}

fn field_place(
    f: &mut FuncTranslator<'_, '_>,
    ty: u32,
    field: u32,
    reference: Value,
) -> (ObjectPlace, StorageType) {
    let storages = storages(f, ty);
    let storage = storages[field as usize];
    let upto = storages[..=field as usize].iter().copied();
    let offset = FieldsLayout::of(upto).offsets[field as usize];
    if offset + storage.bytes() > NULL_PAGE {
        f.trap_if_null(reference, TrapCode::NullStructure);
    }
    let place = f.object(reference, TrapCode::NullStructure);
    (ObjectPlace { offset: signed(offset), ..place }, storage)
}
