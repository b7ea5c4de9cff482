//! The driver: from a validated module to an object, function by function on all threads.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cranelift_codegen::ir::UserExternalName;
use faasm_abi::builtin::Builtin;
use faasm_abi::module::ModuleInfo;

use crate::env::{Env, namespace};
use crate::error::CompileError;
use crate::function::{Code, OutOfTime, Worker, watch};
use crate::limits::{Limit, LimitExceeded};
use crate::options::{CompileOptions, DebugInfo};
use crate::symbols::{self, Symbols};
use crate::tables::{lowest_types, tables};
use crate::validate::Validated;
use crate::{debug, isa, object, stubs, text, translate};

/// A piece of code of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A defined function, by its function index.
    Function(u32),
    /// The stub of a builtin.
    Builtin(Builtin),
    /// The array stub of an imported function.
    HostArray(u32),
    /// The native stub of an imported function.
    HostNative(u32),
    /// The entry of a type.
    Entry(u32),
}

/// Compiles a module to the bytes of an object, which carries no seal yet.
///
/// The bytes depend on the module, the target, the processor's features and the effort only.
///
/// # Errors
///
/// [`CompileError`] when the target is not supported or one of the code generator's limits is exceeded.
pub fn compile(module: &Validated<'_>, options: &CompileOptions) -> Result<Vec<u8>, CompileError> {
    let isas = isa::all(options)?;
    let mut env = Env::new(module, &isas, options).map_err(CompileError::Context)?;
    env.lines = options.debug != DebugInfo::None;
    let units = plan(env.info);
    let job = Job::new(&env, module);
    let codes = job.run(&units, options.threads)?;
    let text = text::assemble(&env, codes, |name| label(&env, units.len(), name))?;
    let tables = tables(module, &units, &text.ranges);
    let symbols = &job.symbols;
    let functions = functions(env.info, &text);
    let native = match options.debug {
        DebugInfo::Full => debug::translate(&env, module.dwarf(), &functions),
        DebugInfo::Lines | DebugInfo::None => debug::Translated::default(),
    };
    drop(functions);
    let data = module.data();
    let contents = object::Contents { units: &units, symbols, tables, data, debug: native };
    object::write(&env, text, contents)
}

/// The defined functions, which come first, with their lines.
fn functions<'a>(info: &ModuleInfo, text: &'a text::Text) -> Vec<debug::Function<'a>> {
    let defined = info.functions.len() - info.imported.functions as usize;
    let functions = text.ranges.iter().zip(&text.lines).take(defined);
    functions.map(|(&range, lines)| debug::Function { range, lines }).collect()
}

/// All code of the object, in its order: functions first, then builtins, so that [`label`] can compute positions.
pub(crate) fn plan(info: &ModuleInfo) -> Vec<Unit> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut units: Vec<Unit> =
        (info.imported.functions..count(info.functions.len())).map(Unit::Function).collect();
    units.extend(symbols::builtins().map(Unit::Builtin));
    for function in 0..info.imported.functions {
        units.push(Unit::HostArray(function));
        if info.function_type(function).is_some_and(faasm_abi::types::FuncType::is_native) {
            units.push(Unit::HostNative(function));
        }
    }
    units.extend(entry_types(info).into_iter().map(Unit::Entry));
    units
}

/// The types of escaping functions, each structure once, by its lowest index.
fn entry_types(info: &ModuleInfo) -> Vec<u32> {
    let lowest = lowest_types(info);
    let mut types: Vec<u32> = info
        .escaping
        .iter()
        .map(|&function| lowest[info.functions[function as usize] as usize])
        .collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// The position in the text of what code names: in the plan, of so many units, or a constant table behind them.
fn label(env: &Env<'_>, n_units: usize, name: &UserExternalName) -> Option<usize> {
    let info = env.info;
    let imported = info.imported.functions as usize;
    match name.namespace {
        namespace::FUNCTION => (name.index as usize).checked_sub(imported),
        namespace::BUILTIN => {
            let stub = symbols::builtins().position(|builtin| builtin as u32 == name.index)?;
            Some(info.functions.len() - imported + stub)
        }
        namespace::TABLE => {
            let before = &env.constant_tables[..name.index as usize];
            Some(n_units + before.iter().flatten().count())
        }
        _ => None,
    }
}

/// What all units of a compilation share.
pub(crate) struct Job<'a> {
    pub(crate) env: &'a Env<'a>,
    pub(crate) module: &'a Validated<'a>,
    pub(crate) symbols: Symbols<'a>,
    /// Values of all functions so far, and bytes of machine code.
    n_values: AtomicU64,
    n_bytes: AtomicU64,
}

impl<'a> Job<'a> {
    pub(crate) fn new(env: &'a Env<'a>, module: &'a Validated<'a>) -> Self {
        let symbols = Symbols::new(module);
        Self { env, module, symbols, n_values: AtomicU64::new(0), n_bytes: AtomicU64::new(0) }
    }

    /// Generates all units; each thread takes the largest that is left.
    fn run(
        &self,
        units: &[Unit],
        threads: Option<NonZeroUsize>,
    ) -> Result<Vec<Code>, CompileError> {
        let order = self.largest_first(units);
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(units.len()));
        let work = || {
            watch(self.env.clock);
            let mut worker = Worker::new();
            let mut codes = Vec::new();
            while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                codes.push((at, self.generate(&mut worker, units[at])));
            }
            done.lock().unwrap_or_else(PoisonError::into_inner).extend(codes);
        };
        on_threads(self.n_threads(units, threads), work)?;
        let mut codes = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        codes.sort_unstable_by_key(|&(at, _)| at);
        // The first error in the module's order, whichever thread found its own first.
        codes.into_iter().map(|(_, code)| code).collect()
    }

    /// How many threads are worth their start.
    fn n_threads(&self, units: &[Unit], threads: Option<NonZeroUsize>) -> usize {
        let bytes: usize = self.module.bodies().iter().map(|body| body.as_bytes().len()).sum();
        let most = (bytes / BYTES_PER_THREAD + 1).min(units.len());
        threads.map_or_else(rayon::current_num_threads, NonZeroUsize::get).clamp(1, most)
    }

    /// The positions of the units: the largest functions first, so that no thread begins one when others are done.
    fn largest_first(&self, units: &[Unit]) -> Vec<usize> {
        let size = |unit: Unit| match unit {
            Unit::Function(index) => {
                let index = index - self.env.info.imported.functions;
                self.module.bodies()[index as usize].as_bytes().len()
            }
            _ => 0,
        };
        let mut order: Vec<usize> = (0..units.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(size(units[at])));
        order
    }

    /// Generates a unit; a panic on the way is an error like others.
    fn generate(&self, worker: &mut Worker, unit: Unit) -> Result<Code, CompileError> {
        let attempt = AssertUnwindSafe(|| self.try_generate(worker, unit));
        catch_unwind(attempt).unwrap_or_else(|payload| {
            // What was half done must not meet the next unit.
            *worker = Worker::new();
            Err(self.panicked(unit, &*payload))
        })
    }

    fn try_generate(&self, worker: &mut Worker, unit: Unit) -> Result<Code, CompileError> {
        let Env { limits, clock, .. } = *self.env;
        clock.check(limits).map_err(|error| self.about(unit, error))?;
        self.translate(worker, unit)?;
        let count = |total: &AtomicU64, n: usize, limit| {
            let n = u64::try_from(n).unwrap_or(u64::MAX);
            let all = total.fetch_add(n, Ordering::Relaxed).saturating_add(n);
            limits.check(limit, all)
        };
        count(&self.n_values, worker.context.func.dfg.num_values(), Limit::ModuleValues)?;
        let code = worker.generate(self.env, || self.symbols.of(unit))?;
        let parts = code.parts.iter().map(|part| part.bytes.len()).sum::<usize>();
        count(&self.n_bytes, code.bytes.len() + parts, Limit::CodeBytes)?;
        Ok(code)
    }

    fn panicked(&self, unit: Unit, payload: &(dyn Any + Send)) -> CompileError {
        if payload.is::<OutOfTime>() {
            return self.about(unit, self.env.limits.exceeded(Limit::Time)).into();
        }
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        let message = text.unwrap_or("it did not say why").to_owned();
        CompileError::Panicked { function: self.symbols.of(unit), message }
    }

    fn about(&self, unit: Unit, error: LimitExceeded) -> LimitExceeded {
        match unit {
            Unit::Function(index) => error.in_function(self.module.function_names(), index),
            _ => error,
        }
    }

    /// Leaves the unit's IR in the worker's context.
    pub(crate) fn translate(&self, worker: &mut Worker, unit: Unit) -> Result<(), CompileError> {
        let env = self.env;
        worker.context.clear();
        worker.scratch.wide.clear();
        let (func, scratch) = (&mut worker.context.func, &mut worker.stubs);
        match unit {
            Unit::Function(index) => {
                let ty = env.info.functions[index as usize];
                let body = &self.module.bodies()[(index - env.info.imported.functions) as usize];
                func.signature = env.signatures[ty as usize].clone();
                let ty = env.func_type(ty);
                let done = translate::translate(env, &mut worker.scratch, func, ty, body);
                done.map_err(|error| match error {
                    CompileError::Limit(error) => self.about(unit, error).into(),
                    error => error,
                })?;
            }
            Unit::Builtin(builtin) => stubs::builtin(env, scratch, func, builtin),
            Unit::HostArray(index) => stubs::array(env, scratch, func, imported(env, index)),
            Unit::HostNative(index) => stubs::native(env, scratch, func, imported(env, index)),
            Unit::Entry(ty) => stubs::entry(env, scratch, func, env.func_type(ty)),
        }
        Ok(())
    }
}

/// Bytes of code for which another thread is started.
const BYTES_PER_THREAD: usize = 16 << 10;

/// Bytes of stack of a thread that compiles. Nothing here or in the code generator recurses on what a module holds, so
/// it is many times what is used, whatever the stack of the thread that asks for a compilation.
const STACK_BYTES: usize = 8 << 20;

/// Runs `work` once on each of so many new threads, and returns when all have returned.
fn on_threads(threads: usize, work: impl Fn() + Sync) -> Result<(), CompileError> {
    thread::scope(|scope| {
        for started in 0..threads {
            let builder = thread::Builder::new().name("compile".to_owned()).stack_size(STACK_BYTES);
            match builder.spawn_scoped(scope, &work) {
                Ok(_) => {}
                Err(_) if started == 0 => return Err(CompileError::Threads(threads)),
                // Those that run do all the work.
                Err(_) => break,
            }
        }
        Ok(())
    })
}

fn imported<'a>(env: &Env<'a>, function: u32) -> (u32, &'a faasm_abi::types::FuncType) {
    (function, env.func_type(env.info.functions[function as usize]))
}

#[cfg(test)]
mod tests;
