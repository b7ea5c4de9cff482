//! The lock table, rule by rule.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use faasm_sfi::pending::{Abandoned, WaitError};

use super::*;

const A: CallId = CallId(1);
const B: CallId = CallId(2);
const C: CallId = CallId(3);

fn table() -> (LockTable, Key) {
    (LockTable::new(8), Key::new(b"k").unwrap())
}

#[test]
fn readers_share_and_a_writer_is_alone() {
    let (locks, key) = table();
    assert!(locks.lock(&key, A, Mode::Read).unwrap().is_done());
    assert!(locks.lock(&key, B, Mode::Read).unwrap().is_done());
    let writer = locks.lock(&key, C, Mode::Write).unwrap();
    assert!(!writer.is_done());
    locks.unlock(&key, A, Mode::Read).unwrap();
    assert!(!writer.is_done(), "one reader is left");
    locks.unlock(&key, B, Mode::Read).unwrap();
    assert!(writer.is_done());
    let reader = locks.lock(&key, A, Mode::Read).unwrap();
    assert!(!reader.is_done());
    locks.unlock(&key, C, Mode::Write).unwrap();
    assert!(reader.is_done());
    locks.unlock(&key, A, Mode::Read).unwrap();
    assert!(locks.is_empty());
}

#[test]
fn a_reader_waits_behind_a_waiting_writer() {
    let (locks, key) = table();
    let _held = locks.lock(&key, A, Mode::Read).unwrap();
    let writer = locks.lock(&key, B, Mode::Write).unwrap();
    let reader = locks.lock(&key, C, Mode::Read).unwrap();
    assert!(!reader.is_done());
    locks.unlock(&key, A, Mode::Read).unwrap();
    assert!(writer.is_done() && !reader.is_done());
    locks.unlock(&key, B, Mode::Write).unwrap();
    assert!(reader.is_done());
}

#[test]
fn asking_again_is_an_error_and_not_a_deadlock() {
    let (locks, key) = table();
    for (held, asked) in [
        (Mode::Read, Mode::Read),
        (Mode::Read, Mode::Write),
        (Mode::Write, Mode::Read),
        (Mode::Write, Mode::Write),
    ] {
        assert!(locks.lock(&key, A, held).unwrap().is_done());
        assert_eq!(locks.lock(&key, A, asked).unwrap_err(), LockError::AlreadyHeld { held });
        let wait = locks.lock(&key, B, Mode::Write).unwrap();
        assert_eq!(locks.lock(&key, B, Mode::Read).unwrap_err(), LockError::AlreadyWaiting);
        locks.unlock(&key, A, held).unwrap();
        assert!(wait.is_done());
        locks.unlock(&key, B, Mode::Write).unwrap();
    }
    assert!(locks.is_empty());
}

#[test]
fn only_a_holder_unlocks_and_only_in_its_mode() {
    let (locks, key) = table();
    let not_held = |mode| Err(LockError::NotHeld { mode });
    assert_eq!(locks.unlock(&key, A, Mode::Read), not_held(Mode::Read));
    let _held = locks.lock(&key, A, Mode::Read).unwrap();
    let waiting = locks.lock(&key, B, Mode::Write).unwrap();
    assert_eq!(locks.unlock(&key, A, Mode::Write), not_held(Mode::Write));
    assert_eq!(locks.unlock(&key, B, Mode::Write), not_held(Mode::Write), "waiting is not holding");
    assert_eq!(locks.unlock(&key, C, Mode::Read), not_held(Mode::Read));
    assert!(!waiting.is_done());
}

#[test]
fn the_end_of_a_call_takes_its_locks_and_its_waits() {
    let (locks, key) = table();
    let other = Key::new(b"other").unwrap();
    let _held = locks.lock(&key, A, Mode::Write).unwrap();
    let _other = locks.lock(&other, B, Mode::Write).unwrap();
    let taken_away = locks.lock(&other, A, Mode::Read).unwrap();
    let behind = locks.lock(&other, C, Mode::Read).unwrap();
    let next = locks.lock(&key, B, Mode::Write).unwrap();
    locks.release_call(A);
    assert!(next.is_done(), "what it held is free");
    assert_eq!(taken_away.block(None), Err(WaitError::Abandoned(Abandoned)));
    assert!(!behind.is_done(), "B still writes");
    locks.release_call(B);
    assert!(behind.is_done());
    locks.release_call(C);
    locks.release_call(A);
    assert!(locks.is_empty());
}

#[test]
fn who_gave_up_waiting_does_not_hold_others_off() {
    let (locks, key) = table();
    let _held = locks.lock(&key, A, Mode::Read).unwrap();
    drop(locks.lock(&key, B, Mode::Write).unwrap());
    assert!(locks.lock(&key, C, Mode::Read).unwrap().is_done());
    let again = locks.lock(&key, B, Mode::Write).unwrap();
    locks.release_call(A);
    locks.release_call(C);
    assert!(again.is_done());
    locks.release_call(B);
    assert!(locks.is_empty());
}

/// Takes minutes if each of them looks at all others.
#[test]
fn a_hundred_thousand_wait_for_one_lock() {
    let (locks, key) = table();
    let _held = locks.lock(&key, A, Mode::Write).unwrap();
    let calls = (10..100_010).map(CallId);
    let mut waiting: Vec<_> =
        calls.clone().map(|call| locks.lock(&key, call, Mode::Read).unwrap()).collect();
    // Every tenth gives up.
    waiting =
        waiting.into_iter().enumerate().filter(|(at, _)| at % 10 != 0).map(|(_, w)| w).collect();
    locks.unlock(&key, A, Mode::Write).unwrap();
    assert!(waiting.iter().all(Pending::is_done));
    for (at, call) in calls.enumerate() {
        assert_eq!(locks.unlock(&key, call, Mode::Read).is_ok(), at % 10 != 0);
    }
    assert!(locks.is_empty());
}

#[test]
fn a_call_has_so_many_locks_and_no_more() {
    let locks = LockTable::new(2);
    let keys: Vec<_> = [b"a", b"b", b"c"].iter().map(|key| Key::new(*key).unwrap()).collect();
    assert!(locks.lock(&keys[0], A, Mode::Read).unwrap().is_done());
    assert!(locks.lock(&keys[1], A, Mode::Read).unwrap().is_done());
    assert_eq!(locks.lock(&keys[2], A, Mode::Read).unwrap_err(), LockError::TooMany { max: 2 });
    assert!(locks.lock(&keys[2], B, Mode::Write).unwrap().is_done(), "a refused wait left nothing");
}

#[test]
fn writers_on_two_threads_are_never_inside_together() {
    let (locks, key) = table();
    let inside = AtomicU32::new(0);
    thread::scope(|scope| {
        for call in [A, B] {
            let (locks, key, inside) = (&locks, &key, &inside);
            scope.spawn(move || {
                for _ in 0..2_000 {
                    locks.lock(key, call, Mode::Write).unwrap().block(None).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    locks.unlock(key, call, Mode::Write).unwrap();
                }
            });
        }
    });
    assert!(locks.is_empty());
}
