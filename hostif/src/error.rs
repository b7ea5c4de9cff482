//! Why a host call of the Faasm kind ended its guest.

use faasm_state::{Blame, MergeError, Retry, StateError};
use faasm_vm::{GuestMemoryError, MapError, Trap};

use crate::calls::ChainError;
use crate::files::PutError;
use crate::guest::Unfinished;
use crate::wasi::errno::Errno;

/// A host call that could not be done. It ends the guest with a [`faasm_vm::TrapKind::Host`] that holds this.
///
/// The text says everything, also where a source follows: a guest's author sees only the text.
#[derive(Debug, thiserror::Error)]
#[error("{function}: {}", whole(problem))]
pub struct HostError {
    /// The host function's name.
    pub function: &'static str,
    /// What was wrong.
    pub problem: Problem,
}

/// What was wrong with a host call.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A pointer or a length does not fit the guest's memory.
    #[error("argument {argument}")]
    Memory {
        /// Which argument.
        argument: &'static str,
        /// What is wrong with it.
        #[source]
        source: GuestMemoryError,
    },
    /// A length is over what the host moves at once.
    #[error("argument {argument} is {len}, over the limit of {max}")]
    TooLong {
        /// Which argument.
        argument: &'static str,
        /// The length, in bytes.
        len: u32,
        /// The limit, in bytes.
        max: u32,
    },
    /// A name is not UTF-8.
    #[error("argument {argument} is not UTF-8")]
    NotText {
        /// Which argument.
        argument: &'static str,
    },
    /// A number stands for nothing.
    #[error("argument {argument} is {is}: there are 0 to {most}")]
    Number {
        /// Which argument.
        argument: &'static str,
        /// The number.
        is: u32,
        /// The largest that stands for something.
        most: u32,
    },
    /// What is to be added to a set is none.
    #[error("argument data")]
    NotASet(#[source] MergeError),
    /// A function pointer is none, or is of another type than `() -> i32`.
    #[error("argument function is {index}, at which the table has no function of type () -> i32")]
    NotAFunction {
        /// The table index.
        index: u32,
    },
    /// The guest has begun as many calls as it may.
    #[error("the call has chained {max} others already")]
    TooManyCalls {
        /// The limit.
        max: usize,
    },
    /// The call could not be chained.
    #[error("the call cannot be chained")]
    Chain(#[source] ChainError),
    /// State said no.
    #[error("state")]
    State(#[source] StateError),
    /// An operation on state was lost.
    #[error("the state operation was abandoned")]
    StateLost,
    /// The guest has mapped as many parts of values as it may.
    #[error("the call has mapped {max} parts of values already")]
    TooManyMappings {
        /// The limit.
        max: usize,
    },
    /// The value cannot be mapped into the guest's memory.
    #[error("the value cannot be mapped")]
    Map(#[source] MapError),
    /// A file could not be read.
    #[error("argument path: error {errno:?}")]
    File {
        /// WASI's number.
        errno: Errno,
    },
    /// A bucket and a key are no path of a file.
    #[error("`{path}` is not a bucket and a key: neither has an empty part, `.` or `..`")]
    NotAKey {
        /// Both, with a slash between them.
        path: String,
    },
    /// There is no such object.
    #[error("there is no object `{path}`")]
    NoObject {
        /// Bucket and key.
        path: String,
    },
    /// An object cannot be put.
    #[error("the object cannot be put")]
    Put(#[source] PutError),
    /// A shared file cannot be read.
    #[error("a shared file cannot be read")]
    Unreadable,
    /// The guest's `malloc` is missing or gave nothing.
    #[error("the guest's malloc gave no room for {len} bytes")]
    Allocation {
        /// How many were needed.
        len: u32,
    },
    /// The guest cannot have threads.
    #[error("the module exports no function wasi_thread_start of type (i32, i32) -> ()")]
    NoThreadStart,
    /// The host was not given what this function needs.
    #[error("the host has no {what} here")]
    NotHere {
        /// What is missing.
        what: &'static str,
    },
    /// The guest itself trapped meanwhile, or its call is over.
    #[error(transparent)]
    Trap(#[from] Trap),
}

impl HostError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match &self.problem {
            Problem::State(error) => error.blame(),
            Problem::Chain(ChainError::Unavailable(_))
            | Problem::NotHere { .. }
            | Problem::StateLost
            | Problem::Put(PutError::Failed(_))
            | Problem::Unreadable => Blame::Host,
            Problem::TooManyCalls { .. }
            | Problem::TooManyMappings { .. }
            | Problem::Put(PutError::Refused(_))
            | Problem::Map(MapError::Limit) => Blame::Tenant,
            Problem::Map(MapError::Os(_)) => Blame::Host,
            _ => Blame::Guest,
        }
    }

    /// Whether to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match &self.problem {
            Problem::State(error) => error.retry(),
            Problem::Chain(ChainError::TooMany) | Problem::StateLost => Retry::Later,
            Problem::Chain(ChainError::Unavailable(_)) | Problem::Map(MapError::Os(_)) => {
                Retry::Elsewhere
            }
            _ => Retry::Never,
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<ChainError> for Problem {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

impl From<Unfinished> for Problem {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::Ended(trap) => Self::Trap(trap),
            Unfinished::Abandoned | Unfinished::Deadline => Self::StateLost,
        }
    }
}

/// The problem and its sources, in one line.
fn whole(problem: &Problem) -> String {
    let mut text = problem.to_string();
    let mut next = std::error::Error::source(problem);
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
