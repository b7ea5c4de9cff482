//! Locks by lease, on the real clock, and notices of change.

use super::*;
use crate::Key;

const LONG: Duration = Duration::from_secs(3600);

fn at() -> Address {
    Address { namespace: Arc::from("u"), key: Key::new(b"k").unwrap() }
}

fn now(op: GlobalOp<Token>) -> Token {
    op.try_take().unwrap().unwrap().unwrap()
}

#[test]
fn a_writer_is_alone_and_readers_are_together() {
    let (arbiter, at) = (Arbiter::default(), at());
    let first = now(arbiter.lock(&at, Mode::Read, LONG));
    let second = now(arbiter.lock(&at, Mode::Read, LONG));
    let writer = arbiter.lock(&at, Mode::Write, LONG);
    let late = arbiter.lock(&at, Mode::Read, LONG);
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
    let short = now(arbiter.lock(&at, Mode::Write, Duration::from_millis(10)));
    let next = arbiter.lock(&at, Mode::Write, LONG);
    let next = next.block(None).unwrap().unwrap();
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
    let holder = now(arbiter.lock(&at, Mode::Write, LONG));
    drop(arbiter.lock(&at, Mode::Write, LONG));
    let reader = arbiter.lock(&at, Mode::Read, LONG);
    arbiter.unlock(&at, holder).unwrap();
    assert!(reader.is_done());
}

#[test]
fn epochs_go_on_after_those_of_another_life() {
    let arbiter = Arbiter::after(41);
    assert_eq!(now(arbiter.lock(&at(), Mode::Write, LONG)).epoch, 42);
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
    let token = now(arbiter.lock(&at, Mode::Write, LONG));
    let pins = [(); 2].map(|()| arbiter.pin(&at, token).unwrap());
    let next = arbiter.lock(&at, Mode::Write, LONG);
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
    let third = arbiter.lock(&at, Mode::Read, LONG);
    assert!(!third.is_done());
    drop(pin);
    arbiter.unlock(&at, now(third)).unwrap();
    assert!(arbiter.leases.table().locks.is_empty());
}
