//! Data and element segments, and the constant expressions in them.

use faasm_abi::module::{ConstExpr, ConstOp, ElementItems};
use faasm_abi::trap::TrapCode;

use crate::builtins::fits;
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
    let (module, at) = length_place(core, instance, Kind::Data, index(segment));
    let len: u32 = core.get(at);
    if !fits(to, bytes, core.memory_len(target)) || !fits(from, bytes, len.into()) {
        return Err(TrapCode::MemoryOutOfBounds);
    }
    if bytes == 0 {
        return Ok(());
    }
    let start = module.inner.info.data[index(segment)].offset as usize + index(from);
    let source = &module.inner.data[start..start + index(bytes)];
    let to = core.address(target.base + index(to));
    // SAFETY: the range was checked against the memory's length, below which it is accessible; the module's data is
    // the host's own.
    unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), to, source.len()) };
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
    let (module, at) = length_place(core, instance, Kind::Elements, index(segment));
    let len: u32 = core.get(at);
    if !fits(to, length, core.table_len(target)) || !fits(from, length, len.into()) {
        return Err(TrapCode::TableOutOfBounds);
    }
    let items = &module.inner.info.elements[index(segment)].items;
    for step in 0..length {
        let element = match items {
            ElementItems::Functions(functions) => {
                function_reference(core, instance, functions[index(from + step)])
            }
            ElementItems::Expressions(items) => {
                reference(evaluate(core, instance, &items[index(from + step)]))
            }
        };
        core.put_element(target, to + step, element);
    }
    Ok(())
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
pub(crate) fn evaluate(core: &StoreCore, instance: u32, expr: &ConstExpr) -> u128 {
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
            op => {
                let right = stack.pop().unwrap_or(0);
                let left = stack.pop().unwrap_or(0);
                arithmetic(op, left, right)
            }
        };
        stack.push(value);
    }
    stack.pop().unwrap_or(0)
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
