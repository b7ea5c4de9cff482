//! The bytes of a private file: blocks that were written, over a shared file or nothing.
//!
//! # Invariants
//!
//! * A byte is that of its block, if there is one; else of the shared file below, before `base_bytes`; else 0.
//! * Bytes of blocks at or behind `size` are 0, and `base_bytes` is at most `size`: growing shows zeros.
//! * The charge is [`BLOCK`] for each block.

use std::collections::BTreeMap;

use faasm_vm::Digest;

use super::quota::Charge;
use crate::files::port::Content;
use crate::wasi::errno::Errno;

/// Bytes of a block.
pub(super) const BLOCK: usize = 4096;
const BLOCK_BYTES: u64 = BLOCK as u64;

/// Files end before this: positions are signed.
const MAX_SIZE: u64 = i64::MAX as u64;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Data {
    base: Base,
    base_bytes: u64,
    size: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
    charge: Charge,
}

/// What is below the blocks.
#[derive(Debug)]
enum Base {
    Nothing,
    /// A shared file that has not been read.
    Known(Digest),
    Here(Content),
}

impl Data {
    /// No byte. `charge` is empty.
    pub(super) fn empty(charge: Charge) -> Self {
        Self { base: Base::Nothing, base_bytes: 0, size: 0, blocks: BTreeMap::new(), charge }
    }

    /// A shared file's bytes. `charge` is empty.
    pub(super) fn shared(digest: Digest, bytes: u64, charge: Charge) -> Self {
        let base = Base::Known(digest);
        Self { base, base_bytes: bytes, size: bytes, ..Self::empty(charge) }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What must be [supplied](Self::supply) before bytes are read or written.
    pub(super) fn missing(&self) -> Option<Digest> {
        match &self.base {
            Base::Known(digest) if self.base_bytes > 0 => Some(*digest),
            _ => None,
        }
    }

    pub(super) fn supply(&mut self, content: Content) {
        if matches!(self.base, Base::Known(_)) {
            self.base = Base::Here(content);
        }
    }

    /// Reads until `into` is full or the file ends.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let into = &mut into[..wanted];
        if self.blocks.is_empty() {
            self.read_base(offset, into)?;
            return Ok(wanted);
        }
        for Piece { block, within, range } in pieces(offset, wanted) {
            let part = &mut into[range.clone()];
            match self.blocks.get(&block) {
                Some(bytes) => part.copy_from_slice(&bytes[within..within + part.len()]),
                None => self.read_base(offset + range.start as u64, part)?,
            }
        }
        Ok(wanted)
    }

    /// Writes as many of the bytes as there is room for; an error only if there is room for none.
    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= MAX_SIZE);
        end.ok_or(Errno::FBig)?;
        let mut done = 0;
        for Piece { block, within, range } in pieces(offset, bytes.len()) {
            let part = &bytes[range];
            let whole = part.len() == BLOCK;
            match self.block(block, whole) {
                Ok(target) => target[within..within + part.len()].copy_from_slice(part),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            done += part.len();
            self.size = self.size.max(offset + done as u64);
        }
        Ok(done)
    }

    /// Sets the length; bytes that are added are zero and take no room.
    pub(super) fn set_size(&mut self, size: u64) -> Result<(), Errno> {
        if size > MAX_SIZE {
            return Err(Errno::FBig);
        }
        if size < self.size {
            self.base_bytes = self.base_bytes.min(size);
            let kept = size.div_ceil(BLOCK_BYTES);
            let gone = self.blocks.split_off(&kept);
            self.charge.shrink(gone.len() as u64 * BLOCK_BYTES);
            let within = usize::try_from(size % BLOCK_BYTES).unwrap_or(0);
            if within > 0
                && let Some(last) = self.blocks.get_mut(&(size / BLOCK_BYTES))
            {
                last[within..].fill(0);
            }
        }
        self.size = size;
        if self.base_bytes == 0 {
            self.base = Base::Nothing;
        }
        Ok(())
    }

    /// Takes room for a range, so that writing there cannot fail for want of it, and makes the file as long as that.
    pub(super) fn allocate(&mut self, offset: u64, len: u64) -> Result<(), Errno> {
        let end = offset.checked_add(len).filter(|end| *end <= MAX_SIZE).ok_or(Errno::FBig)?;
        let blocks = offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES);
        let there = self.blocks.range(blocks.clone()).count() as u64;
        let needed = (blocks.end - blocks.start - there).checked_mul(BLOCK_BYTES);
        // All or nothing: the room is asked for before a block is made.
        let needed = needed.ok_or(Errno::Dquot)?;
        self.charge.grow(needed)?;
        self.charge.shrink(needed);
        for block in blocks {
            self.block(block, false)?;
        }
        self.size = self.size.max(end);
        Ok(())
    }

    /// The block, made of what is below if it is not there; of zeros if all of it is about to be written.
    fn block(&mut self, block: u64, whole: bool) -> Result<&mut [u8; BLOCK], Errno> {
        if !self.blocks.contains_key(&block) {
            let mut bytes = Box::new([0; BLOCK]);
            if !whole {
                self.read_base(block * BLOCK_BYTES, &mut *bytes)?;
            }
            self.charge.grow(BLOCK_BYTES)?;
            self.blocks.insert(block, bytes);
        }
        self.blocks.get_mut(&block).map(|bytes| &mut **bytes).ok_or(Errno::Io)
    }

    /// Fills `into` with what is below, and zeros where there is nothing.
    fn read_base(&self, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        let there = usize::try_from(self.base_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (below, beyond) = into.split_at_mut(there.min(into.len()));
        beyond.fill(0);
        match &self.base {
            _ if below.is_empty() => Ok(()),
            // Shorter than its description: the store is damaged.
            Base::Here(content) if content.read_at(offset, below)? == below.len() => Ok(()),
            Base::Here(_) | Base::Known(_) | Base::Nothing => Err(Errno::Io),
        }
    }
}

/// A part of a range that lies in one block.
struct Piece {
    block: u64,
    /// Where in the block it begins.
    within: usize,
    /// Which bytes of the range it is.
    range: std::ops::Range<usize>,
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let within = usize::try_from(at % BLOCK_BYTES).unwrap_or(0);
        let n = (BLOCK - within).min(len - done);
        done += n;
        Some(Piece { block: at / BLOCK_BYTES, within, range: done - n..done })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::quota::Quota;
    use super::*;

    fn over(text: &[u8], quota: &Arc<Quota>) -> Data {
        let digest = Digest::from_bytes([0; 32]);
        let mut data = Data::shared(digest, text.len() as u64, quota.charge(0).unwrap());
        assert_eq!(data.missing(), (!text.is_empty()).then_some(digest));
        data.supply(Content::Bytes(text.into()));
        data
    }

    fn all(data: &Data) -> Vec<u8> {
        let mut bytes = vec![0xaa; usize::try_from(data.size()).unwrap() + 10];
        let n = data.read_at(0, &mut bytes).unwrap();
        bytes.truncate(n);
        bytes
    }

    #[test]
    fn only_written_blocks_take_room() {
        let quota = Quota::new(3 * BLOCK_BYTES);
        let text = vec![b'x'; 10 * BLOCK];
        let mut data = over(&text, &quota);
        data.write_at(BLOCK_BYTES + 1, b"hello").unwrap();
        assert_eq!(quota.taken(), BLOCK_BYTES);
        let mut expected = text;
        expected[BLOCK + 1..BLOCK + 6].copy_from_slice(b"hello");
        assert!(all(&data) == expected);
        data.set_size(0).unwrap();
        assert_eq!((quota.taken(), all(&data)), (0, vec![]));
        data.set_size(1 << 40).unwrap();
        assert_eq!((data.size(), quota.taken()), (1 << 40, 0));
    }

    #[test]
    fn cutting_and_growing_shows_zeros() {
        let quota = Quota::new(1 << 20);
        for cut in [0, 1, 3, BLOCK as u64 - 1, BLOCK_BYTES, BLOCK_BYTES + 5] {
            let mut data = over(&[7; 2 * BLOCK], &quota);
            data.write_at(2, b"ab").unwrap();
            data.write_at(BLOCK_BYTES + 3, b"cd").unwrap();
            let mut expected = all(&data);
            data.set_size(cut).unwrap();
            data.set_size(2 * BLOCK_BYTES).unwrap();
            expected[usize::try_from(cut).unwrap()..].fill(0);
            assert!(all(&data) == expected, "{cut}");
        }
        assert_eq!(quota.taken(), 0);
    }

    #[test]
    fn a_full_quota_ends_a_write_where_it_is() {
        let quota = Quota::new(2 * BLOCK_BYTES + 1);
        let mut data = Data::empty(quota.charge(0).unwrap());
        assert_eq!(data.write_at(0, &[1; 3 * BLOCK]), Ok(2 * BLOCK));
        assert_eq!(data.write_at(2 * BLOCK_BYTES, b"x"), Err(Errno::Dquot));
        assert_eq!(data.size(), 2 * BLOCK_BYTES);
        assert_eq!(data.write_at(BLOCK_BYTES, b"x"), Ok(1));
        assert_eq!(data.allocate(0, 2 * BLOCK_BYTES), Ok(()));
        assert_eq!(data.allocate(0, 2 * BLOCK_BYTES + 1), Err(Errno::Dquot));
        assert_eq!(data.allocate(0, MAX_SIZE), Err(Errno::Dquot));
        assert_eq!(data.allocate(5, u64::MAX), Err(Errno::FBig));
        assert_eq!(data.write_at(u64::MAX, b"x"), Err(Errno::FBig));
        assert_eq!(data.set_size(u64::MAX), Err(Errno::FBig));
        assert_eq!(quota.taken(), 2 * BLOCK_BYTES);
    }
}
