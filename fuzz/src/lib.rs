//! What the fuzz targets do with their bytes; a panic here is a finding.
//!
//! How modules are made and run is shared with the differential program of `benches/compare`.
#![forbid(unsafe_code)]

#[expect(dead_code, reason = "the differential program uses the rest of it")]
#[path = "../../benches/compare/examples/differential/case.rs"]
mod case;
#[path = "../../benches/compare/examples/differential/compare.rs"]
mod compare;
#[expect(dead_code, reason = "the differential program uses the rest of it")]
#[path = "../../benches/compare/examples/differential/features.rs"]
mod features;
#[path = "../../benches/compare/examples/differential/interpreter.rs"]
mod interpreter;
mod objects;
#[path = "../../benches/compare/examples/differential/ours.rs"]
mod ours;
#[expect(dead_code, reason = "the differential program uses the rest of it")]
#[path = "../../benches/compare/examples/differential/outcome.rs"]
mod outcome;
#[expect(dead_code, reason = "the differential program uses the rest of it")]
#[path = "../../benches/compare/examples/differential/random.rs"]
mod random;
#[path = "../../benches/compare/examples/differential/resets.rs"]
mod resets;
mod snapshots;

use std::num::NonZeroUsize;
use std::sync::LazyLock;
use std::time::Duration;

use faasm_compiler::{CompileError, CompileOptions, Limits, OptLevel, validate_with};

use case::Case;
use features::Feature;
use interpreter::Interpreter;
use ours::Ours;
use outcome::Stop;
use resets::Resets;

pub use objects::object_open;
pub use snapshots::snapshot_open;

static FEATURES: LazyLock<Vec<&'static Feature>> = LazyLock::new(features::accepted);
static OURS: LazyLock<Ours> = LazyLock::new(|| Ours::new().expect("our engine starts"));
static RESETS: LazyLock<Resets> = LazyLock::new(|| Resets::new().expect("our engines start"));
static INTERPRETER: LazyLock<Interpreter> =
    LazyLock::new(|| Interpreter::new().expect("the interpreter starts"));

/// Seconds for what the fuzzer would call a hang at ten times as many.
const TIME: Duration = Duration::from_secs(5);

/// The case of a fuzzer's bytes: eight choose how, the others are the module.
fn case_of(data: &[u8]) -> Option<Case> {
    let (seed, bytes) = data.split_first_chunk::<8>()?;
    Case::of_bytes(u64::from_le_bytes(*seed), bytes, &FEATURES)
}

/// Validates and compiles: the bytes as they are, or the module that is made of them.
///
/// # Panics
///
/// When a made module is refused, or the code generator fails.
pub fn compile(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else { return };
    let opt = if how & 2 == 0 { OptLevel::Speed } else { OptLevel::None };
    if how & 1 == 0 {
        compile_bytes(data, opt);
    } else if let Some(case) = case_of(data) {
        assert!(compile_bytes(&case.wasm, opt), "a valid module was refused: {case:?}");
    }
}

/// Whether the bytes became an object.
fn compile_bytes(wasm: &[u8], opt: OptLevel) -> bool {
    let limits = Limits { values: 200_000, time: Some(TIME), ..Limits::default() };
    let Ok(module) = validate_with(wasm, &limits) else { return false };
    let threads = NonZeroUsize::new(1);
    let options = CompileOptions { opt, threads, limits, ..CompileOptions::default() };
    match faasm_compiler::compile(&module, &options) {
        Ok(_) => true,
        Err(error @ (CompileError::Panicked { .. } | CompileError::Codegen { .. })) => {
            panic!("{error}")
        }
        Err(_) => false,
    }
}

/// Runs a module a few times with every way to reset its slot, and compares every byte with a fresh birth's.
///
/// # Panics
///
/// When a byte differs.
pub fn reset(data: &[u8]) {
    let Some(case) = case_of(data).filter(|case| !case.may_wait()) else { return };
    if let Err(Stop::Strange(text)) = RESETS.run(&case) {
        panic!("{text}\n{case:?}");
    }
}

/// Runs a module on our VM and on an interpreter, and compares all that can be seen.
///
/// # Panics
///
/// When something differs.
pub fn differential(data: &[u8]) {
    let Some(case) = case_of(data).filter(|case| case.interpreted && !case.may_wait()) else {
        return;
    };
    let compiled = OURS.compile(&case).expect("a valid module compiles");
    let calls = case.calls(compiled.info());
    let ours = match OURS.run(&case, &compiled, &calls) {
        Ok(ours) => ours,
        Err(Stop::Strange(text)) => panic!("{text}"),
        Err(_) => return,
    };
    let Ok(theirs) = INTERPRETER.run(&case, &calls) else { return };
    if let Some(text) = compare::difference(&ours, &theirs, &calls) {
        panic!("{text}\n{case:?}");
    }
}
