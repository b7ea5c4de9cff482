//! Entries: how the host calls compiled functions of one type.

use cranelift_codegen::ir::{Function, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilderContext;
use faasm_abi::types::FuncType;

use super::{Stub, system_signature};
use crate::env::{Env, signature};
use crate::stubs::host::cell;

/// `fn(context, code, values)`: calls `code` with the parameters in `values` and leaves its results there.
pub(crate) fn entry(
    env: &Env<'_>,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
    ty: &FuncType,
) {
    let mut stub = Stub::new(func, scratch, system_signature([types::I64; 3], &[]));
    let [context, code, values] = stub.params[..] else {
        unreachable!("the signature above has three parameters")
    };
    // Cells are as aligned as the host likes.
    let flags = MemFlagsData::new().with_notrap();
    stub.builder.ins().set_pinned_reg(context);
    let mut args = Vec::with_capacity(ty.params.len());
    for (at, &param) in ty.params.iter().enumerate() {
        args.push(stub.load_passed(param, flags, values, cell(at)));
    }
    let results = stub.call_host(code, signature(ty), &args);
    for (at, &result) in results.iter().enumerate() {
        // A whole word, because the host reads one: a wide load of a narrow store stalls.
        let result = stub.widened(result);
        stub.builder.ins().store(flags, result, values, cell(at));
    }
    stub.builder.ins().return_(&[]);
    stub.finish(env);
}
