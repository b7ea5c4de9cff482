//! From IR to machine code, one function or stub at a time.

use std::any::Any;
use std::mem;
use std::panic::resume_unwind;

use cranelift_codegen::ir::{ExternalName, Function, UserExternalName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::{CfaUnwindInfo, UnwindInfo};
use cranelift_codegen::settings::OptLevel;
use cranelift_codegen::{
    CodegenResult, CompiledCode, Context, FinalizedMachExceptionHandler, FinalizedMachReloc,
    FinalizedRelocTarget, binemit, timing,
};
use cranelift_control::ControlPlane;
use cranelift_frontend::FunctionBuilderContext;
use faasm_abi::handler::HandlerSite;
use faasm_abi::lines::Line;
use faasm_abi::stack_map::StackMap;
use faasm_abi::trap::TrapSite;

use crate::context_reads;
use crate::env::Env;
use crate::error::CompileError;
use crate::fuse::fuse;
use crate::isa::is_x86;
use crate::limits::Clock;
use crate::offsets::add_offsets;
use crate::sink::sink;
use crate::split::{Split, split};
use crate::translate::{self, OUT_OF_BOUNDS, Scratch};
use crate::widen::widen;

/// What unwinds out of the code generator when the time is over: it offers no other way out.
pub(crate) struct OutOfTime;

/// Looks at the clock whenever a pass of the code generator begins.
struct Watch(Clock);

impl timing::Profiler for Watch {
    fn start_pass(&self, _: timing::Pass) -> Box<dyn Any> {
        if self.0.is_over() {
            // Not a panic: nothing is wrong, and nothing is printed.
            resume_unwind(Box::new(OutOfTime));
        }
        Box::new(())
    }
}

/// Has passes on this thread end with [`OutOfTime`] when the time is over.
pub(crate) fn watch(clock: Clock) {
    drop(timing::set_thread_profiler(Box::new(Watch(clock))));
}

/// Machine code that is not placed yet.
pub(crate) struct Code {
    pub(crate) bytes: Vec<u8>,
    /// Where its constants allow it to begin: a multiple of this.
    pub(crate) alignment: u32,
    pub(crate) calls: Vec<Call>,
    /// Offsets are from the start of this code.
    pub(crate) traps: Vec<TrapSite>,
    /// Of each call over which references live.
    pub(crate) stack_maps: Vec<StackMap>,
    /// Offsets are from the start of this code.
    pub(crate) handlers: Vec<HandlerSite>,
    /// Of a function: from which operators its code came.
    pub(crate) lines: Vec<Line>,
    pub(crate) unwind: Option<CfaUnwindInfo>,
    /// What follows it and belongs to it.
    pub(crate) parts: Vec<Code>,
}

/// A call of other code of the object.
pub(crate) struct Call {
    pub(crate) offset: u32,
    pub(crate) kind: binemit::Reloc,
    pub(crate) addend: i64,
    pub(crate) target: UserExternalName,
}

/// What a thread keeps from one function to the next.
pub(crate) struct Worker {
    pub(crate) context: Context,
    pub(crate) scratch: Scratch,
    pub(crate) stubs: FunctionBuilderContext,
    control: ControlPlane,
    registers: regalloc2::Ctx,
}

impl Worker {
    pub(crate) fn new() -> Self {
        Self {
            context: Context::new(),
            scratch: Scratch::default(),
            stubs: FunctionBuilderContext::new(),
            control: ControlPlane::default(),
            registers: regalloc2::Ctx::default(),
        }
    }

    /// Compiles what is in `self.context`, whose errors are about `name`.
    pub(crate) fn generate(
        &mut self,
        env: &Env<'_>,
        name: impl Fn() -> String,
    ) -> Result<Code, CompileError> {
        let Pieces { state, parts } = self.split(env, &name)?;
        let mut code = self.code((env, state), &name)?;
        for part in parts {
            self.context.clear();
            self.context.func = part;
            code.parts.push(self.code((env, state), &name)?);
        }
        self.context.clear();
        Ok(code)
    }

    /// Leaves the trunk of the function in `self.context`, if it can be split; else the whole function. All optimised.
    fn split(&mut self, env: &Env<'_>, name: impl Fn() -> String) -> Result<Pieces, CompileError> {
        let is_plain = env.isa.flags().opt_level() == OptLevel::None;
        if is_plain || is_unusual(&self.context.func) {
            return Ok(Pieces { state: State::Plain, parts: Vec::new() });
        }
        self.optimized(env, &name)?;
        let mut optimized = Vec::new();
        if let Some(Split { trunk, parts }) = split(&self.context.func) {
            for part in parts {
                self.take_piece(env, part, &name)?;
                optimized.push(mem::replace(&mut self.context.func, Function::new()));
            }
            self.take_piece(env, trunk, &name)?;
        }
        if is_x86(env.isa) {
            fuse(&mut self.context.func);
            optimized.iter_mut().for_each(fuse);
        }
        Ok(Pieces { state: State::Optimized, parts: optimized })
    }

    /// Leaves a piece of a function in `self.context`, optimised again: what is left in each is less than was optimised.
    fn take_piece(
        &mut self,
        env: &Env<'_>,
        piece: Function,
        name: impl Fn() -> String,
    ) -> Result<(), CompileError> {
        self.context.clear();
        self.context.func = piece;
        self.context.optimize(env.isa, &mut self.control).map_err(|error| {
            CompileError::Codegen { function: name(), reason: error.to_string() }
        })?;
        sink(&mut self.context.func);
        Ok(())
    }

    /// The code of what is in `self.context`.
    fn code(
        &mut self,
        (env, state): (&Env<'_>, State),
        name: impl Fn() -> String,
    ) -> Result<Code, CompileError> {
        let compiled = self.machine_code((env, state), &name)?;
        let fail = |reason: String| CompileError::Codegen { function: name(), reason };
        let names = self.context.func.params.user_named_funcs();
        Ok(Code {
            bytes: compiled.buffer.data().to_vec(),
            alignment: compiled.buffer.alignment,
            calls: compiled
                .buffer
                .relocs()
                .iter()
                .map(|reloc| call(reloc, |user| names[user].clone()))
                .collect::<Option<_>>()
                .ok_or_else(|| fail("it needs a library function".to_owned()))?,
            traps: traps(&compiled),
            stack_maps: stack_maps(&compiled),
            handlers: handlers(&compiled),
            lines: lines(&compiled),
            unwind: unwind(env, &compiled).map_err(fail)?,
            parts: Vec::new(),
        })
    }

    fn machine_code(
        &mut self,
        (env, state): (&Env<'_>, State),
        name: impl Fn() -> String,
    ) -> Result<CompiledCode, CompileError> {
        let compiled = match state {
            State::Plain => self.compiled(env.plain),
            State::Optimized => self.lowered(env.isa),
        };
        compiled.map_err(|error| CompileError::Codegen {
            function: name(),
            reason: format!("{error:?}"),
        })
    }

    /// Machine code of a function that nothing was done for yet.
    fn compiled(&mut self, isa: &dyn TargetIsa) -> CodegenResult<CompiledCode> {
        let stencil = self.context.compile_stencil(isa, &mut self.control)?;
        Ok(stencil.apply_params(&self.context.func.params))
    }

    /// What [`Self::compiled`] does behind the optimiser; that removes the parameters which [`fuse`] needs.
    fn lowered(&mut self, isa: &dyn TargetIsa) -> CodegenResult<CompiledCode> {
        let context = &mut self.context;
        context.compute_cfg();
        context.compute_domtree();
        context.verify_if(isa)?;
        context.eliminate_unreachable_code(isa)?;
        context.func.dfg.resolve_all_aliases();
        let stencil = isa.compile_function(
            &context.func,
            &context.domtree,
            &mut self.registers,
            context.want_disasm,
            &mut self.control,
        )?;
        Ok(stencil.apply_params(&context.func.params))
    }

    /// Optimises what is in `self.context` and shows it.
    pub(crate) fn optimize(
        &mut self,
        env: &Env<'_>,
        name: impl Fn() -> String,
    ) -> Result<String, CompileError> {
        self.optimized(env, name)?;
        Ok(self.context.func.display().to_string())
    }

    fn optimized(&mut self, env: &Env<'_>, name: impl Fn() -> String) -> Result<(), CompileError> {
        self.try_optimize(env).map_err(|error| CompileError::Codegen {
            function: name(),
            reason: format!("{error:?}"),
        })
    }

    /// What [`Context::optimize`] does, with passes of our own between and behind.
    fn try_optimize(&mut self, env: &Env<'_>) -> CodegenResult<()> {
        let Self { context, scratch, control, .. } = self;
        let isa = env.isa;
        context.verify_if(isa)?;
        context.flowgraph();
        context.eliminate_unreachable_code(isa)?;
        context.remove_constant_phis(isa)?;
        widen(&mut context.func, mem::take(&mut scratch.wide));
        context_reads::join(&mut context.func);
        context.func.dfg.resolve_all_aliases();
        context.egraph_pass(isa, control)?;
        if env.keeps_apart() {
            add_offsets(&mut context.func, &context.domtree, OUT_OF_BOUNDS);
        }
        sink(&mut context.func);
        Ok(())
    }

    /// Compiles what is in `self.context` and shows the machine code.
    pub(crate) fn assembly(
        &mut self,
        env: &Env<'_>,
        name: impl Fn() -> String,
    ) -> Result<String, CompileError> {
        let mut text = Vec::new();
        let Pieces { state, parts } = self.split(env, &name)?;
        let mut rest = parts.into_iter();
        loop {
            self.context.set_disasm(true);
            let compiled = self.machine_code((env, state), &name);
            self.context.set_disasm(false);
            let code = compiled?.vcode.unwrap_or_default();
            text.extend(
                code.lines().filter(|line| !line.starts_with("  unwind ")).map(str::to_owned),
            );
            let Some(part) = rest.next() else { break };
            self.context.clear();
            self.context.func = part;
            text.push("part:".to_owned());
        }
        Ok(text.join("\n"))
    }
}

/// What was done for a function.
#[derive(Clone, Copy)]
enum State {
    /// Nothing, and it gets the least effort.
    Plain,
    /// All but to select instructions and give registers.
    Optimized,
}

/// How a function is compiled.
struct Pieces {
    state: State,
    /// What follows it.
    parts: Vec<Function>,
}

/// Blocks, and values that blocks take from those before them, from which on a function gets the least effort.
///
/// The optimiser looks at all dominators of each block, and the register allocator's merging at all ranges of each
/// value that is passed on, both in quadratic time (decision 60). The largest function of the real modules tried,
/// CPython's interpreter loop, passes 8,096 values on, and none has more than 4,859 blocks.
const UNUSUAL: usize = 20_000;

fn is_unusual(func: &Function) -> bool {
    let passed =
        || func.layout.blocks().map(|block| func.dfg.num_block_params(block)).sum::<usize>();
    func.dfg.num_blocks() > UNUSUAL || passed() > UNUSUAL
}

/// The call that a relocation is of; `None` for what has no place in an object.
fn call(
    reloc: &FinalizedMachReloc,
    name: impl Fn(cranelift_codegen::ir::UserExternalNameRef) -> UserExternalName,
) -> Option<Call> {
    let FinalizedRelocTarget::ExternalName(ExternalName::User(user)) = &reloc.target else {
        return None;
    };
    let (offset, kind, addend) = (reloc.offset, reloc.kind, reloc.addend);
    Some(Call { offset, kind, addend, target: name(*user) })
}

fn traps(compiled: &CompiledCode) -> Vec<TrapSite> {
    let mut sites: Vec<TrapSite> = compiled
        .buffer
        .traps()
        .iter()
        .filter_map(|trap| {
            Some(TrapSite { offset: trap.offset, code: translate::from_ir(trap.code)? })
        })
        .collect();
    sites.sort_by_key(|site| site.offset);
    sites.dedup_by_key(|site| site.offset);
    sites
}

fn stack_maps(compiled: &CompiledCode) -> Vec<StackMap> {
    let maps = compiled.buffer.user_stack_maps().iter();
    maps.map(|(offset, frame, map)| StackMap {
        offset: *offset,
        // Cranelift counts from the stack pointer, which is so many bytes below the frame pointer.
        roots: map.entries().map(|(_, at)| frame - at).collect(),
    })
    .collect()
}

/// The calls that have a landing pad, in the code's order.
fn handlers(compiled: &CompiledCode) -> Vec<HandlerSite> {
    let sites = compiled.buffer.call_sites().filter_map(|site| {
        let landing = site.exception_handlers.iter().find_map(|handler| match handler {
            FinalizedMachExceptionHandler::Default(landing) => Some(*landing),
            _ => None,
        })?;
        let frame = site.frame_offset.expect("both backends tell where the frame lies");
        Some(HandlerSite { ret: site.ret_addr, landing, frame })
    });
    let mut sites: Vec<_> = sites.collect();
    sites.sort_by_key(|site| site.ret);
    sites
}

/// The lines of code that knows its operators. What has none of its own, such as the prologue and spills, is its
/// neighbour's.
fn lines(compiled: &CompiledCode) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for range in compiled.buffer.get_srclocs_sorted() {
        let wasm = range.loc.bits();
        if !range.loc.is_default() && lines.last().is_none_or(|last| last.wasm != wasm) {
            let code = if lines.is_empty() { 0 } else { range.start };
            lines.push(Line { code, wasm });
        }
    }
    lines
}

fn unwind(env: &Env<'_>, compiled: &CompiledCode) -> Result<Option<CfaUnwindInfo>, String> {
    match compiled.create_unwind_info(env.isa) {
        Ok(Some(UnwindInfo::SystemV(info))) => Ok(Some(info)),
        Ok(_) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
