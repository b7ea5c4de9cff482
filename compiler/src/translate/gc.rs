//! Garbage-collected objects: their addresses, and room for new ones (layouts are in [`faasm_abi::gc`]).
//!
//! # Invariants
//!
//! * An address of an object is used before the next call: a collection, which any call may bring, moves objects and
//!   knows references only. References are declared to Cranelift where they come into being.
//! * A field of null lies in the heap's first page, which faults; fields that lie farther are checked for null.
//! * Between the making of room and the last initialisation there is no call.

mod arrays;
mod casts;
mod structures;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Type, Value, types};
use faasm_abi::builtin::Builtin;
use faasm_abi::gc;
use faasm_abi::layout::header;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{CompositeType, StorageType, ValType};
use wasmparser::Operator as Op;

use super::{FuncTranslator, Region, user_trap};
use crate::env::ir_type;

/// Translates an operator on structures, arrays, unboxed integers or casts; false if it is none.
pub(super) fn translate(f: &mut FuncTranslator<'_, '_>, op: &Op<'_>) -> bool {
    structures::translate(f, op) || arrays::translate(f, op) || casts::translate(f, op)
}

/// A place in an object: what a load or store instruction needs.
#[derive(Clone, Copy)]
pub(super) struct ObjectPlace {
    flags: MemFlagsData,
    base: Value,
    offset: i32,
}

impl ObjectPlace {
    /// The place so many bytes behind.
    pub(super) fn behind(self, offset: u32) -> Self {
        Self { offset: self.offset.saturating_add(signed(offset)), ..self }
    }
}

impl FuncTranslator<'_, '_> {
    fn gc_heap(&mut self) -> Value {
        self.place_at(header::GC_HEAP)
    }

    /// Where the object is that `reference`, if it is not null, refers to; a small field of null traps with `null`.
    fn object(&mut self, reference: Value, null: TrapCode) -> ObjectPlace {
        let heap = self.gc_heap();
        let offset = self.builder.ins().uextend(types::I64, reference);
        let base = self.builder.ins().iadd(heap, offset);
        let region = self.region(Region::Objects);
        let flags = MemFlagsData::new()
            .with_trap_code(Some(user_trap(null)))
            .with_alias_region(Some(region));
        ObjectPlace { flags, base, offset: 0 }
    }

    /// Where an object is of which it is known that there is one.
    pub(super) fn known_object(&mut self, reference: Value) -> ObjectPlace {
        let place = self.object(reference, TrapCode::NullReference);
        ObjectPlace { flags: place.flags.with_notrap(), ..place }
    }

    /// What the header of objects of a type says.
    fn type_word(&mut self, ty: u32) -> Value {
        let number = self.canonical_type(ty);
        match self.env.info.types[ty as usize].composite {
            CompositeType::Array(_) => self.builder.ins().bor_imm_u(number, i64::from(gc::ARRAY)),
            _ => number,
        }
    }

    /// Makes an object of a type of this module, as [`Self::allocate_headed`].
    fn allocate(&mut self, ty: u32, bytes: Value) -> Value {
        let word = self.type_word(ty);
        self.allocate_headed(word, bytes)
    }

    /// Makes an object of `bytes` bytes (a 64-bit value, a multiple of the alignment) with this type word in its header;
    /// the rest is to be initialised.
    pub(super) fn allocate_headed(&mut self, word: Value, bytes: Value) -> Value {
        let word = self.builder.ins().uextend(types::I64, word);
        let heap = self.gc_heap();
        let region = self.region(Region::HeapControl);
        let control = MemFlagsData::trusted().with_alias_region(Some(region));
        let next = self.builder.ins().uload32(control, heap, signed(gc::NEXT));
        let limit = self.builder.ins().uload32(control, heap, signed(gc::LIMIT));
        let end = self.builder.ins().iadd(next, bytes);
        let fits = self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, limit);
        let (room, full, made) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        let object = self.builder.append_block_param(made, types::I32);
        self.builder.set_cold_block(full);
        self.builder.ins().brif(fits, room, &[], full, &[]);
        self.fall_into(room);
        self.builder.ins().istore32(control, end, heap, signed(gc::NEXT));
        let new = self.builder.ins().ireduce(types::I32, next);
        let place = self.known_object(new);
        // The type and, above it, the collector's word, which is 0.
        self.builder.ins().store(place.flags, word, place.base, signed(gc::TYPE));
        self.builder.ins().jump(made, &[BlockArg::Value(new)]);
        self.fall_into(full);
        let new = self.call_builtin(Builtin::GcAllocate, &[word, bytes]);
        let new = self.builder.ins().ireduce(types::I32, new);
        self.builder.ins().jump(made, &[BlockArg::Value(new)]);
        self.fall_into(made);
        self.forget_context();
        self.builder.declare_value_needs_stack_map(object);
        object
    }

    /// Loads a field and pushes it; `sign` says how a packed one is widened.
    pub(super) fn load_field(&mut self, at: ObjectPlace, storage: StorageType, sign: Sign) {
        let ObjectPlace { flags, base, offset } = at;
        let ins = self.builder.ins();
        let value = match (storage, sign) {
            (StorageType::I8, Sign::Signed) => ins.sload8(types::I32, flags, base, offset),
            (StorageType::I8, Sign::Unsigned) => ins.uload8(types::I32, flags, base, offset),
            (StorageType::I16, Sign::Signed) => ins.sload16(types::I32, flags, base, offset),
            (StorageType::I16, Sign::Unsigned) => ins.uload16(types::I32, flags, base, offset),
            (StorageType::Val(ty), _) => ins.load(ir_type(ty), flags, base, offset),
        };
        self.push_typed(value, storage.unpacked());
    }

    pub(super) fn store_field(&mut self, at: ObjectPlace, storage: StorageType, value: Value) {
        let ObjectPlace { flags, base, offset } = at;
        let ins = self.builder.ins();
        match storage {
            StorageType::I8 => ins.istore8(flags, value, base, offset),
            StorageType::I16 => ins.istore16(flags, value, base, offset),
            StorageType::Val(_) => ins.store(flags, value, base, offset),
        };
    }

    /// The value that a field has by default.
    fn default_of(&mut self, storage: StorageType) -> Value {
        self.zero(ir_type(storage.unpacked()))
    }

    /// Whether the value on top is null, by hand: for fields that do not lie in the null page.
    fn trap_if_null(&mut self, reference: Value, null: TrapCode) {
        self.builder.ins().trapz(reference, user_trap(null));
    }
}

/// How a packed field is widened.
#[derive(Clone, Copy)]
pub(super) enum Sign {
    Signed,
    Unsigned,
}

/// An offset in the null page, in a structure or in the control block.
fn signed(offset: u32) -> i32 {
    i32::try_from(offset).unwrap_or(i32::MAX)
}

/// The IR's type of what is stored.
fn stored_type(storage: StorageType) -> Type {
    match storage {
        StorageType::I8 => types::I8,
        StorageType::I16 => types::I16,
        StorageType::Val(ty) => ir_type(ty),
    }
}

/// The bits of a value in two words, lowest first.
fn words(f: &mut FuncTranslator<'_, '_>, value: Value) -> (Value, Value) {
    let zero = f.builder.ins().iconst(types::I64, 0);
    let dfg = &f.builder.func.dfg;
    match dfg.value_type(value) {
        types::I32 => (f.builder.ins().uextend(types::I64, value), zero),
        types::F32 => {
            let bits = f.builder.ins().bitcast(types::I32, MemFlagsData::new(), value);
            (f.builder.ins().uextend(types::I64, bits), zero)
        }
        types::F64 => (f.builder.ins().bitcast(types::I64, MemFlagsData::new(), value), zero),
        types::I8X16 => {
            let lanes = f.cast_lanes(value, types::I64X2);
            let low = f.builder.ins().extractlane(lanes, 0);
            (low, f.builder.ins().extractlane(lanes, 1))
        }
        _ => (value, zero),
    }
}

/// Whether a value of this type is one that the collector knows.
pub(super) fn is_collected(f: &FuncTranslator<'_, '_>, ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if f.env.info.is_collected(ty.heap))
}
