//! Why a function fails: a return code and a text.

use std::fmt::{self, Display, Formatter};

/// What a function returns.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// A failure of a function. The call's return code is its code, and the call's output its text.
///
/// Any other error becomes one with `?`, with code 1.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    code: i32,
    text: String,
}

impl Error {
    /// An error with code 1.
    pub fn new(text: impl Display) -> Self {
        Self::with_code(1, text)
    }

    /// An error with this code; 0, which would say that all is well, becomes 1.
    pub fn with_code(code: i32, text: impl Display) -> Self {
        Self { code: if code == 0 { 1 } else { code }, text: text.to_string() }
    }

    /// The return code.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.code
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.text, self.code)
    }
}

// `Error` is no `std::error::Error` itself: otherwise this would be two ways to convert it to itself.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}
