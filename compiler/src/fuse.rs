//! Loads beside what takes them, so that both become one instruction.
//!
//! x86-64 adds what lies in memory in one instruction. The code generator makes it of a load and an addition with nothing
//! between them that could trap or be seen, but the optimiser puts an addition where its result is first asked for, which
//! for the sums of a loop is behind all loads. So an operation with a load that nothing else takes follows that load,
//! where its other operand is there already: one value is then kept where before there were two.
//!
//! The code generator also has them apart where the sum is taken twice, as a loop's is, by the next round and behind the
//! loop, because then it might make the addition twice. A block's parameter hides what it is made of: the block is cut in
//! two behind such sums, and the second part takes them as parameters, which costs no instruction.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef, types,
};

/// Moves operations of an optimised function behind the loads that they take.
///
/// Parameters that always have the same value must stay from here on.
pub(crate) fn fuse(func: &mut Function) {
    func.dfg.resolve_all_aliases();
    let uses = Uses::of(func);
    let pairs = pairs(func, &uses);
    let mut cuts = Vec::new();
    for pairs in pairs.chunk_by(|one, next| one.block == next.block) {
        for pair in pairs {
            pair.join(func);
        }
        cuts.extend(Cut::behind(func, pairs, &uses));
    }
    if !cuts.is_empty() {
        make(func, cuts);
    }
}

/// A block that ends behind its pairs.
struct Cut {
    block: Block,
    /// What follows.
    rest: Block,
    /// What it is passed, which nothing else takes.
    passed: Vec<Value>,
}

impl Cut {
    /// Moves what follows the last pair with a result that is taken more than once to a block of its own.
    fn behind(func: &mut Function, pairs: &[Pair], uses: &Uses) -> Option<Self> {
        let often = |inst: &Inst| uses.counts[func.dfg.first_result(*inst)] > 1;
        let insts: Vec<Inst> = pairs.iter().map(|pair| pair.inst).filter(often).collect();
        let last = insts.iter().copied().max_by(|&one, &other| func.layout.pp_cmp(one, other))?;
        let block = func.layout.inst_block(last)?;
        let end = func.layout.next_inst(last)?;
        let mut passed: Vec<Value> =
            insts.into_iter().map(|inst| func.dfg.first_result(inst)).collect();
        for inst in func.layout.block_insts(block).take_while(|&inst| inst != end) {
            passed.retain(|result| func.dfg.inst_values(inst).all(|value| value != *result));
        }
        if passed.is_empty() {
            return None;
        }
        let rest = func.dfg.make_block();
        func.layout.split_block(rest, end);
        if func.layout.is_cold(block) {
            func.layout.set_cold(rest);
        }
        Some(Self { block, rest, passed })
    }
}

/// Has all instructions take the parameters of what follows, and blocks jump there.
fn make(func: &mut Function, cuts: Vec<Cut>) {
    let mut hidden = SecondaryMap::new();
    for cut in &cuts {
        for &value in &cut.passed {
            let ty = func.dfg.value_type(value);
            hidden[value] = Some(func.dfg.append_block_param(cut.rest, ty));
        }
    }
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        let mut cursor = FuncCursor::new(func).at_top(block);
        while let Some(inst) = cursor.next_inst() {
            cursor.func.dfg.map_inst_values(inst, |value| hidden[value].unwrap_or(value));
        }
    }
    for Cut { block, rest, passed } in cuts {
        let args: Vec<BlockArg> = passed.into_iter().map(BlockArg::Value).collect();
        FuncCursor::new(func).at_bottom(block).ins().jump(rest, &args);
    }
}

/// How values are taken.
struct Uses {
    /// How many times, at most two.
    counts: SecondaryMap<Value, u8>,
    /// Whether as an address, whose addition is made by what takes it.
    addresses: SecondaryMap<Value, bool>,
}

impl Uses {
    fn of(func: &Function) -> Self {
        let mut uses = Self {
            counts: SecondaryMap::with_capacity(func.dfg.num_values()),
            addresses: SecondaryMap::new(),
        };
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                for value in func.dfg.inst_values(inst) {
                    let count: &mut u8 = &mut uses.counts[value];
                    *count = (*count + 1).min(2);
                }
                let address = match func.dfg.insts[inst] {
                    InstructionData::Load { arg, .. } => arg,
                    InstructionData::Store { args: [_, address], .. } => address,
                    _ => continue,
                };
                uses.addresses[address] = true;
            }
        }
        uses
    }

    /// The load that alone makes `value`, which is taken once.
    fn load(&self, func: &Function, value: Value) -> Option<Inst> {
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, 0)
                if self.counts[value] == 1 && func.dfg.insts[inst].opcode() == Opcode::Load =>
            {
                Some(inst)
            }
            _ => None,
        }
    }
}

/// What becomes one instruction.
struct Pair {
    block: Block,
    load: Inst,
    inst: Inst,
    /// The other operand; what is loaded becomes the second.
    other: Value,
    /// What makes the other operand and has to move too: nothing but another view of a vector.
    cast: Option<Inst>,
}

impl Pair {
    fn join(&self, func: &mut Function) {
        let loaded = func.dfg.first_result(self.load);
        if let InstructionData::Binary { args, .. } = &mut func.dfg.insts[self.inst] {
            *args = [self.other, loaded];
        }
        // What traps is the load.
        func.set_srcloc(self.inst, func.srcloc(self.load));
        let mut after = self.load;
        for inst in self.cast.into_iter().chain([self.inst]) {
            func.layout.remove_inst(inst);
            let next = func.layout.next_inst(after).expect("a block does not end with a load");
            func.layout.insert_inst(inst, next);
            after = inst;
        }
    }
}

/// Where an instruction is.
#[derive(Clone, Copy, Default)]
struct Place {
    block: Option<Block>,
    at: usize,
    /// How many instructions of its block up to it can trap or be seen.
    effects: usize,
}

/// The pairs of each block, in the order in which to join them.
fn pairs(func: &Function, uses: &Uses) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut places = SecondaryMap::with_capacity(func.dfg.num_insts());
    for block in func.layout.blocks() {
        let mut here = Place { block: Some(block), at: 0, effects: 0 };
        for inst in func.layout.block_insts(block) {
            if let Some(pair) = pair((func, uses), inst, &places, here) {
                // What follows sees them where they are going to be.
                places[inst] = places[pair.load];
                if let Some(cast) = pair.cast {
                    places[cast] = places[pair.load];
                }
                pairs.push(pair);
            } else {
                here.at += 1;
                here.effects += usize::from(is_seen(func.dfg.insts[inst].opcode()));
                places[inst] = here;
            }
        }
    }
    pairs
}

/// What `inst` makes with a load before it in its block.
fn pair(
    (func, uses): (&Function, &Uses),
    inst: Inst,
    places: &SecondaryMap<Inst, Place>,
    here: Place,
) -> Option<Pair> {
    let InstructionData::Binary { opcode, args: [first, second] } = func.dfg.insts[inst] else {
        return None;
    };
    let is_there = |value: Value, before: Place| match func.dfg.value_def(value) {
        ValueDef::Result(def, _) => places[def].block != here.block || places[def].at < before.at,
        _ => true,
    };
    let orders = [Some((first, second)), commutes(opcode)?.then_some((second, first))];
    orders.into_iter().flatten().find_map(|(other, loaded)| {
        let load = uses.load(func, loaded)?;
        let at = places[load];
        let fits = at.block == here.block
            // Else they become one instruction where they are.
            && (at.effects < here.effects || uses.counts[func.dfg.first_result(inst)] > 1)
            && !uses.addresses[func.dfg.first_result(inst)]
            && func.dfg.value_type(loaded).bits() >= types::I32.bits()
            && !is_constant(func, other);
        let cast = cast(func, other).filter(|_| !is_there(other, at));
        let is_there = is_there(cast.map_or(other, |(_, of)| of), at);
        let pair = Pair { block: here.block?, load, inst, other, cast: cast.map(|(it, _)| it) };
        (fits && is_there).then_some(pair)
    })
}

/// The operator that makes another view of a vector, and that vector.
fn cast(func: &Function, value: Value) -> Option<(Inst, Value)> {
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else { return None };
    match func.dfg.insts[inst] {
        InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, arg, .. } => Some((inst, arg))
            .filter(|_| [arg, value].iter().all(|&it| func.dfg.value_type(it).is_vector())),
        _ => None,
    }
}

/// Whether the operands of an operation that takes one from memory can be swapped; `None` if it takes none.
fn commutes(opcode: Opcode) -> Option<bool> {
    match opcode {
        Opcode::Iadd | Opcode::Imul | Opcode::Band | Opcode::Bor | Opcode::Bxor => Some(true),
        Opcode::Fadd | Opcode::Fmul => Some(true),
        Opcode::Isub | Opcode::Fsub | Opcode::Fdiv => Some(false),
        _ => None,
    }
}

/// Whether loads stay on their side of it.
fn is_seen(opcode: Opcode) -> bool {
    opcode.can_load()
        || opcode.can_store()
        || opcode.can_trap()
        || opcode.is_call()
        || opcode.other_side_effects()
}

/// A constant is better in the instruction than in a register.
fn is_constant(func: &Function, value: Value) -> bool {
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else { return false };
    matches!(func.dfg.insts[inst].opcode(), Opcode::Iconst | Opcode::F32const | Opcode::F64const)
}
