//! Waits on plain threads: nothing is lost, nobody is woken twice, and the oldest come first.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::*;

const PLACE: u64 = 64;

/// Runs until so many wait.
fn until_parked(lot: &ParkingLot, count: usize) {
    while lot.waiting() < count {
        thread::yield_now();
    }
}

#[test]
fn what_is_not_expected_is_not_waited_for() {
    let lot = ParkingLot::default();
    assert_eq!(lot.park(PLACE, || false, None), Parked::Unexpected);
    assert_eq!(lot.waiting(), 0);
}

#[test]
fn time_passes_and_the_line_goes() {
    let lot = ParkingLot::default();
    let deadline = Instant::now() + Duration::from_millis(2);
    assert_eq!(lot.park(PLACE, || true, Some(deadline)), Parked::TimedOut);
    assert!(Instant::now() >= deadline);
    assert_eq!((lot.waiting(), lot.unpark(PLACE, 1)), (0, 0));
}

#[test]
fn the_oldest_of_a_place_are_woken_and_no_others() {
    let lot = ParkingLot::default();
    let (woken, order) = channel();
    thread::scope(|scope| {
        for (number, place) in [(0, PLACE), (1, PLACE + 4), (2, PLACE), (3, PLACE)] {
            let (lot, woken) = (&lot, woken.clone());
            scope.spawn(move || {
                assert_eq!(lot.park(place, || true, None), Parked::Woken);
                woken.send(number).unwrap();
            });
            until_parked(lot, number + 1);
        }
        assert_eq!(lot.unpark(PLACE, 0), 0);
        assert_eq!(lot.unpark(PLACE, 1), 1);
        assert_eq!(order.recv(), Ok(0));
        assert_eq!(lot.unpark(PLACE, u32::MAX), 2);
        assert_eq!(lot.unpark(PLACE, u32::MAX), 0);
        let mut both = [order.recv().unwrap(), order.recv().unwrap()];
        both.sort_unstable();
        assert_eq!(both, [2, 3]);
        assert_eq!(lot.unpark(PLACE + 4, 1), 1);
    });
    assert_eq!(order.recv(), Ok(1));
}

/// Two threads take turns; a lost wake-up would leave both waiting for ever.
#[test]
fn no_wake_up_is_lost() {
    const TURNS: u32 = 20_000;
    let (lot, turn) = (ParkingLot::default(), AtomicU32::new(0));
    thread::scope(|scope| {
        for me in 0..2 {
            let (lot, turn) = (&lot, &turn);
            scope.spawn(move || {
                let mut now = turn.load(Ordering::SeqCst);
                while now < TURNS {
                    if now % 2 == me {
                        turn.store(now + 1, Ordering::SeqCst);
                        lot.unpark(PLACE, 1);
                    } else {
                        lot.park(PLACE, || turn.load(Ordering::SeqCst) == now, None);
                    }
                    now = turn.load(Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!((turn.into_inner(), lot.waiting()), (TURNS, 0));
}

/// Whoever is counted as woken says so, also when its time is over at the same moment.
#[test]
fn the_counts_of_both_sides_agree_when_time_is_short() {
    let (lot, woken) = (ParkingLot::default(), AtomicU32::new(0));
    let counted = thread::scope(|scope| {
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let deadline = Instant::now() + Duration::from_micros(20);
                        if lot.park(PLACE, || true, Some(deadline)) == Parked::Woken {
                            woken.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        let mut counted = 0;
        while !waiters.iter().all(thread::ScopedJoinHandle::is_finished) {
            counted += lot.unpark(PLACE, 1);
        }
        counted
    });
    assert_eq!(counted, woken.into_inner());
}
