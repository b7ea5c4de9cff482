//! Linear memories: addresses, bounds, loads, stores, size and growth
//! (WebAssembly specification, section 4.4.7 *Memory Instructions*).
//!
//! # Invariants
//!
//! * An access to a 32-bit memory of 64 KiB pages whose static offset and size lie within the guard needs no check:
//!   wherever its index points, the address is in the memory, its reservation or its guard.
//! * All other accesses are compared with the length before they are made.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, types,
};
use faasm_abi::builtin::Builtin;
use faasm_abi::layout::{MEMORY_GUARD, Place, imported_memory, memory, shared_memory};
use faasm_abi::module::Shape;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{MemoryType, ValType};
use wasmparser::{MemArg, MemArgTarget};

use super::{FuncTranslator, Region, user_trap};

/// Where a guest's access goes: what a load or store instruction needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryAccess {
    /// Little-endian, with the trap code and the alias region of the memory.
    pub(crate) flags: MemFlagsData,
    /// The address without the offset.
    pub(crate) base: Value,
    /// The static offset.
    pub(crate) offset: i32,
}

/// Of an access to a linear memory.
pub(crate) const OUT_OF_BOUNDS: cranelift_codegen::ir::TrapCode =
    user_trap(TrapCode::MemoryOutOfBounds);

impl FuncTranslator<'_, '_> {
    /// Pops the index of an access of `access_bytes` bytes and makes its address; checks it where the guard does not.
    pub(crate) fn memory_address(&mut self, memarg: &MemArg, access_bytes: u8) -> MemoryAccess {
        let index = self.pop();
        let index = self.extend_index(index);
        self.address_at(index, memarg, access_bytes)
    }

    /// The memory that an operator accesses.
    pub(super) fn target(memarg: &MemArg) -> u32 {
        let MemArgTarget::Memory(memory) = memarg.target else {
            unreachable!("validated: arrays are no targets of memory operators")
        };
        memory
    }

    /// As [`Self::memory_address`], with an index of 64 bits at hand.
    pub(super) fn address_at(
        &mut self,
        index: Value,
        memarg: &MemArg,
        access_bytes: u8,
    ) -> MemoryAccess {
        let memory = Self::target(memarg);
        let ty = self.memory_type(memory);
        let end = memarg.offset.saturating_add(access_bytes.into());
        if !(is_guarded(&ty) && end <= MEMORY_GUARD) {
            self.check_bounds(memory, &ty, index, end);
        }
        let base = self.memory_base(memory);
        let base = self.builder.ins().iadd(base, index);
        let (base, offset) = self.split_offset(base, memarg.offset);
        MemoryAccess { flags: self.memory_flags(memory), base, offset }
    }

    /// Whether the guard catches accesses to `memory` with small offsets.
    pub(super) fn is_guarded(&self, memory: u32) -> bool {
        is_guarded(&self.memory_type(memory))
    }

    /// Flags and address for accesses at small offsets from `index` in a memory that is guarded.
    pub(super) fn guarded_base(&mut self, memory: u32, index: Value) -> (MemFlagsData, Value) {
        let index = self.extend_index(index);
        let base = self.memory_base(memory);
        (self.memory_flags(memory), self.builder.ins().iadd(base, index))
    }

    /// The value of an operand that is a constant.
    pub(super) fn constant(&self, value: Value) -> Option<u64> {
        let dfg = &self.builder.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        match dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
                Some(imm.bits().cast_unsigned())
            }
            _ => None,
        }
    }

    pub(super) fn memory_type(&self, memory: u32) -> MemoryType {
        self.env.info.memories[memory as usize]
    }

    /// Zero-extends a 32-bit index, length or count.
    pub(super) fn extend_index(&mut self, index: Value) -> Value {
        match self.builder.func.dfg.value_type(index) {
            types::I64 => index,
            _ => match self.widened(index) {
                Some(wide) => wide,
                None => self.builder.ins().uextend(types::I64, index),
            },
        }
    }

    /// A 32-bit value as the zero-extended one of 64 bits that it was cut from, if it was.
    ///
    /// The code generator does not know which instructions clear the upper bits, and would copy what is there already:
    /// most pointers that are followed have been loaded, passed or returned, and are also used as numbers.
    fn widened(&mut self, value: Value) -> Option<Value> {
        if let Some(&wide) = self.wide.get(&value) {
            return Some(wide);
        }
        let dfg = &self.builder.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        let InstructionData::Load { opcode: Opcode::Load, arg, flags, offset } = dfg.insts[inst]
        else {
            return None;
        };
        let flags = dfg.mem_flags[flags];
        if flags.trap_code() != Some(OUT_OF_BOUNDS) {
            return None;
        }
        // From now on the load itself zero-extends.
        let place = self.builder.func.srcloc(inst);
        let mut cursor = FuncCursor::new(self.builder.func).at_inst(inst).with_srcloc(place);
        let wide = cursor.ins().uload32(flags, arg, offset);
        self.builder.func.replace(inst).ireduce(types::I32, wide);
        self.wide.insert(value, wide);
        Some(wide)
    }

    /// A value of type `ty` as calls pass it.
    pub(super) fn passed(&mut self, value: Value, ty: ValType) -> Value {
        match ty {
            ValType::I32 => self.extend_index(value),
            _ => value,
        }
    }

    /// A value of type `ty` that a call has passed.
    pub(super) fn received(&mut self, passed: Value, ty: ValType) -> Value {
        if ty != ValType::I32 {
            return passed;
        }
        let value = self.builder.ins().ireduce(types::I32, passed);
        self.wide.insert(value, passed);
        value
    }

    /// Static offsets beyond the reach of an instruction are added to the address.
    pub(super) fn split_offset(&mut self, base: Value, offset: u64) -> (Value, i32) {
        match i32::try_from(offset) {
            Ok(offset) => (base, offset),
            Err(_) => (self.builder.ins().iadd_imm_s(base, offset.cast_signed()), 0),
        }
    }

    /// Traps unless `index + end` is at most the length. `end` is saturated: an access that ends there is never valid.
    fn check_bounds(&mut self, memory: u32, ty: &MemoryType, index: Value, end: u64) {
        let length = self.memory_length(memory);
        let end = self.builder.ins().iconst(types::I64, end.cast_signed());
        let end = if ty.memory64 {
            self.builder.ins().uadd_overflow_trap(index, end, OUT_OF_BOUNDS)
        } else {
            // A 32-bit index and a 32-bit offset cannot overflow 64 bits.
            self.builder.ins().iadd(index, end)
        };
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
        self.builder.ins().trapnz(beyond, OUT_OF_BOUNDS);
    }

    fn memory_flags(&mut self, memory: u32) -> MemFlagsData {
        let region = match self.env.layout.memories[memory as usize] {
            Place::Owned(_) => Region::Memory(memory),
            Place::Imported(_) => Region::ImportedMemories,
        };
        let region = self.region(region);
        MemFlagsData::new()
            .with_endianness(Endianness::Little)
            .with_trap_code(Some(OUT_OF_BOUNDS))
            .with_alias_region(Some(region))
    }

    fn memory_base(&mut self, memory: u32) -> Value {
        if memory == 0 && self.env.shape == Shape::Fused {
            return self.context();
        }
        let field = match self.env.layout.memories[memory as usize] {
            Place::Owned(entry) => entry + memory::BASE,
            Place::Imported(entry) => entry + imported_memory::BASE,
        };
        self.place_at(field)
    }

    /// The memory's size in bytes.
    fn memory_length(&mut self, memory: u32) -> Value {
        let flags = self.field_flags(Region::Context);
        let (entry, offset) = self.length_place(memory);
        self.builder.ins().load(types::I64, flags, entry, offset)
    }

    /// The size in bytes of a memory that other threads may grow, in the order of the atomic operations.
    fn shared_length(&mut self, memory: u32) -> Value {
        let flags = self.field_flags(Region::Context);
        let (entry, offset) = self.length_place(memory);
        let address = self.builder.ins().iadd_imm_s(entry, i64::from(offset));
        self.builder.ins().atomic_load(types::I64, flags, address)
    }

    /// Where the memory's length is: an address and a distance from it.
    fn length_place(&mut self, memory: u32) -> (Value, i32) {
        let shared = self.memory_type(memory).shared;
        match self.env.layout.memories[memory as usize] {
            Place::Owned(entry) if !shared => (self.context(), entry + memory::LENGTH),
            Place::Owned(entry) => {
                (self.place_at(entry + shared_memory::DEFINITION), memory::LENGTH)
            }
            Place::Imported(entry) => {
                (self.place_at(entry + imported_memory::DEFINITION), memory::LENGTH)
            }
        }
    }

    /// Narrows a 64-bit size or count to the memory's index type; `u64::MAX` becomes −1.
    pub(super) fn narrow(&mut self, is_64: bool, value: Value) -> Value {
        if is_64 { value } else { self.builder.ins().ireduce(types::I32, value) }
    }
}

/// Whether the guard behind the reservation catches accesses beyond the memory.
fn is_guarded(ty: &MemoryType) -> bool {
    !ty.memory64 && ty.page_size_log2 == 16
}

/// Loads a whole value.
pub(super) fn load(f: &mut FuncTranslator<'_, '_>, memarg: &MemArg, ty: Type) {
    let bytes = ty.bytes();
    let at = f.memory_address(memarg, u8::try_from(bytes).unwrap_or(u8::MAX));
    let value = f.builder.ins().load(ty, at.flags, at.base, at.offset);
    f.push(value);
}

/// Loads `from` bits and extends them to `to`.
pub(super) fn load_extended(
    f: &mut FuncTranslator<'_, '_>,
    memarg: &MemArg,
    from: Type,
    to: Type,
    sign: Sign,
) {
    let at = f.memory_address(memarg, u8::try_from(from.bytes()).unwrap_or(u8::MAX));
    let ins = f.builder.ins();
    let value = match (from, sign) {
        (types::I8, Sign::Signed) => ins.sload8(to, at.flags, at.base, at.offset),
        (types::I8, Sign::Unsigned) => ins.uload8(to, at.flags, at.base, at.offset),
        (types::I16, Sign::Signed) => ins.sload16(to, at.flags, at.base, at.offset),
        (types::I16, Sign::Unsigned) => ins.uload16(to, at.flags, at.base, at.offset),
        (_, Sign::Signed) => ins.sload32(at.flags, at.base, at.offset),
        (_, Sign::Unsigned) => ins.uload32(at.flags, at.base, at.offset),
    };
    f.push(value);
}

/// How a narrow value is widened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    /// With its sign bit.
    Signed,
    /// With zeros.
    Unsigned,
}

/// Stores the low bits of a value, as many as `ty` has.
pub(super) fn store(f: &mut FuncTranslator<'_, '_>, memarg: &MemArg, ty: Type) {
    let value = f.pop();
    let at = f.memory_address(memarg, u8::try_from(ty.bytes()).unwrap_or(u8::MAX));
    let whole = f.builder.func.dfg.value_type(value) == ty;
    let ins = f.builder.ins();
    match ty {
        _ if whole => ins.store(at.flags, value, at.base, at.offset),
        types::I8 => ins.istore8(at.flags, value, at.base, at.offset),
        types::I16 => ins.istore16(at.flags, value, at.base, at.offset),
        _ => ins.istore32(at.flags, value, at.base, at.offset),
    };
}

/// `memory.size`.
pub(super) fn size(f: &mut FuncTranslator<'_, '_>, memory: u32) {
    let ty = f.memory_type(memory);
    let pages = if ty.limits.max == Some(ty.limits.min) {
        f.builder.ins().iconst(types::I64, ty.limits.min.cast_signed())
    } else {
        let length = if ty.shared { f.shared_length(memory) } else { f.memory_length(memory) };
        f.builder.ins().ushr_imm_u(length, i64::from(ty.page_size_log2))
    };
    let pages = f.narrow(ty.memory64, pages);
    f.push(pages);
}

/// `memory.grow`.
pub(super) fn grow(f: &mut FuncTranslator<'_, '_>, memory: u32) {
    let delta = f.pop();
    let delta = f.extend_index(delta);
    let index = f.builder.ins().iconst(types::I64, i64::from(memory));
    let old = f.call_builtin(Builtin::MemoryGrow, &[index, delta]);
    let old = f.narrow(f.memory_type(memory).memory64, old);
    f.push(old);
}
