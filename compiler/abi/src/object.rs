//! The object file: an ELF file of the target, its sections, its description and its seal.
//!
//! # Layout
//!
//! ```text
//! ELF64:  .text  .eh_frame  .symtab  .faasm.info  .faasm.data  .faasm.traps  .faasm.stackmaps
//!         for debugging, each only if there is something to say:
//!         .faasm.lines  .faasm.notes  .debug_abbrev  .debug_info  .debug_line  .debug_line_str
//!         .debug_rnglists  .debug_str
//! seal:   magic "FAASMSEA" (8 bytes) | keyed BLAKE3 of all that precedes the seal (32 bytes)
//! ```
//!
//! [`.faasm.lines`](crate::lines) says from which operator of the module code came.
//! The `.debug_` sections are DWARF 5 (little-endian, 32-bit offsets, 8-byte addresses) of the guest's functions, inlined
//! functions and source lines; addresses in them are offsets in `.text`, and a relocation against it says where each is.
//!
//! `.text` needs no relocation: it may lie at any address that is a multiple of its alignment.
//! Loading an object is running it, so only what carries the seal of one's own key is opened.

use serde::{Deserialize, Serialize};

use crate::module::ModuleInfo;

/// Version of the format; an object of another version is refused.
pub const FORMAT: u32 = 2;

/// Section of the description: [`ObjectInfo`] in postcard's encoding.
pub const INFO_SECTION: &str = ".faasm.info";
/// Section of the bytes of all data segments.
pub const DATA_SECTION: &str = ".faasm.data";
/// Section of the trap sites (see [`crate::trap::encode_sites`]).
pub const TRAPS_SECTION: &str = ".faasm.traps";
/// Section of the stack maps (see [`crate::stack_map`]).
pub const STACK_MAPS_SECTION: &str = ".faasm.stackmaps";
/// Section of remarks for people, UTF-8, one a line; only where there are any: what debugging information was dropped.
pub const NOTES_SECTION: &str = ".faasm.notes";
/// Section of the machine code.
pub const TEXT_SECTION: &str = ".text";

/// What an object says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// [`FORMAT`] of the compiler that wrote it.
    pub format: u32,
    /// Target triple.
    pub target: String,
    /// Processor features that the code uses, by the names of `std::is_x86_feature_detected`
    /// (or its like for the target).
    pub features: Vec<String>,
    /// Name and version of the compiler.
    pub compiler: String,
    /// The module.
    pub module: ModuleInfo,
    /// Where its code is.
    pub code: CodeInfo,
}

/// Where the code of a module is, as offsets and lengths in bytes in the text section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeInfo {
    /// Each defined function, in order.
    pub functions: Vec<CodeRange>,
    /// The host stubs of each imported function, in order.
    pub host_stubs: Vec<HostStubs>,
    /// The entries from the host: type index and code, ascending by type index. Structurally equal types share the
    /// entry of the lowest index; look it up by type.
    pub entries: Vec<(u32, CodeRange)>,
}

/// A piece of the text section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRange {
    /// Offset of the first byte.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
}

/// The stubs through which compiled code calls one imported function when the host implements it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStubs {
    /// Arguments in an array.
    pub array: CodeRange,
    /// Arguments in registers, when the type allows it.
    pub native: Option<CodeRange>,
}

const SEAL_MAGIC: &[u8; 8] = b"FAASMSEA";
/// Bytes that a seal adds to a file.
pub const SEAL_BYTES: usize = 40;

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
        let mac = blake3::keyed_hash(&self.0, &bytes);
        bytes.extend_from_slice(SEAL_MAGIC);
        bytes.extend_from_slice(mac.as_bytes());
        bytes
    }

    /// Checks the seal of `file` and returns what it seals.
    ///
    /// # Errors
    ///
    /// [`SealError`] when there is no seal, or not this key's, or the bytes were changed.
    pub fn open<'a>(&self, file: &'a [u8]) -> Result<&'a [u8], SealError> {
        let split = file.len().checked_sub(SEAL_BYTES).ok_or(SealError::Missing)?;
        let (bytes, seal) = file.split_at(split);
        let mac = seal.strip_prefix(SEAL_MAGIC).ok_or(SealError::Missing)?;
        let mac: [u8; 32] = mac.try_into().map_err(|_| SealError::Missing)?;
        // The comparison of `blake3::Hash` takes constant time.
        if blake3::keyed_hash(&self.0, bytes) == blake3::Hash::from_bytes(mac) {
            Ok(bytes)
        } else {
            Err(SealError::Wrong)
        }
    }
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
        assert_eq!(key.open(&file), Ok(&b"object"[..]));
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed).is_err(), "byte {at}");
        }
        assert_eq!(SealKey::derive(b"other").open(&file), Err(SealError::Wrong));
        assert_eq!(key.open(b"short"), Err(SealError::Missing));
    }
}
