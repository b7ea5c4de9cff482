//! Paths of shared files: `a/b`, which is also `/a/b` and `faasm://a/b`.
//!
//! # Invariants
//!
//! Components between single slashes, none empty, `.` or `..`, and none over [`MAX_COMPONENT`] bytes; no NUL.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Bytes of a component.
pub(super) const MAX_COMPONENT: usize = 255;

/// Bytes of a path.
pub(super) const MAX_PATH: usize = 2048;

/// The path of a shared file. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilePath(Arc<str>);

/// Why a text is not the path of a shared file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not the path of a file: {what}")]
pub struct FilePathError {
    path: String,
    what: &'static str,
}

impl FilePath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directories that have it, from the outermost, without the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl FromStr for FilePath {
    type Err = FilePathError;

    fn from_str(text: &str) -> Result<Self, FilePathError> {
        let error = |what| Err(FilePathError { path: text.to_owned(), what });
        let path = text.strip_prefix("faasm://").unwrap_or(text);
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.is_empty() {
            return error("it is empty");
        }
        if path.len() > MAX_PATH {
            return error("it is too long");
        }
        if path.contains('\0') {
            return error("it holds a NUL");
        }
        for component in path.split('/') {
            match component {
                "" => return error("a part of it is empty"),
                "." | ".." => return error("`.` and `..` lead nowhere here"),
                _ if component.len() > MAX_COMPONENT => return error("a part of it is too long"),
                _ => {}
            }
        }
        Ok(Self(path.into()))
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_path_are_one() {
        for form in ["a/b c/é", "/a/b c/é", "faasm://a/b c/é"] {
            assert_eq!(form.parse::<FilePath>().unwrap().as_str(), "a/b c/é");
        }
        let path: FilePath = "a/b/c".parse().unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["a", "a/b"]);
    }

    #[test]
    fn what_leads_elsewhere_is_no_path() {
        let long = "x".repeat(256);
        for bad in [
            "",
            "/",
            "faasm://",
            "//a",
            "a//b",
            "a/",
            "..",
            "a/../b",
            "./a",
            "a\0b",
            &long,
            &"x/".repeat(1025),
        ] {
            assert!(bad.parse::<FilePath>().is_err(), "{bad:?}");
        }
    }
}
