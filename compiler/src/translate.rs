//! Translation of function bodies to Cranelift's IR: the operand stack becomes SSA values.
//!
//! # Invariants
//!
//! * Bodies are validated before they come here: what validation guarantees is not checked again.
//! * Nothing here recurses on the nesting of the body.
//! * The context pointer is never kept in a value over a call, except to restore it: after a
//!   foreign call, and where an exception lands.
//! * A vector on the operand stack is an `I8X16`, a reference an `I32`.

mod atomic;
mod bulk;
mod calls;
mod context;
mod control;
mod exception;
mod gc;
mod memory;
mod numeric;
mod operators;
mod reference;
mod regions;
mod simd;
mod table;
mod trap;
mod variable;
mod wide;

use std::collections::HashMap;

use cranelift_codegen::ir::{
    self, BlockArg, Function, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value,
    types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use faasm_abi::types::{FuncType, ValType};
use wasmparser::FunctionBody;

pub(crate) use bulk::builtin_signature;
use context::Region;
pub(crate) use memory::OUT_OF_BOUNDS;
pub(crate) use trap::{from_ir, user_trap};

use crate::env::{Env, ir_type};
use crate::error::CompileError;
use crate::limits::Limit;
use crate::validate::Hint;
use crate::widen::Wide;
use control::Frame;
use exception::Try;

/// What a translation allocates and the next one can use again.
#[derive(Default)]
pub(crate) struct Scratch {
    builder: FunctionBuilderContext,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    tries: Vec<Try>,
    args: Vec<BlockArg>,
    /// Of the function that was translated last.
    pub(crate) wide: Wide,
}

/// Translates one function body.
pub(crate) struct FuncTranslator<'m, 'f> {
    /// Where the IR goes.
    pub(crate) builder: FunctionBuilder<'f>,
    /// The module.
    pub(crate) env: &'m Env<'m>,
    stack: &'f mut Vec<Value>,
    frames: &'f mut Vec<Frame>,
    /// The `try_table`s that are open, innermost last.
    tries: &'f mut Vec<Try>,
    args: &'f mut Vec<BlockArg>,
    /// Whether the current position can be reached; if not, operators are skipped.
    reachable: bool,
    /// Blocks opened while skipping.
    skipped: usize,
    /// Whether the function loads whole vectors.
    loads_vectors: bool,
    /// The context pointer, if it was read in this call-free region.
    context: Option<Value>,
    /// For each loop of the body, in order, whether it calls nothing.
    call_free: Vec<bool>,
    /// Loops met so far.
    n_loops: usize,
    /// Loops that are open.
    open_loops: u64,
    /// The jump into the outermost open loop that calls nothing, and the context pointer if it was read there.
    region: Option<(ir::Inst, Option<Value>)>,
    functions: HashMap<(u32, u32), ir::FuncRef>,
    signatures: HashMap<u32, ir::SigRef>,
    /// The names of constant tables' copies.
    constant_copies: HashMap<u32, ir::GlobalValue>,
    /// Values of 32 bits and the zero-extended ones that they were cut from.
    wide: &'f mut Wide,
    /// The function's own type.
    ty: &'f FuncType,
    /// Arguments of branches so far.
    n_args: usize,
    /// The branch hints that are still to come.
    hints: &'m [Hint],
    /// Whether the condition of the present operator is likely true, if there is a hint.
    likely: Option<bool>,
}

/// Operators between two looks at the clock.
const OPERATORS_PER_LOOK: u32 = 4096;

/// Translates `body`, a function of type `ty`, into `func`, which is empty.
pub(crate) fn translate(
    env: &Env<'_>,
    scratch: &mut Scratch,
    func: &mut Function,
    ty: &FuncType,
    body: &FunctionBody<'_>,
) -> Result<(), CompileError> {
    scratch.stack.clear();
    scratch.frames.clear();
    scratch.tries.clear();
    scratch.wide.clear();
    let result = translate_with(env, scratch, func, ty, body);
    if result.is_err() {
        // What a translation leaves half done must not meet the next one.
        scratch.builder = FunctionBuilderContext::new();
    }
    result
}

fn translate_with(
    env: &Env<'_>,
    scratch: &mut Scratch,
    func: &mut Function,
    ty: &FuncType,
    body: &FunctionBody<'_>,
) -> Result<(), CompileError> {
    let Scratch { builder, stack, frames, tries, args, wide } = scratch;
    let mut f = FuncTranslator {
        builder: FunctionBuilder::new(func, builder),
        env,
        stack,
        frames,
        tries,
        args,
        reachable: true,
        skipped: 0,
        loads_vectors: false,
        context: None,
        call_free: regions::call_free_loops(body).map_err(CompileError::Body)?,
        n_loops: 0,
        open_loops: 0,
        region: None,
        functions: HashMap::new(),
        signatures: HashMap::new(),
        constant_copies: HashMap::new(),
        wide,
        ty,
        n_args: 0,
        hints: &env.hints[env.hints.partition_point(|hint| hint.position < body.range().start)..],
        likely: None,
    };
    f.prologue(body).map_err(CompileError::Body)?;
    f.operators(body)?;
    f.builder.seal_all_blocks();
    let loads_vectors = f.loads_vectors;
    f.builder.finalize(env.isa.frontend_config());
    if loads_vectors {
        simd::retype_loads(func);
    }
    Ok(())
}

impl FuncTranslator<'_, '_> {
    /// Makes the entry block, its parameters and the locals.
    fn prologue(&mut self, body: &FunctionBody<'_>) -> wasmparser::Result<()> {
        let ty = self.ty;
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.builder.switch_to_block(entry);
        self.builder.seal_block(entry);
        for (at, &param) in ty.params.iter().enumerate() {
            let variable = self.variable(param);
            let value = self.builder.block_params(entry)[at];
            let value = self.received(value, param);
            self.builder.def_var(variable, value);
        }
        self.declare_locals(body)?;
        self.frames.push(Frame::function(ty.results.len()));
        Ok(())
    }

    fn declare_locals(&mut self, body: &FunctionBody<'_>) -> wasmparser::Result<()> {
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            let ty = wasm_type(ty);
            let zero = self.zero(ir_type(ty));
            for _ in 0..count {
                let variable = self.variable(ty);
                self.builder.def_var(variable, zero);
            }
        }
        Ok(())
    }

    fn variable(&mut self, ty: ValType) -> Variable {
        let variable = self.builder.declare_var(ir_type(ty));
        if gc::is_collected(self, ty) {
            self.builder.declare_var_needs_stack_map(variable);
        }
        variable
    }

    fn operators(&mut self, body: &FunctionBody<'_>) -> Result<(), CompileError> {
        let mut reader = body.get_operators_reader().map_err(CompileError::Body)?;
        let mut until_look = OPERATORS_PER_LOOK;
        while !reader.eof() {
            self.locate(reader.original_position());
            self.take_hint(reader.original_position());
            let op = reader.read().map_err(CompileError::Body)?;
            if self.reachable {
                operators::translate(self, &op)?;
            } else {
                control::skip(self, &op);
            }
            self.check_size()?;
            until_look -= 1;
            if until_look == 0 {
                until_look = OPERATORS_PER_LOOK;
                self.env.clock.check(self.env.limits)?;
            }
        }
        Ok(())
    }

    /// What is built from here on comes from the operator at this offset in the module.
    fn locate(&mut self, offset: u64) {
        if self.env.lines
            && let Ok(offset) = u32::try_from(offset)
        {
            self.builder.set_srcloc(ir::SourceLoc::new(offset));
        }
    }

    /// An operator of two bytes can ask for a thousand values and as many arguments of a branch, so the body's size
    /// alone does not bound them.
    pub(super) fn check_size(&self) -> Result<(), CompileError> {
        let dfg = &self.builder.func.dfg;
        let size = dfg.num_values() + dfg.num_blocks() + self.n_args;
        self.env.limits.check(Limit::Loops, self.open_loops)?;
        Ok(self.env.limits.check(Limit::Values, u64::try_from(size).unwrap_or(u64::MAX))?)
    }

    /// Takes the hint for the operator at `position`, leaving out those of nothing.
    fn take_hint(&mut self, position: u64) {
        self.likely = None;
        while let [hint, rest @ ..] = self.hints
            && hint.position <= position
        {
            self.likely = (hint.position == position).then_some(hint.likely);
            self.hints = rest;
        }
    }

    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            types::F32 => self.builder.ins().f32const(0.0),
            types::F64 => self.builder.ins().f64const(0.0),
            types::I8X16 => {
                let zero = self.builder.func.dfg.constants.insert([0; 16][..].into());
                self.builder.ins().vconst(ty, zero)
            }
            _ => self.builder.ins().iconst(ty, 0),
        }
    }

    fn local(index: u32) -> Variable {
        // Locals are declared first and in order, so indices agree.
        Variable::from_u32(index)
    }

    /// Pushes a value of this type.
    pub(crate) fn push_typed(&mut self, value: Value, ty: ValType) {
        self.declare(value, ty);
        self.push(value);
    }

    /// Pushes a reference that the garbage collector must know.
    pub(crate) fn push_collected(&mut self, value: Value) {
        self.builder.declare_value_needs_stack_map(value);
        self.push(value);
    }

    /// Tells the garbage collector of a value that has come into being, if it must know.
    pub(super) fn declare(&mut self, value: Value, ty: ValType) {
        if gc::is_collected(self, ty) {
            self.builder.declare_value_needs_stack_map(value);
        }
    }

    /// Pushes a value that is no new reference; vectors are pushed with [`Self::push_v128`].
    pub(crate) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// Pops the top of the operand stack.
    pub(crate) fn pop(&mut self) -> Value {
        // Validation guarantees an operand.
        self.stack.pop().expect("validated: the operand stack is not empty")
    }

    /// Pops two operands, in the order in which they were pushed.
    pub(crate) fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Pops three operands, in the order in which they were pushed.
    pub(crate) fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pops a vector as lanes of `ty`.
    pub(crate) fn pop_as(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.cast_lanes(value, ty)
    }

    /// Pushes a vector of any lane type.
    pub(crate) fn push_v128(&mut self, value: Value) {
        let bytes = self.cast_lanes(value, types::I8X16);
        self.push(bytes);
    }

    /// The same 128 bits as lanes of `ty`.
    ///
    /// A cast of a cast takes its source, because Cranelift does not simplify them and its patterns do not look
    /// through them: operators on the same lanes that follow one another are joined without casts.
    pub(crate) fn cast_lanes(&mut self, value: Value, ty: Type) -> Value {
        let source = self.cast_source(value);
        for candidate in [Some(value), source].into_iter().flatten() {
            if self.builder.func.dfg.value_type(candidate) == ty {
                return candidate;
            }
        }
        let little = MemFlagsData::new().with_endianness(ir::Endianness::Little);
        self.builder.ins().bitcast(ty, little, source.unwrap_or(value))
    }

    /// What `value` is a cast of, if it is one.
    fn cast_source(&self, value: Value) -> Option<Value> {
        let dfg = &self.builder.func.dfg;
        match dfg.insts[dfg.value_def(value).inst()?] {
            InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, arg, .. } => Some(arg),
            _ => None,
        }
    }
}

/// The type that wasmparser has read.
fn wasm_type(ty: wasmparser::ValType) -> ValType {
    crate::validate::val_type(ty).expect("validated: a supported type")
}
