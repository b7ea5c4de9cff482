//! Leases of calls: given, kept up, lost, given up. Time is the tier's and the keeper's: nothing here waits for longer
//! than a lease of some milliseconds takes to end.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::{GlobalTier, MemoryTier};

const ONE: CallId = CallId(1);
const TWO: CallId = CallId(2);
const LONG: Duration = Duration::from_secs(3600);

struct Bench {
    tier: Arc<MemoryTier>,
    locks: GlobalLocks,
}

fn bench(lease: Duration) -> Bench {
    let tier = Arc::new(MemoryTier::default());
    Bench { locks: host(&tier, lease), tier }
}

fn host(tier: &Arc<MemoryTier>, lease: Duration) -> GlobalLocks {
    let tier = Arc::clone(tier) as Arc<dyn GlobalTier>;
    GlobalLocks::new(tier, "tenant".into(), (lease, 2), Arc::default())
}

fn key(name: &str) -> Key {
    Key::new(name.as_bytes()).unwrap()
}

fn done<T: std::fmt::Debug>(op: Op<T>) -> Result<T, StateError> {
    op.try_take().expect("done at once").expect("not abandoned")
}

fn is_empty(locks: &GlobalLocks) -> bool {
    locks.inner.table().calls.is_empty()
}

#[test]
fn a_writer_is_alone_among_all_hosts_and_readers_are_together() {
    let Bench { tier, locks } = bench(LONG);
    let other = host(&tier, LONG);
    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    let reader = other.lock(&key("k"), ONE, Mode::Read, None);
    let second = locks.lock(&key("k"), TWO, Mode::Read, None);
    assert!(!reader.is_done() && !second.is_done());
    assert_eq!(other.holding(&key("k"), ONE).unwrap(), None);
    let first = locks.holding(&key("k"), ONE).unwrap().unwrap();
    done(locks.unlock(&key("k"), ONE)).unwrap();
    done(reader).unwrap();
    done(second).unwrap();
    let reads = other.holding(&key("k"), ONE).unwrap().unwrap();
    assert_eq!(reads.mode, Mode::Read);
    assert!(reads.token > first.token);
}

#[test]
fn misuse_is_told_and_waits_for_nothing() {
    let Bench { locks, .. } = bench(LONG);
    done(locks.lock(&key("k"), ONE, Mode::Read, None)).unwrap();
    let again = done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap_err();
    let held = LockError::AlreadyHeld { held: Mode::Read };
    assert!(matches!(again, StateError::Lock { source, .. } if source == held));
    let waits = locks.lock(&key("k"), TWO, Mode::Write, None);
    let again = done(locks.lock(&key("k"), TWO, Mode::Write, None)).unwrap_err();
    assert!(matches!(again, StateError::Lock { source: LockError::AlreadyWaiting, .. }));
    let not = done(locks.unlock(&key("other"), ONE)).unwrap_err();
    assert!(matches!(not, StateError::Lock { source: LockError::NotHeld { .. }, .. }));
    done(locks.lock(&key("l"), ONE, Mode::Read, None)).unwrap();
    let many = done(locks.lock(&key("m"), ONE, Mode::Read, None)).unwrap_err();
    assert!(matches!(many, StateError::Lock { source: LockError::TooMany { max: 2 }, .. }));
    assert!(!waits.is_done());
}

#[test]
fn who_does_not_wait_is_told_at_once_and_stands_in_nobodys_way() {
    let Bench { tier, locks } = bench(LONG);
    let other = host(&tier, LONG);
    done(locks.lock(&key("k"), ONE, Mode::Write, Some(Duration::ZERO))).unwrap();
    let refused = done(other.lock(&key("k"), TWO, Mode::Read, Some(Duration::ZERO))).unwrap_err();
    assert!(matches!(refused, StateError::Lock { source: LockError::Taken, .. }));
    assert!(is_empty(&other));
    done(locks.unlock(&key("k"), ONE)).unwrap();
    done(other.lock(&key("k"), TWO, Mode::Read, Some(Duration::ZERO))).unwrap();
    done(locks.lock(&key("k"), ONE, Mode::Read, Some(Duration::ZERO))).unwrap();
    let refused = done(other.lock(&key("k"), ONE, Mode::Write, Some(Duration::ZERO))).unwrap_err();
    assert!(matches!(refused, StateError::Lock { source: LockError::Taken, .. }));
}

#[test]
fn the_end_of_a_call_gives_up_what_it_holds_and_waits_for() {
    let Bench { tier, locks } = bench(LONG);
    let other = host(&tier, LONG);
    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    let waits = locks.lock(&key("k"), TWO, Mode::Write, None);
    let after = other.lock(&key("k"), TWO, Mode::Write, None);
    locks.release_call(TWO);
    assert!(waits.try_take().unwrap().is_err(), "abandoned");
    locks.release_call(ONE);
    done(after).unwrap();
    assert!(is_empty(&locks));
    done(other.unlock(&key("k"), TWO)).unwrap();
    assert!(is_empty(&other));
}

#[test]
fn who_gives_up_waiting_does_not_get_it() {
    let Bench { locks, .. } = bench(LONG);
    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    drop(locks.lock(&key("k"), TWO, Mode::Write, None));
    let again = locks.lock(&key("k"), TWO, Mode::Read, None);
    assert!(!again.is_done(), "it may ask again");
    let behind = locks.lock(&key("k"), CallId(4), Mode::Read, None);
    drop(again);
    assert!(!locks.inner.table().calls.contains_key(&TWO));
    let not = done(locks.unlock(&key("k"), CallId(4))).unwrap_err();
    assert!(matches!(not, StateError::Lock { source: LockError::NotHeld { .. }, .. }));
    done(locks.unlock(&key("k"), ONE)).unwrap();
    done(behind).unwrap();
    done(locks.unlock(&key("k"), CallId(4))).unwrap();
    assert_eq!(locks.holding(&key("k"), TWO).unwrap(), None);
    done(locks.lock(&key("k"), CallId(3), Mode::Write, None)).unwrap();
}

#[test]
fn who_has_not_seen_that_it_was_given_does_not_hold_it() {
    let Bench { tier, locks } = bench(LONG);
    drop(locks.lock(&key("k"), ONE, Mode::Write, None));
    assert!(is_empty(&locks));
    let other = host(&tier, LONG);
    done(other.lock(&key("k"), TWO, Mode::Write, Some(Duration::ZERO))).unwrap();
    let waits = locks.lock(&key("k"), ONE, Mode::Write, None);
    done(other.unlock(&key("k"), TWO)).unwrap();
    drop(waits);
    done(other.lock(&key("k"), TWO, Mode::Write, Some(Duration::ZERO))).unwrap();
}

#[test]
fn a_lease_is_kept_up_for_longer_than_it_lasts() {
    // Long enough that a machine that is busy renews in time.
    let Bench { tier, locks } = bench(Duration::from_secs(3));
    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    let first = locks.holding(&key("k"), ONE).unwrap().unwrap();
    let ends = || match &locks.inner.table().calls[&ONE][&key("k")].state {
        State::Held { ends, .. } => *ends,
        State::Waiting { .. } | State::Lost => panic!("lost"),
    };
    // The next in turn would get it when the lease ends.
    let other = host(&tier, LONG);
    let waits = other.lock(&key("k"), TWO, Mode::Write, None);
    let begun = ends();
    while ends() <= begun {
        std::thread::yield_now();
    }
    assert!(!waits.is_done());
    assert_eq!(locks.holding(&key("k"), ONE).unwrap().unwrap().token, first.token);
}

#[test]
fn a_lost_lock_is_told_once_at_the_next_thing_done() {
    let Bench { tier, locks } = bench(LONG);
    let at = locks.inner.address(&key("k"));
    let lose = || {
        let token = locks.holding(&key("k"), ONE).unwrap().unwrap().token;
        assert!(tier.unlock(&at, token).try_take().unwrap().unwrap().is_ok());
        let ticket = locks.inner.table().calls[&ONE][&key("k")].ticket;
        locks.inner.renew(key("k"), ONE, ticket);
    };
    let is_lost = |error: StateError| matches!(error, StateError::LockLost { .. });
    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    lose();
    assert!(is_lost(locks.holding(&key("k"), ONE).unwrap_err()));
    assert_eq!(locks.holding(&key("k"), ONE).unwrap(), None, "once");

    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    lose();
    assert!(is_lost(done(locks.unlock(&key("k"), ONE)).unwrap_err()));

    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    lose();
    assert!(is_lost(done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap_err()));
    done(locks.lock(&key("k"), ONE, Mode::Write, None)).unwrap();

    // A lease that nobody could renew has ended by this host's clock, too.
    let short = host(&Arc::default(), Duration::ZERO);
    done(short.lock(&key("k"), ONE, Mode::Write, None)).unwrap();
    assert!(is_lost(short.holding(&key("k"), ONE).unwrap_err()));
}
