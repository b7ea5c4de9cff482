//! What can go wrong, as the outside sees it: one table of problem types, and from each row whose fault it is, whether
//! to try again, the HTTP status and the exit code (RFC 9457).

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The function's own code.
    Guest,
    /// Whoever sent the request.
    Tenant,
    /// This host.
    Host,
    /// Another host.
    Peer,
}

/// Whether the same request can succeed when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not as it is.
    Never,
    /// On another host.
    Elsewhere,
    /// Here, after a while.
    Later,
}

/// An error that can reach the edge. HTTP status, exit code and retry advice follow from its type.
pub trait Problem: std::error::Error {
    /// Its row in the table.
    fn problem_type(&self) -> ProblemType;

    /// Whose fault it is.
    fn blame(&self) -> Blame {
        self.problem_type().blame()
    }

    /// Whether to try again.
    fn retry(&self) -> Retry {
        self.problem_type().retry()
    }

    /// What the reader can do about it, if there is something.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The exit code of `faasm` when a guest trapped (128 + SIGABRT, as for a native program that aborts).
pub const EXIT_TRAP: u8 = 134;
/// The exit code for an error of a function.
pub const EXIT_FUNCTION: u8 = 1;
/// The exit code for input that is wrong.
pub const EXIT_USAGE: u8 = 2;
/// The exit code for what does not exist.
pub const EXIT_NOT_FOUND: u8 = 3;
/// The exit code for a value that is at another version than the command is for.
pub const EXIT_CONFLICT: u8 = 4;
/// The exit code for a server that cannot be reached or cannot serve now.
pub const EXIT_UNAVAILABLE: u8 = 5;
/// The exit code for a deadline that passed.
pub const EXIT_TIMEOUT: u8 = 6;
/// The exit code for an error of our own (`EX_SOFTWARE` of sysexits.h).
pub const EXIT_INTERNAL: u8 = 70;

macro_rules! problem_types {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:literal, $title:literal, $blame:ident, $retry:ident;)*) => {
        /// The types of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemType {
            $($(#[$doc])* $name,)*
        }

        impl ProblemType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable name: the last part of the `type` of a problem document.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The summary, the same for every problem of the type.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Whose fault it is.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)* }
            }

            /// Whether to try again.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)* }
            }
        }
    };
}

problem_types! {
    /// The request cannot be understood.
    InvalidRequest = "invalid-request", 400, "The request is not valid", Tenant, Never;
    /// No function has this name.
    FunctionNotFound = "function-not-found", 404, "There is no such function", Tenant, Never;
    /// No resource has this path.
    NotFound = "not-found", 404, "There is nothing at this address", Tenant, Never;
    /// The path does not have this method.
    MethodNotAllowed = "method-not-allowed", 405, "This address does not take this method", Tenant, Never;
    /// The value is at another version than the request is for.
    VersionConflict = "version-conflict", 412, "The value is at another version", Tenant, Never;
    /// The range asked for is not inside the value.
    RangeNotSatisfiable = "range-not-satisfiable", 416, "The range is not inside the value", Tenant, Never;
    /// The client was too slow in sending.
    RequestTimeout = "request-timeout", 408, "The request did not arrive in time", Tenant, Later;
    /// The body is over the limit.
    PayloadTooLarge = "payload-too-large", 413, "The body is too large", Tenant, Never;
    /// The module is malformed, or asks for what the host does not have.
    InvalidModule = "invalid-module", 422, "The module cannot be used", Tenant, Never;
    /// The function trapped, threw or ended with an exit code other than 0.
    FunctionError = "function-error", 500, "The function failed", Guest, Never;
    /// The function asked for more memory than it may have.
    GuestOutOfMemory = "guest-oom", 500, "The function ran out of memory", Guest, Never;
    /// The function's stack is exhausted.
    StackOverflow = "stack-overflow", 500, "The function's stack is exhausted", Guest, Never;
    /// An error of our own.
    Internal = "internal", 500, "The host failed", Host, Elsewhere;
    /// Whether a write happened is not known.
    OutcomeUnknown = "outcome-unknown", 502, "Nobody knows whether it happened", Peer, Never;
    /// The global tier of state cannot be reached.
    StateUnavailable = "state-unavailable", 503, "The store of the state cannot do it now", Peer, Later;
    /// There is no room for more state.
    StateFull = "state-full", 507, "There is no room for more state", Host, Later;
    /// More calls are waiting than may wait.
    Overloaded = "overloaded", 503, "The host has too much work", Host, Elsewhere;
    /// The host is shutting down.
    Draining = "draining", 503, "The host is shutting down", Host, Elsewhere;
    /// The deadline passed.
    DeadlineExceeded = "deadline-exceeded", 504, "The deadline passed", Guest, Never;
}

impl ProblemType {
    /// The `type` of a problem document: a URN, since nothing is served at it.
    #[must_use]
    pub fn uri(self) -> String {
        format!("urn:faasm:problem:{}", self.slug())
    }

    /// The type with this slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// Whether the host had too much work: such a request must not be sent again at once.
    #[must_use]
    pub const fn is_overload(self) -> bool {
        matches!(self, Self::Overloaded)
    }

    /// The exit code of a command that ends with this problem.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match (self.status(), self.blame()) {
            (404, _) => EXIT_NOT_FOUND,
            (412, _) => EXIT_CONFLICT,
            (504, _) => EXIT_TIMEOUT,
            (408 | 503, _) => EXIT_UNAVAILABLE,
            (_, Blame::Tenant) => EXIT_USAGE,
            (_, Blame::Guest) => EXIT_FUNCTION,
            _ => EXIT_INTERNAL,
        }
    }
}

/// An error with its causes, in one line.
#[must_use]
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn slugs_are_unique_and_found_again() {
        let slugs: HashSet<_> = ProblemType::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), ProblemType::ALL.len());
        assert!(
            ProblemType::ALL.iter().all(|kind| ProblemType::from_slug(kind.slug()) == Some(*kind))
        );
        assert_eq!(ProblemType::from_slug("nonsense"), None);
    }

    #[test]
    fn statuses_and_exit_codes_follow_from_blame() {
        for kind in ProblemType::ALL {
            match kind.blame() {
                Blame::Tenant => assert!((400..500).contains(&kind.status()), "{kind:?}"),
                Blame::Guest | Blame::Host | Blame::Peer => {
                    assert!(kind.status() >= 500, "{kind:?}")
                }
            }
            assert_ne!(kind.exit_code(), 0);
        }
        assert_eq!(ProblemType::FunctionNotFound.exit_code(), EXIT_NOT_FOUND);
        assert_eq!(ProblemType::VersionConflict.exit_code(), EXIT_CONFLICT);
        assert_eq!(ProblemType::DeadlineExceeded.exit_code(), EXIT_TIMEOUT);
        assert_eq!(ProblemType::InvalidModule.exit_code(), EXIT_USAGE);
        assert_eq!(ProblemType::GuestOutOfMemory.exit_code(), EXIT_FUNCTION);
        assert_eq!(ProblemType::Internal.exit_code(), EXIT_INTERNAL);
    }
}
