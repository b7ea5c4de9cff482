//! Constants that are added to a pointer become offsets of accesses.
//!
//! A guest's sums wrap, so `i32.load (i32.add p 48)` is not an access at `p` with offset 48: near the end of the address
//! space the sum would begin again at 0. But a memory that did not begin with 4 GiB never has its last page (the VM
//! refuses to grow it so far, as the specification allows, 4.2.8). So where `p` has been accessed, it lies at least a page
//! below the end, and a sum with less than a page does not wrap.
//!
//! Only what a guest sees depends on that, not where it can go: an access with an offset stays within the guard.

use std::collections::HashMap;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, Opcode, TrapCode, Type, Value, ValueDef, types,
};
use faasm_abi::layout::MEMORY_GUARD;

/// The smallest distance of an address in a memory from the end of the address space.
const APART: u32 = 1 << 16;
/// Accesses that are remembered for each pointer.
const REMEMBERED: usize = 4;

/// Changes accesses, recognised by their trap code, to a memory that begins at the context pointer and never has all of
/// its address space.
pub(crate) fn add_offsets(func: &mut Function, tree: &DominatorTree, out_of_bounds: TrapCode) {
    let mut known: HashMap<Value, Vec<Known>> = HashMap::new();
    let order: Vec<_> = tree.cfg_postorder().iter().rev().copied().collect();
    for block in order {
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            let Some(access) = Access::of(func, inst, out_of_bounds) else { continue };
            let known = known.entry(access.pointer).or_default();
            let nearer = known.iter().rev().find_map(|known| {
                let more = access.add.wrapping_sub(known.add);
                let offset = i64::from(access.offset) + i64::from(more);
                let end = offset.cast_unsigned().saturating_add(access.bytes);
                let fits = more != 0
                    && more < APART
                    && end <= MEMORY_GUARD
                    // Another sum should not live for it beyond its block.
                    && (known.add == 0 || func.layout.inst_block(known.inst) == Some(block))
                    && tree.dominates(known.inst, inst, &func.layout);
                Some((*known, i32::try_from(offset).ok()?)).filter(|_| fits)
            });
            match nearer {
                Some((known, offset)) => access.replace(func, inst, &known, offset),
                None => {
                    if known.len() == REMEMBERED {
                        known.remove(0);
                    }
                    known.push(Known { inst, place: access.place, add: access.add });
                }
            }
        }
    }
}

/// The operands of an address, and their sum.
#[derive(Clone, Copy)]
struct Place {
    base: Value,
    index: Value,
    address: Value,
}

/// An access that was made.
#[derive(Clone, Copy)]
struct Known {
    inst: Inst,
    place: Place,
    /// What its address adds to the pointer.
    add: u32,
}

/// An access to the memory.
struct Access {
    /// A pointer of 32 bits, or the same of 64.
    pointer: Value,
    /// What is added to it, modulo 2^32.
    add: u32,
    place: Place,
    offset: i32,
    bytes: u64,
}

impl Access {
    fn of(func: &Function, inst: Inst, out_of_bounds: TrapCode) -> Option<Self> {
        let dfg = &func.dfg;
        let (opcode, address, offset, flags, ty) = match dfg.insts[inst] {
            InstructionData::Load { opcode, arg, offset, flags } => {
                (opcode, arg, offset, flags, dfg.value_type(dfg.first_result(inst)))
            }
            InstructionData::Store { opcode, args: [value, address], offset, flags } => {
                (opcode, address, offset, flags, dfg.value_type(value))
            }
            _ => return None,
        };
        if dfg.mem_flags[flags].trap_code() != Some(out_of_bounds) {
            return None;
        }
        let address = dfg.resolve_aliases(address);
        let [one, other] = operands(func, address, Opcode::Iadd)?;
        let is_base = |value| matches!(of(func, value), Some((_, Opcode::GetPinnedReg)));
        let (base, index) = match (is_base(one), is_base(other)) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => return None,
        };
        let (pointer, add) = sum(func, index);
        let bytes = bytes(opcode, ty);
        let place = Place { base, index, address };
        Some(Self { pointer, add, place, offset: offset.into(), bytes })
    }

    /// Makes it an access at the place that is known, but for the context pointer: a copy of that should not live longer.
    fn replace(&self, func: &mut Function, inst: Inst, known: &Known, by: i32) {
        let to = if known.place.base == self.place.base {
            known.place.address
        } else {
            FuncCursor::new(func).at_inst(inst).ins().iadd(self.place.base, known.place.index)
        };
        match &mut func.dfg.insts[inst] {
            InstructionData::Load { arg, offset, .. } => (*arg, *offset) = (to, by.into()),
            InstructionData::Store { args: [_, address], offset, .. } => {
                (*address, *offset) = (to, by.into());
            }
            _ => {}
        }
    }
}

/// An index of 64 bits as a pointer and a constant that was added to it in 32 bits.
fn sum(func: &Function, index: Value) -> (Value, u32) {
    let Some((extend, Opcode::Uextend)) = of(func, index) else { return (index, 0) };
    let narrow = func.dfg.resolve_aliases(func.dfg.inst_args(extend)[0]);
    if func.dfg.value_type(narrow) != types::I32 {
        return (index, 0);
    }
    if let Some([one, other]) = operands(func, narrow, Opcode::Iadd) {
        for (pointer, add) in [(one, other), (other, one)] {
            if let Some(add) = constant(func, add) {
                return (wide(func, pointer), add);
            }
        }
    }
    (wide(func, narrow), 0)
}

/// What a value was cut from.
fn wide(func: &Function, narrow: Value) -> Value {
    match of(func, narrow) {
        Some((inst, Opcode::Ireduce)) => {
            let wide = func.dfg.resolve_aliases(func.dfg.inst_args(inst)[0]);
            if func.dfg.value_type(wide) == types::I64 { wide } else { narrow }
        }
        _ => narrow,
    }
}

fn of(func: &Function, value: Value) -> Option<(Inst, Opcode)> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, 0) => Some((inst, func.dfg.insts[inst].opcode())),
        _ => None,
    }
}

fn operands(func: &Function, value: Value, opcode: Opcode) -> Option<[Value; 2]> {
    match func.dfg.insts[of(func, value)?.0] {
        InstructionData::Binary { opcode: its, args } if its == opcode => {
            Some(args.map(|arg| func.dfg.resolve_aliases(arg)))
        }
        _ => None,
    }
}

fn constant(func: &Function, value: Value) -> Option<u32> {
    match func.dfg.insts[of(func, value)?.0] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "of 32 bits")]
            Some(imm.bits().cast_unsigned() as u32)
        }
        _ => None,
    }
}

/// How many bytes an access has, or more.
fn bytes(opcode: Opcode, ty: Type) -> u64 {
    match opcode {
        Opcode::Load | Opcode::Store => ty.bytes().into(),
        _ => 16,
    }
}
