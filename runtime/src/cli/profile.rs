//! The options by which profilers and debuggers of this machine are told of guests.

use clap::{Args, ValueEnum};
use faasm_vm::Profiling;

/// Who is told of guests' code.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ProfileOptions {
    /// Tell perf of guests: their names (`perf-map`), or also their code and source lines (`jitdump`).
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "debug")]
    profile: Option<Profile>,
    /// Tell a debugger that runs or attaches to this process of guests: names, source lines, frames.
    #[arg(long, value_enum, value_name = "DEBUGGER")]
    debug: Option<Debugger>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profile {
    /// `/tmp/perf-PID.map`, for `perf report`.
    PerfMap,
    /// `jit-PID.dump` in the current folder, for `perf inject --jit`.
    Jitdump,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Debugger {
    /// gdb, or lldb, by the interface that they share.
    Gdb,
}

impl ProfileOptions {
    /// What the engine is to do.
    pub(super) const fn profiling(self) -> Profiling {
        match (self.profile, self.debug) {
            (_, Some(Debugger::Gdb)) => Profiling::Gdb,
            (Some(Profile::PerfMap), None) => Profiling::PerfMap,
            (Some(Profile::Jitdump), None) => Profiling::JitDump,
            (None, None) => Profiling::None,
        }
    }
}
