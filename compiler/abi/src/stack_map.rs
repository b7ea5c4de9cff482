//! Where references are in frames of compiled code, at each call over which some live.
//!
//! # Layout
//!
//! Little-endian `u32`s, found in place:
//!
//! ```text
//! count n
//! n offsets      in the text section, of the instruction after the call; ascending
//! n ends         how many distances all maps up to and with this one have
//! distances      of each map in turn: bytes from the frame pointer down to a reference of 32 bits
//! ```

/// The references in the frame of a function at one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackMap {
    /// Offset in the text section of the instruction after the call.
    pub offset: u32,
    /// Bytes from the frame pointer down to each reference.
    pub roots: Vec<u32>,
}

/// Encodes maps, in ascending order of their offsets, as the object's section.
#[must_use]
pub fn encode(maps: &[StackMap]) -> Vec<u8> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut words = Vec::with_capacity(1 + 2 * maps.len());
    words.push(count(maps.len()));
    words.extend(maps.iter().map(|map| map.offset));
    words.extend(maps.iter().scan(0, |end, map| {
        *end += map.roots.len();
        Some(count(*end))
    }));
    words.extend(maps.iter().flat_map(|map| &map.roots));
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The maps of an object, read where they lie.
#[derive(Clone, Copy, Debug)]
pub struct StackMaps<'a> {
    offsets: &'a [[u8; 4]],
    ends: &'a [[u8; 4]],
    distances: &'a [[u8; 4]],
}

impl<'a> StackMaps<'a> {
    /// The maps in a section; `None` when it is malformed. Takes constant time: a damaged offset finds nothing, a damaged
    /// end finds an empty map.
    #[must_use]
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<4>();
        let (count, words) = words.split_first()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (offsets, words) = words.split_at_checked(count)?;
        let (ends, distances) = words.split_at_checked(count)?;
        rest.is_empty().then_some(Self { offsets, ends, distances })
    }

    /// The distances below the frame pointer at which references are, where the call returns to `offset` in the text.
    pub fn at(self, offset: u32) -> impl Iterator<Item = u32> + use<'a> {
        let word = |words: &[[u8; 4]], at: usize| words.get(at).copied().map(u32::from_le_bytes);
        let found = self.offsets.binary_search_by_key(&offset, |word| u32::from_le_bytes(*word));
        let range = found.ok().and_then(|at| {
            let start = at.checked_sub(1).map_or(Some(0), |before| word(self.ends, before))?;
            self.distances.get(start as usize..word(self.ends, at)? as usize)
        });
        range.unwrap_or_default().iter().map(|word| u32::from_le_bytes(*word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_found_by_the_place_a_call_returns_to() {
        let map = |offset, roots: &[u32]| StackMap { offset, roots: roots.to_vec() };
        let bytes = encode(&[map(8, &[16, 24]), map(40, &[]), map(41, &[8])]);
        let maps = StackMaps::open(&bytes).unwrap();
        let at = |offset| maps.at(offset).collect::<Vec<_>>();
        assert_eq!((at(8), at(40), at(41), at(9)), (vec![16, 24], vec![], vec![8], vec![]));
        assert!(StackMaps::open(&bytes[..bytes.len() - 1]).is_none());
        assert!(StackMaps::open(&u32::MAX.to_le_bytes()).is_none());
    }
}
