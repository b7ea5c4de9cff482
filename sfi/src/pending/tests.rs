//! The protocol of a `Pending`, transition by transition, and both orders of every race.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use super::*;

fn counting(count: &Arc<AtomicUsize>) -> Hook {
    let count = Arc::clone(count);
    Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    })
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn a_ready_value_is_done_and_taken_at_once() {
    let ready = Pending::ready(5);
    assert!(ready.is_done());
    let count = Arc::new(AtomicUsize::new(0));
    ready.on_done(counting(&count));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(ready.try_take().unwrap(), Ok(5));
    assert_eq!(Pending::ready(6).block(None), Ok(6));
}

#[test]
fn taking_early_gives_the_pending_back() {
    let (completer, waiting) = pending();
    assert!(!waiting.is_done());
    let waiting = waiting.try_take().unwrap_err();
    completer.complete("late");
    assert!(waiting.is_done());
    assert_eq!(waiting.try_take().unwrap(), Ok("late"));
}

#[test]
fn hooks_run_once_each_and_in_order() {
    let (sender, order) = mpsc::channel();
    let (completer, waiting) = pending();
    for n in 0..3 {
        let sender = sender.clone();
        waiting.on_done(Box::new(move || sender.send(n).unwrap()));
    }
    assert!(order.try_recv().is_err(), "not before it is done");
    completer.complete(());
    waiting.on_done(Box::new(move || sender.send(3).unwrap()));
    assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn hooks_run_though_nobody_wants_the_value() {
    let count = Arc::new(AtomicUsize::new(0));
    let (completer, waiting) = pending();
    waiting.on_done(counting(&count));
    assert!(completer.is_wanted());
    drop(waiting);
    assert!(!completer.is_wanted());
    completer.complete(1);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn who_drops_it_tells_the_other_side_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let (completer, waiting) = pending::<u8>();
    completer.on_unwanted(counting(&count));
    let waiting = waiting.try_take().unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 0, "it only looked");
    drop(waiting);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    completer.on_unwanted(counting(&count));
    assert_eq!(count.load(Ordering::SeqCst), 2, "it was dropped before");
    drop(completer);

    let (completer, waiting) = pending();
    completer.on_unwanted(counting(&count));
    let mapped = waiting.map(|value: u8| value + 1);
    completer.complete(1);
    assert_eq!(mapped.block(None).unwrap(), 2);
    assert_eq!(count.load(Ordering::SeqCst), 2, "it was taken");

    let (completer, waiting) = pending::<u8>();
    completer.on_unwanted(counting(&count));
    assert!(waiting.block(Some(Instant::now())).is_err());
    assert_eq!(count.load(Ordering::SeqCst), 3, "its time was over");
    assert!(!completer.is_wanted());
}

#[test]
fn a_dropped_completer_is_news_and_not_silence() {
    let count = Arc::new(AtomicUsize::new(0));
    let (completer, waiting) = pending::<u8>();
    waiting.on_done(counting(&count));
    drop(completer);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(waiting.try_take().unwrap(), Err(Abandoned));

    let (completer, waiting) = pending::<u8>();
    let lost = thread::spawn(move || {
        let _completer = completer;
        panic!("the work is lost");
    });
    assert_eq!(waiting.block(Some(far())), Err(WaitError::Abandoned(Abandoned)));
    assert!(lost.join().is_err());
}

#[test]
fn blocking_ends_at_the_deadline() {
    let (completer, waiting) = pending::<u8>();
    assert_eq!(waiting.block(Some(Instant::now())), Err(WaitError::Deadline));
    completer.complete(1);

    let (completer, waiting) = pending();
    completer.complete(2);
    assert_eq!(waiting.block(Some(Instant::now())), Ok(2), "a value that is here is taken");
}

#[test]
fn a_value_crosses_threads_in_both_orders() {
    for _ in 0..500 {
        let (completer, waiting) = pending();
        let start = Arc::new(Barrier::new(2));
        let count = Arc::new(AtomicUsize::new(0));
        let other = thread::spawn({
            let start = Arc::clone(&start);
            move || {
                start.wait();
                completer.complete(vec![1, 2, 3]);
            }
        });
        start.wait();
        waiting.on_done(counting(&count));
        assert_eq!(waiting.block(Some(far())), Ok(vec![1, 2, 3]));
        other.join().unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1, "exactly once, whichever came first");
    }
}

#[test]
fn a_value_is_dropped_exactly_once() {
    let value = Arc::new(());
    let (completer, waiting) = pending();
    completer.complete(Arc::clone(&value));
    drop(waiting);
    assert_eq!(Arc::strong_count(&value), 1);
    let (completer, waiting) = pending();
    drop(waiting);
    completer.complete(Arc::clone(&value));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn map_and_then_follow_both_ready_and_late_values() {
    assert_eq!(Pending::ready(2).map(|n| n + 1).try_take().unwrap(), Ok(3));

    let (first, waiting) = pending::<u32>();
    let (second, inner) = pending::<u32>();
    let chained = waiting.map(|n| n * 10).then(move |n| inner.map(move |m| n + m));
    first.complete(4);
    let chained = chained.try_take().unwrap_err();
    second.complete(2);
    assert_eq!(chained.try_take().unwrap(), Ok(42));
}

#[test]
fn abandonment_passes_through_a_chain_and_frees_it() {
    let held = Arc::new(());
    let (completer, waiting) = pending::<u32>();
    let chained = waiting.map({
        let held = Arc::clone(&held);
        move |n| {
            let _held = held;
            n
        }
    });
    drop(completer);
    assert_eq!(chained.block(None), Err(WaitError::Abandoned(Abandoned)));
    assert_eq!(Arc::strong_count(&held), 1, "the chain's own things are gone");

    let (completer, waiting) = pending::<u32>();
    let chained = Pending::ready(()).then(move |()| waiting);
    drop(completer);
    let late = chained.map(|n| n);
    assert_eq!(late.try_take().unwrap(), Err(Abandoned));
}

#[test]
fn a_value_that_must_not_be_lost_is_taken_or_comes_back() {
    let back = Arc::new(Mutex::new(Vec::new()));
    let give = |n: u32| {
        let (completer, waiting) = pending();
        let back = Arc::clone(&back);
        completer.complete_or(n, move |n| back.lock().unwrap().push(n));
        waiting
    };
    drop(give(1));
    assert_eq!(give(2).block(None), Ok(2));
    let mapped = give(3).map(|n| n + 1);
    assert_eq!(mapped.block(None), Ok(4));
    let (completer, waiting) = pending();
    drop(waiting);
    let to = Arc::clone(&back);
    completer.complete_or(5, move |n| to.lock().unwrap().push(n));
    assert_eq!(*back.lock().unwrap(), [1, 5]);
}
