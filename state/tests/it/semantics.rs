//! The table of operations in the crate's documentation, line by line, on one host.

use faasm_state::{CallId, Mode, StateError, Value};

use crate::support::{PAGE, Seen, now, outcome, pushed, two_hosts};

fn bytes(value: &Value) -> Vec<u8> {
    now(value.read(0, value.size()))
}

#[test]
fn a_value_is_the_same_memory_for_everybody_who_asks() {
    let (_tier, host, _) = two_hosts();
    let (one, other) = (host.value(b"k", 100).unwrap(), host.value(b"k", 10).unwrap());
    assert!(one.region().same_as(other.region()));
    assert_eq!(other.size(), 100, "asking for less does not shorten");
    one.write(50, b"seen").unwrap();
    assert_eq!(now(other.read(50, 4)), b"seen");
    assert!(!host.value(b"k\0", 10).unwrap().region().same_as(one.region()));
}

#[test]
fn a_value_that_nobody_pushed_reads_as_zero_and_is_asked_for_once() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 10).unwrap();
    assert_eq!(bytes(&value), [0; 10]);
    assert_eq!(tier.seen(), [Seen::Get(vec![0..PAGE])]);
    assert_eq!(bytes(&value), [0; 10]);
    assert_eq!(tier.seen(), []);
    assert!(!value.is_dirty());
}

#[test]
fn get_is_lazy_and_of_the_pages_asked_for() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 4 * PAGE).unwrap();
    source.set(&vec![7; 4 * PAGE]).unwrap();
    now(source.push());
    tier.seen();
    let value = host.value(b"k", 4 * PAGE).unwrap();
    assert_eq!(now(value.read(PAGE + 5, 10)), [7; 10]);
    assert_eq!(tier.seen(), [Seen::Get(vec![PAGE..2 * PAGE])]);
    assert_eq!(now(value.read(0, 4 * PAGE)), vec![7; 4 * PAGE]);
    assert_eq!(tier.seen(), [Seen::Get(vec![0..PAGE, 2 * PAGE..4 * PAGE])]);
    source.set(&vec![8; 4 * PAGE]).unwrap();
    now(source.push());
    assert_eq!(
        now(value.read(0, 4 * PAGE)),
        vec![7; 4 * PAGE],
        "what is here is not fetched again"
    );
}

#[test]
fn pull_always_fetches_everything_and_overwrites() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 0).unwrap();
    source.set(b"from the other").unwrap();
    let version = now(source.push()).version;
    let value = host.value(b"k", 3).unwrap();
    value.write(0, b"own").unwrap();
    assert_eq!(now(value.pull()), version);
    assert_eq!(bytes(&value), b"from the other", "bytes and size are the global ones");
    assert!(!value.is_dirty());
    tier.seen();
    assert_eq!(now(value.pull()), version);
    assert_eq!(tier.seen(), [Seen::Get(vec![0..usize::MAX])]);
    source.set(b"short").unwrap();
    now(source.push());
    now(value.pull());
    assert_eq!(bytes(&value), b"short");
    value.grow(8).unwrap();
    assert_eq!(now(value.read(0, 8)), b"short\0\0\0", "nothing of the longer value shows again");
}

#[test]
fn pulling_what_nobody_pushed_leaves_what_is_here() {
    let (_tier, host, _) = two_hosts();
    let value = host.value(b"k", 3).unwrap();
    value.write(0, b"own").unwrap();
    assert_eq!(now(value.pull()), None);
    assert_eq!(bytes(&value), b"own");
    assert!(value.is_dirty());
}

#[test]
fn set_and_write_are_local_until_pushed() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 8).unwrap();
    value.set(b"12345678").unwrap();
    value.write(2, b"xy").unwrap();
    assert!(value.is_dirty());
    assert_eq!(tier.seen(), []);
    assert_eq!(pushed(&tier, b"k"), None);
    now(value.push());
    assert_eq!(pushed(&tier, b"k").unwrap(), b"12xy5678");
}

#[test]
fn chunks_stay_inside_the_value_at_both_ends() {
    let (_tier, host, _) = two_hosts();
    let value = host.value(b"k", 10).unwrap();
    value.write(0, b"a").unwrap();
    value.write(9, b"z").unwrap();
    value.write(10, b"").unwrap();
    for (offset, len) in [(10, 1), (9, 2), (11, 0), (usize::MAX, 1), (usize::MAX - 4, 5), (0, PAGE)]
    {
        let refused = |error: StateError| matches!(error, StateError::OutOfBounds { size: 10, .. });
        assert!(refused(value.write(offset, &vec![1; len]).unwrap_err()), "write {offset} {len}");
        assert!(refused(outcome(value.read(offset, len)).unwrap_err()), "read {offset} {len}");
        assert!(refused(value.flag_dirty(offset, len).unwrap_err()), "flag {offset} {len}");
        assert!(refused(outcome(value.map(offset, len)).unwrap_err()), "map {offset} {len}");
        assert!(
            refused(value.read_local(offset, &mut vec![0; len]).unwrap_err()),
            "local {offset} {len}"
        );
    }
    assert_eq!(bytes(&value), b"a\0\0\0\0\0\0\0\0z");
}

#[test]
fn push_full_sends_only_when_dirty_and_clears_the_marks() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 2 * PAGE).unwrap();
    assert_eq!(now(value.push()).version, None);
    now(value.ensure(0, 2 * PAGE));
    tier.seen();
    value.write(5, b"x").unwrap();
    let push = now(value.push());
    assert_eq!((push.bytes, push.stale), (2 * PAGE, false));
    assert_eq!(tier.seen(), [Seen::SetRanges(vec![0..2 * PAGE])]);
    assert!(!value.is_dirty());
    assert_eq!(now(value.push()).version, None);
    assert_eq!(tier.seen(), []);
}

#[test]
fn push_full_never_sends_what_was_never_fetched() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 3 * PAGE).unwrap();
    source.set(&vec![7; 3 * PAGE]).unwrap();
    now(source.push());
    let value = host.value(b"k", 3 * PAGE).unwrap();
    value.write(PAGE + 1, b"new").unwrap();
    now(value.push());
    let mut expected = vec![7; 3 * PAGE];
    expected[PAGE + 1..PAGE + 4].copy_from_slice(b"new");
    assert_eq!(pushed(&tier, b"k").unwrap(), expected);
    assert_eq!(bytes(&value), expected, "and the rest is fetched around it");
}

#[test]
fn push_partial_sends_exactly_the_dirty_bytes() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 4 * PAGE).unwrap();
    now(value.ensure(0, 4 * PAGE));
    now(value.push_partial());
    tier.seen();
    value.write(0, b"first").unwrap();
    value.write(3, b"overlap").unwrap();
    value.write(2 * PAGE - 1, b"edge").unwrap();
    value.write(4 * PAGE - 1, b"l").unwrap();
    assert_eq!(now(value.push_partial()).bytes, 15);
    let sent = vec![0..10, 2 * PAGE - 1..2 * PAGE + 3, 4 * PAGE - 1..4 * PAGE];
    assert_eq!(tier.seen(), [Seen::SetRanges(sent)]);
    assert_eq!(now(value.push_partial()).version, None);
}

#[test]
fn set_makes_the_next_push_replace_the_value_and_its_size() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 0).unwrap();
    value.set(b"a long value").unwrap();
    now(value.push_partial());
    value.set(b"short").unwrap();
    now(value.push_partial());
    assert_eq!(tier.seen(), [Seen::Set(12), Seen::Set(5)]);
    assert_eq!(pushed(&tier, b"k").unwrap(), b"short");
    value.set(b"").unwrap();
    now(value.push());
    assert_eq!(pushed(&tier, b"k").unwrap(), b"");
}

#[test]
fn pointer_writes_are_pushed_by_their_flags() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 3 * PAGE).unwrap();
    let mapping = now(value.map(0, 3 * PAGE));
    tier.seen();
    mapping.region().write(100, b"pointer").unwrap();
    mapping.region().write(2 * PAGE, b"unflagged").unwrap();
    value.flag_dirty(100, 7).unwrap();
    now(value.push_partial());
    assert_eq!(tier.seen(), [Seen::SetRanges(vec![100..107])]);
    assert_eq!(now(value.push_partial()).version, None, "who flags is believed");
}

#[test]
fn pointer_writes_are_found_where_nobody_flags() {
    let (tier, host, other) = two_hosts();
    let value = host.value(b"k", 3 * PAGE + 10).unwrap();
    let mapping = now(value.map(2 * PAGE + 5, PAGE));
    tier.seen();
    assert!(value.is_dirty(), "it may be");
    assert_eq!(now(value.push()).version, None, "nothing was written");
    mapping.region().write(3 * PAGE + 1, b"pointer").unwrap();
    now(value.push_partial());
    assert_eq!(tier.seen(), [Seen::SetRanges(vec![3 * PAGE..3 * PAGE + 8])], "whole words");
    assert_eq!(now(value.push_partial()).version, None, "once");
    // What the other host wrote to the same page stays, and comes here; what is written meanwhile stays, too.
    let theirs = other.value(b"k", 3 * PAGE + 10).unwrap();
    theirs.write(2 * PAGE + 8, b"theirs").unwrap();
    now(theirs.push_partial());
    mapping.region().write(2 * PAGE + 800, b"ours").unwrap();
    now(value.push_partial());
    assert_eq!(now(value.read(2 * PAGE + 8, 6)), b"theirs");
    mapping.region().write(2 * PAGE, b"last").unwrap();
    drop(mapping);
    now(value.push_partial());
    assert!(!value.is_dirty(), "a push after the last mapping's end is the last one");
    let pushed = pushed(&tier, b"k").unwrap();
    assert_eq!(&pushed[3 * PAGE + 1..3 * PAGE + 8], b"pointer");
    assert_eq!(&pushed[2 * PAGE + 800..2 * PAGE + 804], b"ours");
    assert_eq!(&pushed[2 * PAGE..2 * PAGE + 14], b"last\0\0\0\0theirs");
}

#[test]
fn writes_through_a_pointer_to_read_are_not_pushed() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 100).unwrap();
    let mapping = now(value.map_unwatched(0, 100));
    assert!(!value.is_dirty());
    mapping.region().write(0, b"not pushed").unwrap();
    assert_eq!(now(value.push()).version, None);
    value.flag_dirty(0, 3).unwrap();
    now(value.push_partial());
    assert_eq!(pushed(&tier, b"k").unwrap()[..4], *b"not\0");
}

#[test]
fn flags_are_believed_until_the_last_mapping_ends() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 10).unwrap();
    let mapping = now(value.map(0, 10));
    value.flag_dirty(0, 1).unwrap();
    now(value.push_partial());
    drop(mapping);
    assert!(!value.is_dirty());
    let mapping = now(value.map(0, 10));
    tier.seen();
    mapping.region().write(5, b"x").unwrap();
    now(value.push_partial());
    assert_eq!(tier.seen(), [Seen::SetRanges(vec![0..8])], "the next user flags nothing");
}

#[test]
fn a_mapping_is_whole_pages_around_the_bytes() {
    let (_tier, host, _) = two_hosts();
    let value = host.value(b"k", 2 * PAGE + 1).unwrap();
    let mapping = now(value.map(PAGE - 1, 2));
    assert_eq!((mapping.pages(), mapping.within()), (0..2 * PAGE, PAGE - 1));
    let last = now(value.map(2 * PAGE, 1));
    assert_eq!((last.pages(), last.within()), (2 * PAGE..3 * PAGE, 0));
    assert!(last.pages().end <= last.region().len());
    assert!(matches!(outcome(value.map(5, 0)), Err(StateError::NothingToMap { .. })));
}

#[test]
fn a_mask_says_what_is_pushed_and_is_zeroed() {
    let (tier, host, _) = two_hosts();
    let (value, mask) =
        (host.value(b"k", PAGE + 8).unwrap(), host.value(b"mask", PAGE + 8).unwrap());
    let mapping = now(value.map(0, PAGE + 8));
    let flags = now(mask.map(0, PAGE + 8));
    mapping.region().fill(0, PAGE + 8, 9).unwrap();
    flags.region().write(16, &[0xff; 8]).unwrap();
    flags.region().write(PAGE + 7, &[1]).unwrap();
    tier.seen();
    assert_eq!(now(value.push_masked(&mask)).bytes, 9);
    assert_eq!(tier.seen(), [Seen::SetRanges(vec![16..24, PAGE + 7..PAGE + 8])]);
    assert_eq!(now(mask.read(0, PAGE + 8)), vec![0; PAGE + 8]);
    assert_eq!(now(value.push_masked(&mask)).version, None, "no flag, no push");
    assert_eq!(now(value.push_partial()).version, None, "a mask is a flag too");
    let small = host.value(b"small", 3).unwrap();
    assert!(matches!(
        outcome(value.push_masked(&small)),
        Err(StateError::MaskSize { mask_size: 3, .. })
    ));
}

#[test]
fn growth_keeps_what_is_there_and_reaches_the_global_tier() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 3).unwrap();
    value.set(b"abc").unwrap();
    now(value.push());
    let mapping = now(value.map(0, 3));
    mapping.region().write(3, b"past the end").unwrap();
    let grown = host.value(b"k", PAGE + 4).unwrap();
    assert_eq!(
        now(grown.read(0, 6)),
        b"abc\0\0\0",
        "new bytes are zero whatever a guest wrote there before"
    );
    grown.write(PAGE, b"tail").unwrap();
    now(grown.push_partial());
    let mut expected = vec![0; PAGE + 4];
    expected[..3].copy_from_slice(b"abc");
    expected[PAGE..].copy_from_slice(b"tail");
    assert_eq!(pushed(&tier, b"k").unwrap(), expected);
    assert!(mapping.region().same_as(grown.region()), "the old mapping is of the same memory");
}

#[test]
fn growth_loses_no_pointer_write_on_the_last_page() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 0).unwrap();
    source.set(&[7; 10]).unwrap();
    now(source.push());

    let value = host.value(b"k", 10).unwrap();
    let mapping = now(value.map(0, 10));
    value.flag_dirty(0, 1).unwrap();
    mapping.region().write(5, b"not flagged yet").unwrap();
    value.grow(12).unwrap();
    assert_eq!(now(value.read(4, 8)), b"\x07not f\0\0");
    value.flag_dirty(5, 5).unwrap();
    now(value.push_partial());
    drop(mapping);
    assert_eq!(pushed(&tier, b"k").unwrap(), b"\x07\x07\x07\x07\x07not f\0\0");

    let mapping = now(value.map(0, 12));
    mapping.region().write(0, b"never").unwrap();
    drop(mapping);
    value.grow(14).unwrap();
    assert_eq!(now(value.read(0, 5)), b"never");
    now(value.push_partial());
    assert_eq!(pushed(&tier, b"k").unwrap(), b"nevernot f\0\0\0\0");
}

#[test]
fn growth_after_a_deletion_elsewhere_shows_nothing_old() {
    let (_tier, host, other) = two_hosts();
    let source = other.value(b"k", 0).unwrap();
    source.set(&[7; 10]).unwrap();
    now(source.push());
    let value = host.value(b"k", 10).unwrap();
    now(value.ensure(0, 10));
    now(other.delete(b"k"));
    value.grow(12).unwrap();
    assert_eq!(now(value.read(0, 12)), [0; 12], "the page was opened again, and the value is gone");
}

#[test]
fn appended_elements_are_a_list_beside_the_value() {
    let (tier, host, other) = two_hosts();
    let value = host.value(b"k", 0).unwrap();
    value.set(b"value").unwrap();
    now(value.push());
    assert_eq!(now(host.append(b"k", b"one")), 1);
    assert_eq!(now(other.append(b"k", b"two\0")), 2);
    assert_eq!(now(host.read_appended(b"k", 10, 100)), [&b"one"[..], b"two\0"]);
    assert_eq!(now(host.read_appended(b"k", 1, 100)), [b"one"]);
    assert_eq!(pushed(&tier, b"k").unwrap(), b"value");
    now(other.clear_appended(b"k"));
    assert!(now(host.read_appended(b"k", 10, 100)).is_empty());
}

#[test]
fn delete_is_remote_and_local_and_makes_handles_dead() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 4).unwrap();
    value.set(b"gone").unwrap();
    now(value.push());
    now(host.append(b"k", b"too"));
    assert!(now(host.delete(b"k")));
    assert_eq!(pushed(&tier, b"k"), None);
    assert!(now(host.read_appended(b"k", 10, 100)).is_empty());
    let gone = |error: StateError| matches!(error, StateError::Gone { .. });
    assert!(gone(value.write(0, b"x").unwrap_err()));
    assert!(gone(value.set(b"x").unwrap_err()));
    assert!(gone(outcome(value.read(0, 1)).unwrap_err()));
    assert!(gone(outcome(value.push()).unwrap_err()), "a deleted value is not pushed back");
    assert!(gone(outcome(value.pull()).unwrap_err()));
    assert_eq!(bytes(&host.value(b"k", 4).unwrap()), [0; 4], "made again it is new");
    now(host.delete(b"k"));
    assert!(!now(host.delete(b"k")), "nothing is left to delete");
}

#[test]
fn sizes_and_open_ask_the_global_tier_for_what_is_not_here() {
    let (_tier, host, other) = two_hosts();
    assert_eq!(now(host.size(b"k")), None);
    assert!(now(host.open(b"k")).is_none());
    assert!(host.local(b"k").unwrap().is_none());
    let value = other.value(b"k", 0).unwrap();
    value.set(b"12345").unwrap();
    assert_eq!(now(other.size(b"k")), Some(5), "here, though nobody has pushed");
    assert_eq!(now(host.size(b"k")), None);
    now(value.push());
    assert_eq!(now(host.size(b"k")), Some(5));
    assert!(host.local(b"k").unwrap().is_none(), "asking for the size brings nothing here");
    assert_eq!(bytes(&now(host.open(b"k")).unwrap()), b"12345");
    assert!(host.local(b"k").unwrap().is_some());
}

#[test]
fn locks_are_by_key_and_end_with_their_call() {
    let (_tier, host, other) = two_hosts();
    let (one, two) = (CallId(1), CallId(2));
    assert!(host.lock(b"k", one, Mode::Write).unwrap().is_done());
    assert!(other.lock(b"k", two, Mode::Write).unwrap().is_done(), "local means this host's");
    let waiting = host.lock(b"k", two, Mode::Read).unwrap();
    assert!(!waiting.is_done());
    let again = host.lock(b"k", one, Mode::Read).unwrap_err();
    assert!(matches!(again, StateError::Lock { .. }), "{again}");
    host.value(b"k", 1).unwrap().write(0, b"x").unwrap();
    host.release_call(one);
    assert!(waiting.is_done());
    assert!(matches!(host.unlock(b"k", one, Mode::Write), Err(StateError::Lock { .. })));
    host.unlock(b"k", two, Mode::Read).unwrap();
}
