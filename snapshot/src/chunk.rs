//! A chunk: what is in one window of a slot, as it is kept and sent.
//!
//! # Layout
//!
//! The *raw* bytes of a chunk are the pages of the window that are not zero, in order. They name it: by their BLAKE3.
//! It is *stored* so; numbers are little-endian.
//!
//! ```text
//!   0   4  encoding: 0 raw, 1 zstd
//!   4   4  length of the raw bytes
//!   8      the raw bytes, or one zstd frame
//! ```
//!
//! # Invariants
//!
//! * Compression is used where it saves an eighth or more: what is less is not worth the time of those who read it.
//! * A stored chunk is at most [`MOST_STORED`] bytes, and never becomes more than [`WINDOW_BYTES`], whatever it says.
//! * The encoding is the store's own matter: a chunk that is stored otherwise has the same name.

use faasm_vm::SNAPSHOT_PAGE;

/// Pages of a window. So the pages that are there are the bits of a word; smaller windows make more files, larger ones
/// share less between snapshots that differ a little.
pub const WINDOW_PAGES: usize = 64;

/// Bytes of a window: 256 KiB.
pub const WINDOW_BYTES: usize = WINDOW_PAGES * SNAPSHOT_PAGE;

/// Bytes before the contents.
pub(crate) const HEADER: usize = 8;

/// The most bytes of a stored chunk.
pub const MOST_STORED: usize = HEADER + WINDOW_BYTES;

const RAW: u32 = 0;
const ZSTD: u32 = 1;

/// zstd's own default: more takes longer than it saves here.
const LEVEL: i32 = 3;

/// Why stored bytes are no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chunk is damaged: {what}")]
pub struct ChunkError {
    /// What is wrong.
    pub what: &'static str,
}

/// The stored form of raw bytes.
#[must_use]
pub fn store(raw: &[u8]) -> Vec<u8> {
    let smaller = zstd::bulk::compress(raw, LEVEL).ok();
    let smaller = smaller.filter(|frame| frame.len() <= raw.len() - raw.len() / 8);
    let (encoding, contents) = match &smaller {
        Some(frame) => (ZSTD, &frame[..]),
        None => (RAW, raw),
    };
    let mut stored = Vec::with_capacity(HEADER + contents.len());
    stored.extend_from_slice(&encoding.to_le_bytes());
    // A window's bytes fit.
    stored.extend_from_slice(&u32::try_from(raw.len()).unwrap_or(u32::MAX).to_le_bytes());
    stored.extend_from_slice(contents);
    stored
}

/// The raw bytes, which must be so many; whether they have the right digest is the caller's to find out.
///
/// # Errors
///
/// [`ChunkError`].
pub fn open(stored: &[u8], raw: usize) -> Result<Vec<u8>, ChunkError> {
    let damaged = |what| ChunkError { what };
    let (header, contents) =
        stored.split_first_chunk::<HEADER>().ok_or(damaged("it is too short"))?;
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if raw > WINDOW_BYTES || word(4) as usize != raw {
        return Err(damaged("it has another length"));
    }
    let bytes = match word(0) {
        RAW => contents.to_vec(),
        // Never more than the capacity.
        ZSTD => zstd::bulk::decompress(contents, raw)
            .map_err(|_| damaged("it cannot be decompressed"))?,
        _ => return Err(damaged("its encoding is unknown")),
    };
    if bytes.len() == raw { Ok(bytes) } else { Err(damaged("it has another length")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that nothing makes smaller.
    fn noise(len: usize) -> Vec<u8> {
        let mut seed = 7_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56).to_le_bytes()[0]
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn what_is_stored_is_read_and_compressed_where_it_pays() {
        for (raw, encoding) in [
            (noise(SNAPSHOT_PAGE), RAW),
            (vec![7; WINDOW_BYTES], ZSTD),
            ([noise(SNAPSHOT_PAGE * 15), vec![0; SNAPSHOT_PAGE]].concat(), RAW),
            ([noise(SNAPSHOT_PAGE * 3), vec![0; SNAPSHOT_PAGE]].concat(), ZSTD),
        ] {
            let stored = store(&raw);
            assert_eq!(stored[..4], encoding.to_le_bytes());
            assert!(stored.len() <= MOST_STORED);
            assert!(open(&stored, raw.len()).as_ref() == Ok(&raw));
        }
    }

    #[test]
    fn hostile_chunks_are_refused_and_do_not_grow() {
        let what = |stored: &[u8], raw| open(stored, raw).unwrap_err().what;
        let header = |encoding: u32, len: usize| {
            [encoding.to_le_bytes(), u32::try_from(len).unwrap().to_le_bytes()].concat()
        };
        let with = |encoding, len, contents: &[u8]| [&header(encoding, len)[..], contents].concat();
        assert_eq!(what(&[0; 7], 4096), "it is too short");
        assert_eq!(what(&with(RAW, 4096, &[1; 4095]), 4096), "it has another length");
        assert_eq!(what(&with(RAW, 4096, &[1; 4096]), 8192), "it has another length");
        assert_eq!(what(&with(2, 4096, &[1; 4096]), 4096), "its encoding is unknown");
        assert_eq!(what(&with(ZSTD, 4096, &[1; 4096]), 4096), "it cannot be decompressed");
        let more = WINDOW_BYTES + 1;
        assert_eq!(what(&with(RAW, more, &vec![1; more]), more), "it has another length");
        // A gigabyte of zeros in a few kilobytes, one page too many, and one byte too few.
        for (len, error) in [
            (1 << 30, "it cannot be decompressed"),
            (8192, "it cannot be decompressed"),
            (4095, "it has another length"),
        ] {
            let frame = zstd::bulk::compress(&vec![0; len], 3).unwrap();
            assert_eq!(what(&with(ZSTD, 4096, &frame), 4096), error, "{len}");
        }
        let stored = store(&vec![7; 4096]);
        for len in 0..stored.len() {
            assert!(open(&stored[..len], 4096).is_err(), "{len}");
        }
    }
}
