//! Bulk operations on memories (WebAssembly specification, section 4.4.7), and calls of builtins.

use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use faasm_abi::builtin::Builtin;

use super::FuncTranslator;
use crate::env::namespace;

/// `memory.copy`.
pub(super) fn memory_copy(f: &mut FuncTranslator<'_, '_>, to_memory: u32, from_memory: u32) {
    let operands = f.pop3();
    f.call_copy(Builtin::MemoryCopy, (to_memory, from_memory), operands);
}

/// `memory.fill`.
pub(super) fn memory_fill(f: &mut FuncTranslator<'_, '_>, memory: u32) {
    let (to, byte, bytes) = f.pop3();
    let memory = f.builder.ins().iconst(types::I64, i64::from(memory));
    let args = [memory, f.extend_index(to), f.extend_index(byte), f.extend_index(bytes)];
    f.call_builtin(Builtin::MemoryFill, &args);
}

/// `memory.init`.
pub(super) fn memory_init(f: &mut FuncTranslator<'_, '_>, memory: u32, segment: u32) {
    let operands = f.pop3();
    f.call_copy(Builtin::MemoryInit, (memory, segment), operands);
}

/// `data.drop`.
pub(super) fn data_drop(f: &mut FuncTranslator<'_, '_>, segment: u32) {
    let segment = f.builder.ins().iconst(types::I64, i64::from(segment));
    f.call_builtin(Builtin::DataDrop, &[segment]);
}

/// The signature of a builtin's stub.
pub(crate) fn builtin_signature(builtin: Builtin) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend((0..builtin.arity()).map(|_| AbiParam::new(types::I64)));
    signature.returns.push(AbiParam::new(types::I64));
    signature
}

impl FuncTranslator<'_, '_> {
    /// Calls a builtin that copies: two indices, then where to, where from and how much.
    pub(super) fn call_copy(
        &mut self,
        builtin: Builtin,
        (to_index, from_index): (u32, u32),
        (to, from, length): (Value, Value, Value),
    ) {
        let args = [
            self.builder.ins().iconst(types::I64, i64::from(to_index)),
            self.builder.ins().iconst(types::I64, i64::from(from_index)),
            self.extend_index(to),
            self.extend_index(from),
            self.extend_index(length),
        ];
        self.call_builtin(builtin, &args);
    }

    /// Calls a builtin's stub with 64-bit words.
    pub(super) fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Value {
        let name = (namespace::BUILTIN, builtin as u32);
        let function = self.function_ref(name, |_| builtin_signature(builtin));
        let call = self.builder.ins().call(function, args);
        self.forget_context();
        self.builder.inst_results(call)[0]
    }
}
