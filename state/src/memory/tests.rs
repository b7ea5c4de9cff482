//! What the port asks of every global tier, asked of the one in memory; and its capacity.

#![allow(clippy::single_range_in_vec_init, reason = "one range is what is meant")]

use std::fmt::Debug;
use std::sync::Arc;
use std::thread;

use super::*;
use crate::Key;

fn at(namespace: &str, key: &[u8]) -> Address {
    Address { namespace: Arc::from(namespace), key: Key::new(key).unwrap() }
}

fn now<T: Debug>(op: GlobalOp<T>) -> Result<T, GlobalError> {
    op.try_take().unwrap().unwrap()
}

fn patch(size: usize, chunks: &[(usize, &[u8])]) -> Patch {
    let runs: Vec<_> = chunks.iter().map(|(offset, bytes)| *offset..offset + bytes.len()).collect();
    let mut bytes = chunks.iter();
    Patch::gather(size, &runs, |_, into| {
        into.copy_from_slice(bytes.next().ok_or(())?.1);
        Ok::<(), ()>(())
    })
    .unwrap()
}

fn whole(tier: &MemoryTier, at: &Address) -> Vec<u8> {
    now(tier.get(at, &[0..usize::MAX])).unwrap().unwrap().patch.into_bytes()
}

#[test]
fn a_value_that_nobody_set_is_absent() {
    let tier = MemoryTier::default();
    let at = at("u", b"k");
    assert_eq!(now(tier.stat(&at)).unwrap(), None);
    assert_eq!(now(tier.get(&at, &[0..10])).unwrap(), None);
    assert!(!now(tier.delete(&at, Condition::ALWAYS)).unwrap());
    assert_eq!(now(tier.read_appended(&at, 10, 10)).unwrap(), Vec::<Vec<u8>>::new());
}

#[test]
fn set_replaces_the_whole_value_and_its_size() {
    let tier = MemoryTier::default();
    let at = at("u", b"k");
    let first = now(tier.set(&at, b"long value".to_vec(), Condition::ALWAYS)).unwrap();
    assert_eq!(first.before, Version::ABSENT);
    let second = now(tier.set(&at, b"short".to_vec(), Condition::ALWAYS)).unwrap();
    assert_eq!(second.before, first.after);
    assert!(second.after > first.after);
    assert_eq!(whole(&tier, &at), b"short");
    assert_eq!(now(tier.stat(&at)).unwrap(), Some(Stat { version: second.after, size: 5 }));
}

#[test]
fn ranges_are_written_and_read_in_one_go_and_never_shorten() {
    let tier = MemoryTier::default();
    let at = at("u", b"k");
    now(tier.set_ranges(&at, patch(8, &[(1, b"ab"), (5, b"c")]), Condition::ALWAYS)).unwrap();
    assert_eq!(whole(&tier, &at), b"\0ab\0\0c\0\0");
    now(tier.set_ranges(&at, patch(4, &[(0, b"X")]), Condition::ALWAYS)).unwrap();
    assert_eq!(whole(&tier, &at), b"Xab\0\0c\0\0");
    now(tier.set_ranges(&at, patch(10, &[]), Condition::ALWAYS)).unwrap();
    let fetched = now(tier.get(&at, &[1..3, 5..6, 9..200, 300..400])).unwrap().unwrap();
    assert_eq!(fetched.patch.size(), 10);
    let chunks: Vec<_> = fetched.patch.chunks().collect();
    assert_eq!(chunks, [(1, &b"ab"[..]), (5, b"c"), (9, b"\0")]);
}

#[test]
fn conditions_hold_or_nothing_is_written() {
    let tier = MemoryTier::default();
    let at = at("u", b"k");
    let first = now(tier.set(&at, b"1".to_vec(), Condition::at(Version::ABSENT))).unwrap().after;
    let stale = Condition::at(Version::ABSENT);
    for refused in [
        now(tier.set(&at, b"2".to_vec(), stale)).unwrap_err(),
        now(tier.set_ranges(&at, patch(9, &[(0, b"2")]), stale)).unwrap_err(),
        now(tier.delete(&at, stale)).unwrap_err(),
    ] {
        assert!(
            matches!(refused, GlobalError::Conflict { found, .. } if found == first),
            "{refused}"
        );
    }
    assert_eq!(whole(&tier, &at), b"1");
    assert!(now(tier.delete(&at, Condition::at(first))).unwrap());
    let again = now(tier.set(&at, b"1".to_vec(), Condition::at(Version::ABSENT))).unwrap().after;
    assert!(again > first, "a value made again has a version of its own");
}

#[test]
fn lists_keep_their_order_and_stand_beside_the_value() {
    let tier = MemoryTier::default();
    let at = at("u", b"k");
    now(tier.set(&at, b"value".to_vec(), Condition::ALWAYS)).unwrap();
    for (n, element) in [&b"one"[..], b"", b"three"].into_iter().enumerate() {
        assert_eq!(now(tier.append(&at, element.to_vec(), None)).unwrap(), n + 1);
    }
    assert_eq!(now(tier.read_appended(&at, 2, 100)).unwrap(), [&b"one"[..], b""]);
    assert_eq!(
        now(tier.read_appended(&at, 9, 7)).unwrap(),
        [&b"one"[..], b""],
        "whole elements that fit"
    );
    assert_eq!(now(tier.read_appended(&at, 9, 8)).unwrap().len(), 3);
    now(tier.clear_appended(&at, None)).unwrap();
    assert!(now(tier.read_appended(&at, 9, 100)).unwrap().is_empty());
    assert_eq!(whole(&tier, &at), b"value");
    now(tier.append(&at, b"x".to_vec(), None)).unwrap();
    assert!(now(tier.delete(&at, Condition::ALWAYS)).unwrap());
    assert!(now(tier.read_appended(&at, 9, 100)).unwrap().is_empty(), "deletion ends both");
}

#[test]
fn addresses_are_two_parts_and_never_meet() {
    let tier = MemoryTier::default();
    now(tier.set(&at("a_b", b"c"), b"1".to_vec(), Condition::ALWAYS)).unwrap();
    now(tier.set(&at("a", b"b_c"), b"2".to_vec(), Condition::ALWAYS)).unwrap();
    assert_eq!(whole(&tier, &at("a_b", b"c")), b"1");
    assert_eq!(whole(&tier, &at("a", b"b_c")), b"2");
}

#[test]
fn a_full_tier_refuses_and_gives_room_back() {
    let tier = MemoryTier::new(4096);
    let (big, small) = (at("u", b"big"), at("u", b"small"));
    assert!(matches!(
        now(tier.set(&big, vec![1; 5000], Condition::ALWAYS)),
        Err(GlobalError::Full { .. })
    ));
    assert!(matches!(
        now(tier.set_ranges(&big, patch(usize::MAX, &[]), Condition::ALWAYS)),
        Err(GlobalError::Full { .. })
    ));
    assert_eq!(
        (tier.used(), now(tier.stat(&big)).unwrap()),
        (0, None),
        "a refused write leaves nothing"
    );
    now(tier.set(&big, vec![1; 3000], Condition::ALWAYS)).unwrap();
    assert!(now(tier.append(&small, vec![0; 2000], None)).is_err());
    now(tier.set(&big, vec![1; 100], Condition::ALWAYS)).unwrap();
    now(tier.append(&small, vec![0; 2000], None)).unwrap();
    now(tier.clear_appended(&small, None)).unwrap();
    now(tier.append(&big, vec![0; 2000], None)).unwrap();
    now(tier.delete(&big, Condition::ALWAYS)).unwrap();
    assert_eq!(tier.used(), 0);
}

#[test]
fn threads_on_one_address_lose_nothing() {
    let tier = MemoryTier::default();
    let at = at("u", b"k");
    now(tier.set(&at, vec![0; 8], Condition::ALWAYS)).unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in 0..1_000_u64 {
                    now(tier.append(&at, n.to_le_bytes().to_vec(), None)).unwrap();
                    increment(&tier, &at);
                }
            });
        }
    });
    assert_eq!(now(tier.read_appended(&at, 5_000, usize::MAX)).unwrap().len(), 2_000);
    assert_eq!(whole(&tier, &at), 2_000_u64.to_le_bytes());
}

/// Adds one by conditional writes, as often as it takes.
fn increment(tier: &MemoryTier, at: &Address) {
    loop {
        let read = now(tier.get(at, &[0..8])).unwrap().unwrap();
        let count = u64::from_le_bytes(read.patch.into_bytes().try_into().unwrap()) + 1;
        let written = tier.set(at, count.to_le_bytes().to_vec(), Condition::at(read.version));
        match now(written) {
            Ok(_) => return,
            Err(GlobalError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn who_waits_for_an_element_no_more_takes_none() {
    let tier = MemoryTier::default();
    let at = at("t", b"queue");
    let take = || tier.take_appended(&at, 1, 100, Wait::UntilThere, None);
    let (gone, other) = (take(), take());
    // A change that brings nothing has both wait again.
    let _ = tier.clear_appended(&at, None);
    drop(gone);
    let _ = tier.append(&at, b"one".to_vec(), None);
    assert_eq!(other.try_take().unwrap().unwrap().unwrap(), [b"one"]);
    let _ = tier.append(&at, b"two".to_vec(), None);
    assert_eq!(take().try_take().unwrap().unwrap().unwrap(), [b"two"]);
}
