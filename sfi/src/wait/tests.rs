//! Suspension, resumption, cancellation, and blocking where a stack may not suspend.

use std::fs;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::activation::{
    self, Activation, Exit, ResumeError, Suspension, Wake, current_payload, enter, resume,
};
use crate::guest::{CALL_CLOSURE, DATA, GUARD, Guest, child, span, text};
use crate::image::ImageBuilder;
use crate::pending::pending;
use crate::watchdog::Watchdog;

fn guest() -> Guest {
    Guest::new(&Watchdog::start().unwrap(), text::CALL, &[])
}

/// A guest that runs a closure and may suspend.
struct Stay<'a> {
    guest: &'a Guest,
    activation: Box<Activation>,
    /// Boxed twice: the guest holds the address of the inner box.
    closure: Box<Box<dyn FnMut() + 'a>>,
}

impl<'a> Stay<'a> {
    fn new(guest: &'a Guest, closure: impl FnMut() + 'a) -> Self {
        let activation = Box::new(guest.activation(Suspension::Allowed));
        Self { guest, activation, closure: Box::new(Box::new(closure)) }
    }

    fn enter(&mut self) -> Exit {
        let values = ptr::from_mut(&mut *self.closure).cast();
        let entry = self.guest.entry(CALL_CLOSURE, values);
        // SAFETY: the tests keep the stay until it exits.
        unsafe { enter(activation::prepare().unwrap(), &raw mut *self.activation, &entry) }
    }

    fn resume(&mut self, wake: Wake) -> Result<Exit, ResumeError> {
        // SAFETY: the tests keep the stay until it exits, and leave its stack alone.
        unsafe { resume(&raw mut *self.activation, wake) }
    }

    fn waiting(&self) -> Option<Waiting<'_>> {
        // SAFETY: the answer is not used over a resumption.
        unsafe { self.activation.waiting() }
    }
}

#[test]
fn a_value_that_is_there_is_taken_at_once() {
    let guest = guest();
    let (completer, value) = pending();
    completer.complete(5);
    let mut value = Some(value);
    let mut got = None;
    let mut stay =
        Stay::new(&guest, || got = Some(wait(value.take().unwrap(), Some(Instant::now()))));
    assert_eq!(stay.enter(), Exit::Returned);
    drop(stay);
    assert_eq!(got, Some(Ok(5)));
}

#[test]
fn a_wait_suspends_and_a_hook_tells_when_to_resume() {
    let guest = guest();
    let (completer, value) = pending();
    let mut value = Some(value);
    let mut got = None;
    let mut stay = Stay::new(&guest, || {
        got = Some(wait(value.take().unwrap(), None));
        assert_eq!(current_payload().cast_const().cast(), &raw const guest);
    });
    assert_eq!(stay.enter(), Exit::Suspended);
    assert!(current_payload().is_null());
    assert_eq!(stay.waiting().unwrap().deadline(), None);
    assert_eq!(stay.resume(Wake::Look), Ok(Exit::Suspended), "nothing is there yet");
    let (rung, bell) = std::sync::mpsc::channel();
    stay.waiting().unwrap().on_ready(Box::new(move || rung.send(()).unwrap()));
    std::thread::spawn(move || completer.complete(6)).join().unwrap();
    bell.recv().unwrap();
    assert_eq!(stay.resume(Wake::Look), Ok(Exit::Returned));
    assert!(stay.waiting().is_none());
    assert_eq!(stay.resume(Wake::Look), Err(ResumeError::NotSuspended));
    drop(stay);
    assert_eq!(got, Some(Ok(6)));
}

#[test]
fn a_stack_suspends_with_what_is_nested_on_it() {
    let (guest, other) = (guest(), guest());
    let (completer, value) = pending();
    let mut value = Some(value);
    let mut got = Vec::new();
    let mut stay = Stay::new(&guest, || {
        let exit = guest.run_host(|| {
            let exit = guest.run_host(|| got.push(wait(value.take().unwrap(), None)));
            assert_eq!(exit, Exit::Returned);
        });
        assert_eq!(exit, Exit::Returned);
        got.push(Ok(current_payload() as usize));
    });
    assert_eq!(stay.enter(), Exit::Suspended);
    completer.complete(7);
    // Resumed inside another guest, with which it has nothing to do.
    let exit = other.run_host(|| {
        assert_eq!(stay.resume(Wake::Look), Ok(Exit::Returned));
        assert_eq!(current_payload().cast_const().cast(), &raw const other);
    });
    assert_eq!(exit, Exit::Returned);
    drop(stay);
    assert_eq!(got, [Ok(7), Ok((&raw const guest) as usize)]);
}

#[test]
fn a_guest_on_another_stack_blocks_unless_it_may_suspend_itself() {
    let (outer, inner) = (guest(), guest());
    let (completer, value) = pending();
    let mut completer = Some(completer);
    let mut value = Some(value);
    let mut got = None;
    let mut stay = Stay::new(&outer, || {
        let completer = completer.take().unwrap();
        let done = std::thread::spawn(move || completer.complete(8));
        let exit = inner.run_host(|| got = Some(wait(value.take().unwrap(), None)));
        assert_eq!(exit, Exit::Returned);
        done.join().unwrap();
    });
    assert_eq!(stay.enter(), Exit::Returned);
    drop(stay);
    assert_eq!(got, Some(Ok(8)));
}

#[test]
fn deadlines_end_waits_suspended_or_blocked() {
    let guest = guest();
    let deadline = Instant::now() + Duration::from_millis(3);
    let (_completer, value) = pending::<()>();
    let (_other, second) = pending::<()>();
    let mut values = vec![second, value];
    let mut got = Vec::new();
    let mut wait_once = || got.push(wait(values.pop().unwrap(), Some(deadline)));
    let mut stay = Stay::new(&guest, &mut wait_once);
    let mut exit = stay.enter();
    while exit == Exit::Suspended {
        assert_eq!(stay.waiting().unwrap().deadline(), Some(deadline));
        exit = stay.resume(Wake::Look).unwrap();
    }
    assert_eq!(exit, Exit::Returned);
    drop(stay);
    assert_eq!(guest.run_host(wait_once), Exit::Returned);
    assert!(Instant::now() >= deadline);
    assert_eq!(got, [Err(WaitError::Deadline), Err(WaitError::Deadline)]);
}

#[test]
fn a_cancelled_stay_waits_no_more() {
    let guest = guest();
    let (_completers, mut values): (Vec<_>, Vec<_>) = (0..4).map(|_| pending::<()>()).unzip();
    let mut got = Vec::new();
    let mut stay = Stay::new(&guest, || {
        got.push(wait(values.pop().unwrap(), None));
        got.push(wait(values.pop().unwrap(), None));
        got.push(wait(Pending::ready(()), None));
    });
    for _ in 0..2 {
        assert_eq!(stay.enter(), Exit::Suspended, "the next stay is another one");
        assert_eq!(stay.resume(Wake::Cancel), Ok(Exit::Returned));
    }
    drop(stay);
    let of_one = [Err(WaitError::Cancelled), Err(WaitError::Cancelled), Ok(())];
    assert_eq!(got, [of_one, of_one].concat());
}

#[test]
fn interrupts_and_the_calls_deadline_end_waits() {
    let guest = guest();
    let (_completer, value) = pending::<()>();
    let (_other, second) = pending::<()>();
    let mut values = vec![second, value];
    let mut got = Vec::new();
    let mut stay = Stay::new(&guest, || got.push(wait(values.pop().unwrap(), None)));
    assert_eq!(stay.enter(), Exit::Suspended);
    guest.interrupt.request();
    assert_eq!(stay.resume(Wake::Look), Ok(Exit::Returned));
    let deadline = Instant::now() + Duration::from_millis(2);
    guest.interrupt.set_deadline(Some(deadline));
    let mut exit = stay.enter();
    while exit == Exit::Suspended {
        assert!(stay.waiting().unwrap().deadline() <= Some(deadline));
        exit = stay.resume(Wake::Look).unwrap();
    }
    drop(stay);
    assert_eq!(got, [Err(WaitError::Cancelled), Err(WaitError::Cancelled)]);
}

#[test]
fn an_interrupt_ends_a_blocked_wait() {
    let guest = guest();
    let interrupt = guest.interrupt.clone();
    let (_completer, value) = pending::<()>();
    let mut value = Some(value);
    let mut got = None;
    let exit = guest.run_host(|| {
        let interrupt = interrupt.clone();
        let asking = std::thread::spawn(move || interrupt.request());
        got = Some(wait(value.take().unwrap(), None));
        asking.join().unwrap();
    });
    assert_eq!((exit, got), (Exit::Returned, Some(Err(WaitError::Cancelled))));
}

#[test]
fn a_wait_in_the_middle_of_a_panic_blocks() {
    struct Waits(Option<Pending<()>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let soon = Instant::now() + Duration::from_millis(2);
            assert_eq!(wait(self.0.take().unwrap(), Some(soon)), Err(WaitError::Deadline));
        }
    }
    let guest = guest();
    let (_completer, value) = pending::<()>();
    let mut waits = Some(Waits(Some(value)));
    let mut stay = Stay::new(&guest, || {
        let waits = waits.take();
        let thrown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _waits = waits;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(thrown.is_err());
    });
    assert_eq!(stay.enter(), Exit::Returned);
}

#[test]
fn lost_work_is_told() {
    let guest = guest();
    let (completer, value) = pending::<()>();
    let mut value = Some(value);
    let mut got = None;
    let mut stay = Stay::new(&guest, || got = Some(wait(value.take().unwrap(), None)));
    assert_eq!(stay.enter(), Exit::Suspended);
    drop(completer);
    assert_eq!(stay.resume(Wake::Look), Ok(Exit::Returned));
    drop(stay);
    assert_eq!(got, Some(Err(WaitError::Abandoned(Abandoned))));
}

#[test]
fn another_thread_may_not_resume() {
    struct Anywhere(*mut Activation);
    // SAFETY: the record is only looked at, by `resume`, while its own thread waits.
    unsafe impl Send for Anywhere {}
    let guest = guest();
    let (completer, value) = pending::<()>();
    let mut value = Some(value);
    let mut stay = Stay::new(&guest, || wait(value.take().unwrap(), None).unwrap());
    assert_eq!(stay.enter(), Exit::Suspended);
    let there = Anywhere(&raw mut *stay.activation);
    std::thread::spawn(move || {
        let there = there;
        activation::prepare().unwrap();
        // SAFETY: the activation is suspended and outlives this thread, which is joined.
        let refused = unsafe { resume(there.0, Wake::Look) };
        assert_eq!(refused, Err(ResumeError::OtherThread));
    })
    .join()
    .unwrap();
    completer.complete(());
    assert_eq!(stay.resume(Wake::Look), Ok(Exit::Returned));
}

const FIBERS: usize = 10_000;

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn ten_thousand_fibers_wait_in_one_thread_with_two_mappings_each() {
    // In a process of its own, so that no other test's mappings are counted.
    let name = "wait::tests::ten_thousand_fibers_wait_in_one_thread_with_two_mappings_each";
    if let Some((status, output)) = child(name) {
        assert!(status.success(), "{status}: {output}");
        return;
    }
    let watchdog = Watchdog::start().unwrap();
    let image = ImageBuilder::new(DATA - GUARD).unwrap().seal().unwrap();
    let code = span(text::CALL, &[]);
    let done = AtomicUsize::new(0);
    let mut completers = Vec::with_capacity(FIBERS);
    let before = mappings();
    let guests: Vec<_> = (0..FIBERS).map(|_| Guest::wide(&watchdog, &image, &code)).collect();
    let mut stays = Vec::with_capacity(FIBERS);
    for (number, guest) in guests.iter().enumerate() {
        let (completer, value) = pending();
        completers.push(completer);
        let mut value = Some(value);
        let done = &done;
        let mut stay = Stay::new(guest, move || {
            assert_eq!(wait(value.take().unwrap(), None), Ok(number));
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(stay.enter(), Exit::Suspended);
        stays.push(stay);
    }
    let taken = mappings() - before;
    assert!(taken <= 2 * FIBERS + 64, "{taken} mappings for {FIBERS} fibers");
    for (number, completer) in completers.into_iter().enumerate() {
        completer.complete(number);
    }
    for stay in stays.iter_mut().rev() {
        assert_eq!(stay.resume(Wake::Look), Ok(Exit::Returned));
    }
    assert_eq!(done.load(Ordering::Relaxed), FIBERS);
}
