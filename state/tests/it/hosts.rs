//! Two hosts over one global tier: whose bytes win, and what each sees.

use std::sync::Arc;

use faasm_state::{GlobalTier, Limits, LocalTier, MemoryTier, Namespace};

use crate::support::{PAGE, Seen, now, pushed, two_hosts};

/// Makes a value of `size` sevens on one host, pushes it, and has it whole on the other.
fn shared(one: &Namespace, other: &Namespace, size: usize) {
    let value = one.value(b"k", size).unwrap();
    value.set(&vec![7; size]).unwrap();
    now(value.push());
    now(other.value(b"k", size).unwrap().ensure(0, size));
}

#[test]
fn different_bytes_of_one_page_are_both_kept_and_seen() {
    let (tier, one, other) = two_hosts();
    shared(&one, &other, PAGE);
    let (first, second) = (one.value(b"k", PAGE).unwrap(), other.value(b"k", PAGE).unwrap());
    first.write(10, b"first").unwrap();
    second.write(15, b"second").unwrap();
    now(first.push_partial());
    now(second.push_partial());
    assert_eq!(&pushed(&tier, b"k").unwrap()[10..21], b"firstsecond");
    assert_eq!(now(second.read(10, 11)), b"firstsecond", "the push brought the other's bytes");
    assert_eq!(
        now(first.read(10, 11)),
        b"first\x07\x07\x07\x07\x07\x07",
        "nothing was pushed since"
    );
    first.write(0, b"x").unwrap();
    now(first.push_partial());
    assert_eq!(now(first.read(10, 11)), b"firstsecond");
}

#[test]
fn a_partial_push_fetches_again_only_if_somebody_else_pushed() {
    let (tier, one, other) = two_hosts();
    shared(&one, &other, 4 * PAGE);
    let (first, second) = (one.value(b"k", 0).unwrap(), other.value(b"k", 0).unwrap());
    tier.seen();
    for n in 0..3 {
        first.write(n, b"x").unwrap();
        now(first.push_partial());
        assert_eq!(tier.seen(), [Seen::SetRanges(vec![n..n + 1])], "alone");
    }
    second.write(9, b"y").unwrap();
    now(second.push_partial());
    let fetched = Seen::Get(vec![0..4 * PAGE]);
    assert_eq!(tier.seen(), [Seen::SetRanges(vec![9..10]), fetched]);
    second.write(9, b"z").unwrap();
    now(second.push_partial());
    assert_eq!(tier.seen().len(), 1, "in step again");
}

#[test]
fn what_was_never_fetched_is_not_fetched_by_a_push() {
    let (tier, one, other) = two_hosts();
    let source = one.value(b"k", 0).unwrap();
    source.set(&vec![7; 8 * PAGE]).unwrap();
    now(source.push());
    let value = other.value(b"k", 8 * PAGE).unwrap();
    now(value.ensure(3 * PAGE, 1));
    source.write(0, b"later").unwrap();
    now(source.push_partial());
    value.write(3 * PAGE, b"x").unwrap();
    tier.seen();
    now(value.push_partial());
    assert_eq!(tier.seen()[1..], [Seen::Get(vec![3 * PAGE..4 * PAGE])]);
    assert_eq!(now(value.read(0, 5)), b"later");
}

#[test]
fn a_shorter_view_learns_the_real_size_and_does_not_cut_it() {
    let (tier, one, other) = two_hosts();
    let source = one.value(b"k", 0).unwrap();
    source.set(&vec![7; PAGE + 100]).unwrap();
    now(source.push());
    let value = other.value(b"k", 10).unwrap();
    assert_eq!(now(value.read(0, 10)), [7; 10]);
    assert_eq!(value.size(), PAGE + 100);
    let blind = other.value(b"blind", 10).unwrap();
    let source = one.value(b"blind", 0).unwrap();
    source.set(&[7; 100]).unwrap();
    now(source.push());
    blind.write(0, &[1; 10]).unwrap();
    now(blind.push());
    assert_eq!(
        pushed(&tier, b"blind").unwrap()[..20],
        [[1; 10], [7; 10]].concat()[..],
        "the rest is not cut off"
    );
    let grown = other.value(b"blind", 50).unwrap();
    assert_eq!(
        now(grown.read(5, 10)),
        [1, 1, 1, 1, 1, 7, 7, 7, 7, 7],
        "what lies behind is fetched, not zero"
    );
    grown.write(0, &[2]).unwrap();
    now(grown.push());
    assert_eq!(pushed(&tier, b"blind").unwrap()[50..], [7; 50]);
}

#[test]
fn a_full_push_overwrites_what_others_pushed_since() {
    let (tier, one, other) = two_hosts();
    shared(&one, &other, 100);
    let (first, second) = (one.value(b"k", 0).unwrap(), other.value(b"k", 0).unwrap());
    first.write(0, b"first").unwrap();
    now(first.push());
    second.write(50, b"second").unwrap();
    now(second.push());
    let last = pushed(&tier, b"k").unwrap();
    assert_eq!((&last[..5], &last[50..56]), (&[7; 5][..], &b"second"[..]));
}

#[test]
fn deletion_elsewhere_shows_at_the_next_pull_or_push() {
    let (tier, one, other) = two_hosts();
    shared(&one, &other, 100);
    let value = other.value(b"k", 0).unwrap();
    now(one.delete(b"k"));
    assert_eq!(now(value.pull()), None);
    assert_eq!(now(value.read(0, 3)), [7; 3], "here it still is");
    value.write(0, b"x").unwrap();
    now(value.push_partial());
    let mut expected = vec![0; 100];
    expected[0] = b'x';
    assert_eq!(pushed(&tier, b"k").unwrap(), expected);
    assert_eq!(now(value.read(0, 100)), expected, "what was deleted is gone here too");
}

#[test]
fn a_large_value_arrives_whole_and_by_pieces() {
    let tier: Arc<dyn GlobalTier> = Arc::new(MemoryTier::default());
    let [one, other] =
        [(); 2].map(|()| LocalTier::new(Arc::clone(&tier), Limits::default()).namespace("t"));
    let pattern: Vec<u8> = (0..9_000_001_u32).map(|n| (n ^ (n >> 11)).to_le_bytes()[0]).collect();
    let source = one.value(b"k", pattern.len()).unwrap();
    for (n, piece) in pattern.chunks(1_000_003).enumerate() {
        source.write(n * 1_000_003, piece).unwrap();
        now(source.push_partial());
    }
    let pieces = now(other.open(b"k")).unwrap();
    assert!(now(pieces.read(4_000_000, 3_000_000)) == pattern[4_000_000..7_000_000]);
    assert!(now(pieces.read(0, pattern.len())) == pattern);
    source.set(&pattern[1..]).unwrap();
    now(source.push());
    now(pieces.pull());
    assert!(now(pieces.read(0, pieces.size())) == pattern[1..]);
}
