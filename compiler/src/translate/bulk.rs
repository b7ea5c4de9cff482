//! Bulk operations on memories (WebAssembly specification, section 4.4.7), and calls of builtins.
//!
//! Copies and fills of a small constant number of bytes are loads and stores: compilers emit them for structures.
//! Nothing may be written if any byte is out of bounds, so all loads come first and then the store of the last bytes:
//! where it is in bounds, all others are.

use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Type, Value, types};
use cranelift_codegen::isa::CallConv;
use faasm_abi::builtin::Builtin;

use super::FuncTranslator;
use crate::env::namespace;

/// `memory.copy`.
pub(super) fn memory_copy(f: &mut FuncTranslator<'_, '_>, to_memory: u32, from_memory: u32) {
    let operands = f.pop3();
    let guarded = f.is_guarded(to_memory) && f.is_guarded(from_memory);
    match f.constant(operands.2).filter(|n| guarded && INLINE.contains(n)) {
        Some(bytes) => small_copy(f, (to_memory, operands.0), (from_memory, operands.1), bytes),
        None => f.call_copy(Builtin::MemoryCopy, (to_memory, from_memory), operands),
    }
}

/// `memory.fill`.
pub(super) fn memory_fill(f: &mut FuncTranslator<'_, '_>, memory: u32) {
    let (to, byte, bytes) = f.pop3();
    if let Some(bytes) = f.constant(bytes).filter(|n| f.is_guarded(memory) && INLINE.contains(n)) {
        return small_fill(f, (memory, to), byte, bytes);
    }
    let memory = f.builder.ins().iconst(types::I64, i64::from(memory));
    let args = [memory, f.extend_index(to), f.extend_index(byte), f.extend_index(bytes)];
    f.call_builtin(Builtin::MemoryFill, &args);
}

/// How many bytes are copied or filled inline.
const INLINE: std::ops::RangeInclusive<u64> = 1..=128;

/// Accesses that cover `bytes` bytes, of one type; the last two may overlap.
fn pieces(bytes: u64) -> (Type, Vec<i32>) {
    let ty = match bytes {
        16.. => types::I8X16,
        8.. => types::I64,
        4.. => types::I32,
        2.. => types::I16,
        _ => types::I8,
    };
    let (bytes, size) = (i32::try_from(bytes).unwrap_or(0), i32::try_from(ty.bytes()).unwrap_or(1));
    let mut offsets: Vec<i32> = (0..bytes / size).map(|at| at * size).collect();
    if bytes % size != 0 {
        offsets.push(bytes - size);
    }
    (ty, offsets)
}

fn small_copy(
    f: &mut FuncTranslator<'_, '_>,
    (to_memory, to): (u32, Value),
    (from_memory, from): (u32, Value),
    bytes: u64,
) {
    let (ty, offsets) = pieces(bytes);
    let (flags, base) = f.guarded_base(from_memory, from);
    let mut values = Vec::with_capacity(offsets.len());
    for &offset in &offsets {
        values.push((offset, f.builder.ins().load(ty, flags, base, offset)));
    }
    let (flags, base) = f.guarded_base(to_memory, to);
    for (offset, value) in values.into_iter().rev() {
        f.builder.ins().store(flags, value, base, offset);
    }
}

fn small_fill(f: &mut FuncTranslator<'_, '_>, (memory, to): (u32, Value), byte: Value, bytes: u64) {
    let (ty, offsets) = pieces(bytes);
    let byte = f.builder.ins().ireduce(types::I8, byte);
    let value = match ty {
        types::I8 => byte,
        types::I8X16 => f.builder.ins().splat(ty, byte),
        _ => {
            let wide = f.builder.ins().uextend(ty, byte);
            let ones = 0x0101_0101_0101_0101 >> (64 - ty.bits());
            f.builder.ins().imul_imm_u(wide, ones)
        }
    };
    let (flags, base) = f.guarded_base(memory, to);
    for offset in offsets.into_iter().rev() {
        f.builder.ins().store(flags, value, base, offset);
    }
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
