//! The table of the places where exceptions land.
//!
//! A call inside a `try_table` has one landing pad, which takes every exception that leaves the callee: which clause
//! matches, if any, is decided by compiled code there. So whoever throws needs nothing but this table: the innermost
//! frame whose return address is listed is abandoned up to that call and goes on at the landing pad.
//!
//! # Landing
//!
//! The frame pointer is the frame's own; the stack pointer is [`HandlerSite::frame`] bytes below it; the first payload
//! register of the code generator's convention (x86-64 `rax`, aarch64 `x0`) holds the exception's reference,
//! zero-extended. All other registers may hold anything, the pinned one too.
//!
//! # Layout of the section
//!
//! ```text
//!  0        4                        4 + 4n               4 + 8n             4 + 12n
//!  | n: u32 | n return offsets: u32  | n landings: u32    | n frames: u32    |
//! ```
//!
//! Little-endian; return offsets ascend without repetition.

/// One call that has a landing pad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerSite {
    /// Offset in the text section of the instruction behind the call: its return address.
    pub ret: u32,
    /// Offset in the text section of the landing pad, which is in the same function.
    pub landing: u32,
    /// Bytes from the frame pointer down to the stack pointer during the call.
    pub frame: u32,
}

/// Encodes sites, whose return offsets ascend, as the object's section of handlers.
#[must_use]
pub fn encode_handlers(sites: &[HandlerSite]) -> Vec<u8> {
    let count = u32::try_from(sites.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(4 + sites.len() * 12);
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend(sites.iter().flat_map(|site| site.ret.to_le_bytes()));
    bytes.extend(sites.iter().flat_map(|site| site.landing.to_le_bytes()));
    bytes.extend(sites.iter().flat_map(|site| site.frame.to_le_bytes()));
    bytes
}

/// The sites of an object, read where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Handlers<'a> {
    rets: &'a [[u8; 4]],
    landings: &'a [[u8; 4]],
    frames: &'a [[u8; 4]],
}

impl<'a> Handlers<'a> {
    /// The sites in a section; `None` when it does not have the length that it says. Takes constant time: an offset that is
    /// out of order finds nothing.
    #[must_use]
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<4>();
        let (count, words) = words.split_first()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (rets, words) = words.split_at_checked(count)?;
        let (landings, frames) = words.split_at_checked(count)?;
        (rest.is_empty() && frames.len() == count).then_some(Self { rets, landings, frames })
    }

    /// All sites, in order.
    pub fn sites(&self) -> impl Iterator<Item = HandlerSite> {
        let word = |word: &[u8; 4]| u32::from_le_bytes(*word);
        let fields = self.rets.iter().zip(self.landings).zip(self.frames);
        fields.map(move |((ret, landing), frame)| HandlerSite {
            ret: word(ret),
            landing: word(landing),
            frame: word(frame),
        })
    }

    /// The site of the call that returns to `ret` in the text, if it has a landing pad.
    #[must_use]
    pub fn at(&self, ret: u32) -> Option<HandlerSite> {
        let at = self.rets.binary_search_by_key(&ret, |word| u32::from_le_bytes(*word)).ok()?;
        let word = |words: &[[u8; 4]]| words.get(at).copied().map(u32::from_le_bytes);
        Some(HandlerSite { ret, landing: word(self.landings)?, frame: word(self.frames)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_found_by_the_place_its_call_returns_to() {
        let sites = [
            HandlerSite { ret: 5, landing: 90, frame: 32 },
            HandlerSite { ret: 17, landing: 40, frame: 64 },
        ];
        let bytes = encode_handlers(&sites);
        assert_eq!((bytes.len(), &bytes[4..12]), (28, &[5, 0, 0, 0, 17, 0, 0, 0][..]));
        let handlers = Handlers::open(&bytes).unwrap();
        assert_eq!([5, 17].map(|ret| handlers.at(ret)), sites.map(Some));
        assert_eq!(handlers.at(6), None);
        assert!(handlers.sites().eq(sites));
        assert!(Handlers::open(&bytes[..bytes.len() - 4]).is_none());
        assert!(Handlers::open(&[&bytes[..], &[0]].concat()).is_none());
        assert!(Handlers::open(&u32::MAX.to_le_bytes()).is_none());
        assert_eq!(Handlers::open(&0_u32.to_le_bytes()).unwrap().at(0), None);
    }
}
