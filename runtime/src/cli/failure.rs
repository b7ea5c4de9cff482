//! How a command ends that did not do what it was asked.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::client::ClientError;
use crate::problem::{
    EXIT_INTERNAL, EXIT_NOT_FOUND, EXIT_UNAVAILABLE, EXIT_USAGE, Problem, explain,
};
use crate::tiers::TierError;

/// What a command answers: its exit code, or why it failed.
pub(super) type Done = Result<ExitCode, Failure>;

/// A failure, ready to be printed.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    hint: Option<String>,
    /// Printed below, as it is.
    below: Vec<String>,
    code: u8,
}

impl Failure {
    /// Wrong usage or input.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, below: Vec::new(), code: EXIT_USAGE }
    }

    /// An error of ours.
    pub(super) fn internal(error: &dyn Error) -> Self {
        Self { code: EXIT_INTERNAL, ..Self::usage(explain(error)) }
    }

    /// An error that knows its problem type.
    pub(super) fn problem(problem: &impl Problem) -> Self {
        let code = problem.problem_type().exit_code();
        Self { code, hint: problem.hint(), ..Self::usage(explain(problem)) }
    }

    /// A global tier that cannot be used.
    pub(super) fn state(error: &TierError) -> Self {
        let failure = Self { code: EXIT_UNAVAILABLE, ..Self::usage(explain(error)) };
        match error {
            TierError::File(_) => failure,
            TierError::Redis(..) => failure
                .hint("`faasm doctor --state URL` looks at everything that the server needs."),
        }
    }

    /// A file that could not be used.
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        let code =
            if error.kind() == io::ErrorKind::NotFound { EXIT_NOT_FOUND } else { EXIT_USAGE };
        Self { code, ..Self::usage(format!("{}: {error}", path.display())) }
    }

    /// Something that does not exist.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { code: EXIT_NOT_FOUND, ..Self::usage(message) }
    }

    /// Says which file it is about.
    pub(super) fn at(mut self, path: &Path) -> Self {
        self.message = format!("{}: {}", path.display(), self.message);
        self
    }

    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    /// Prints the failure and answers the exit code.
    pub(super) fn report(self) -> ExitCode {
        eprintln!("faasm: {}", self.message);
        for line in &self.below {
            eprintln!("{line}");
        }
        if let Some(hint) = &self.hint {
            eprintln!("  hint: {hint}");
        }
        ExitCode::from(self.code)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let below = match &error {
            ClientError::Problem(reported) => reported.backtrace.clone(),
            _ => Vec::new(),
        };
        Self { below, hint: error.hint(), code: error.exit_code(), ..Self::usage(explain(&error)) }
    }
}
