//! Atomic operators (WebAssembly threads proposal, *Atomic Memory Accesses*): each is sequentially consistent.
//!
//! # Invariants
//!
//! * An atomic access traps unless its effective address is a multiple of its size, and only then is it looked
//!   whether it is in bounds.
//! * The code generator moves no access to memory over an atomic one. Between two of them it may merge and drop plain
//!   accesses, as the memory model allows.
//! * All 67 operators work on every kind of memory; waiting for what nobody else can write traps.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value};
use faasm_abi::builtin::Builtin;
use faasm_abi::trap::TrapCode;
use wasmparser::{MemArg, Operator};

use super::{FuncTranslator, user_trap};

/// What an operator does with the memory.
#[derive(Clone, Copy, Debug)]
enum Action {
    Load,
    Store,
    Rmw(AtomicRmwOp),
    CompareExchange,
}

/// How an operator becomes instructions.
#[derive(Clone, Copy, Debug)]
struct Lowering {
    action: Action,
    /// Of its operands and its result.
    ty: Type,
    /// Of the access: what is narrower is zero-extended.
    access: Type,
}

macro_rules! table {
    ($($name:ident = $action:expr, $ty:ident, $access:ident;)*) => {
        /// The lowering of `op`; `None` if it accesses nothing atomically.
        fn lowering<'a>(op: &'a Operator<'_>) -> Option<(Lowering, &'a MemArg)> {
            use Action::{CompareExchange, Load, Rmw, Store};
            use AtomicRmwOp::{Add, And, Or, Sub, Xchg, Xor};
            match op {
                $(Operator::$name { memarg } => {
                    Some((Lowering { action: $action, ty: $ty, access: $access }, memarg))
                })*
                _ => None,
            }
        }
    };
}

table! {
    I32AtomicLoad = Load, I32, I32;
    I64AtomicLoad = Load, I64, I64;
    I32AtomicLoad8U = Load, I32, I8;
    I32AtomicLoad16U = Load, I32, I16;
    I64AtomicLoad8U = Load, I64, I8;
    I64AtomicLoad16U = Load, I64, I16;
    I64AtomicLoad32U = Load, I64, I32;
    I32AtomicStore = Store, I32, I32;
    I64AtomicStore = Store, I64, I64;
    I32AtomicStore8 = Store, I32, I8;
    I32AtomicStore16 = Store, I32, I16;
    I64AtomicStore8 = Store, I64, I8;
    I64AtomicStore16 = Store, I64, I16;
    I64AtomicStore32 = Store, I64, I32;
    I32AtomicRmwAdd = Rmw(Add), I32, I32;
    I64AtomicRmwAdd = Rmw(Add), I64, I64;
    I32AtomicRmw8AddU = Rmw(Add), I32, I8;
    I32AtomicRmw16AddU = Rmw(Add), I32, I16;
    I64AtomicRmw8AddU = Rmw(Add), I64, I8;
    I64AtomicRmw16AddU = Rmw(Add), I64, I16;
    I64AtomicRmw32AddU = Rmw(Add), I64, I32;
    I32AtomicRmwSub = Rmw(Sub), I32, I32;
    I64AtomicRmwSub = Rmw(Sub), I64, I64;
    I32AtomicRmw8SubU = Rmw(Sub), I32, I8;
    I32AtomicRmw16SubU = Rmw(Sub), I32, I16;
    I64AtomicRmw8SubU = Rmw(Sub), I64, I8;
    I64AtomicRmw16SubU = Rmw(Sub), I64, I16;
    I64AtomicRmw32SubU = Rmw(Sub), I64, I32;
    I32AtomicRmwAnd = Rmw(And), I32, I32;
    I64AtomicRmwAnd = Rmw(And), I64, I64;
    I32AtomicRmw8AndU = Rmw(And), I32, I8;
    I32AtomicRmw16AndU = Rmw(And), I32, I16;
    I64AtomicRmw8AndU = Rmw(And), I64, I8;
    I64AtomicRmw16AndU = Rmw(And), I64, I16;
    I64AtomicRmw32AndU = Rmw(And), I64, I32;
    I32AtomicRmwOr = Rmw(Or), I32, I32;
    I64AtomicRmwOr = Rmw(Or), I64, I64;
    I32AtomicRmw8OrU = Rmw(Or), I32, I8;
    I32AtomicRmw16OrU = Rmw(Or), I32, I16;
    I64AtomicRmw8OrU = Rmw(Or), I64, I8;
    I64AtomicRmw16OrU = Rmw(Or), I64, I16;
    I64AtomicRmw32OrU = Rmw(Or), I64, I32;
    I32AtomicRmwXor = Rmw(Xor), I32, I32;
    I64AtomicRmwXor = Rmw(Xor), I64, I64;
    I32AtomicRmw8XorU = Rmw(Xor), I32, I8;
    I32AtomicRmw16XorU = Rmw(Xor), I32, I16;
    I64AtomicRmw8XorU = Rmw(Xor), I64, I8;
    I64AtomicRmw16XorU = Rmw(Xor), I64, I16;
    I64AtomicRmw32XorU = Rmw(Xor), I64, I32;
    I32AtomicRmwXchg = Rmw(Xchg), I32, I32;
    I64AtomicRmwXchg = Rmw(Xchg), I64, I64;
    I32AtomicRmw8XchgU = Rmw(Xchg), I32, I8;
    I32AtomicRmw16XchgU = Rmw(Xchg), I32, I16;
    I64AtomicRmw8XchgU = Rmw(Xchg), I64, I8;
    I64AtomicRmw16XchgU = Rmw(Xchg), I64, I16;
    I64AtomicRmw32XchgU = Rmw(Xchg), I64, I32;
    I32AtomicRmwCmpxchg = CompareExchange, I32, I32;
    I64AtomicRmwCmpxchg = CompareExchange, I64, I64;
    I32AtomicRmw8CmpxchgU = CompareExchange, I32, I8;
    I32AtomicRmw16CmpxchgU = CompareExchange, I32, I16;
    I64AtomicRmw8CmpxchgU = CompareExchange, I64, I8;
    I64AtomicRmw16CmpxchgU = CompareExchange, I64, I16;
    I64AtomicRmw32CmpxchgU = CompareExchange, I64, I32;
}

/// Translates `op` if it is an atomic operator.
pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Operator<'_>) -> bool {
    match op {
        Operator::AtomicFence { .. } => _ = f.builder.ins().fence(),
        Operator::MemoryAtomicNotify { memarg } => notify(f, memarg),
        Operator::MemoryAtomicWait32 { memarg } => wait(f, Builtin::AtomicWait32, memarg),
        Operator::MemoryAtomicWait64 { memarg } => wait(f, Builtin::AtomicWait64, memarg),
        _ => match lowering(op) {
            Some((lowering, memarg)) => lower(f, lowering, memarg),
            None => return false,
        },
    }
    true
}

fn lower(f: &mut FuncTranslator<'_, '_>, lowering: Lowering, memarg: &MemArg) {
    let Lowering { action, access, .. } = lowering;
    match action {
        Action::Load => {
            let (flags, address) = atomic_address(f, memarg, access);
            let value = f.builder.ins().atomic_load(access, flags, address);
            push_extended(f, lowering, value);
        }
        Action::Store => {
            let value = pop_reduced(f, access);
            let (flags, address) = atomic_address(f, memarg, access);
            f.builder.ins().atomic_store(flags, value, address);
        }
        Action::Rmw(op) => {
            let value = pop_reduced(f, access);
            let (flags, address) = atomic_address(f, memarg, access);
            let old = f.builder.ins().atomic_rmw(access, flags, op, address, value);
            push_extended(f, lowering, old);
        }
        Action::CompareExchange => {
            let replacement = pop_reduced(f, access);
            let expected = pop_reduced(f, access);
            let (flags, address) = atomic_address(f, memarg, access);
            let old = f.builder.ins().atomic_cas(flags, address, expected, replacement);
            push_extended(f, lowering, old);
        }
    }
}

/// Pops an operand and drops the bits that the access does not have.
fn pop_reduced(f: &mut FuncTranslator<'_, '_>, access: Type) -> Value {
    let value = f.pop();
    if f.builder.func.dfg.value_type(value) == access {
        return value;
    }
    f.builder.ins().ireduce(access, value)
}

fn push_extended(
    f: &mut FuncTranslator<'_, '_>,
    Lowering { ty, access, .. }: Lowering,
    value: Value,
) {
    let wide = if ty == access { value } else { f.builder.ins().uextend(ty, value) };
    f.push(wide);
}

/// Pops the index of an access of this type and makes its whole address: the code generator's atomic instructions
/// take no offset.
fn atomic_address(
    f: &mut FuncTranslator<'_, '_>,
    memarg: &MemArg,
    access: Type,
) -> (MemFlagsData, Value) {
    let index = f.pop();
    let index = f.extend_index(index);
    check_alignment(f, index, memarg.offset, access.bytes());
    let at = f.address_at(index, memarg, u8::try_from(access.bytes()).unwrap_or(u8::MAX));
    let address = match at.offset {
        0 => at.base,
        offset => f.builder.ins().iadd_imm_s(at.base, i64::from(offset)),
    };
    (at.flags, address)
}

/// Traps unless `index + offset` is a multiple of `bytes`, a power of two.
fn check_alignment(f: &mut FuncTranslator<'_, '_>, index: Value, offset: u64, bytes: u32) {
    if bytes == 1 {
        return;
    }
    let low = i64::from(bytes - 1);
    let rest = offset.cast_signed() & low;
    let unaligned = if rest == 0 {
        f.builder.ins().band_imm_u(index, low)
    } else {
        let address = f.builder.ins().iadd_imm_s(index, rest);
        f.builder.ins().band_imm_u(address, low)
    };
    let unaligned = f.builder.ins().icmp_imm_u(IntCC::NotEqual, unaligned, 0);
    f.builder.ins().trapnz(unaligned, user_trap(TrapCode::UnalignedAtomic));
}

/// `memory.atomic.wait32` and `memory.atomic.wait64`.
fn wait(f: &mut FuncTranslator<'_, '_>, builtin: Builtin, memarg: &MemArg) {
    let (expected, timeout) = f.pop2();
    let expected = f.extend_index(expected);
    let (memory, address) = guest_address(f, memarg);
    let outcome = f.call_builtin(builtin, &[memory, address, expected, timeout]);
    push_i32(f, outcome);
}

/// `memory.atomic.notify`.
fn notify(f: &mut FuncTranslator<'_, '_>, memarg: &MemArg) {
    let count = f.pop();
    let count = f.extend_index(count);
    let (memory, address) = guest_address(f, memarg);
    let woken = f.call_builtin(Builtin::AtomicNotify, &[memory, address, count]);
    push_i32(f, woken);
}

/// Pops an index; the memory's number and the effective address in it, which the builtin checks.
fn guest_address(f: &mut FuncTranslator<'_, '_>, memarg: &MemArg) -> (Value, Value) {
    let index = f.pop();
    let index = f.extend_index(index);
    let memory = FuncTranslator::target(memarg);
    let offset = f.builder.ins().iconst(I64, memarg.offset.cast_signed());
    let address = if f.memory_type(memory).memory64 {
        f.builder.ins().uadd_overflow_trap(index, offset, user_trap(TrapCode::MemoryOutOfBounds))
    } else {
        f.builder.ins().iadd(index, offset)
    };
    (f.builder.ins().iconst(I64, i64::from(memory)), address)
}

fn push_i32(f: &mut FuncTranslator<'_, '_>, word: Value) {
    let value = f.builder.ins().ireduce(I32, word);
    f.push(value);
}
