//! When the watchdog looks again. There is no thread here: the tests look.

use super::*;
use crate::interrupt::Interrupt;

const SOON: u64 = 2_000_000;

fn watchdog() -> Watchdog {
    Watchdog { shared: Arc::new(Shared::new()), thread: None }
}

fn look(watchdog: &Watchdog, now: u64) -> u64 {
    watchdog.shared.lock().look(now)
}

#[test]
fn what_is_asked_and_not_run_is_looked_at_twice_for_each_request() {
    let watchdog = watchdog();
    let interrupt = Interrupt::new(&watchdog);
    assert_eq!(look(&watchdog, 0), NEVER, "nothing was ever asked");
    for _ in 0..3 {
        interrupt.request();
        assert_eq!(look(&watchdog, 0), SOON);
        assert_eq!(look(&watchdog, SOON), NEVER);
    }
}

#[test]
fn the_earliest_deadline_is_next_and_no_sooner_than_a_tick() {
    let watchdog = watchdog();
    let at = |time| watchdog.shared.instant_of(time);
    let [early, late] = [(); 2].map(|()| Interrupt::new(&watchdog));
    late.set_deadline(at(9 * SOON));
    early.set_deadline(at(5 * SOON));
    assert_eq!(look(&watchdog, 0), 5 * SOON);
    assert_eq!(look(&watchdog, 5 * SOON - 1), 6 * SOON - 1, "not a nanosecond later");
    assert!(!early.is_requested());
    assert_eq!(look(&watchdog, 5 * SOON), 6 * SOON, "once more");
    assert!(early.is_requested() && !late.is_requested());
    assert_eq!(look(&watchdog, 6 * SOON), 9 * SOON);
    late.set_deadline(None);
    assert_eq!(look(&watchdog, 6 * SOON), NEVER);
}

#[test]
fn a_running_thread_is_signalled_until_it_leaves() {
    let watchdog = watchdog();
    let interrupt = Interrupt::new(&watchdog);
    // No thread has the largest number, so the signals go nowhere.
    interrupt.cell.begin(u32::MAX >> 1);
    interrupt.request();
    for round in 0..5 {
        assert_eq!(look(&watchdog, round * SOON), (round + 1) * SOON);
    }
    interrupt.cell.leave();
    assert_eq!(look(&watchdog, 0), SOON);
    assert_eq!(look(&watchdog, 0), NEVER);
}

#[test]
fn a_stopped_watchdog_takes_nothing_up() {
    let watchdog = watchdog();
    let interrupt = Interrupt::new(&watchdog);
    drop(watchdog);
    interrupt.set_deadline(Some(Instant::now()));
    interrupt.request();
    assert!(interrupt.is_requested());
    assert_eq!(Arc::strong_count(&interrupt.cell), 1);
}
