//! Structured control: blocks, loops, branches (WebAssembly specification, section 4.4.8 *Control Instructions*).
//!
//! # Invariants
//!
//! * A frame's exit block is made at the first branch to it: a block that nothing branches to costs nothing.
//! * Under the body of an `if` lie its parameters twice on the operand stack: the lower copies are for `else`.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, BlockCall, Inst, InstBuilder, JumpTableData, Value};
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{FuncType, ValType};
use wasmparser::{BlockType, BrTable, Operator};

use super::{FuncTranslator, exception, user_trap, wasm_type};
use crate::env::ir_type;
use crate::error::CompileError;

/// A structured block that is open.
#[derive(Debug)]
pub(super) struct Frame {
    kind: Kind,
    /// The type; `None` is the function's own.
    ty: Option<BlockType>,
    n_params: usize,
    n_results: usize,
    /// Height of the operand stack below what the body works with.
    height: usize,
    /// Where branches out of it go, once there is one.
    exit: Option<Block>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The function's body: a branch to it returns.
    Function,
    Block,
    Loop {
        header: Block,
        /// Whether it is the outermost of open loops that call nothing.
        region: bool,
    },
    /// The first half of an `if`, with the context pointer as known before it.
    If {
        otherwise: Block,
        context: Option<Value>,
    },
    /// The second half.
    Else,
    /// `try_table`.
    Try,
}

impl Frame {
    pub(super) const fn function(n_results: usize) -> Self {
        Self { kind: Kind::Function, ty: None, n_params: 0, n_results, height: 0, exit: None }
    }

    /// Height of the operand stack below the block's parameters.
    const fn base(&self) -> usize {
        match self.kind {
            Kind::If { .. } | Kind::Else => self.height - self.n_params,
            _ => self.height,
        }
    }
}

/// Follows the nesting of operators that cannot be reached.
pub(super) fn skip(f: &mut FuncTranslator<'_, '_>, op: &Operator<'_>) {
    match op {
        Operator::Loop { .. } => {
            f.n_loops += 1;
            f.skipped += 1;
        }
        Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => f.skipped += 1,
        Operator::End if f.skipped > 0 => f.skipped -= 1,
        Operator::End => end(f),
        Operator::Else if f.skipped == 0 => else_(f),
        _ => {}
    }
}

/// `block`.
pub(super) fn block(f: &mut FuncTranslator<'_, '_>, ty: BlockType) {
    f.open(Kind::Block, ty);
}

/// `loop`.
pub(super) fn loop_(f: &mut FuncTranslator<'_, '_>, ty: BlockType) {
    let header = f.builder.create_block();
    f.append_params(header, &f.param_types(ty));
    let call_free = f.call_free.get(f.n_loops).copied().unwrap_or(false);
    f.n_loops += 1;
    f.open_loops += 1;
    let region = call_free && f.region.is_none();
    f.open(Kind::Loop { header, region }, ty);
    let n_params = f.frame(0).n_params;
    let known = f.context;
    let into = f.jump(header, n_params);
    f.truncate(f.frame(0).height);
    f.enter(header);
    if region {
        f.region = Some((into, known));
    }
}

/// Opens the frame of a `try_table`.
pub(super) fn open_try(f: &mut FuncTranslator<'_, '_>, ty: BlockType) {
    f.open(Kind::Try, ty);
}

/// `if`.
pub(super) fn if_(f: &mut FuncTranslator<'_, '_>, ty: BlockType) {
    let condition = f.pop();
    let then = f.builder.create_block();
    let otherwise = f.builder.create_block();
    f.builder.ins().brif(condition, then, &[], otherwise, &[]);
    if let Some(likely) = f.likely {
        f.builder.set_cold_block(if likely { otherwise } else { then });
    }
    let n_params = f.param_types(ty).len();
    f.stack.extend_from_within(f.stack.len() - n_params..);
    f.open(Kind::If { otherwise, context: f.context }, ty);
    f.fall_into(then);
}

/// `else`.
pub(super) fn else_(f: &mut FuncTranslator<'_, '_>) {
    let Some(mut frame) = f.frames.pop() else { return };
    let Kind::If { otherwise, context } = frame.kind else { return };
    if f.reachable {
        let exit = f.exit_of(&mut frame);
        f.jump(exit, frame.n_results);
    }
    f.truncate(frame.height);
    f.stack.extend_from_within(frame.height - frame.n_params..);
    frame.kind = Kind::Else;
    f.frames.push(frame);
    f.builder.switch_to_block(otherwise);
    f.builder.seal_block(otherwise);
    f.context = context;
    f.reachable = true;
}

/// `end`.
pub(super) fn end(f: &mut FuncTranslator<'_, '_>) {
    let Some(mut frame) = f.frames.pop() else { return };
    match frame.kind {
        Kind::Function => return end_function(f, &frame),
        Kind::Loop { header, region } => {
            f.builder.seal_block(header);
            f.open_loops -= 1;
            if region {
                f.region = None;
            }
        }
        Kind::If { otherwise, .. } => end_without_else(f, &mut frame, otherwise),
        Kind::Try => end_try(f, &mut frame),
        Kind::Block | Kind::Else => {}
    }
    let base = frame.base();
    if let Some(exit) = frame.exit {
        if f.reachable {
            f.jump(exit, frame.n_results);
        }
        f.truncate(base);
        f.enter(exit);
        f.builder.seal_block(exit);
    } else if f.reachable {
        // The results are on top; what lies between them and the base are copies of an `if`'s parameters.
        let results = f.stack.len() - frame.n_results;
        f.stack.drain(base..results);
    } else {
        f.truncate(base);
    }
}

/// An `if` without `else` passes its parameters on as its results.
fn end_without_else(f: &mut FuncTranslator<'_, '_>, frame: &mut Frame, otherwise: Block) {
    let exit = f.exit_of(frame);
    if f.reachable {
        f.jump(exit, frame.n_results);
    }
    f.truncate(frame.height);
    f.enter(otherwise);
    f.builder.seal_block(otherwise);
    f.jump(exit, frame.n_params);
    f.reachable = false;
}

/// Behind the body of a `try_table` comes what its exceptions go to.
fn end_try(f: &mut FuncTranslator<'_, '_>, frame: &mut Frame) {
    let Some(ended) = f.tries.pop() else { return };
    if !ended.is_used() {
        return;
    }
    if f.reachable {
        let exit = f.exit_of(frame);
        f.jump(exit, frame.n_results);
    }
    f.truncate(frame.height);
    exception::end_try(f, ended);
}

fn end_function(f: &mut FuncTranslator<'_, '_>, frame: &Frame) {
    if f.reachable {
        f.return_top(frame.n_results);
    }
    if let Some(exit) = frame.exit {
        f.truncate(0);
        f.enter(exit);
        f.builder.seal_block(exit);
        f.return_top(frame.n_results);
    }
}

/// `br`.
pub(super) fn br(f: &mut FuncTranslator<'_, '_>, depth: u32) {
    if matches!(f.frame(depth).kind, Kind::Function) {
        return return_(f);
    }
    let (target, n_args) = f.branch_target(depth);
    f.jump(target, n_args);
    f.reachable = false;
}

/// `br_if`.
pub(super) fn br_if(f: &mut FuncTranslator<'_, '_>, depth: u32) {
    if f.likely == Some(false) {
        return br_if_unlikely(f, depth);
    }
    let condition = f.pop();
    let (target, n_args) = f.branch_target(depth);
    let next = f.builder.create_block();
    f.take_args(n_args);
    f.builder.ins().brif(condition, target, f.args.iter(), next, &[]);
    if f.likely == Some(true) {
        f.builder.set_cold_block(next);
    }
    f.fall_into(next);
}

/// A `br_if` that is hinted not to branch. Others may well go to its target: only the way there is cold.
fn br_if_unlikely(f: &mut FuncTranslator<'_, '_>, depth: u32) {
    let condition = f.pop();
    let (target, n_args) = f.branch_target(depth);
    let (edge, next) = (f.builder.create_block(), f.builder.create_block());
    f.builder.ins().brif(condition, edge, &[], next, &[]);
    f.builder.set_cold_block(edge);
    f.fall_into(edge);
    f.jump(target, n_args);
    f.fall_into(next);
}

/// `br_on_null`: the reference stays if it is not null.
pub(super) fn br_on_null(f: &mut FuncTranslator<'_, '_>, depth: u32) {
    let reference = f.pop();
    let (target, n_args) = f.branch_target(depth);
    let next = f.builder.create_block();
    f.take_args(n_args);
    f.builder.ins().brif(reference, next, &[], target, f.args.iter());
    f.fall_into(next);
    f.push(reference);
}

/// `br_on_non_null`: the reference goes with the branch.
pub(super) fn br_on_non_null(f: &mut FuncTranslator<'_, '_>, depth: u32) {
    let (target, n_args) = f.branch_target(depth);
    let next = f.builder.create_block();
    f.take_args(n_args);
    let reference = f.pop();
    f.builder.ins().brif(reference, target, f.args.iter(), next, &[]);
    f.fall_into(next);
}

/// `br_table`.
pub(super) fn br_table(
    f: &mut FuncTranslator<'_, '_>,
    table: &BrTable<'_>,
) -> Result<(), CompileError> {
    let index = f.pop();
    let mut edges = Edges::default();
    let mut targets = Vec::with_capacity(table.len() as usize + 1);
    for depth in table.targets() {
        targets.push(edges.block(f, depth.map_err(CompileError::Body)?));
    }
    targets.push(edges.block(f, table.default()));
    let runs = runs(&targets);
    if runs.len() <= MAX_RUNS {
        f.branch_by_runs(index, &runs);
    } else {
        f.branch_by_table(index, &targets);
    }
    edges.finish(f);
    f.reachable = false;
    Ok(())
}

/// Up to so many ranges of a `br_table` are told apart by comparisons. Producers leave the choice to us: LLVM makes a
/// table of any `switch` of two cases.
const MAX_RUNS: usize = 4;

/// A range of indices that go to one block: where it begins. It ends where the next one does.
type Run = (i64, Block);

/// The ranges of a table's targets, of which the last is for all indices from there on.
fn runs(targets: &[Block]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, &target) in (0..).zip(targets) {
        if runs.last().is_none_or(|&(_, last)| last != target) {
            runs.push((index, target));
        }
    }
    runs
}

/// The blocks that a `br_table` goes to: where a target takes arguments, one for each target that passes them on, so
/// that the arguments are not repeated for each entry.
#[derive(Default)]
struct Edges {
    blocks: HashMap<u32, Block>,
    in_order: Vec<(u32, Block)>,
}

impl Edges {
    fn block(&mut self, f: &mut FuncTranslator<'_, '_>, depth: u32) -> Block {
        if let Some(&block) = self.blocks.get(&depth) {
            return block;
        }
        let (target, n_args) = f.branch_target(depth);
        let block = if n_args == 0 {
            target
        } else {
            let edge = f.builder.create_block();
            self.in_order.push((depth, edge));
            edge
        };
        self.blocks.insert(depth, block);
        block
    }

    fn finish(self, f: &mut FuncTranslator<'_, '_>) {
        for (depth, edge) in self.in_order {
            f.builder.switch_to_block(edge);
            f.builder.seal_block(edge);
            let (target, n_args) = f.branch_target(depth);
            f.jump(target, n_args);
        }
    }
}

/// `return`.
pub(super) fn return_(f: &mut FuncTranslator<'_, '_>) {
    f.return_top(f.frames[0].n_results);
    f.reachable = false;
}

/// `unreachable`.
pub(super) fn unreachable(f: &mut FuncTranslator<'_, '_>) {
    f.builder.ins().trap(user_trap(TrapCode::Unreachable));
    f.reachable = false;
}

/// `select`; of references the typed one.
pub(super) fn select(f: &mut FuncTranslator<'_, '_>, ty: Option<wasmparser::ValType>) {
    let (first, second, condition) = f.pop3();
    let value = f.builder.ins().select(condition, first, second);
    match ty {
        Some(ty) => f.push_typed(value, wasm_type(ty)),
        None => f.push(value),
    }
}

impl FuncTranslator<'_, '_> {
    fn open(&mut self, kind: Kind, ty: BlockType) {
        let (n_params, n_results) = self.arity(ty);
        let height = self.stack.len() - n_params;
        self.frames.push(Frame { kind, ty: Some(ty), n_params, n_results, height, exit: None });
    }

    fn frame(&self, depth: u32) -> &Frame {
        &self.frames[self.frames.len() - 1 - depth as usize]
    }

    fn truncate(&mut self, height: usize) {
        self.stack.truncate(height);
    }

    fn function_type(&self, ty: BlockType) -> Option<&FuncType> {
        match ty {
            BlockType::FuncType(index) => self.env.info.func_type(index),
            _ => None,
        }
    }

    fn arity(&self, ty: BlockType) -> (usize, usize) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(_) => {
                self.function_type(ty).map_or((0, 0), |ty| (ty.params.len(), ty.results.len()))
            }
        }
    }

    fn param_types(&self, ty: BlockType) -> Vec<ValType> {
        self.function_type(ty).map(|ty| ty.params.to_vec()).unwrap_or_default()
    }

    fn result_types(&self, ty: Option<BlockType>) -> Vec<ValType> {
        match ty {
            None => self.ty.results.to_vec(),
            Some(BlockType::Empty) => Vec::new(),
            Some(BlockType::Type(ty)) => vec![wasm_type(ty)],
            Some(ty) => self.function_type(ty).map(|ty| ty.results.to_vec()).unwrap_or_default(),
        }
    }

    pub(super) fn append_params(&mut self, block: Block, types: &[ValType]) {
        for &ty in types {
            let param = self.builder.append_block_param(block, ir_type(ty));
            self.declare(param, ty);
        }
    }

    fn exit_of(&mut self, frame: &mut Frame) -> Block {
        if let Some(exit) = frame.exit {
            return exit;
        }
        let exit = self.builder.create_block();
        self.append_params(exit, &self.result_types(frame.ty));
        frame.exit = Some(exit);
        exit
    }

    /// Where a branch to the block at `depth` goes, and with how many operands.
    fn branch_target(&mut self, depth: u32) -> (Block, usize) {
        let at = self.frames.len() - 1 - depth as usize;
        if let Kind::Loop { header, .. } = self.frames[at].kind {
            return (header, self.frames[at].n_params);
        }
        let mut frame = std::mem::replace(&mut self.frames[at], Frame::function(0));
        let exit = self.exit_of(&mut frame);
        let n_results = frame.n_results;
        self.frames[at] = frame;
        (exit, n_results)
    }

    /// Makes the top `n` operands the arguments of a branch.
    fn take_args(&mut self, n: usize) {
        self.args.clear();
        self.n_args += n;
        let from = self.stack.len() - n;
        self.args.extend(self.stack[from..].iter().map(|&value| BlockArg::Value(value)));
    }

    /// Goes to the block of the run that `index` is in, by halves.
    fn branch_by_runs(&mut self, index: Value, runs: &[Run]) {
        if let [(_, target)] = *runs {
            self.builder.ins().jump(target, &[]);
            return;
        }
        let (low, high) = runs.split_at(runs.len() / 2);
        let is_low = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, index, high[0].0);
        let halves = [low, high].map(|half| match *half {
            [(_, target)] => (target, None),
            _ => (self.builder.create_block(), Some(half)),
        });
        self.builder.ins().brif(is_low, halves[0].0, &[], halves[1].0, &[]);
        for (block, half) in halves {
            if let Some(half) = half {
                self.fall_into(block);
                self.branch_by_runs(index, half);
            }
        }
    }

    /// Goes to the target of `index`, or to the last one.
    fn branch_by_table(&mut self, index: Value, targets: &[Block]) {
        let pool = &mut self.builder.func.dfg.value_lists;
        let mut calls = targets.iter().map(|&target| BlockCall::new(target, [], pool));
        let mut entries: Vec<_> = calls.by_ref().collect();
        let Some(default) = entries.pop() else { return };
        let table = self.builder.create_jump_table(JumpTableData::new(default, &entries));
        self.builder.ins().br_table(index, table);
    }

    fn jump(&mut self, target: Block, n_args: usize) -> Inst {
        self.take_args(n_args);
        self.builder.ins().jump(target, self.args.iter())
    }

    fn return_top(&mut self, n: usize) {
        let from = self.stack.len() - n;
        let mut values = self.stack[from..].to_vec();
        for (value, &ty) in values.iter_mut().zip(&self.ty.results) {
            *value = self.passed(*value, ty);
        }
        self.builder.ins().return_(&values);
    }

    /// Goes on in `block`, which several places may branch to, with its parameters on the operand stack.
    fn enter(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.stack.extend_from_slice(self.builder.block_params(block));
        self.forget_context();
        self.reachable = true;
    }

    /// Goes on in `block`, which only the last branch goes to: what was known before it holds.
    pub(super) fn fall_into(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
    }
}
