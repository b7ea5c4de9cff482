//! Data and element segments, and the constant expressions in them.

use faasm_abi::module::{ConstExpr, ConstOp, ElementItems, ElementSegment, SegmentMode};
use faasm_abi::trap::TrapCode;
use faasm_sfi::racing;

use crate::builtins::fits;
use crate::heap::{self, OnFull};
use crate::module::Module;
use crate::store::contents::{MemoryRecord, TableRecord};
use crate::store::core::StoreCore;

/// `memory.init`: `[to, from, bytes]`.
pub(crate) fn init_memory(
    core: &mut StoreCore,
    instance: u32,
    target: &MemoryRecord,
    segment: u64,
    [to, from, bytes]: [u64; 3],
) -> Result<(), TrapCode> {
    let len = data_length(core, instance, index(segment));
    if !fits(to, bytes, core.memory_len(target)) || !fits(from, bytes, len) {
        return Err(TrapCode::MemoryOutOfBounds);
    }
    if bytes > 0 {
        copy_data(core, instance, index(segment), target.base + index(to), from..from + bytes);
    }
    Ok(())
}

/// `table.init`: `[to, from, length]`.
pub(crate) fn init_table(
    core: &mut StoreCore,
    instance: u32,
    target: &TableRecord,
    segment: u64,
    [to, from, length]: [u64; 3],
) -> Result<(), TrapCode> {
    let len = element_length(core, instance, index(segment));
    if !fits(to, length, core.table_len(target)) || !fits(from, length, len) {
        return Err(TrapCode::TableOutOfBounds);
    }
    for step in 0..length {
        let element = element(core, instance, index(segment), from + step)?;
        core.put_element(target, to + step, element);
    }
    Ok(())
}

/// How many elements a segment has now.
pub(crate) fn element_length(core: &StoreCore, instance: u32, segment: usize) -> u64 {
    core.get::<u32>(length_place(core, instance, Kind::Elements, segment).1).into()
}

/// How many bytes a segment has now.
pub(crate) fn data_length(core: &StoreCore, instance: u32, segment: usize) -> u64 {
    core.get::<u32>(length_place(core, instance, Kind::Data, segment).1).into()
}

/// Copies bytes of a segment, which are there, to an offset in the slot, which is accessible by the caller's records.
pub(crate) fn copy_data(
    core: &mut StoreCore,
    instance: u32,
    segment: usize,
    to: usize,
    bytes: std::ops::Range<u64>,
) {
    let module = core.contents.instances[instance as usize].module.clone();
    let source = module.inner.segment(segment).map(|row| module.inner.data(&row));
    let bytes = index(bytes.start)..index(bytes.end);
    let source = source.and_then(|data| data.get(bytes)).unwrap_or_default();
    let to = core.address(to);
    // SAFETY: accessible by the caller's records; the module's data is the host's own. Other threads may write there if
    // it is a shared memory.
    unsafe { racing::write(to, source) };
}

/// The element at a position of a segment, which is there.
pub(crate) fn element(
    core: &mut StoreCore,
    instance: u32,
    segment: usize,
    position: u64,
) -> Result<u32, TrapCode> {
    let record = &core.contents.instances[instance as usize];
    if let Some(values) = record.element_values[segment] {
        return Ok(core.element(&core.contents.tables[values as usize], position));
    }
    let module = record.module.clone();
    match &module.inner.info.elements[segment].items {
        ElementItems::Functions(functions) => {
            Ok(function_reference(core, instance, functions[index(position)]))
        }
        ElementItems::Expressions(items) => {
            Ok(reference(evaluate(core, instance, &items[index(position)])?))
        }
    }
}

/// Whether a segment's elements must be made once and kept, since some make objects.
pub(crate) fn is_kept(segment: &ElementSegment) -> bool {
    let ElementItems::Expressions(items) = &segment.items else { return false };
    let makes = |op: &ConstOp| {
        matches!(
            op,
            ConstOp::StructNew(_)
                | ConstOp::StructNewDefault(_)
                | ConstOp::ArrayNew(_)
                | ConstOp::ArrayNewDefault(_)
                | ConstOp::ArrayNewFixed(..)
        )
    };
    segment.mode == SegmentMode::Passive && items.iter().any(|item| item.0.iter().any(makes))
}

/// `data.drop`.
pub(crate) fn drop_data(core: &mut StoreCore, instance: u32, segment: usize) {
    let (_, at) = length_place(core, instance, Kind::Data, segment);
    core.put(at, 0_u32);
}

/// `elem.drop`.
pub(crate) fn drop_elements(core: &mut StoreCore, instance: u32, segment: usize) {
    let (_, at) = length_place(core, instance, Kind::Elements, segment);
    core.put(at, 0_u32);
}

#[derive(Clone, Copy)]
enum Kind {
    Data,
    Elements,
}

/// The instance's module, and where the present length of a segment is.
fn length_place(core: &StoreCore, instance: u32, kind: Kind, segment: usize) -> (Module, usize) {
    let record = &core.contents.instances[instance as usize];
    let layout = &record.module.inner.layout;
    let array = match kind {
        Kind::Data => layout.data_lengths,
        Kind::Elements => layout.element_lengths,
    };
    (record.module.clone(), record.context - array.unsigned_abs() as usize + segment * 4)
}

/// The bits of a constant expression's value. The module was validated, so the stack fits.
pub(crate) fn evaluate(
    core: &mut StoreCore,
    instance: u32,
    expr: &ConstExpr,
) -> Result<u128, TrapCode> {
    let mut stack: Vec<u128> = Vec::with_capacity(2);
    for op in &expr.0 {
        let value = match *op {
            ConstOp::I32(value) => value.cast_unsigned().into(),
            ConstOp::I64(value) => value.cast_unsigned().into(),
            ConstOp::F32(bits) => bits.into(),
            ConstOp::F64(bits) => bits.into(),
            ConstOp::V128(bits) => bits,
            ConstOp::RefNull => 0,
            ConstOp::RefFunc(function) => function_reference(core, instance, function).into(),
            ConstOp::GlobalGet(global) => {
                let record = &core.contents.instances[instance as usize];
                crate::externs::global_bits(core, record.globals[global as usize])
            }
            ConstOp::RefI31 => (pop(&mut stack) << 1 & u128::from(u32::MAX)) | 1,
            ConstOp::Convert => pop(&mut stack),
            ConstOp::StructNew(_)
            | ConstOp::StructNewDefault(_)
            | ConstOp::ArrayNew(_)
            | ConstOp::ArrayNewDefault(_)
            | ConstOp::ArrayNewFixed(..) => make(core, instance, *op, &mut stack)?.into(),
            op => {
                let right = pop(&mut stack);
                arithmetic(op, pop(&mut stack), right)
            }
        };
        stack.push(value);
    }
    Ok(pop(&mut stack))
}

fn pop(stack: &mut Vec<u128>) -> u128 {
    stack.pop().unwrap_or(0)
}

/// Makes the object that an instruction asks for. Nothing is collected: what lies on the stack is no root.
fn make(
    core: &mut StoreCore,
    instance: u32,
    op: ConstOp,
    stack: &mut Vec<u128>,
) -> Result<u32, TrapCode> {
    let number =
        |core: &StoreCore, ty: u32| core.contents.instances[instance as usize].types[ty as usize];
    let length = |bits: u128| u32::try_from(bits).unwrap_or(u32::MAX);
    match op {
        ConstOp::StructNew(ty) => {
            let number = number(core, ty);
            let fields =
                core.contents.types.get(number).as_struct().map_or(0, |ty| ty.fields.len());
            let values = stack.split_off(stack.len().saturating_sub(fields));
            heap::new_struct(core, number, &values, OnFull::Grow)
        }
        ConstOp::StructNewDefault(ty) => {
            let number = number(core, ty);
            let fields =
                core.contents.types.get(number).as_struct().map_or(0, |ty| ty.fields.len());
            heap::new_struct(core, number, &vec![0; fields], OnFull::Grow)
        }
        ConstOp::ArrayNewFixed(ty, count) => {
            let values = stack.split_off(stack.len().saturating_sub(count as usize));
            let number = number(core, ty);
            heap::new_array(core, number, (count, values.into_iter()), OnFull::Grow)
        }
        ConstOp::ArrayNew(ty) => {
            let count = length(pop(stack));
            let values = std::iter::repeat(pop(stack));
            heap::new_array(core, number(core, ty), (count, values), OnFull::Grow)
        }
        ConstOp::ArrayNewDefault(ty) => {
            let count = length(pop(stack));
            heap::new_array(core, number(core, ty), (count, std::iter::repeat(0)), OnFull::Grow)
        }
        _ => Ok(0),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are the value")]
fn arithmetic(op: ConstOp, left: u128, right: u128) -> u128 {
    let (narrow, wide) = ((left as u32, right as u32), (left as u64, right as u64));
    match op {
        ConstOp::I32Add => narrow.0.wrapping_add(narrow.1).into(),
        ConstOp::I32Sub => narrow.0.wrapping_sub(narrow.1).into(),
        ConstOp::I32Mul => narrow.0.wrapping_mul(narrow.1).into(),
        ConstOp::I64Add => wide.0.wrapping_add(wide.1).into(),
        ConstOp::I64Sub => wide.0.wrapping_sub(wide.1).into(),
        ConstOp::I64Mul => wide.0.wrapping_mul(wide.1).into(),
        _ => 0,
    }
}

/// The reference of a function that escapes; the compiler lists all that can become references.
fn function_reference(core: &StoreCore, instance: u32, function: u32) -> u32 {
    let record = &core.contents.instances[instance as usize];
    match record.module.inner.info.escaping_position(function) {
        Some(position) => record.first_funcref + position,
        None => 0,
    }
}

/// A reference in the low bits of a value.
#[expect(clippy::cast_possible_truncation, reason = "a reference has 32 bits")]
pub(crate) fn reference(bits: u128) -> u32 {
    bits as u32
}

/// An index or length that was checked, as Rust's.
fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
