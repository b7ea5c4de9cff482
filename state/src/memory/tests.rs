//! The capacity. What the port asks of every global tier is in `state/conformance`.

use std::fmt::Debug;
use std::sync::Arc;

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
fn who_waits_under_a_lock_is_served_by_who_appends_under_it() {
    let tier = MemoryTier::default();
    let list = at("t", b"queue");
    let token = now(tier.lock(&list, Mode::Write, Duration::from_secs(60), None)).unwrap().unwrap();
    let take = tier.take_appended(&list, 1, 9, Wait::UntilThere, Some(token));
    now(tier.append(&list, b"one".to_vec(), Some(token))).unwrap();
    assert_eq!(now(take).unwrap(), [b"one"]);
}

#[test]
fn what_comes_back_has_room_also_in_a_full_tier() {
    let tier = MemoryTier::new(4096);
    let (list, other) = (at("t", b"queue"), at("t", b"other"));
    for n in 0..3 {
        now(tier.append(&list, vec![n; 1000], None)).unwrap();
    }
    let answered = [2, 1].map(|most| tier.take_appended(&list, most, 9999, Wait::Not, None));
    assert_eq!(tier.used(), 0);
    now(tier.set(&other, vec![0; 3000], Condition::ALWAYS)).unwrap();
    answered.into_iter().rev().for_each(drop);
    assert!(tier.used() > 6000);
    let all = now(tier.read_appended(&list, 9, 9999)).unwrap();
    assert_eq!(all.iter().map(|element| element[0]).collect::<Vec<_>>(), [0, 1, 2]);
    now(tier.delete(&list, Condition::ALWAYS)).unwrap();
    now(tier.delete(&other, Condition::ALWAYS)).unwrap();
    assert_eq!(tier.used(), 0);
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
