//! Sums that are only made to be followed are made where they are followed.
//!
//! The optimiser computes what does not change in a loop before it, and what two places use once, before both. For the
//! sum of a pointer and a constant, which is one instruction, that is a bad bargain: the sum takes a register from where
//! it is computed on, which most functions do not have, while the pointer is in one anyway. The optimiser knows that of
//! a sum, but not of a zero-extended one.

use std::collections::HashMap;

use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, Value, types};

/// Computes addresses of the text, and zero-extended sums of a value and a constant, in each block that uses them.
pub(crate) fn sink(func: &mut Function) {
    let cheap = cheap(func);
    if cheap.is_empty() {
        return;
    }
    let mut is_cheap = EntitySet::new();
    for &value in cheap.keys() {
        is_cheap.insert(value);
    }
    let mut copies = HashMap::new();
    let blocks: Vec<_> = func.layout.blocks().collect();
    for block in blocks {
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            if func.dfg.inst_values(inst).any(|value| is_cheap.contains(value)) {
                use_copies(func, (block, inst), &cheap, &mut copies);
            }
        }
    }
}

/// What is computed by one instruction, each with its block and the operators that do, the last first.
type Cheap = HashMap<Value, (Block, Inst, Option<Inst>)>;

fn cheap(func: &Function) -> Cheap {
    let dfg = &func.dfg;
    let is_constant = |value: &Value| {
        let inst = dfg.value_def(*value).inst();
        inst.is_some_and(|inst| dfg.insts[inst].opcode() == Opcode::Iconst)
    };
    let mut cheap = HashMap::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let add = match dfg.insts[inst] {
                InstructionData::UnaryGlobalValue { opcode: Opcode::SymbolValue, .. } => None,
                InstructionData::Unary { opcode: Opcode::Uextend, arg } => {
                    let Some(add) = dfg.value_def(arg).inst() else { continue };
                    let is_sum = dfg.insts[add].opcode() == Opcode::Iadd
                        && dfg.inst_args(add).iter().any(is_constant)
                        && dfg.value_type(arg) == types::I32
                        && dfg.value_type(dfg.first_result(inst)) == types::I64;
                    if !is_sum {
                        continue;
                    }
                    Some(add)
                }
                _ => continue,
            };
            cheap.insert(dfg.first_result(inst), (block, inst, add));
        }
    }
    cheap
}

/// Has an instruction use the copies of what is cheap in its own block.
fn use_copies(
    func: &mut Function,
    (block, inst): (Block, Inst),
    cheap: &Cheap,
    copies: &mut HashMap<(Block, Value), Value>,
) {
    let used: Vec<_> = func
        .dfg
        .inst_values(inst)
        .filter(|value| cheap.get(value).is_some_and(|&(home, ..)| home != block))
        .collect();
    for value in used {
        let copy = *copies.entry((block, value)).or_insert_with(|| {
            let (_, last, add) = cheap[&value];
            let copy = func.dfg.clone_inst(last);
            if let Some(add) = add {
                let add = func.dfg.clone_inst(add);
                func.layout.insert_inst(add, inst);
                let sum = func.dfg.first_result(add);
                func.dfg.overwrite_inst_values(copy, [sum].into_iter());
            }
            func.layout.insert_inst(copy, inst);
            func.dfg.first_result(copy)
        });
        func.dfg.map_inst_values(inst, |other| if other == value { copy } else { other });
    }
}
