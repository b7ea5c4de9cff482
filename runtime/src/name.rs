//! Names of functions: `namespace/function`, as the command line writes them.
//!
//! # Invariants
//!
//! A part is 1 to 64 bytes of ASCII letters, digits, `-`, `_` and `.`, and begins with a letter or a digit. So a name
//! is one path segment in a URL and on disk as it stands, and none is `.`, `..` or hidden.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest part of a name, in bytes.
pub const MAX_PART: usize = 64;

/// Why a text is not a function's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no `/`, or more than one.
    #[error("`{0}` is not of the form NAMESPACE/FUNCTION")]
    Form(String),
    /// A part has no byte.
    #[error("a namespace or function name is empty")]
    Empty,
    /// A part is too long.
    #[error("a name of {0} bytes is over the limit of {MAX_PART}")]
    TooLong(usize),
    /// A part has a byte that names do not have.
    #[error(
        "`{0}` has a character that is not a letter, a digit, `-`, `_` or `.`, or begins with a sign"
    )]
    Character(String),
}

/// The name of a function in its namespace. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionName {
    namespace: Arc<str>,
    function: Arc<str>,
}

impl FunctionName {
    /// The name with these parts.
    ///
    /// # Errors
    ///
    /// [`NameError`] when a part breaks the rules of this module's page.
    pub fn new(namespace: &str, function: &str) -> Result<Self, NameError> {
        check(namespace)?;
        check(function)?;
        Ok(Self { namespace: namespace.into(), function: function.into() })
    }

    /// The namespace: whose function it is.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The function's name in its namespace.
    #[must_use]
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The function of another name in the same namespace.
    ///
    /// # Errors
    ///
    /// [`NameError`] when `function` breaks the rules.
    pub fn sibling(&self, function: &str) -> Result<Self, NameError> {
        check(function)?;
        Ok(Self { namespace: Arc::clone(&self.namespace), function: function.into() })
    }
}

impl FromStr for FunctionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let form = || NameError::Form(text.to_owned());
        let (namespace, function) = text.split_once('/').ok_or_else(form)?;
        if function.contains('/') {
            return Err(form());
        }
        Self::new(namespace, function)
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.function)
    }
}

impl fmt::Debug for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn check(part: &str) -> Result<(), NameError> {
    let Some(first) = part.bytes().next() else {
        return Err(NameError::Empty);
    };
    if part.len() > MAX_PART {
        return Err(NameError::TooLong(part.len()));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !first.is_ascii_alphanumeric() || !part.bytes().all(allowed) {
        return Err(NameError::Character(part.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_safe_path_segments() {
        for good in ["demo/echo", "a/b", "user_1/word-count.v2", "A/0"] {
            assert_eq!(
                good.parse::<FunctionName>().map(|name| name.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "echo",
            "a/",
            "/b",
            "a/b/c",
            "../etc",
            "a/..",
            "a/.hidden",
            "a/b c",
            "a/é",
            "-a/b",
            "a/b\0",
        ] {
            assert!(bad.parse::<FunctionName>().is_err(), "{bad:?}");
        }
        assert_eq!(FunctionName::new("a", &"b".repeat(65)), Err(NameError::TooLong(65)));
        assert!(FunctionName::new("a", &"b".repeat(64)).is_ok());
    }

    #[test]
    fn a_sibling_stays_in_the_namespace() {
        let name: FunctionName = "demo/echo".parse().unwrap();
        assert_eq!(name.sibling("pi").unwrap().to_string(), "demo/pi");
        assert!(name.sibling("../other/pi").is_err());
    }
}
