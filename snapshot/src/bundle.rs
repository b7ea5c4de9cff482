//! A snapshot in one file, with what another host needs to restore it: the manifest, the objects of its modules, and
//! its chunks.
//!
//! # Layout
//!
//! Numbers are little-endian.
//!
//! ```text
//!   0   8  magic "FAASMBDL"
//!   8   4  version: 1
//!  12      parts, to the end of the file: u32 kind, u64 length, then so many bytes
//!          kind 0  the manifest, sealed: the first part, and the only one of its kind
//!          kind 1  an object, sealed: one for each module, in the manifest's order
//!          kind 2  a stored chunk: one for each of the manifest's, in order
//! ```
//!
//! # Invariants
//!
//! The file has no seal of its own: the manifest and the objects have theirs, and the manifest vouches for the chunks.

use crate::chunk::MOST_STORED;

const MAGIC: &[u8; 8] = b"FAASMBDL";
/// Of the format.
const VERSION: u32 = 1;
const HEADER: usize = 12;
const PART: usize = 12;

const _: () = assert!(HEADER == 8 + 4 && PART == 4 + 8, "the page above says so");

/// The parts of a bundle, none of which was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// Sealed.
    pub manifest: &'a [u8],
    /// Sealed.
    pub objects: Vec<&'a [u8]>,
    /// Stored.
    pub chunks: Vec<&'a [u8]>,
}

/// Why a file is no bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Something else.
    #[error("this is no exported snapshot")]
    Magic,
    /// Another version of the format.
    #[error(
        "the exported snapshot has version {found}, and {VERSION} is read here: export it again"
    )]
    Version {
        /// In the file.
        found: u32,
    },
    /// The parts are not what they must be.
    #[error("the exported snapshot is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
}

impl<'a> Bundle<'a> {
    /// Takes a file apart.
    ///
    /// # Errors
    ///
    /// [`BundleError`].
    pub fn of(file: &'a [u8]) -> Result<Self, BundleError> {
        let malformed = |what| BundleError::Malformed { what };
        let (header, mut rest) = file.split_first_chunk::<HEADER>().ok_or(BundleError::Magic)?;
        if !header.starts_with(MAGIC) {
            return Err(BundleError::Magic);
        }
        let found = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        if found != VERSION {
            return Err(BundleError::Version { found });
        }
        let (mut manifest, mut objects, mut chunks) = (None, Vec::new(), Vec::new());
        while !rest.is_empty() {
            let cut = malformed("it is cut off");
            let (part, behind) = rest.split_first_chunk::<PART>().ok_or(cut)?;
            let (kind, len) = part.split_at(4);
            let len = len.try_into().map_or(u64::MAX, u64::from_le_bytes);
            let len = usize::try_from(len).map_err(|_| cut)?;
            let (bytes, behind) = behind.split_at_checked(len).ok_or(cut)?;
            match (kind, manifest) {
                ([0, 0, 0, 0], None) => manifest = Some(bytes),
                ([1, 0, 0, 0], Some(_)) if chunks.is_empty() => objects.push(bytes),
                ([2, 0, 0, 0], Some(_)) if len <= MOST_STORED => chunks.push(bytes),
                _ => return Err(malformed("a part is not where it must be")),
            }
            rest = behind;
        }
        let manifest = manifest.ok_or(malformed("it has no manifest"))?;
        Ok(Self { manifest, objects, chunks })
    }

    /// The file of these parts.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut file = [&MAGIC[..], &VERSION.to_le_bytes()].concat();
        let parts = std::iter::once((0_u32, self.manifest))
            .chain(self.objects.iter().map(|&object| (1, object)))
            .chain(self.chunks.iter().map(|&chunk| (2, chunk)));
        for (kind, bytes) in parts {
            file.extend_from_slice(&kind.to_le_bytes());
            file.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            file.extend_from_slice(bytes);
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let bundle = Bundle {
            manifest: b"manifest",
            objects: vec![b"object", b""],
            chunks: vec![b"chunk", b"another"],
        };
        let file = bundle.write();
        assert_eq!(Bundle::of(&file).as_ref(), Ok(&bundle));
        let ends: Vec<usize> = {
            let mut at = HEADER;
            [8, 6, 0, 5, 7]
                .map(|len| {
                    at += PART + len;
                    at
                })
                .to_vec()
        };
        for len in 0..file.len() {
            // It can end behind each part.
            assert_eq!(Bundle::of(&file[..len]).is_ok(), ends.contains(&len), "{len}");
        }
        for (at, to, error) in [
            (0, b'f', BundleError::Magic),
            (8, 2, BundleError::Version { found: 2 }),
            (12, 1, BundleError::Malformed { what: "a part is not where it must be" }),
            (16 + 7, 0x80, BundleError::Malformed { what: "it is cut off" }),
            (12 + PART + 8, 0, BundleError::Malformed { what: "a part is not where it must be" }),
            (12 + PART + 8, 2, BundleError::Malformed { what: "a part is not where it must be" }),
            (12 + PART + 8, 3, BundleError::Malformed { what: "a part is not where it must be" }),
        ] {
            let mut changed = file.clone();
            changed[at] = to;
            assert_eq!(Bundle::of(&changed), Err(error), "byte {at}");
        }
        let long = vec![0; MOST_STORED + 1];
        let long = Bundle { manifest: b"", objects: vec![], chunks: vec![&long] }.write();
        assert!(Bundle::of(&long).is_err());
    }
}
