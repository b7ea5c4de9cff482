//! How a value is named: by a key inside a namespace.

use std::fmt;
use std::sync::Arc;

use crate::StateError;

/// The name of a value inside its namespace: 1 to [`Key::MAX_LEN`] bytes, any bytes.
///
/// NUL, `/`, newlines and bytes that are not UTF-8 are all allowed and all different from one another: keys travel with
/// their length and are compared byte by byte. An adapter that needs separators must escape or measure.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Checks the length and keeps a copy of the bytes.
    ///
    /// # Errors
    ///
    /// [`StateError::EmptyKey`], [`StateError::KeyTooLong`].
    pub fn new(bytes: &[u8]) -> Result<Self, StateError> {
        match bytes.len() {
            0 => Err(StateError::EmptyKey),
            len if len > Self::MAX_LEN => Err(StateError::KeyTooLong { len }),
            _ => Ok(Self(Arc::from(bytes))),
        }
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Where a value lives in the global tier. Two parts, never joined into one string: `a_b` with `c` and `a` with `b_c`
/// are two places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The namespace, as the runtime named it.
    pub namespace: Arc<str>,
    /// The key inside it.
    pub key: Key,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked_for_length_and_nothing_else() {
        assert!(matches!(Key::new(b""), Err(StateError::EmptyKey)));
        assert!(matches!(Key::new(&[b'k'; 1025]), Err(StateError::KeyTooLong { len: 1025 })));
        assert!(Key::new(&[b'k'; 1024]).is_ok());
        assert_ne!(Key::new(b"a").unwrap(), Key::new(b"a\0").unwrap());
        assert_eq!(Key::new(b"a/\xff\n").unwrap().to_string(), r"a/\xff\n");
    }
}
