//! The seal: by which a host knows what its own compiler made.
//!
//! # Layout
//!
//! ```text
//!  0  8  magic "FAASMSEA"
//!  8  8  length of what is sealed, in bytes: all that precedes the seal
//! 16 32  BLAKE3 of what is sealed
//! 48 32  BLAKE3, keyed, of the 48 bytes before
//! ```
//!
//! # Invariants
//!
//! * Loading an object is running it, so nothing of a file is looked at before its seal holds.
//! * [`SealKey::open`] looks at every byte. [`SealKey::recognise`] looks at the seal alone, in time that does not
//!   depend on the file: it says that this file was sealed with the key *if* it is as it was then. It is for files
//!   that were opened once and which nobody else can have changed since.

use serde::{Deserialize, Serialize};

/// The first bytes of a seal.
pub const SEAL_MAGIC: [u8; 8] = *b"FAASMSEA";
/// Bytes that a seal adds to a file.
pub const SEAL_BYTES: usize = 80;

/// Bytes of a seal that its last field is the code of.
const CODED: usize = 48;

/// From so many bytes on, several threads are faster than one.
const PARALLEL_BYTES: usize = 1 << 20;

/// What tells sealed files apart: the BLAKE3 of what is sealed, which the seal carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*digest(bytes).as_bytes())
    }

    /// A digest that was written down as [`Self::as_bytes`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        blake3::Hash::from_bytes(self.0).fmt(f)
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A secret key with which objects and snapshots are sealed.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// A key of these secret bytes.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// A key derived from a passphrase or a file's contents.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key("faasm object seal v1", secret))
    }

    /// Appends the seal to `bytes`.
    #[must_use]
    pub fn seal(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let digest = digest(&bytes);
        let length = bytes.len() as u64;
        let start = bytes.len();
        bytes.reserve_exact(SEAL_BYTES);
        bytes.extend_from_slice(&SEAL_MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(digest.as_bytes());
        let code = blake3::keyed_hash(&self.0, &bytes[start..]);
        bytes.extend_from_slice(code.as_bytes());
        bytes
    }

    /// Checks all of `file` and returns what is sealed.
    ///
    /// # Errors
    ///
    /// [`SealError`] when there is no seal, or not this key's, or the bytes were changed.
    pub fn open<'a>(&self, file: &'a [u8]) -> Result<&'a [u8], SealError> {
        let (bytes, sealed) = self.split(file)?;
        if digest(bytes) == sealed { Ok(bytes) } else { Err(SealError::Wrong) }
    }

    /// Checks the seal alone, not what is sealed, and returns that.
    ///
    /// # Errors
    ///
    /// [`SealError`] when there is no seal, or not this key's, or the file has another length.
    pub fn recognise<'a>(&self, file: &'a [u8]) -> Result<&'a [u8], SealError> {
        Ok(self.split(file)?.0)
    }

    /// The digest in the seal, which is as true as what [`Self::recognise`] says.
    ///
    /// # Errors
    ///
    /// As [`Self::recognise`].
    pub fn digest(&self, file: &[u8]) -> Result<Digest, SealError> {
        Ok(Digest(*self.split(file)?.1.as_bytes()))
    }

    /// What is sealed, and what its digest was.
    fn split<'a>(&self, file: &'a [u8]) -> Result<(&'a [u8], blake3::Hash), SealError> {
        let split = file.len().checked_sub(SEAL_BYTES).ok_or(SealError::Missing)?;
        let (bytes, seal) = file.split_at(split);
        let (coded, code) = seal.split_at(CODED);
        let fields = coded.strip_prefix(&SEAL_MAGIC).ok_or(SealError::Missing)?;
        let (length, digest) = fields.split_first_chunk::<8>().ok_or(SealError::Missing)?;
        let hash = |bytes| blake3::Hash::from_slice(bytes).map_err(|_| SealError::Missing);
        let (digest, code) = (hash(digest)?, hash(code)?);
        // The comparison of `blake3::Hash` takes constant time.
        if blake3::keyed_hash(&self.0, coded) == code
            && u64::from_le_bytes(*length) == bytes.len() as u64
        {
            Ok((bytes, digest))
        } else {
            Err(SealError::Wrong)
        }
    }
}

fn digest(bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    if bytes.len() < PARALLEL_BYTES {
        hasher.update(bytes);
    } else {
        hasher.update_rayon(bytes);
    }
    hasher.finalize()
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// A file's seal does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no seal at the end.
    #[error("the file carries no seal: compile the module again, or seal the object with your key")]
    Missing,
    /// The seal is another key's, or the file was changed.
    #[error("the seal does not hold: the file was changed, or another key sealed it")]
    Wrong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_until_any_byte_changes() {
        let key = SealKey::derive(b"secret");
        let file = key.seal(b"object".to_vec());
        assert_eq!(file.len(), 6 + SEAL_BYTES);
        assert_eq!(key.open(&file), Ok(&b"object"[..]));
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed).is_err(), "byte {at}");
        }
        assert_eq!(SealKey::derive(b"other").open(&file), Err(SealError::Wrong));
        assert_eq!(key.open(b"short"), Err(SealError::Missing));
    }

    #[test]
    fn a_seal_is_recognised_without_a_look_at_what_is_sealed() {
        let key = SealKey::derive(b"secret");
        let file = key.seal(b"object".to_vec());
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert_eq!(key.recognise(&changed).is_ok(), at < 6, "byte {at}");
        }
        assert_eq!(SealKey::derive(b"other").recognise(&file), Err(SealError::Wrong));
        assert_eq!(key.recognise(&file[1..]), Err(SealError::Wrong), "another length");
    }

    #[test]
    fn many_threads_find_what_one_finds() {
        let bytes = vec![7; PARALLEL_BYTES + 1];
        assert_eq!(digest(&bytes), blake3::hash(&bytes));
    }
}
