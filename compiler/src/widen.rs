//! Numbers of 32 bits that are followed as pointers are zero-extended where they come into being, not where they are used.
//!
//! A local of 32 bits that several places set is a parameter of a block. The code generator does not know that its upper
//! half is zero, so each use as an address would zero-extend it first, and keep the copy beside the number. So such a
//! parameter is made one of 64 bits, if what is passed for it can be zero-extended: that costs nothing for what was
//! loaded, passed or computed in 32 bits, because instructions of 32 bits clear the upper half.
//!
//! # Invariants
//!
//! * What is called *wide* here is a value of 64 bits whose upper half is zero: only a zero-extension, a load of 32 bits
//!   or a parameter that all branches pass wide values for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::take;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef, types,
};

/// The wide value that each of these values of 32 bits was cut from.
pub(crate) type Wide = HashMap<Value, Value>;

/// Widens the parameters that are zero-extended somewhere, and removes zero-extensions of what was cut from a wide value.
pub(crate) fn widen(func: &mut Function, wide: Wide) {
    let extensions = extensions(func);
    let mut pass = Pass { func, wide, branches: SecondaryMap::new() };
    let wanted = extensions.iter().map(|&(_, value)| value);
    let wanted: HashSet<_> = wanted.filter(|&value| pass.is_param(value)).collect();
    if !wanted.is_empty() {
        pass.find_branches();
        let params = pass.closure(wanted);
        pass.widen_params(&params);
    }
    pass.remove(&extensions);
}

/// The zero-extensions to 64 bits, each with what it extends.
fn extensions(func: &Function) -> Vec<(Inst, Value)> {
    let mut found = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            if let InstructionData::Unary { opcode: Opcode::Uextend, arg } = func.dfg.insts[inst] {
                let arg = func.dfg.resolve_aliases(arg);
                let is_wide = func.dfg.value_type(func.dfg.first_result(inst)) == types::I64;
                if is_wide && func.dfg.value_type(arg) == types::I32 {
                    found.push((inst, arg));
                }
            }
        }
    }
    found
}

/// A branch to a block.
#[derive(Clone)]
struct Branch {
    inst: Inst,
    /// The position among the targets.
    at: usize,
    /// What is passed; `None` for what is no value.
    args: Vec<Option<Value>>,
}

struct Pass<'f> {
    func: &'f mut Function,
    wide: Wide,
    /// The branches to each block.
    branches: SecondaryMap<Block, Vec<Branch>>,
}

impl Pass<'_> {
    /// Whether it is a parameter of 32 bits that branches pass.
    fn is_param(&self, value: Value) -> bool {
        let entry = self.func.layout.entry_block();
        matches!(self.func.dfg.value_def(value), ValueDef::Param(block, _) if Some(block) != entry)
            && self.func.dfg.value_type(value) == types::I32
    }

    fn find_branches(&mut self) {
        let dfg = &self.func.dfg;
        for block in self.func.layout.blocks() {
            let Some(inst) = self.func.layout.last_inst(block) else { continue };
            let targets =
                dfg.insts[inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
            for (at, target) in targets.iter().enumerate() {
                let args = target.args(&dfg.value_lists).map(|arg| arg.as_value()).collect();
                let block = target.block(&dfg.value_lists);
                self.branches[block].push(Branch { inst, at, args });
            }
        }
    }

    /// These parameters and those that are passed for them, as far as they can be widened: each block with its own, by
    /// their numbers.
    fn closure(&self, wanted: HashSet<Value>) -> BTreeMap<Block, Vec<usize>> {
        let mut open: Vec<_> = wanted.iter().copied().collect();
        let mut seen = wanted;
        let mut params: BTreeMap<Block, Vec<usize>> = BTreeMap::new();
        while let Some(param) = open.pop() {
            let ValueDef::Param(block, number) = self.func.dfg.value_def(param) else { continue };
            let passed = self.branches[block].iter().map(|branch| branch.args[number]);
            let Some(passed) = passed.collect::<Option<Vec<_>>>() else { continue };
            params.entry(block).or_default().push(number);
            let passed = passed.into_iter().map(|arg| self.func.dfg.resolve_aliases(arg));
            open.extend(passed.filter(|&arg| self.is_param(arg) && seen.insert(arg)));
        }
        params.values_mut().for_each(|numbers| numbers.sort_unstable());
        params
    }

    fn widen_params(&mut self, params: &BTreeMap<Block, Vec<usize>>) {
        for (&block, numbers) in params {
            let narrow = self.func.dfg.block_params(block).to_vec();
            let mut place = FuncCursor::new(self.func).at_first_insertion_point(block);
            for &number in numbers {
                let wide = place.func.dfg.replace_block_param(narrow[number], types::I64);
                let cut = place.ins().ireduce(types::I32, wide);
                place.func.dfg.change_to_alias(narrow[number], cut);
                self.wide.insert(cut, wide);
            }
        }
        for (&block, numbers) in params {
            for branch in take(&mut self.branches[block]) {
                self.widen_args(branch, numbers);
            }
        }
    }

    /// Has a branch pass wide values for the parameters with these numbers, which are in ascending order.
    fn widen_args(&mut self, branch: Branch, numbers: &[usize]) {
        let Branch { inst, at, mut args } = branch;
        for &number in numbers {
            args[number] = args[number].map(|arg| self.wide_of(arg, inst));
        }
        let dfg = &mut self.func.dfg;
        let targets =
            dfg.insts[inst].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        let mut args = args.into_iter();
        targets[at].update_args(&mut dfg.value_lists, |old| {
            args.next().flatten().map_or(old, BlockArg::Value)
        });
    }

    /// The wide value of one of 32 bits, which is computed before `place` where there is none.
    fn wide_of(&mut self, value: Value, place: Inst) -> Value {
        let value = self.func.dfg.resolve_aliases(value);
        if let Some(wide) = self.known(value) {
            return wide;
        }
        let location = self.func.srcloc(place);
        let mut cursor = FuncCursor::new(self.func).at_inst(place).with_srcloc(location);
        cursor.ins().uextend(types::I64, value)
    }

    /// The wide value of one of 32 bits if there is one, or if the instruction that loads it can load it wide.
    fn known(&mut self, value: Value) -> Option<Value> {
        if let Some(&wide) = self.wide.get(&value) {
            return Some(wide);
        }
        let inst = self.func.dfg.value_def(value).inst()?;
        let InstructionData::Load { opcode: Opcode::Load, arg, flags, offset } =
            self.func.dfg.insts[inst]
        else {
            return None;
        };
        let flags = self.func.dfg.mem_flags[flags];
        // What cannot trap may be a field that never changes, whose loads are joined as they are.
        flags.trap_code()?;
        let location = self.func.srcloc(inst);
        let mut cursor = FuncCursor::new(self.func).at_inst(inst).with_srcloc(location);
        let wide = cursor.ins().uload32(flags, arg, offset);
        self.func.replace(inst).ireduce(types::I32, wide);
        self.wide.insert(value, wide);
        Some(wide)
    }

    /// Has users of zero-extensions use what is wide already.
    fn remove(&mut self, extensions: &[(Inst, Value)]) {
        for &(inst, value) in extensions {
            let value = self.func.dfg.resolve_aliases(value);
            let Some(wide) = self.known(value) else { continue };
            let result = self.func.dfg.first_result(inst);
            self.func.dfg.detach_inst_results(inst);
            self.func.dfg.change_to_alias(result, wide);
            self.func.layout.remove_inst(inst);
        }
    }
}
