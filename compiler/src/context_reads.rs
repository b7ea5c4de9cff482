//! What calls nothing reads the context pointer once.
//!
//! Its register is none that the code generator can use in an address, so each read is a copy. While operators are
//! translated it is read again wherever ways meet, because a copy should not live over a call; where there is no call
//! one copy is better than many, and what is loaded through it is seen to be the same.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Function, InstBuilder, Opcode, types};

/// Joins all reads of a function without calls other than at its end; says whether it did.
pub(crate) fn join(func: &mut Function) -> bool {
    let mut reads = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            match func.dfg.insts[inst].opcode() {
                Opcode::GetPinnedReg => reads.push(inst),
                Opcode::SetPinnedReg => return false,
                opcode if opcode.is_call() && !opcode.is_return() => return false,
                _ => {}
            }
        }
    }
    let (Some(entry), [_, _, ..]) = (func.layout.entry_block(), &*reads) else { return false };
    let mut cursor = FuncCursor::new(func).at_first_insertion_point(entry);
    let context = cursor.ins().get_pinned_reg(types::I64);
    for read in reads {
        let result = func.dfg.first_result(read);
        func.dfg.detach_inst_results(read);
        func.dfg.change_to_alias(result, context);
        func.layout.remove_inst(read);
    }
    true
}
