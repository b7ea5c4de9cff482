//! A global tier that is slow, refuses, or never answers.

use faasm_sfi::pending::{Abandoned, Pending};
use faasm_state::{Blame, Op, Retry, StateError};

use crate::support::{Fate, PAGE, Seen, now, outcome, pushed, two_hosts};

fn waiting<T: std::fmt::Debug>(op: Op<T>) -> Op<T> {
    op.try_take().expect_err("it waits")
}

#[test]
fn a_refused_push_keeps_its_marks() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", PAGE).unwrap();
    now(value.ensure(0, PAGE));
    value.write(3, b"abc").unwrap();
    tier.refuse_after(0);
    let error = outcome(value.push_partial()).unwrap_err();
    assert!(matches!(error, StateError::Global { .. }));
    assert_eq!((error.blame(), error.retry()), (Blame::Peer, Retry::Later));
    value.write(6, b"d").unwrap();
    tier.seen();
    now(value.push_partial());
    assert_eq!(tier.seen(), [Seen::SetRanges(vec![3..7])]);

    value.set(b"shorter").unwrap();
    tier.refuse_after(0);
    assert!(outcome(value.push()).is_err());
    tier.seen();
    now(value.push_partial());
    assert_eq!(tier.seen(), [Seen::Set(7)], "it still replaces");
}

#[test]
fn a_push_that_is_never_answered_keeps_its_marks_and_lets_the_next_in() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 10).unwrap();
    value.write(0, b"x").unwrap();
    tier.hold();
    let lost = waiting(value.push_partial());
    let behind = waiting(value.pull());
    assert!(tier.let_go(Fate::Lost));
    assert_eq!(lost.try_take().unwrap().unwrap_err(), Abandoned);
    assert!(value.is_dirty());
    tier.flow();
    assert_eq!(now(behind), None);
    tier.hold();
    let refused = waiting(value.push_partial());
    assert!(tier.let_go(Fate::Refused));
    assert!(matches!(outcome(refused), Err(StateError::Global { .. })));
    tier.flow();
    assert_eq!(now(value.push_partial()).bytes, 1);
}

#[test]
fn what_is_written_while_a_push_is_on_its_way_stays_dirty() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 10).unwrap();
    value.write(0, b"old").unwrap();
    tier.hold();
    let push = waiting(value.push_partial());
    value.write(1, b"new").unwrap();
    tier.flow();
    assert_eq!(now(push).bytes, 3);
    assert_eq!(pushed(&tier, b"k").unwrap()[..4], *b"old\0");
    assert_eq!(now(value.push_partial()).bytes, 3);
    assert_eq!(pushed(&tier, b"k").unwrap()[..4], *b"onew");
}

#[test]
fn a_late_fetch_overwrites_nothing_that_was_written_meanwhile() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 0).unwrap();
    source.set(&[7; 10]).unwrap();
    now(source.push());
    let value = host.value(b"k", 10).unwrap();
    tier.hold();
    let read = waiting(value.read(0, 10));
    value.write(2, b"new").unwrap();
    let push = waiting(value.push_partial());
    assert!(tier.let_go(Fate::Done));
    assert_eq!(now(read), b"\x07\x07new\x07\x07\x07\x07\x07");
    tier.flow();
    now(push);
    assert_eq!(pushed(&tier, b"k").unwrap(), b"\x07\x07new\x07\x07\x07\x07\x07");
}

#[test]
fn a_late_fetch_does_not_flow_into_a_value_that_was_set_meanwhile() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 0).unwrap();
    source.set(&[7; 10]).unwrap();
    now(source.push());
    let value = host.value(b"k", 10).unwrap();
    tier.hold();
    let read = waiting(value.read(0, 3));
    value.set(b"set").unwrap();
    tier.flow();
    assert_eq!((now(read), value.size()), (b"set".to_vec(), 3));

    now(value.push());
    now(source.pull());
    value.grow(10).unwrap();
    value.write(0, &[7; 10]).unwrap();
    now(value.push());
    source.write(0, b"x").unwrap();
    tier.hold();
    let push = waiting(source.push_partial());
    assert!(tier.let_go(Fate::Done));
    let push = waiting(push);
    source.set(b"ab").unwrap();
    source.grow(5).unwrap();
    tier.flow();
    assert!(!now(push).stale);
    assert_eq!(now(source.read(0, 5)), b"ab\0\0\0", "nor does a refresh");
}

#[test]
fn a_deletion_that_comes_late_does_not_take_what_was_made_since() {
    let (tier, host, _) = two_hosts();
    host.value(b"k", 1).unwrap().write(0, b"x").unwrap();
    tier.hold();
    let deletions = [waiting(host.delete(b"k")), waiting(host.delete(b"k"))];
    assert!(tier.let_go(Fate::Done));
    let made = host.value(b"k", 1).unwrap();
    tier.flow();
    assert!(deletions.into_iter().all(now));
    assert!(host.local(b"k").unwrap().unwrap().region().same_as(made.region()));
    made.write(0, b"y").unwrap();
}

#[test]
fn operations_on_one_value_reach_the_tier_one_at_a_time() {
    let (tier, host, _) = two_hosts();
    let (value, apart) = (host.value(b"k", 10).unwrap(), host.value(b"apart", 10).unwrap());
    value.write(0, b"x").unwrap();
    tier.hold();
    let push = waiting(value.push());
    let pull = waiting(value.pull());
    let read = waiting(value.read(1, 1));
    let elsewhere = waiting(apart.pull());
    assert_eq!(tier.seen().len(), 2, "the push, and the other value's pull");
    tier.flow();
    assert!(now(pull).is_some());
    assert_eq!(now(read), [0]);
    now(push);
    assert_eq!(now(elsewhere), None);
}

#[test]
fn who_gives_up_waiting_holds_nobody_up() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 10).unwrap();
    value.write(0, b"x").unwrap();
    tier.hold();
    drop(value.push());
    drop(value.pull());
    let last = waiting(value.read(0, 1));
    tier.flow();
    assert_eq!(now(last), b"x");
    assert_eq!(pushed(&tier, b"k").unwrap()[0], b'x', "a push that was begun happens");
}

#[test]
fn a_refused_pull_or_fetch_changes_nothing() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 0).unwrap();
    source.set(&[7; 10]).unwrap();
    now(source.push());
    let value = host.value(b"k", 10).unwrap();
    tier.refuse_after(0);
    assert!(outcome(value.read(0, 10)).is_err());
    value.write(0, b"own").unwrap();
    tier.refuse_after(0);
    assert!(outcome(value.pull()).is_err());
    assert!(value.is_dirty());
    assert_eq!(now(value.read(0, 4)), b"own\x07", "the next read fetches");
    tier.refuse_after(0);
    assert!(outcome(host.delete(b"k")).is_err());
    assert_eq!(now(value.read(0, 3)), b"own", "what was not deleted there is not deleted here");
    tier.refuse_after(0);
    assert!(outcome(host.append(b"k", b"x")).is_err());
}

#[test]
fn a_push_whose_refresh_fails_happened_and_says_so() {
    let (tier, host, other) = two_hosts();
    let (value, source) = (host.value(b"k", 10).unwrap(), other.value(b"k", 10).unwrap());
    now(value.ensure(0, 10));
    now(source.ensure(0, 10));
    source.write(5, b"s").unwrap();
    now(source.push_partial());
    value.write(0, b"v").unwrap();
    tier.refuse_after(1);
    let push = now(value.push_partial());
    assert!(push.stale && push.version.is_some());
    assert!(!value.is_dirty());
    assert_eq!(now(value.read(5, 1)), [0]);
    value.write(1, b"v").unwrap();
    assert!(!now(value.push_partial()).stale);
    assert_eq!(now(value.read(0, 6)), b"vv\0\0\0s", "the next push fetches it");
}

#[test]
fn a_refused_masked_push_sets_its_flags_again() {
    let (tier, host, _) = two_hosts();
    let (value, mask) = (host.value(b"k", 10).unwrap(), host.value(b"mask", 10).unwrap());
    now(value.ensure(0, 10));
    mask.write(4, &[0xff, 0xff]).unwrap();
    now(mask.ensure(0, 10));
    value.region().write(4, b"xy").unwrap();
    tier.refuse_after(0);
    assert!(outcome(value.push_masked(&mask)).is_err());
    assert_eq!(now(mask.read(0, 10)), [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
    assert_eq!(now(value.push_masked(&mask)).bytes, 2);
    assert_eq!(now(mask.read(0, 10)), [0; 10]);
    assert_eq!(pushed(&tier, b"k").unwrap()[4..6], *b"xy");
}

#[test]
fn a_deleted_value_answers_those_who_were_waiting() {
    let (tier, host, _) = two_hosts();
    let value = host.value(b"k", 10).unwrap();
    value.write(0, b"x").unwrap();
    tier.hold();
    let delete = waiting(host.delete(b"k"));
    let behind = [waiting(value.push()), waiting(value.push_partial())];
    let pull = waiting(value.pull());
    tier.flow();
    assert!(now(delete));
    assert!(behind.into_iter().all(|push| matches!(outcome(push), Err(StateError::Gone { .. }))));
    assert!(matches!(outcome(pull), Err(StateError::Gone { .. })));
    assert_eq!(pushed(&tier, b"k"), None);
}

#[test]
fn a_mapping_waits_for_its_bytes() {
    let (tier, host, other) = two_hosts();
    let source = other.value(b"k", 0).unwrap();
    source.set(&[7; 10]).unwrap();
    now(source.push());
    tier.hold();
    let value = host.value(b"k", 10).unwrap();
    let mapping = waiting(value.map(0, 10));
    let read = Pending::map(value.read(3, 1), |read| read);
    tier.flow();
    assert_eq!(now(mapping).region().read_vec(0, 10).unwrap(), [7; 10]);
    assert_eq!(now(read), [7]);
}
