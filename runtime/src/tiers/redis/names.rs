//! How keys are named at the server.
//!
//! All keys of an address begin with `PREFIX{NAMESPACE:KEY}:`. What is between the braces is the hash tag, so that they
//! are at one node of a cluster. Namespace and key are percent-encoded, so that neither a colon nor a brace of theirs is
//! taken for one of ours.

use faasm_state::Address;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'/').remove(b'@');

/// What all keys of an address begin with.
pub(super) fn stem(prefix: &str, at: &Address) -> String {
    let namespace = percent_encode(at.namespace.as_bytes(), ENCODED);
    let key = percent_encode(at.key.as_bytes(), ENCODED);
    format!("{prefix}{{{namespace}:{key}}}:")
}

/// The index of a namespace: which keys may have something.
pub(super) fn index(prefix: &str, namespace: &str) -> String {
    format!("{prefix}.index{{{}}}", percent_encode(namespace.as_bytes(), ENCODED))
}

/// The first string of bytes that is after all those that begin with `prefix`, if there is one.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use faasm_state::Key;

    use super::*;

    #[test]
    fn no_two_addresses_have_one_name() {
        let stem = |namespace: &str, key: &[u8]| {
            stem("p", &Address { namespace: Arc::from(namespace), key: Key::new(key).unwrap() })
        };
        assert_eq!(stem("u", b"a/b"), "p{u:a/b}:");
        assert_eq!(stem("u:", b"}\0%\xff"), "p{u%3A:%7D%00%25%FF}:");
        assert_ne!(stem("a:b", b"c"), stem("a", b"b:c"));
        assert_eq!(index("p", "u{}"), "p.index{u%7B%7D}");
    }

    #[test]
    fn a_prefix_has_an_end() {
        assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(after_prefix(b"\xff"), None);
        assert_eq!(after_prefix(b""), None);
    }
}
