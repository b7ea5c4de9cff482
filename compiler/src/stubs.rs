//! Code that no function of the module is: entries from the host, and stubs of host functions and of builtins.
//!
//! Their conventions are in `faasm_abi::host`.
//!
//! # Invariants
//!
//! * A stub that calls the host has first compared the room on the guest stack with what the host function declares.
//! * It has left its frame pointer in the context, from where the VM walks the guest's frames.
//! * After a host function has returned, the context register holds what it held before: the system's convention
//!   preserves it, and entries that the host makes in between save it.

mod builtin;
mod entry;
mod host;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, Signature, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use faasm_abi::builtin::Builtin;
use faasm_abi::layout::header;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::ValType;

pub(crate) use builtin::builtin;
pub(crate) use entry::entry;
pub(crate) use host::{array, native};

use crate::env::{Env, ir_type};
use crate::translate::user_trap;

/// Builds one stub.
struct Stub<'f> {
    builder: FunctionBuilder<'f>,
    /// The parameters.
    params: Vec<Value>,
}

impl<'f> Stub<'f> {
    fn new(
        func: &'f mut Function,
        scratch: &'f mut FunctionBuilderContext,
        signature: Signature,
    ) -> Self {
        func.signature = signature;
        let mut builder = FunctionBuilder::new(func, scratch);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let params = builder.block_params(entry).to_vec();
        Self { builder, params }
    }

    fn finish(mut self, env: &Env<'_>) {
        self.builder.seal_all_blocks();
        self.builder.finalize(env.isa.frontend_config());
    }

    fn context(&mut self) -> Value {
        self.builder.ins().get_pinned_reg(types::I64)
    }

    /// The bits of a value as at least 64, zero-extended.
    fn widened(&mut self, value: Value) -> Value {
        let bits = match self.builder.func.dfg.value_type(value) {
            types::F32 => self.builder.ins().bitcast(types::I32, MemFlagsData::new(), value),
            _ => value,
        };
        match self.builder.func.dfg.value_type(bits) {
            types::I32 => self.builder.ins().uextend(types::I64, bits),
            _ => bits,
        }
    }

    /// Loads what calls pass of a value of type `ty` from a cell of which only its own bits are known.
    fn load_passed(
        &mut self,
        ty: ValType,
        flags: MemFlagsData,
        values: Value,
        offset: i32,
    ) -> Value {
        match ty {
            ValType::I32 => self.builder.ins().uload32(flags, values, offset),
            _ => self.builder.ins().load(ir_type(ty), flags, values, offset),
        }
    }

    /// A value of type `ty` out of what calls pass of it.
    fn cut(&mut self, passed: Value, ty: ValType) -> Value {
        match ty {
            ValType::I32 => self.builder.ins().ireduce(types::I32, passed),
            _ => passed,
        }
    }

    /// Loads a field that does not change.
    fn load(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        let flags = MemFlagsData::trusted().with_readonly();
        self.builder.ins().load(ty, flags, base, offset)
    }

    /// Traps unless the guest stack has `room` bytes left.
    fn check_room(&mut self, context: Value, room: Value) {
        let limit = self.load(types::I64, context, header::STACK_LIMIT);
        let limit = self.builder.ins().iadd(context, limit);
        let needed = self.builder.ins().iadd(limit, room);
        let stack = self.builder.ins().get_stack_pointer(types::I64);
        let short = self.builder.ins().icmp(IntCC::UnsignedLessThan, stack, needed);
        self.builder.ins().trapnz(short, user_trap(TrapCode::StackOverflow));
    }

    /// Tells the VM where the guest's frames begin.
    fn publish_frame(&mut self, context: Value) {
        let frame = self.builder.ins().get_frame_pointer(types::I64);
        let flags = MemFlagsData::trusted();
        self.builder.ins().store(flags, frame, context, header::EXIT_FRAME);
    }

    /// Calls a function of the host.
    fn call_host(&mut self, code: Value, signature: Signature, args: &[Value]) -> Vec<Value> {
        let signature = self.builder.import_signature(signature);
        let call = self.builder.ins().call_indirect(signature, code, args);
        self.builder.inst_results(call).to_vec()
    }

    /// Abandons the guest's frames if a host function returned a status that is not 0: up to the frame that catches
    /// what was thrown, if something was, else all.
    fn raise_if(&mut self, status: Value) {
        let raise = self.builder.create_block();
        let next = self.builder.create_block();
        self.builder.set_cold_block(raise);
        self.builder.ins().brif(status, raise, &[], next, &[]);
        self.builder.switch_to_block(raise);
        self.builder.seal_block(raise);
        let context = self.context();
        let raise = self.builtin_code(context, Builtin::Raise);
        let catch = self.builtin_code(context, Builtin::Catch);
        self.call_host(raise, system_signature([types::I64; 2], &[]), &[catch, context]);
        // It does not return.
        self.builder.ins().trap(user_trap(TrapCode::Unreachable));
        self.builder.switch_to_block(next);
        self.builder.seal_block(next);
    }

    fn builtin_code(&mut self, context: Value, builtin: Builtin) -> Value {
        let table = self.load(types::I64, context, header::BUILTINS);
        self.load(types::I64, table, i32::from(builtin as u8) * 8)
    }
}

/// A signature of the system's convention.
fn system_signature(params: impl IntoIterator<Item = Type>, returns: &[Type]) -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend(params.into_iter().map(AbiParam::new));
    signature.returns.extend(returns.iter().copied().map(AbiParam::new));
    signature
}
