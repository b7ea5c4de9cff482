//! Long lists of indices as little-endian words in a row, so that reading them back is copying.
//!
//! For `serde(with = "crate::words")`: lists that grow with the number of functions, where a number at a time would
//! make loading an object slower the more code it has.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// Writes the words as one piece of bytes.
pub(crate) fn serialize<S: Serializer>(words: &[u32], serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(words.len() * 4);
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    serializer.serialize_bytes(&bytes)
}

/// Reads what [`serialize`] wrote.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<u32>, D::Error> {
    deserializer.deserialize_bytes(Words)
}

struct Words;

impl Visitor<'_> for Words {
    type Value = Vec<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("little-endian words of 32 bits")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u32>, E> {
        match bytes.as_chunks::<4>() {
            (words, []) => Ok(words.iter().map(|word| u32::from_le_bytes(*word)).collect()),
            _ => Err(E::invalid_length(bytes.len(), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct List(#[serde(with = "super")] Vec<u32>);

    #[test]
    fn words_come_back_and_half_a_word_does_not() {
        let list = List(vec![0, 1, u32::MAX]);
        let bytes = postcard::to_allocvec(&list).unwrap();
        assert_eq!(bytes, [12, 0, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255]);
        assert_eq!(postcard::from_bytes::<List>(&bytes).unwrap(), list);
        assert!(postcard::from_bytes::<List>(&[3, 0, 0, 0]).is_err());
    }
}
