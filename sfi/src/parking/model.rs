//! Every interleaving of two threads at the parking lot, by loom.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p faasm-sfi --lib parking::model` runs it; `cargo xtask test` does not, as all is
//! compiled anew with that flag.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::*;

const PLACE: u64 = 8;

/// The memory that the threads share, and its lot.
#[derive(Default)]
struct Shared {
    value: AtomicU32,
    lot: ParkingLot,
}

/// One thread waits for another value than 0; the other writes with this ordering, then wakes.
fn wait_and_wake(ordering: Ordering) {
    loom::model(move || {
        let shared = Arc::new(Shared::default());
        let waker = Arc::clone(&shared);
        let waker = thread::spawn(move || {
            waker.value.store(1, ordering);
            waker.lot.unpark(PLACE, 1)
        });
        let entered = shared.lot.enter(PLACE, || shared.value.load(Ordering::SeqCst) == 0);
        let counted = waker.join().unwrap();
        // It saw what was written, or it was woken: else it would wait for ever.
        assert_eq!(u32::from(entered.is_some()), counted);
        assert!(entered.is_none_or(|(_, woken)| woken.is_done()));
    });
}

#[test]
fn no_wake_up_is_lost_after_an_atomic_store() {
    wait_and_wake(Ordering::SeqCst);
}

/// What guests write without an atomic instruction is ordered by the lot's lock alone.
#[test]
fn no_wake_up_is_lost_after_a_plain_store() {
    wait_and_wake(Ordering::Relaxed);
}

#[test]
fn whose_time_is_over_is_counted_by_one_side_only() {
    loom::model(|| {
        let shared = Arc::new(Shared::default());
        let (ticket, woken) = shared.lot.enter(PLACE, || true).unwrap();
        let waker = Arc::clone(&shared);
        let waker = thread::spawn(move || waker.lot.unpark(PLACE, u32::MAX));
        let was_parked = shared.lot.lock().parked.remove(&ticket).is_some();
        assert_eq!(u32::from(!was_parked), waker.join().unwrap());
        drop(woken);
    });
}

#[test]
fn one_notify_wakes_one_of_two() {
    loom::model(|| {
        let shared = Arc::new(Shared::default());
        let other = Arc::clone(&shared);
        let other = thread::spawn(move || other.lot.enter(PLACE, || true).map(|(_, woken)| woken));
        let mine = shared.lot.enter(PLACE, || true).map(|(_, woken)| woken);
        let other = other.join().unwrap();
        assert_eq!(shared.lot.unpark(PLACE, 1), 1);
        let done = [mine, other].into_iter().flatten().filter(Pending::is_done).count();
        assert_eq!((done, shared.lot.waiting()), (1, 1));
    });
}
