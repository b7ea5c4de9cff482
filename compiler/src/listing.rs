//! What was generated, for people to read.

use crate::compile::{Job, Unit, plan};
use crate::env::Env;
use crate::error::CompileError;
use crate::function::Worker;
use crate::isa;
use crate::options::CompileOptions;
use crate::validate::Validated;

/// What a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// The code generator's input.
    Ir,
    /// The same after its optimisations.
    OptimizedIr,
    /// Its output, in its own assembly notation.
    Assembly,
}

/// Lists the code of a module: its functions, and where `stubs` asks for it, also builtin and host stubs and entries.
///
/// # Errors
///
/// As [`crate::compile`].
pub fn listing(
    module: &Validated<'_>,
    options: &CompileOptions,
    emit: Emit,
    stubs: Stubs,
) -> Result<String, CompileError> {
    let isas = isa::all(options)?;
    let env = Env::new(module, &isas, options).map_err(CompileError::Context)?;
    let job = Job::new(&env, module);
    let mut worker = Worker::new();
    let mut text = String::new();
    for unit in plan(env.info) {
        if stubs == Stubs::Omitted && !matches!(unit, Unit::Function(_)) {
            continue;
        }
        let code = job.list(&mut worker, unit, emit)?;
        text.push_str(&format!("{}:\n{}\n", job.symbols.of(unit), code.trim_end()));
    }
    Ok(text)
}

/// Whether a listing shows stubs and entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stubs {
    /// Functions of the module only.
    Omitted,
    /// All code.
    Listed,
}

impl Job<'_> {
    fn list(&self, worker: &mut Worker, unit: Unit, emit: Emit) -> Result<String, CompileError> {
        self.translate(worker, unit)?;
        match emit {
            Emit::Ir => Ok(worker.context.func.display().to_string()),
            Emit::OptimizedIr => worker.optimize(self.env, || self.symbols.of(unit)),
            Emit::Assembly => worker.assembly(self.env, || self.symbols.of(unit)),
        }
    }
}
