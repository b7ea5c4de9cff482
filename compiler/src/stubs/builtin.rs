//! Stubs of builtins.

use cranelift_codegen::ir::{Function, InstBuilder, types};
use cranelift_frontend::FunctionBuilderContext;
use faasm_abi::builtin::Builtin;
use faasm_abi::host::BUILTIN_ROOM;

use super::{Stub, system_signature};
use crate::env::Env;
use crate::translate::builtin_signature;

/// A stub that passes its words on to a builtin and returns its value.
pub(crate) fn builtin(
    env: &Env<'_>,
    scratch: &mut FunctionBuilderContext,
    func: &mut Function,
    builtin: Builtin,
) {
    let mut stub = Stub::new(func, scratch, builtin_signature(builtin));
    let context = stub.context();
    let room = stub.builder.ins().iconst(types::I64, i64::from(BUILTIN_ROOM));
    stub.check_room(context, room);
    stub.publish_frame(context);
    let code = stub.builtin_code(context, builtin);
    let mut args = vec![context];
    args.extend_from_slice(&stub.params);
    let signature = system_signature(args.iter().map(|_| types::I64), &[types::I64, types::I64]);
    let results = stub.call_host(code, signature, &args);
    stub.raise_if(results[0]);
    stub.builder.ins().return_(&results[1..]);
    stub.finish(env);
}
