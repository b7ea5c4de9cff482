//! Stubs of imported functions that the host implements.

use cranelift_codegen::ir::{
    Function, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_frontend::FunctionBuilderContext;
use faasm_abi::host::VALUE_BYTES;
use faasm_abi::layout::imported_function;
use faasm_abi::types::{FuncType, ValType};

use super::{Stub, system_signature};
use crate::env::{Env, ir_type, signature};

/// log2 of [`VALUE_BYTES`].
const VALUE_ALIGN_SHIFT: u8 = 4;
const _: () = assert!(1 << VALUE_ALIGN_SHIFT == VALUE_BYTES);

/// Offset of a cell in an array of values. WebAssembly's limit of 1000 parameters or results keeps it small.
pub(super) fn cell(index: usize) -> i32 {
    i32::try_from(index * VALUE_BYTES as usize).unwrap_or(i32::MAX)
}

/// What both kinds of stub begin with.
struct Import {
    context: Value,
    code: Value,
    environment: Value,
}

fn import(stub: &mut Stub<'_>, env: &Env<'_>, function: u32) -> Import {
    let entry = env.layout.imported_functions[function as usize];
    let context = stub.context();
    let room = stub.load(types::I64, context, entry + imported_function::ROOM);
    stub.check_room(context, room);
    stub.publish_frame(context);
    Import {
        context,
        code: stub.load(types::I64, context, entry + imported_function::HOST),
        environment: stub.load(types::I64, context, entry + imported_function::ENVIRONMENT),
    }
}

/// The stub that passes arguments in an array.
pub(crate) fn array(
    env: &Env<'_>,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
    (function, ty): (u32, &FuncType),
) {
    let mut stub = Stub::new(func, scratch, signature(ty));
    let host = import(&mut stub, env, function);
    let cells = u32::try_from(ty.params.len().max(ty.results.len())).unwrap_or(u32::MAX);
    let bytes = cells.saturating_mul(VALUE_BYTES);
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, VALUE_ALIGN_SHIFT);
    let slot = stub.builder.create_sized_stack_slot(slot);
    let values = stub.builder.ins().stack_addr(types::I64, slot, 0);
    let flags = MemFlagsData::trusted();
    for (at, param) in stub.params.clone().into_iter().enumerate() {
        stub.builder.ins().store(flags, param, values, cell(at));
    }
    let convention = system_signature([types::I64; 3], &[types::I64]);
    let status = stub.call_host(host.code, convention, &[host.environment, host.context, values]);
    stub.raise_if(status[0]);
    let mut results = Vec::with_capacity(ty.results.len());
    for (at, &result) in ty.results.iter().enumerate() {
        results.push(stub.load_passed(result, flags, values, cell(at)));
    }
    stub.builder.ins().return_(&results);
    stub.finish(env);
}

/// The stub that passes arguments in registers.
pub(crate) fn native(
    env: &Env<'_>,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
    (function, ty): (u32, &FuncType),
) {
    let mut stub = Stub::new(func, scratch, signature(ty));
    let host = import(&mut stub, env, function);
    let mut args = vec![host.environment, host.context];
    for (at, &ty) in ty.params.iter().enumerate() {
        args.push(stub.cut(stub.params[at], ty));
    }
    let params = [types::I64; 2].into_iter().chain(ty.params.iter().map(|&ty| ir_type(ty)));
    let convention = system_signature(params, &[types::I64, types::I64]);
    let returned = stub.call_host(host.code, convention, &args);
    stub.raise_if(returned[0]);
    let result = ty.results.first().map(|&ty| from_word(&mut stub, returned[1], ty));
    stub.builder.ins().return_(result.as_slice());
    stub.finish(env);
}

/// A result out of the word that a native host function returns.
fn from_word(stub: &mut Stub<'_>, word: Value, ty: ValType) -> Value {
    match ir_type(ty) {
        types::I32 => {
            // The upper bits are whatever the host left there.
            let low = stub.builder.ins().ireduce(types::I32, word);
            if ty == ValType::I32 { stub.widened(low) } else { low }
        }
        types::F32 => {
            let bits = stub.builder.ins().ireduce(types::I32, word);
            stub.builder.ins().bitcast(types::F32, MemFlagsData::new(), bits)
        }
        types::F64 => stub.builder.ins().bitcast(types::F64, MemFlagsData::new(), word),
        _ => word,
    }
}
