//! Locks by lease, on the real clock, and notices of change.

use super::*;
use crate::Key;

const LONG: Duration = Duration::from_secs(3600);

fn at() -> Address {
    Address { namespace: Arc::from("u"), key: Key::new(b"k").unwrap() }
}

fn now_or_never(op: GlobalOp<Option<Token>>) -> Option<Token> {
    op.try_take().unwrap().unwrap().unwrap()
}

fn now(op: GlobalOp<Option<Token>>) -> Token {
    now_or_never(op).unwrap()
}

#[test]
fn a_writer_is_alone_and_readers_are_together() {
    let (arbiter, at) = (Arbiter::default(), at());
    let first = now(arbiter.lock(&at, Mode::Read, LONG, None));
    let second = now(arbiter.lock(&at, Mode::Read, LONG, None));
    let writer = arbiter.lock(&at, Mode::Write, LONG, None);
    let late = arbiter.lock(&at, Mode::Read, LONG, None);
    arbiter.unlock(&at, first).unwrap();
    assert!(!writer.is_done() && !late.is_done(), "a reader behind a writer waits too");
    assert!(matches!(arbiter.check(&at, Some(second)), Err(GlobalError::Fenced)), "of a reader");
    arbiter.unlock(&at, second).unwrap();
    let writer = now(writer);
    drop(arbiter.check(&at, Some(writer)).unwrap());
    assert!(!late.is_done());
    arbiter.unlock(&at, writer).unwrap();
    let late = now(late);
    assert!(first < second && second < writer && writer < late);
    for token in [first, second, writer] {
        assert!(matches!(arbiter.unlock(&at, token), Err(GlobalError::Fenced)));
        assert!(matches!(arbiter.renew(&at, token, LONG), Err(GlobalError::Fenced)));
    }
    arbiter.unlock(&at, late).unwrap();
    assert!(arbiter.leases.table().locks.is_empty());
}

#[test]
fn an_ended_lease_is_good_for_nothing_and_the_next_one_gets_the_lock() {
    let (arbiter, at) = (Arbiter::default(), at());
    let short = now(arbiter.lock(&at, Mode::Write, Duration::from_millis(10), None));
    let next = arbiter.lock(&at, Mode::Write, LONG, None);
    let next = next.block(None).unwrap().unwrap().unwrap();
    assert!(matches!(arbiter.check(&at, Some(short)), Err(GlobalError::Fenced)));
    assert!(matches!(arbiter.renew(&at, short, LONG), Err(GlobalError::Fenced)));
    arbiter.renew(&at, next, LONG).unwrap();
    drop(arbiter.check(&at, Some(next)).unwrap());
    arbiter.renew(&at, next, Duration::ZERO).unwrap();
    // Nobody else has it, and it has ended all the same.
    assert!(matches!(arbiter.check(&at, Some(next)), Err(GlobalError::Fenced)));
}

#[test]
fn who_gave_up_waiting_does_not_get_it() {
    let (arbiter, at) = (Arbiter::default(), at());
    let holder = now(arbiter.lock(&at, Mode::Write, LONG, None));
    drop(arbiter.lock(&at, Mode::Write, LONG, None));
    let reader = arbiter.lock(&at, Mode::Read, LONG, None);
    arbiter.unlock(&at, holder).unwrap();
    assert!(reader.is_done());
}

#[test]
fn who_is_behind_one_that_gives_up_has_its_turn_at_once() {
    let (arbiter, at) = (Arbiter::default(), at());
    let first = now(arbiter.lock(&at, Mode::Read, LONG, None));
    let given_up = arbiter.lock(&at, Mode::Write, LONG, None);
    let second = arbiter.lock(&at, Mode::Read, LONG, None);
    assert!(!second.is_done());
    drop(given_up);
    let second = now(second);
    // The same where it is told that its time is over.
    let most = Some(Duration::from_millis(5));
    let impatient = arbiter.lock(&at, Mode::Write, LONG, most);
    let third = arbiter.lock(&at, Mode::Read, LONG, None);
    assert_eq!(impatient.block(None).unwrap().unwrap(), None);
    let tokens = [first, second, now(third)];
    let refused = now_or_never(arbiter.lock(&at, Mode::Write, LONG, Some(Duration::ZERO)));
    assert_eq!(refused, None);
    tokens.iter().for_each(|token| arbiter.unlock(&at, *token).unwrap());
    assert!(arbiter.leases.table().locks.is_empty());
}

#[test]
fn who_has_not_seen_that_it_was_given_does_not_hold_it() {
    let (arbiter, at) = (Arbiter::default(), at());
    let unseen = arbiter.lock(&at, Mode::Write, LONG, None);
    assert!(unseen.is_done());
    let next = arbiter.lock(&at, Mode::Write, LONG, None);
    drop(unseen);
    arbiter.unlock(&at, now(next)).unwrap();
    assert!(arbiter.leases.table().locks.is_empty());
}

#[test]
fn who_gives_up_leaves_the_middle_of_the_queue() {
    let (arbiter, at) = (Arbiter::default(), at());
    let holder = now(arbiter.lock(&at, Mode::Write, LONG, None));
    let first = arbiter.lock(&at, Mode::Write, LONG, None);
    let middle = arbiter.lock(&at, Mode::Write, LONG, Some(LONG));
    let last = arbiter.lock(&at, Mode::Write, LONG, None);
    drop(middle);
    assert_eq!(arbiter.leases.table().locks[&at].queue.len(), 2);
    assert_eq!(arbiter.leases.timer.len(), 1, "the end of the lease");
    arbiter.unlock(&at, holder).unwrap();
    arbiter.unlock(&at, now(first)).unwrap();
    arbiter.unlock(&at, now(last)).unwrap();
}

#[test]
fn nothing_is_left_of_the_patience_of_who_had_its_turn() {
    let (arbiter, at) = (Arbiter::default(), at());
    let holder = now(arbiter.lock(&at, Mode::Write, LONG, Some(LONG)));
    let [next, last] = [(); 2].map(|()| arbiter.lock(&at, Mode::Write, LONG, Some(LONG)));
    // Each one's patience, and the end of the lease.
    assert_eq!(arbiter.leases.timer.len(), 3);
    arbiter.unlock(&at, holder).unwrap();
    let next = now(next);
    drop(last);
    arbiter.unlock(&at, next).unwrap();
    assert!(arbiter.leases.timer.len() <= 1, "the end of a lease may be looked for");
}

#[test]
fn epochs_go_on_after_those_of_another_life() {
    let arbiter = Arbiter::after(41);
    assert_eq!(now(arbiter.lock(&at(), Mode::Write, LONG, None)).epoch, 42);
}

#[test]
fn changes_are_told_to_all_who_asked_before() {
    let (arbiter, at) = (Arbiter::default(), at());
    let (first, second) = (arbiter.next_change(&at), arbiter.next_change(&at));
    drop(first);
    let third = arbiter.next_change(&at);
    assert!(!second.is_done());
    arbiter.changed(&at);
    assert!(second.is_done() && third.is_done());
    assert!(!arbiter.next_change(&at).is_done());
}

#[test]
fn a_pinned_lock_changes_hands_when_the_last_pin_is_gone() {
    let (arbiter, at) = (Arbiter::default(), at());
    let token = now(arbiter.lock(&at, Mode::Write, LONG, None));
    let pins = [(); 2].map(|()| arbiter.pin(&at, token).unwrap());
    let next = arbiter.lock(&at, Mode::Write, LONG, None);
    arbiter.unlock(&at, token).unwrap();
    assert!(matches!(arbiter.pin(&at, token), Err(GlobalError::Fenced)), "it was given up");
    assert!(!next.is_done());
    let [first, last] = pins;
    drop(first);
    assert!(!next.is_done());
    drop(last);
    let next = now(next);
    let pin = arbiter.pin(&at, next).unwrap();
    arbiter.unlock(&at, next).unwrap();
    let third = arbiter.lock(&at, Mode::Read, LONG, None);
    assert!(!third.is_done());
    drop(pin);
    arbiter.unlock(&at, now(third)).unwrap();
    assert!(arbiter.leases.table().locks.is_empty());
}
