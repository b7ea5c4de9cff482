//! Functions in parts: what a function does without calls, and what it does from its first call on.
//!
//! A function that calls others saves registers at its beginning and keeps values where calls leave them alone, on every
//! way through it. Many functions have a way to their end without any call, which is the usual one: an allocator that
//! finds a free block, a reference count that does not become zero, an interpreter's operator. So where it is sure that a
//! function calls it goes on, by a tail call, in another function that begins there, a *part*. What is left, the *trunk*,
//! calls nothing: it saves nothing, and its values stay in registers.
//!
//! Parts are code of their function: they follow it in the text, and everything that is known of the function's code is
//! known of them. A tail call leaves no frame, so a backtrace shows the function once.
//!
//! # Invariants
//!
//! * A part has a copy of all blocks that can be reached from its own, so it never comes back.
//! * Each value of a part is computed in it or passed to it, which is verified by dominance; where it would be neither,
//!   for a block of a loop, the function stays whole.

use std::collections::{HashMap, HashSet};

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    AbiParam, Block, ExtFuncData, ExternalName, Function, Inst, InstBuilder, MemFlagsData, Opcode,
    Signature, Type, UserExternalName, Value, ValueDef, types,
};

use crate::context_reads;
use crate::env::namespace;

/// Larger functions stay whole.
const MAX_INSTS: usize = 4000;
/// How many parts a function may have.
const MAX_PARTS: usize = 12;
/// Integers that are passed in registers. Further ones are passed as floats: a tail call with more arguments than its
/// caller's on the stack has to move the frame.
const INTEGERS: usize = 6;
/// Floats and vectors that are passed in registers.
const FLOATS: usize = 8;
/// How many times as large as their function its parts may be together.
const GROWTH: usize = 4;
/// How long a chain of operators may be that a part does again rather than be passed its result.
const DEPTH: u32 = 3;

/// A function that was split.
pub(crate) struct Split {
    /// What is done without calls.
    pub(crate) trunk: Function,
    /// The parts; the trunk calls them by their position.
    pub(crate) parts: Vec<Function>,
}

/// Splits an optimised function, if it has something to do without calls and something with them.
pub(crate) fn split(func: &Function) -> Option<Split> {
    if !func.sized_stack_slots.is_empty() || !func.dfg.exception_tables.is_empty() {
        return None;
    }
    let shape = Shape::of(func)?;
    let mut trunk = func.clone();
    let mut parts = Vec::with_capacity(shape.begins.len());
    for &begin in &shape.begins {
        let region = shape.region(begin);
        let (part, passed) = Part::new(func, begin, &region)?.build()?;
        go_on_in(&mut trunk, begin, (parts.len(), &part.signature), &passed);
        parts.push(part);
    }
    keep(&mut trunk, &shape.trunk);
    if context_reads::join(&mut trunk) {
        trunk.dfg.resolve_all_aliases();
    }
    Some(Split { trunk, parts })
}

/// Removes all other blocks.
fn keep(func: &mut Function, blocks: &HashSet<Block>) {
    let all: Vec<_> = func.layout.blocks().collect();
    for block in all.into_iter().filter(|block| !blocks.contains(block)) {
        func.layout.remove_block_and_insts(block);
    }
}

/// Where a function calls.
struct Shape {
    cfg: ControlFlowGraph,
    /// The blocks that can be reached without a call and lead to one in any case.
    begins: Vec<Block>,
    /// These, and the blocks before them.
    trunk: HashSet<Block>,
}

impl Shape {
    /// `None` if the function is better left whole.
    fn of(func: &Function) -> Option<Self> {
        let mut calling = HashSet::new();
        let mut sizes = HashMap::new();
        let mut n_insts = 0;
        for block in func.layout.blocks() {
            let mut size = 0;
            for inst in func.layout.block_insts(block) {
                size += 1;
                match func.dfg.insts[inst].opcode() {
                    Opcode::Call | Opcode::CallIndirect | Opcode::SetPinnedReg => {
                        calling.insert(block);
                    }
                    Opcode::GetFramePointer | Opcode::GetStackPointer => return None,
                    _ => {}
                }
            }
            n_insts += size;
            sizes.insert(block, size);
        }
        let entry = func.layout.entry_block()?;
        if calling.is_empty() || calling.contains(&entry) || n_insts > MAX_INSTS {
            return None;
        }
        let cfg = ControlFlowGraph::with_function(func);
        let free = |block: &Block| !calling.contains(block);
        let returns = |&block: &Block| {
            let last = func.layout.last_inst(block);
            last.is_some_and(|inst| func.dfg.insts[inst].opcode().is_return())
        };
        // From where an end can be reached without a call, and from where a call.
        let ending = before(&cfg, func.layout.blocks().filter(returns).filter(free), free);
        let to_calls = before(&cfg, calling.iter().copied(), |_| true);
        if !ending.contains(&entry) {
            return None;
        }
        let mut begins = Vec::new();
        let mut seen = HashSet::from([entry]);
        let mut open = vec![entry];
        while let Some(block) = open.pop() {
            if !ending.contains(&block) && to_calls.contains(&block) {
                begins.push(block);
                continue;
            }
            open.extend(cfg.succ_iter(block).filter(|&next| seen.insert(next)));
        }
        let shape = Self { cfg, begins, trunk: seen };
        let total = || -> usize {
            let regions = shape.begins.iter().map(|&begin| shape.region(begin));
            regions.map(|region| region.iter().map(|block| sizes[block]).sum::<usize>()).sum()
        };
        let fits = shape.begins.len() <= MAX_PARTS && total() <= GROWTH * n_insts;
        fits.then_some(shape)
    }

    /// All blocks that can be reached from `begin`, itself among them.
    fn region(&self, begin: Block) -> HashSet<Block> {
        let mut region = HashSet::from([begin]);
        let mut open = vec![begin];
        while let Some(block) = open.pop() {
            open.extend(self.cfg.succ_iter(block).filter(|&next| region.insert(next)));
        }
        region
    }
}

/// These blocks, and all from which they can be reached through such as are `open`.
fn before(
    cfg: &ControlFlowGraph,
    blocks: impl Iterator<Item = Block>,
    is_open: impl Fn(&Block) -> bool,
) -> HashSet<Block> {
    let mut found: HashSet<_> = blocks.collect();
    let mut open: Vec<_> = found.iter().copied().collect();
    while let Some(block) = open.pop() {
        let preds = cfg.pred_iter(block).map(|pred| pred.block);
        open.extend(preds.filter(|pred| is_open(pred) && found.insert(*pred)));
    }
    found
}

/// A value, and as which float it is passed, if as one.
type Passed = (Value, Option<Type>);

/// A part that is being made.
struct Part<'f> {
    func: &'f Function,
    begin: Block,
    region: &'f HashSet<Block>,
    /// The values that are passed, in order.
    passed: Vec<Passed>,
    /// Values of the region that are computed outside.
    outer: Vec<Value>,
}

impl<'f> Part<'f> {
    fn new(func: &'f Function, begin: Block, region: &'f HashSet<Block>) -> Option<Self> {
        let mut part = Self { func, begin, region, passed: Vec::new(), outer: Vec::new() };
        let (mut seen, mut needed) = (HashSet::new(), HashSet::new());
        for block in func.layout.blocks().filter(|block| region.contains(block)) {
            for inst in func.layout.block_insts(block) {
                for value in func.dfg.inst_values(inst) {
                    if part.is_outer(value) && seen.insert(value) {
                        part.outer.push(value);
                        part.need(value, DEPTH, &mut needed);
                    }
                }
            }
        }
        for &param in func.dfg.block_params(begin) {
            needed.insert(param);
        }
        part.passed = part.in_order(needed)?;
        Some(part)
    }

    fn is_outer(&self, value: Value) -> bool {
        let block = match self.func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => self.func.layout.inst_block(inst),
            ValueDef::Param(block, _) => Some(block),
            ValueDef::Union(..) => None,
        };
        block.is_none_or(|block| !self.region.contains(&block))
    }

    /// The operator that computes an outer value, if it is done again rather than passed.
    fn again(&self, value: Value, depth: u32) -> Option<Inst> {
        let dfg = &self.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        let constant = |value| {
            let inst = dfg.value_def(value).inst();
            inst.is_some_and(|inst| dfg.insts[inst].opcode() == Opcode::Iconst)
        };
        let again = match dfg.insts[inst].opcode() {
            Opcode::Iconst
            | Opcode::F32const
            | Opcode::F64const
            | Opcode::Vconst
            | Opcode::GetPinnedReg
            | Opcode::SymbolValue => true,
            Opcode::Ireduce | Opcode::Uextend => depth > 0,
            Opcode::Iadd => depth > 0 && dfg.inst_args(inst).iter().any(|&arg| constant(arg)),
            _ => false,
        };
        again.then_some(inst)
    }

    /// Notes what must be passed for `value`.
    fn need(&self, value: Value, depth: u32, needed: &mut HashSet<Value>) {
        match self.again(value, depth) {
            Some(inst) => {
                for &arg in self.func.dfg.inst_args(inst) {
                    self.need(arg, depth - 1, needed);
                }
            }
            None => _ = needed.insert(value),
        }
    }

    /// The order in which values are passed: parameters of the function where they are, in the same registers.
    fn in_order(&self, needed: HashSet<Value>) -> Option<Vec<Passed>> {
        let dfg = &self.func.dfg;
        let entry = self.func.layout.entry_block()?;
        let is_integer = |value: &Value| dfg.value_type(*value).is_int();
        let (mut integers, mut others): (Vec<_>, Vec<_>) = needed.into_iter().partition(is_integer);
        integers.sort_unstable();
        others.sort_unstable();
        let params = dfg.block_params(entry).iter().copied().filter(is_integer);
        let places: Vec<_> = params.take(INTEGERS).collect();
        let (kept, mut rest): (Vec<_>, Vec<_>) =
            integers.into_iter().partition(|value| places.contains(value));
        let mut order = Vec::new();
        for place in places {
            order.extend(if kept.contains(&place) { Some(place) } else { rest.pop() });
        }
        let room = rest.len().min(INTEGERS.saturating_sub(order.len()));
        order.extend(rest.drain(..room));
        order.append(&mut others);
        let mut passed: Vec<_> = order.into_iter().map(|value| (value, None)).collect();
        for value in rest {
            let float = match dfg.value_type(value) {
                types::I32 => types::F32,
                types::I64 => types::F64,
                _ => return None,
            };
            passed.push((value, Some(float)));
        }
        let is_float = |&(value, float): &Passed| float.is_some() || !is_integer(&value);
        (passed.iter().copied().filter(is_float).count() <= FLOATS).then_some(passed)
    }

    /// The part, and what it is passed. `None` if a value would be missing.
    fn build(self) -> Option<(Function, Vec<Passed>)> {
        let mut part = self.func.clone();
        let entry = part.dfg.make_block();
        let first = part.layout.entry_block()?;
        part.layout.insert_block(entry, first);
        let mut known = HashMap::new();
        part.signature.params.clear();
        for &(value, float) in &self.passed {
            let ty = part.dfg.value_type(value);
            part.signature.params.push(AbiParam::new(float.unwrap_or(ty)));
            let mut param = part.dfg.append_block_param(entry, float.unwrap_or(ty));
            if float.is_some() {
                let mut cursor = FuncCursor::new(&mut part).at_bottom(entry);
                param = cursor.ins().bitcast(ty, MemFlagsData::new(), param);
            }
            known.insert(value, param);
        }
        let begin_params = part.dfg.block_params(self.begin).to_vec();
        let begin_args: Vec<_> = begin_params.iter().map(|param| known[param].into()).collect();
        // Inside it has its own values again.
        for param in &begin_params {
            known.remove(param);
        }
        for &value in &self.outer {
            self.bring(&mut part, entry, value, DEPTH, &mut known)?;
        }
        FuncCursor::new(&mut part).at_bottom(entry).ins().jump(self.begin, &begin_args);
        let mut blocks = self.region.clone();
        blocks.insert(entry);
        keep(&mut part, &blocks);
        for &block in self.region {
            let insts: Vec<_> = part.layout.block_insts(block).collect();
            for inst in insts {
                part.dfg.map_inst_values(inst, |value| known.get(&value).copied().unwrap_or(value));
            }
        }
        is_whole(&part).then_some((part, self.passed))
    }

    /// Computes an outer value again at the end of `entry`, unless it is known.
    fn bring(
        &self,
        part: &mut Function,
        entry: Block,
        value: Value,
        depth: u32,
        known: &mut HashMap<Value, Value>,
    ) -> Option<Value> {
        if let Some(&known) = known.get(&value) {
            return Some(known);
        }
        let inst = self.again(value, depth)?;
        let mut args = Vec::new();
        for &arg in self.func.dfg.inst_args(inst) {
            args.push(self.bring(part, entry, arg, depth - 1, known)?);
        }
        let copy = part.dfg.clone_inst(inst);
        part.dfg.overwrite_inst_values(copy, args.into_iter());
        part.layout.append_inst(copy, entry);
        let result = part.dfg.first_result(copy);
        known.insert(value, result);
        Some(result)
    }
}

/// Whether each value is there where it is used.
fn is_whole(func: &Function) -> bool {
    let cfg = ControlFlowGraph::with_function(func);
    let tree = DominatorTree::with_function(func, &cfg);
    let is_there = |value: Value, inst: Inst| match func.dfg.value_def(value) {
        ValueDef::Result(def, _) => {
            func.layout.inst_block(def).is_some() && tree.dominates(def, inst, &func.layout)
        }
        ValueDef::Param(block, _) => {
            func.layout.is_block_inserted(block) && tree.dominates(block, inst, &func.layout)
        }
        ValueDef::Union(..) => false,
    };
    func.layout.blocks().all(|block| {
        func.layout
            .block_insts(block)
            .all(|inst| func.dfg.inst_values(inst).all(|value| is_there(value, inst)))
    })
}

/// Makes the trunk go on in a part instead of in `block`.
fn go_on_in(trunk: &mut Function, block: Block, part: (usize, &Signature), passed: &[Passed]) {
    let (position, signature) = part;
    let signature = trunk.import_signature(signature.clone());
    let index = u32::try_from(position).unwrap_or(u32::MAX);
    let name = UserExternalName { namespace: namespace::PART, index };
    let name = trunk.declare_imported_user_function(name);
    let part = trunk.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: true,
        patchable: false,
    });
    let insts: Vec<_> = trunk.layout.block_insts(block).collect();
    let place = insts.first().map(|&inst| trunk.srcloc(inst)).unwrap_or_default();
    for inst in insts {
        trunk.layout.remove_inst(inst);
    }
    let mut cursor = FuncCursor::new(trunk).at_bottom(block).with_srcloc(place);
    let mut args = Vec::with_capacity(passed.len());
    for &(value, float) in passed {
        args.push(match float {
            Some(float) => cursor.ins().bitcast(float, MemFlagsData::new(), value),
            None => value,
        });
    }
    cursor.ins().return_call(part, &args);
}
