//! Entry, faults, nesting and raising.

use std::os::unix::process::ExitStatusExt;

use super::*;
use crate::guest::{CALL_CLOSURE, DATA, Guest, LEN, child, span, text};
use crate::watchdog::Watchdog;

fn watchdog() -> Watchdog {
    Watchdog::start().unwrap()
}

fn fault(exit: Exit) -> Fault {
    match exit {
        Exit::Faulted(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_runs_on_its_stack_and_returns() {
    let guest = Guest::new(&watchdog(), text::CALL, &[]);
    let mut seen = (0, ptr::null_mut());
    let exit = guest.run_host(|| seen = (machine::stack_pointer(), current_payload()));
    assert_eq!(exit, Exit::Returned);
    assert!(guest.walls.stack.contains(&seen.0));
    assert_eq!(seen.1.cast_const().cast(), &raw const guest);
    assert!(current_payload().is_null());
}

#[test]
fn a_listed_site_that_faults_in_the_slot_is_a_trap() {
    let guest = Guest::new(&watchdog(), text::LOAD, &[(0, 42)]);
    let beyond = guest.slot.address() + LEN - 8;
    let fault = fault(guest.run(ptr::null(), ptr::without_provenance_mut(beyond)));
    assert_eq!(fault.kind, FaultKind::Site(42));
    assert_eq!(fault.pc, guest.walls.code[0].start());
    assert!(guest.walls.stack.contains(&fault.sp));
    assert_eq!(fault.fp, 0, "walks over frames end at the entry");
    let inside = guest.slot.address() + DATA;
    let exit = guest.run(ptr::null(), ptr::without_provenance_mut(inside));
    assert_eq!(exit, Exit::Returned, "the same thread goes on");
}

#[test]
fn trapping_instructions_are_traps_where_they_are_listed() {
    let watchdog = watchdog();
    for (code, offset) in [(text::UD2, 0), (text::DIVIDE, 4), (text::CLOBBER, 8)] {
        let guest = Guest::new(&watchdog, code, &[(offset, 7)]);
        for _ in 0..3 {
            let fault = fault(guest.run(ptr::null(), ptr::null_mut()));
            assert_eq!(fault.kind, FaultKind::Site(7));
            assert_eq!(fault.pc, guest.walls.code[0].start() + offset as usize);
            assert_eq!(flags() & (1 << 10), 0, "the convention wants the direction flag clear");
        }
    }
}

fn flags() -> u64 {
    let flags;
    // SAFETY: pushes and pops a word.
    unsafe { std::arch::asm!("pushfq", "pop {}", out(reg) flags) };
    flags
}

#[test]
fn recursion_ends_in_the_guard_of_the_stack() {
    let guest = Guest::new(&watchdog(), text::RECURSE, &[]);
    for _ in 0..3 {
        let fault = fault(guest.run(ptr::null(), ptr::null_mut()));
        assert_eq!(fault.kind, FaultKind::StackOverflow);
    }
}

#[test]
fn raising_abandons_the_innermost_entry_only() {
    let guest = Guest::new(&watchdog(), text::CALL, &[]);
    let mut inner = None;
    let exit = guest.run_host(|| {
        let fault = fault(guest.run(raise as *const u8, ptr::null_mut()));
        inner = Some(fault);
    });
    assert_eq!(exit, Exit::Returned);
    let inner = inner.unwrap();
    let start = guest.walls.code[0].start();
    assert_eq!((inner.kind, inner.pc), (FaultKind::Raised, start + 9), "where the call returns to");
    assert!(guest.walls.stack.contains(&inner.fp) && guest.walls.stack.contains(&inner.sp));
}

/// Answers the place behind the call of `raise` in `text::CALL`, whose stub-like frame is the one that is asked from.
extern "C" fn land_behind_the_call(landing: *mut u8, fp: usize) -> *const Landing {
    let landing = landing.cast::<Landing>();
    // SAFETY: the test below passes its own landing as the context.
    unsafe {
        (*landing).fp = fp;
        (*landing).sp = fp;
    }
    landing
}

#[test]
fn a_landing_keeps_the_frames_outside_of_it() {
    // `push rbp; mov rbp, rsp; push rbx; push rdx; mov rdi, [rdx]; mov rsi, [rdx + 8]; call [rdx + 16]`, then the landing
    // at 16: `mov rdx, [rbp - 16]; mov [rdx + 24], rax; mov rbx, [rbp - 8]; pop rbp; ret`.
    const RAISE: &[u8] = &[
        0x55, 0x48, 0x89, 0xe5, 0x53, 0x52, 0x48, 0x8b, 0x3a, 0x48, 0x8b, 0x72, 0x08, 0xff, 0x52,
        0x10, 0x48, 0x8b, 0x55, 0xf0, 0x48, 0x89, 0x42, 0x18, 0x48, 0x8b, 0x5d, 0xf8, 0x5d, 0xc3,
    ];
    let guest = Guest::new(&watchdog(), RAISE, &[]);
    let pc = guest.walls.code[0].start() + 16;
    let mut landing = Landing { pc, value: 42, ..Landing::default() };
    let find: FindLanding = land_behind_the_call;
    let raise: unsafe extern "C" fn(Option<FindLanding>, *mut u8) -> ! = raise;
    let mut words = [find as usize, (&raw mut landing) as usize, raise as usize, 0];
    let exit = guest.run(ptr::null(), words.as_mut_ptr().cast());
    assert_eq!(exit, Exit::Returned, "the entry went on behind the landing");
    assert_eq!(words[3], 42);
    assert!(guest.walls.stack.contains(&landing.fp));
    words[0] = 0;
    let fault = fault(guest.run(ptr::null(), words.as_mut_ptr().cast()));
    assert_eq!((fault.kind, fault.pc), (FaultKind::Raised, pc), "nobody is asked");
}

#[test]
fn entries_nest_on_one_stack_and_across_stacks() {
    let watchdog = watchdog();
    let (one, two) =
        (Guest::new(&watchdog, text::CALL, &[]), Guest::new(&watchdog, text::CALL, &[]));
    let trapping = Guest::new(&watchdog, text::UD2, &[(0, 1)]);
    let mut depths = Vec::new();
    let exit = one.run_host(|| {
        let outer = machine::stack_pointer();
        let exit = one.run_host(|| {
            depths.push(outer - machine::stack_pointer());
            let exit = two.run_host(|| {
                assert_eq!(current_payload().cast_const().cast(), &raw const two);
                let trap = fault(trapping.run(ptr::null(), ptr::null_mut()));
                assert_eq!(trap.kind, FaultKind::Site(1));
            });
            assert_eq!(exit, Exit::Returned);
            assert_eq!(current_payload().cast_const().cast(), &raw const one);
        });
        assert_eq!(exit, Exit::Returned);
    });
    assert_eq!(exit, Exit::Returned);
    assert!(depths[0] < 8192, "the nested entry goes on below its caller: {depths:?}");
}

#[test]
fn a_panic_of_the_host_is_caught_on_the_guests_stack() {
    let guest = Guest::new(&watchdog(), text::CALL, &[]);
    let mut caught = None;
    let exit = guest.run_host(|| {
        // Quiet, as no hook runs.
        let thrown = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(5)));
        caught = thrown.unwrap_err().downcast::<i32>().ok();
        let _ = std::backtrace::Backtrace::force_capture();
    });
    assert_eq!((exit, caught), (Exit::Returned, Some(Box::new(5))));
}

#[test]
fn faults_on_many_threads_stay_with_their_threads() {
    let watchdog = watchdog();
    let code = span(text::LOAD, &[(0, 3)]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let guest = Guest::of_span(&watchdog, Arc::clone(&code));
                let beyond = ptr::without_provenance_mut(guest.slot.address() + LEN - 8);
                for _ in 0..1000 {
                    let fault = fault(guest.run(ptr::null(), beyond));
                    assert_eq!(fault.kind, FaultKind::Site(3));
                }
            });
        }
    });
}

#[test]
fn an_unlisted_site_kills_the_process() {
    dies_of(libc::SIGSEGV, "activation::tests::an_unlisted_site_kills_the_process", || {
        let guest = Guest::new(&watchdog(), text::LOAD, &[(1, 3)]);
        let beyond = guest.slot.address() + LEN - 8;
        guest.run(ptr::null(), ptr::without_provenance_mut(beyond));
    });
}

#[test]
fn an_address_outside_the_slot_kills_the_process() {
    dies_of(
        libc::SIGSEGV,
        "activation::tests::an_address_outside_the_slot_kills_the_process",
        || {
            let guest = Guest::new(&watchdog(), text::LOAD, &[(0, 3)]);
            guest.run(ptr::null(), ptr::without_provenance_mut(HOST_LOW));
        },
    );
}

#[test]
fn a_fault_of_the_host_inside_a_guest_kills_the_process() {
    dies_of(
        libc::SIGSEGV,
        "activation::tests::a_fault_of_the_host_inside_a_guest_kills_the_process",
        || {
            let guest = Guest::new(&watchdog(), text::CALL, &[(7, 3)]);
            let beyond = guest.slot.address() + LEN - 8;
            guest.run_host(|| {
                let bad = ptr::without_provenance::<u8>(beyond);
                // SAFETY: none: this is the fault that the test wants.
                unsafe { bad.read_volatile() };
            });
        },
    );
}

#[test]
fn a_signal_that_was_sent_is_not_a_trap() {
    dies_of(libc::SIGILL, "activation::tests::a_signal_that_was_sent_is_not_a_trap", || {
        let guest = Guest::new(&watchdog(), text::CALL, &[]);
        guest.run_host(|| {
            // SAFETY: sending a signal to oneself has no precondition.
            unsafe { libc::raise(libc::SIGILL) };
        });
    });
}

/// An address where nothing is mapped.
const HOST_LOW: usize = 8;

#[test]
fn a_signal_that_was_sent_to_a_listed_site_is_not_a_trap() {
    let name = "activation::tests::a_signal_that_was_sent_to_a_listed_site_is_not_a_trap";
    dies_of(libc::SIGILL, name, || {
        let guest = Guest::new(&watchdog(), text::TELL_AND_SPIN, &[(3, 1)]);
        let told = std::sync::atomic::AtomicU8::new(0);
        // SAFETY: the call has no precondition.
        let thread = unsafe { libc::pthread_self() };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while told.load(Ordering::Acquire) == 0 {
                    std::hint::spin_loop();
                }
                // SAFETY: the thread runs until this one ends.
                unsafe { libc::pthread_kill(thread, libc::SIGILL) };
            });
            guest.run(ptr::null(), told.as_ptr());
        });
    });
}

#[track_caller]
fn dies_of(signal: i32, name: &str, body: impl FnOnce()) {
    match child(name) {
        None => body(),
        Some((status, output)) => assert_eq!(status.signal(), Some(signal), "{status}: {output}"),
    }
}

#[test]
fn a_handler_that_was_there_before_gets_what_is_not_the_guests() {
    let name = "activation::tests::a_handler_that_was_there_before_gets_what_is_not_the_guests";
    if let Some((status, output)) = child(name) {
        assert_eq!(status.code(), Some(77), "{status}: {output}");
        return;
    }
    extern "C" fn before(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the kernel gives valid pointers.
        let (address, context) = unsafe { ((*info).si_addr() as usize, &*context.cast()) };
        let (pc, ..) = machine::registers(context);
        let untouched = address == HOST_LOW && pc != 0;
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(if untouched { 77 } else { 78 }) };
    }
    // SAFETY: zero is a value of the structure, and the handler only exits.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = before as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut());
    }
    let guest = Guest::new(&watchdog(), text::LOAD, &[(0, 3)]);
    let beyond = guest.slot.address() + LEN - 8;
    let trap = fault(guest.run(ptr::null(), ptr::without_provenance_mut(beyond)));
    assert_eq!(trap.kind, FaultKind::Site(3));
    guest.run(ptr::null(), ptr::without_provenance_mut(HOST_LOW));
}

#[test]
fn resuming_what_is_not_suspended_is_refused() {
    let guest = Guest::new(&watchdog(), text::RETURN, &[]);
    let mut activation = guest.activation(Suspension::Allowed);
    let entry = guest.entry(CALL_CLOSURE, ptr::null_mut());
    // SAFETY: the text only returns; the activation outlives both calls.
    let (exit, resumed) = unsafe {
        let exit = enter(prepare().unwrap(), &raw mut activation, &entry);
        (exit, resume(&raw mut activation, Wake::Look))
    };
    assert_eq!((exit, resumed), (Exit::Returned, Err(ResumeError::NotSuspended)));
}
