//! What the user chooses for a compilation.

use std::num::NonZeroUsize;

use crate::limits::Limits;

/// For which machine to compile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// This one.
    #[default]
    Host,
    /// The machine with this target triple, such as `aarch64-unknown-linux-gnu`.
    Triple(String),
}

/// Which processor features the code may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// All that this machine has; for a foreign target the same as [`Cpu::Baseline`].
    #[default]
    Native,
    /// What every processor of the target has that we support: on x86-64 the level `x86-64-v2`, on `AArch64` `ARMv8.0`.
    Baseline,
}

/// How much effort goes into the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptLevel {
    /// Fast code.
    #[default]
    Speed,
    /// Fast compilation.
    None,
}

/// What relaxed vector operators compute where the specification leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelaxedSimd {
    /// What the deterministic profile prescribes: equal results on all machines.
    #[default]
    Deterministic,
    /// What the machine is fastest at.
    Machine,
}

/// What an object carries for backtraces, debuggers and profilers, beside its symbols and unwind tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DebugInfo {
    /// The table of lines, and the module's DWARF, if it has any, as native DWARF: source lines and inlined functions.
    #[default]
    Full,
    /// The table of lines: code offsets to offsets in the module.
    Lines,
    /// Nothing.
    None,
}

/// Choices for a compilation. The default: for this machine, as fast as it can, with all its threads.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// The machine to compile for.
    pub target: Target,
    /// The processor features to use.
    pub cpu: Cpu,
    /// The effort.
    pub opt: OptLevel,
    /// The choices of relaxed vector operators.
    pub relaxed_simd: RelaxedSimd,
    /// What the object carries for debugging.
    pub debug: DebugInfo,
    /// How many threads compile; `None` is as many as there are cores. The object does not depend on it.
    pub threads: Option<NonZeroUsize>,
    /// What the module may ask for.
    pub limits: Limits,
}
