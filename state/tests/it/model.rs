//! Random operations on two hosts, against a reference that keeps a boolean for every byte and every page and knows
//! nothing of versions, bitmaps or regions.

use std::ops::Range;

use faasm_state::{Namespace, Value};
use proptest::prelude::*;

use crate::support::{PAGE, now, pushed, two_hosts};

const MAX: usize = 4 * PAGE;

#[derive(Clone, Debug)]
enum Act {
    Read(Range<usize>),
    Write(Range<usize>, u8),
    WriteThroughPointer(Range<usize>, u8),
    Set(usize, u8),
    Grow(usize),
    Pull,
    Push,
    PushPartial,
    PushMasked(Vec<Range<usize>>),
    Delete,
}

/// A place in a value, near the edge of a page more often than not.
fn place() -> impl Strategy<Value = usize> {
    let near_edge =
        (0..=4_usize, 0..6_usize).prop_map(|(page, off)| (page * PAGE + off).saturating_sub(3));
    prop_oneof![near_edge, 0..MAX].prop_map(|at: usize| at.min(MAX))
}

fn range() -> impl Strategy<Value = Range<usize>> {
    (place(), place()).prop_map(|(a, b)| a.min(b)..a.max(b))
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => range().prop_map(Act::Read),
        4 => (range(), 1..=255_u8).prop_map(|(range, byte)| Act::Write(range, byte)),
        2 => (range(), 1..=255_u8).prop_map(|(range, byte)| Act::WriteThroughPointer(range, byte)),
        1 => (place(), 1..=255_u8).prop_map(|(size, byte)| Act::Set(size, byte)),
        2 => place().prop_map(Act::Grow),
        1 => Just(Act::Pull),
        2 => Just(Act::Push),
        4 => Just(Act::PushPartial),
        1 => prop::collection::vec(range(), 0..3).prop_map(Act::PushMasked),
        1 => Just(Act::Delete),
    ]
}

/// One host, as plain as can be. Bytes past `size` mean nothing.
struct Plain {
    size: usize,
    bytes: Vec<u8>,
    dirty: Vec<bool>,
    pulled: Vec<bool>,
    replaced: bool,
}

type Global = Option<Vec<u8>>;

impl Plain {
    fn new() -> Self {
        Self {
            size: 0,
            bytes: vec![0; MAX],
            dirty: vec![false; MAX],
            pulled: vec![false; MAX / PAGE],
            replaced: false,
        }
    }

    fn clip(&self, range: &Range<usize>) -> Range<usize> {
        range.start.min(self.size)..range.end.min(self.size)
    }

    fn grow(&mut self, size: usize) {
        if size <= self.size {
            return;
        }
        self.bytes[self.size..size].fill(0);
        if !self.size.is_multiple_of(PAGE) {
            self.pulled[self.size / PAGE] = false;
        }
        self.size = size;
        if self.replaced {
            self.pulled[..size.div_ceil(PAGE)].fill(true);
        }
    }

    fn cut(&mut self, size: usize) {
        self.size = size;
        self.dirty[size..].fill(false);
        self.pulled[size.div_ceil(PAGE)..].fill(false);
    }

    fn ensure(&mut self, range: &Range<usize>, global: &Global) {
        // Growth opens the last page, so that it may be missing again.
        loop {
            let missing: Vec<usize> = pages(range).filter(|page| !self.pulled[*page]).collect();
            if missing.is_empty() {
                return;
            }
            let global = global.as_deref().unwrap_or_default();
            self.grow(global.len());
            missing.iter().for_each(|page| self.take(*page, global));
            missing.iter().for_each(|page| self.pulled[*page] = true);
        }
    }

    /// Takes the clean bytes of a page from the global value; it has zeroes past its end.
    fn take(&mut self, page: usize, global: &[u8]) {
        let bytes = page * PAGE..((page + 1) * PAGE).min(self.size);
        for at in bytes.filter(|at| !self.dirty[*at]) {
            self.bytes[at] = global.get(at).copied().unwrap_or(0);
        }
    }

    fn write(&mut self, range: &Range<usize>, byte: u8) {
        self.bytes[range.clone()].fill(byte);
        self.dirty[range.clone()].fill(true);
        for page in 0..self.size.div_ceil(PAGE) {
            let all = page * PAGE..((page + 1) * PAGE).min(self.size);
            self.pulled[page] |= range.start <= all.start && all.end <= range.end;
        }
    }

    fn set(&mut self, size: usize, byte: u8) {
        self.cut(size);
        self.bytes[..size].fill(byte);
        self.dirty[..size].fill(true);
        self.pulled[..size.div_ceil(PAGE)].fill(true);
        self.replaced = true;
    }

    fn pull(&mut self, global: &Global) {
        let Some(global) = global else { return };
        self.cut(global.len());
        self.bytes[..global.len()].copy_from_slice(global);
        self.dirty.fill(false);
        self.pulled[..global.len().div_ceil(PAGE)].fill(true);
        self.replaced = false;
    }

    fn is_dirty(&self) -> bool {
        self.replaced || self.dirty.contains(&true)
    }

    /// Sends the bytes that `which` picks; how many.
    fn send(&mut self, global: &mut Global, which: impl Fn(&Self, usize) -> bool) -> usize {
        if self.replaced {
            *global = Some(self.bytes[..self.size].to_vec());
            self.dirty.fill(false);
            self.replaced = false;
            return self.size;
        }
        let picked: Vec<usize> = (0..self.size).filter(|at| which(self, *at)).collect();
        if picked.is_empty() {
            return 0;
        }
        let value = global.get_or_insert_default();
        value.resize(value.len().max(self.size), 0);
        for at in &picked {
            value[*at] = self.bytes[*at];
            self.dirty[*at] = false;
        }
        picked.len()
    }

    fn push(&mut self, global: &mut Global) -> usize {
        if !self.is_dirty() {
            return 0;
        }
        self.send(global, |host, at| host.dirty[at] || host.pulled[at / PAGE])
    }

    fn push_some(&mut self, global: &mut Global, which: impl Fn(&Self, usize) -> bool) -> usize {
        let sent = self.send(global, which);
        if let (Some(global), true) = (&*global, sent > 0) {
            (0..self.pulled.len())
                .filter(|page| self.pulled[*page])
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|page| {
                    self.take(page, global);
                });
        }
        sent
    }
}

/// Where two vectors of bytes differ first, with their lengths if they have not the same one.
fn difference(left: &[u8], right: &[u8]) -> Option<(usize, usize, usize)> {
    let at = left.iter().zip(right).position(|(left, right)| left != right);
    let unequal = left.len() != right.len();
    at.or_else(|| unequal.then_some(left.len().min(right.len())))
        .map(|at| (at, left.len(), right.len()))
}

fn pages(range: &Range<usize>) -> Range<usize> {
    if range.is_empty() { 0..0 } else { range.start / PAGE..range.end.div_ceil(PAGE) }
}

fn mask_of(host: &Namespace, size: usize, runs: &[Range<usize>]) -> Value {
    let mask = host.value(b"mask", 0).unwrap();
    let mut bytes = vec![0; size];
    runs.iter().for_each(|run| bytes[run.clone()].fill(0xff));
    mask.set(&bytes).unwrap();
    mask
}

/// Does the same to the real host and to the plain one.
fn perform(act: &Act, host: &Namespace, plain: &mut Plain, global: &mut Global) {
    let value = host.value(b"k", 0).unwrap();
    match act {
        Act::Read(range) => {
            let range = plain.clip(range);
            plain.ensure(&range, global);
            let read = now(value.read(range.start, range.len()));
            assert_eq!(difference(&read, &plain.bytes[range]), None);
        }
        Act::Write(range, byte) => {
            let range = plain.clip(range);
            value.write(range.start, &vec![*byte; range.len()]).unwrap();
            plain.write(&range, *byte);
        }
        Act::WriteThroughPointer(range, byte) => {
            through_pointer(&value, &plain.clip(range), *byte, plain, global)
        }
        Act::Set(size, byte) => {
            value.set(&vec![*byte; *size]).unwrap();
            plain.set(*size, *byte);
        }
        Act::Grow(size) => {
            value.grow(*size).unwrap();
            plain.grow(*size);
        }
        Act::Pull => {
            assert_eq!(now(value.pull()).is_some(), global.is_some());
            plain.pull(global);
        }
        Act::Push => assert_eq!(now(value.push()).bytes, plain.push(global)),
        Act::PushPartial => {
            let sent = plain.push_some(global, |host, at| host.dirty[at]);
            assert_eq!(now(value.push_partial()).bytes, sent);
        }
        Act::PushMasked(runs) => {
            let runs: Vec<_> = runs.iter().map(|run| plain.clip(run)).collect();
            let mask = mask_of(host, plain.size, &runs);
            let sent = plain.push_some(global, |_, at| runs.iter().any(|run| run.contains(&at)));
            assert_eq!(now(value.push_masked(&mask)).bytes, sent);
        }
        Act::Delete => {
            now(host.delete(b"k"));
            *global = None;
            *plain = Plain::new();
        }
    }
}

fn through_pointer(
    value: &Value,
    range: &Range<usize>,
    byte: u8,
    plain: &mut Plain,
    global: &Global,
) {
    if range.is_empty() {
        return;
    }
    plain.ensure(range, global);
    let mapping = now(value.map(range.start, range.len()));
    let start = mapping.pages().start + mapping.within();
    mapping.region().fill(start, range.len(), byte).unwrap();
    value.flag_dirty(range.start, range.len()).unwrap();
    plain.bytes[range.clone()].fill(byte);
    plain.dirty[range.clone()].fill(true);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn two_hosts_agree_with_the_plain_reference(acts in prop::collection::vec((any::<bool>(), act()), 1..40)) {
        let (tier, one, other) = two_hosts();
        let (mut plain_one, mut plain_other) = (Plain::new(), Plain::new());
        let mut global = None;
        for (first, act) in acts {
            let (host, plain) = if first { (&one, &mut plain_one) } else { (&other, &mut plain_other) };
            perform(&act, host, plain, &mut global);
            let value = host.value(b"k", 0).unwrap();
            prop_assert_eq!(value.size(), plain.size, "after {:?}", act);
            prop_assert_eq!(value.is_dirty(), plain.is_dirty(), "after {:?}", act);
            let there = pushed(&tier, b"k");
            prop_assert_eq!(there.is_some(), global.is_some(), "after {:?}", act);
            let (there, expected) = (there.unwrap_or_default(), global.clone().unwrap_or_default());
            prop_assert_eq!(difference(&there, &expected), None, "after {:?}", act);
        }
    }
}
