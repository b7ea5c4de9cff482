//! A call: what is asked of a function, and how it ended.

use std::time::{Duration, Instant};

use faasm_sfi::pending::Completer;
use faasm_state::Stamps;
use ulid::Ulid;

use crate::problem::{Problem, ProblemType};

/// What a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The function's own entry.
    Main,
    /// The function at this index of the module's table: a chained call by pointer.
    Pointer(u32),
}

/// What is known of a call from its first moment; it does not change.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo {
    /// Its identifier.
    pub id: Ulid,
    /// Its number in this process, from 1 on.
    pub number: u64,
    /// The call that made it, if it is a chained one.
    pub parent: Option<Ulid>,
    /// The root of the graph that it is recorded in.
    pub graph: Option<Ulid>,
    /// What it runs.
    pub entry: Entry,
    /// When it was asked for.
    pub begun: Instant,
    /// When it must have ended. A chained call has its parent's.
    pub deadline: Instant,
}

/// Where the time of a call went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From the request until an executor took it.
    pub queue: Duration,
    /// Until the Faaslet was there.
    pub init: Duration,
    /// From there until it ended, waits included.
    pub run: Duration,
    /// Whether the Faaslet had to be made: no reset one was there.
    pub cold: bool,
}

/// What a function answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its return code: 0 says that it succeeded.
    pub return_code: i32,
    /// Its output.
    pub output: Vec<u8>,
}

/// The end of a call, however it ended.
#[derive(Debug)]
pub struct Finished {
    /// What the function answered, or why it did not.
    pub result: Result<Outcome, CallError>,
    /// Where the time went.
    pub timings: Timings,
    /// What it and those that it awaited have pushed of values that are kept `session`, if anything.
    pub stamps: Option<Stamps>,
}

impl Finished {
    /// The end of a call that has done nothing.
    #[must_use]
    pub fn failed(error: CallError, timings: Timings) -> Self {
        Self { result: Err(error), timings, stamps: None }
    }
}

/// The duty to tell whoever asked how a call ended.
pub type Reply = Completer<Finished>;

/// Where a call was when its deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waited for an executor.
    Queued,
    /// It ran.
    Running,
    /// It waited for something else.
    Waiting,
}

impl Phase {
    /// The word for it in a problem document.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "run",
            Self::Waiting => "wait",
        }
    }
}

/// Why a call has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The function trapped.
    #[error("the function trapped: {reason}")]
    Trapped {
        /// Why.
        reason: String,
        /// Its active functions, innermost first, one a line; may be empty.
        backtrace: String,
    },
    /// The function recursed too deeply.
    #[error("the function used up its stack: {reason}")]
    StackOverflow {
        /// The trap's words.
        reason: String,
        /// As for [`CallError::Trapped`].
        backtrace: String,
    },
    /// The function failed after it had been refused memory.
    #[error(
        "the function asked for more than its {limit} bytes of memory, and then failed: {reason}"
    )]
    OutOfMemory {
        /// How much it may have, in bytes.
        limit: u64,
        /// How it failed.
        reason: String,
        /// As for [`CallError::Trapped`].
        backtrace: String,
    },
    /// The deadline passed.
    #[error("the deadline passed after {} ms, phase {}", allowed.as_millis(), phase.word())]
    Deadline {
        /// Where the call was.
        phase: Phase,
        /// How long it was allowed to take.
        allowed: Duration,
    },
    /// There is no function at this place of the table, or it has another type.
    #[error("there is no function of type () -> i32 at index {0} of the module's table")]
    NoSuchPointer(u32),
    /// The queue, or the host's room for Faaslets, is full.
    #[error("{0}")]
    Overloaded(&'static str),
    /// The host is shutting down.
    #[error("the host is shutting down")]
    Draining,
    /// The function could not be made ready: an error of ours, or its initialisation failed.
    #[error("the function could not be made ready: {0}")]
    Init(String),
    /// The executor was lost.
    #[error("the call was lost")]
    Lost,
}

impl CallError {
    /// The guest's functions that were active, if it is known.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        match self {
            Self::Trapped { backtrace, .. }
            | Self::StackOverflow { backtrace, .. }
            | Self::OutOfMemory { backtrace, .. } => Some(backtrace),
            _ => None,
        }
    }
}

impl Problem for CallError {
    fn problem_type(&self) -> ProblemType {
        match self {
            Self::Trapped { .. } | Self::NoSuchPointer(_) => ProblemType::FunctionError,
            Self::StackOverflow { .. } => ProblemType::StackOverflow,
            Self::OutOfMemory { .. } => ProblemType::GuestOutOfMemory,
            Self::Deadline { .. } => ProblemType::DeadlineExceeded,
            Self::Overloaded(_) => ProblemType::Overloaded,
            Self::Draining => ProblemType::Draining,
            Self::Init(_) | Self::Lost => ProblemType::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::StackOverflow { .. } => {
                "Look for recursion without an end, or for very large local variables."
            }
            Self::OutOfMemory { .. } => {
                "Start the server with a larger `--memory`, or hold less at a time."
            }
            Self::Deadline { .. } => {
                "Send the header `faas-timeout: 60s`, or use `faasm invoke --timeout 60s`."
            }
            Self::Overloaded(_) => "Send fewer calls at a time, or try again later.",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
