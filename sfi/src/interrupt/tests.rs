//! Interrupts of guests that spin, from other threads and by deadlines.

use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::activation::{Exit, is_interrupted};
use crate::fault::FaultKind;
use crate::guest::{Guest, text};
use crate::watchdog::Watchdog;

fn watchdog() -> Watchdog {
    Watchdog::start().unwrap()
}

#[track_caller]
fn assert_interrupted(exit: Exit) {
    assert!(
        matches!(exit, Exit::Faulted(fault) if fault.kind == FaultKind::Interrupted),
        "{exit:?}"
    );
}

/// Runs a guest that spins and calls `meanwhile` on another thread when it does.
fn spin(guest: &Guest, meanwhile: impl FnOnce(&Interrupt) + Send) -> Exit {
    let told = AtomicU8::new(0);
    let interrupt = guest.interrupt.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while told.load(Ordering::Acquire) == 0 {
                std::hint::spin_loop();
            }
            meanwhile(&interrupt);
        });
        guest.run(ptr::null(), told.as_ptr())
    })
}

#[test]
fn a_request_ends_a_spinning_guest() {
    let watchdog = watchdog();
    let guest = Guest::new(&watchdog, text::TELL_AND_SPIN, &[]);
    for _ in 0..50 {
        assert_interrupted(spin(&guest, Interrupt::request));
        assert!(guest.interrupt.is_requested(), "sticky until the next call");
    }
}

#[test]
fn a_request_is_of_one_call() {
    let watchdog = watchdog();
    let guest = Guest::new(&watchdog, text::RETURN, &[]);
    let first = guest.interrupt.next_call();
    assert_eq!(guest.run(ptr::null(), ptr::null_mut()), Exit::Returned);
    assert_eq!(guest.interrupt.call(), first);
    assert!(guest.interrupt.request_call(first));
    assert!(guest.interrupt.is_requested());
    assert_eq!(guest.run(ptr::null(), ptr::null_mut()), Exit::Returned, "the next call forgets it");
    assert!(!guest.interrupt.request_call(first), "too late");
    assert!(!guest.interrupt.is_requested());
}

#[test]
fn a_deadline_ends_a_spinning_guest_and_is_forgotten_when_it_is_changed() {
    let watchdog = watchdog();
    let guest = Guest::new(&watchdog, text::TELL_AND_SPIN, &[]);
    let start = Instant::now();
    guest.interrupt.set_deadline(Some(start + Duration::from_millis(10)));
    assert_interrupted(spin(&guest, |_| ()));
    assert!(start.elapsed() >= Duration::from_millis(10));
    let expired = guest.run(ptr::null(), [0].as_mut_ptr());
    assert_interrupted(expired);
    guest.interrupt.set_deadline(None);
    assert!(!guest.interrupt.is_requested());
    let quick = Guest::new(&watchdog, text::RETURN, &[]);
    quick.interrupt.set_deadline(Some(Instant::now() + Duration::from_secs(600)));
    assert_eq!(quick.run(ptr::null(), ptr::null_mut()), Exit::Returned);
}

#[test]
fn deadlines_around_the_entry_are_never_lost() {
    let watchdog = watchdog();
    let guest = Guest::new(&watchdog, text::TELL_AND_SPIN, &[]);
    let mut told = 0u8;
    for round in 0..300 {
        let ahead = Duration::from_nanos(round % 30 * 500);
        guest.interrupt.set_deadline(Some(Instant::now() + ahead));
        assert_interrupted(guest.run(ptr::null(), &raw mut told));
    }
}

#[test]
fn many_threads_with_many_deadlines_all_end() {
    let watchdog = watchdog();
    let code = crate::guest::span(text::TELL_AND_SPIN, &[]);
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let guest = Guest::of_span(&watchdog, Arc::clone(&code));
            scope.spawn(move || {
                for round in 0..40 {
                    let ahead = Duration::from_micros(round * 37 % 1000 * thread);
                    guest.interrupt.set_deadline(Some(Instant::now() + ahead));
                    assert_interrupted(guest.run(ptr::null(), [0].as_mut_ptr()));
                }
            });
        }
    });
}

#[test]
fn cells_that_nobody_holds_do_not_pile_up() {
    let watchdog = watchdog();
    for _ in 0..10_000 {
        let interrupt = Interrupt::new(&watchdog);
        interrupt.set_deadline(Some(Instant::now() + Duration::from_secs(600)));
    }
    assert!(watchdog.shared().cells() <= 200);
}

#[test]
fn a_request_in_host_code_holds_until_the_guest_runs_again() {
    let watchdog = watchdog();
    let guest = Guest::new(&watchdog, text::CALL_AND_SPIN, &[]);
    let interrupt = guest.interrupt.clone();
    let mut seen = false;
    let exit = guest.run_host(|| {
        interrupt.request();
        seen = is_interrupted();
    });
    assert_interrupted(exit);
    assert!(seen);
}

#[test]
fn an_interrupt_ends_what_is_nested_too() {
    let watchdog = watchdog();
    let outer = Guest::new(&watchdog, text::CALL_AND_SPIN, &[]);
    let inner = Guest::new(&watchdog, text::TELL_AND_SPIN, &[]);
    let of_outer = outer.interrupt.clone();
    let mut exits = Vec::new();
    let exit = outer.run_host(|| {
        exits.push(spin(&inner, |_| of_outer.request()));
        // A nested entry into an interrupted guest does not start.
        exits.push(inner.run(ptr::null(), ptr::null_mut()));
        exits.push(outer.run_host(|| unreachable!("the guest is interrupted")));
    });
    assert_interrupted(exit);
    assert_eq!(exits.len(), 3);
    exits.into_iter().for_each(assert_interrupted);
    assert!(!inner.interrupt.is_requested(), "it was not the inner guest's");
}

#[test]
fn a_signal_without_a_request_does_nothing() {
    let watchdog = watchdog();
    let guest = Guest::new(&watchdog, text::CALL, &[]);
    let exit = guest.run_host(|| {
        // SAFETY: sending a signal to oneself has no precondition.
        unsafe { libc::raise(fault::INTERRUPT) };
    });
    assert_eq!(exit, Exit::Returned);
}

#[test]
fn many_cells_share_a_watchdog_and_leave_it() {
    let watchdog = watchdog();
    let code = crate::guest::span(text::TELL_AND_SPIN, &[]);
    let weak: Vec<_> = (0..20)
        .map(|_| {
            let guest = Guest::of_span(&watchdog, Arc::clone(&code));
            guest.interrupt.set_deadline(Some(Instant::now() + Duration::from_micros(100)));
            assert_interrupted(guest.run(ptr::null(), [0].as_mut_ptr()));
            Arc::downgrade(&guest.interrupt.cell)
        })
        .collect();
    drop(watchdog);
    assert!(weak.iter().all(|cell| cell.strong_count() == 0));
}
