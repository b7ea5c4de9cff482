//! The code generator's target and settings.

use std::sync::Arc;

use cranelift_codegen::isa::{self, TargetIsa};
use cranelift_codegen::settings::{self, Configurable, SetError};
use target_lexicon::{Architecture, Triple};

use crate::error::CompileError;
use crate::options::{CompileOptions, Cpu, OptLevel, Target};

/// Settings that are the same for every compilation, each for a reason.
const SETTINGS: &[(&str, &str)] = &[
    // Objects have no relocations: all their code is reached relative to itself.
    ("is_pic", "false"),
    ("unwind_info", "true"),
    // Backtraces follow the chain of frames.
    ("preserve_frame_pointers", "true"),
    // Frames larger than the guard's smallest page must not step over it.
    ("enable_probestack", "true"),
    ("probestack_strategy", "inline"),
    ("probestack_size_log2", "12"),
    // The context pointer.
    ("enable_pinned_reg", "true"),
    ("enable_nan_canonicalization", "false"),
    // Jump tables and tables of references are not read out of bounds speculatively; memories have their guards.
    ("enable_table_access_spectre_mitigation", "true"),
    ("enable_heap_access_spectre_mitigation", "false"),
    // Functions with more results than registers pass an area for them.
    ("enable_multi_ret_implicit_sret", "true"),
];

/// What every x86-64 processor has that we support, as the code generator's settings: the level x86-64-v2.
const X86_BASELINE: &[&str] = &["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"];

/// A code generator for a target.
type Isa = Arc<dyn TargetIsa>;

/// The code generators of one target.
pub(crate) struct Isas {
    /// With the options' effort.
    pub(crate) normal: Isa,
    /// With the least effort.
    pub(crate) plain: Isa,
}

/// Builds the code generator for the options' target.
fn build(options: &CompileOptions, effort: Effort) -> Result<Isa, CompileError> {
    let triple = triple(&options.target)?;
    let refuse = |reason: String| CompileError::Target { target: triple.to_string(), reason };
    let flags = shared_flags(effort).map_err(|error| refuse(error.to_string()))?;
    let mut builder = isa::lookup(triple.clone()).map_err(|error| refuse(error.to_string()))?;
    if options.cpu == Cpu::Native && is_host(&triple) {
        cranelift_native::infer_native_flags(&mut builder).map_err(|e| refuse(e.to_owned()))?;
    } else if matches!(triple.architecture, Architecture::X86_64) {
        for feature in X86_BASELINE {
            builder.enable(feature).map_err(|error| refuse(error.to_string()))?;
        }
    }
    let isa = builder.finish(flags).map_err(|error| refuse(error.to_string()))?;
    if !isa.triple().architecture.is_supported() {
        return Err(refuse("only x86-64 and AArch64 are supported".to_owned()));
    }
    if has_baseline(&*isa) { Ok(isa) } else { Err(refuse("x86-64-v2 is required".to_owned())) }
}

/// The code generators for the options' target.
pub(crate) fn all(options: &CompileOptions) -> Result<Isas, CompileError> {
    let plain = build(options, Effort::Least)?;
    let normal = match options.opt {
        OptLevel::None => Arc::clone(&plain),
        OptLevel::Speed => build(options, Effort::All)?,
    };
    Ok(Isas { normal, plain })
}

/// What a code generator does for its code.
#[derive(Clone, Copy)]
enum Effort {
    All,
    Least,
}

trait Supported {
    fn is_supported(&self) -> bool;
}

impl Supported for Architecture {
    fn is_supported(&self) -> bool {
        matches!(self, Self::X86_64 | Self::Aarch64(_))
    }
}

fn triple(target: &Target) -> Result<Triple, CompileError> {
    match target {
        Target::Host => Ok(Triple::host()),
        Target::Triple(name) => name.parse().map_err(|error: target_lexicon::ParseError| {
            CompileError::Target { target: name.clone(), reason: error.to_string() }
        }),
    }
}

fn is_host(triple: &Triple) -> bool {
    let host = Triple::host();
    triple.architecture == host.architecture && triple.operating_system == host.operating_system
}

fn shared_flags(effort: Effort) -> Result<settings::Flags, SetError> {
    let mut flags = settings::builder();
    for (name, value) in SETTINGS {
        flags.set(name, value)?;
    }
    let (opt_level, regalloc) = match effort {
        Effort::All => ("speed", "backtracking"),
        Effort::Least => ("none", "single_pass"),
    };
    flags.set("opt_level", opt_level)?;
    flags.set("regalloc_algorithm", regalloc)?;
    flags.set("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" })?;
    Ok(settings::Flags::new(flags))
}

fn has_baseline(isa: &dyn TargetIsa) -> bool {
    !is_x86(isa) || X86_BASELINE.iter().all(|setting| has(isa, setting))
}

/// Whether the target is x86-64.
pub(crate) fn is_x86(isa: &dyn TargetIsa) -> bool {
    matches!(isa.triple().architecture, Architecture::X86_64)
}

/// Whether the target has this feature, by the code generator's setting.
fn has(isa: &dyn TargetIsa, setting: &str) -> bool {
    isa.isa_flags().iter().any(|flag| flag.name == setting && flag.as_bool() == Some(true))
}

/// Whether the target multiplies and adds vectors in one instruction.
pub(crate) fn has_fma(isa: &dyn TargetIsa) -> bool {
    !is_x86(isa) || has(isa, "has_fma")
}

/// The processor features that the code may use, by the standard library's names.
pub(crate) fn features(isa: &dyn TargetIsa) -> Vec<String> {
    isa.isa_flags()
        .iter()
        .filter(|flag| flag.as_bool() == Some(true))
        .filter_map(|flag| flag.name.strip_prefix("has_").map(feature_name))
        .collect()
}

fn feature_name(setting: &str) -> String {
    match setting {
        "sse41" => "sse4.1",
        "sse42" => "sse4.2",
        "avx_vnni" => "avxvnni",
        "pauth" => "paca",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(target: &str, cpu: Cpu) -> CompileOptions {
        CompileOptions { target: Target::Triple(target.to_owned()), cpu, ..Default::default() }
    }

    #[test]
    fn the_baseline_is_x86_64_v2_and_no_more() {
        let isa = build(&options("x86_64-unknown-linux-gnu", Cpu::Baseline), Effort::All).unwrap();
        assert_eq!(features(&*isa), ["sse3", "ssse3", "sse4.1", "sse4.2", "popcnt"]);
    }

    #[test]
    fn other_targets_are_refused_by_name() {
        for target in ["riscv64gc-unknown-linux-gnu", "pdp11", ""] {
            let error = build(&options(target, Cpu::Native), Effort::All).err().unwrap();
            assert!(error.to_string().contains(target), "{error}");
        }
    }
}
