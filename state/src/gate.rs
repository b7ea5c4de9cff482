//! One at a time, in order: who may talk to the global tier about a value.
//!
//! # Protocol
//!
//! 1. An operation enters the gate and gets a [`Permit`], at once or when those before it have left. The permit moves
//!    along with the operation, from continuation to continuation, and opens the gate when it is dropped, however the
//!    operation ends.
//! 2. Who leaves an open gate with others waiting lets the next in on its own thread. The next may be done at once and
//!    leave in turn: it then only notes that the gate is open (`letting_in` is set), and the first goes on in a loop,
//!    so the stack does not grow with the queue.
//! 3. The lock of the gate is never held while a permit is given out or dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use faasm_sfi::pending::{Completer, Pending, pending};

#[derive(Debug, Default)]
pub(crate) struct Gate {
    shared: Arc<Shared>,
}

/// The right to talk to the global tier; dropping it lets the next in.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A permit exists or is being given.
    taken: bool,
    /// A thread is in `leave`'s loop.
    letting_in: bool,
    waiting: VecDeque<Completer<Permit>>,
}

impl Gate {
    pub(crate) fn enter(&self) -> Pending<Permit> {
        let mut state = self.shared.lock();
        if state.taken || state.letting_in {
            let (completer, waiting) = pending();
            state.waiting.push_back(completer);
            return waiting;
        }
        state.taken = true;
        drop(state);
        Pending::ready(Permit { gate: Arc::clone(&self.shared) })
    }

    /// A permit if nobody has or wants one.
    pub(crate) fn try_enter(&self) -> Option<Permit> {
        let mut state = self.shared.lock();
        if state.taken || state.letting_in {
            return None;
        }
        state.taken = true;
        drop(state);
        Some(Permit { gate: Arc::clone(&self.shared) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        Shared::leave(&self.gate);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(gate: &Arc<Self>) {
        let mut state = gate.lock();
        state.taken = false;
        if state.letting_in {
            return;
        }
        state.letting_in = true;
        while !state.taken {
            let Some(next) = state.waiting.pop_front() else {
                break;
            };
            state.taken = true;
            drop(state);
            next.complete(Permit { gate: Arc::clone(gate) });
            state = gate.lock();
        }
        state.letting_in = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn permits_are_given_in_order_one_at_a_time() {
        let gate = Gate::default();
        let first = gate.enter().try_take().unwrap().unwrap();
        let (sender, order) = mpsc::channel();
        let later: Vec<_> = (0..3)
            .map(|n| {
                let sender = sender.clone();
                gate.enter().map(move |permit| sender.send((n, permit)).unwrap())
            })
            .collect();
        drop(first);
        for n in 0..3 {
            let (got, permit) = order.try_recv().unwrap();
            assert_eq!(got, n);
            assert!(order.try_recv().is_err(), "the next waits for this permit");
            drop(permit);
        }
        assert!(later.iter().all(Pending::is_done));
        assert!(gate.enter().is_done(), "open again");
    }

    #[test]
    fn a_long_queue_of_quick_operations_needs_no_deep_stack() {
        let gate = Gate::default();
        let first = gate.enter().try_take().unwrap().unwrap();
        let later: Vec<_> = (0..100_000).map(|_| gate.enter().map(drop)).collect();
        drop(first);
        assert!(later.iter().all(Pending::is_done));
    }

    #[test]
    fn who_gives_up_waiting_does_not_keep_the_gate() {
        let gate = Gate::default();
        let first = gate.enter().try_take().unwrap().unwrap();
        drop(gate.enter());
        let last = gate.enter();
        drop(first);
        assert!(last.is_done());
    }

    #[test]
    fn two_threads_never_hold_it_together() {
        let gate = Gate::default();
        let inside = Mutex::new(());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let permit = gate.enter().block(None).unwrap();
                        let alone = inside.try_lock().unwrap();
                        thread::yield_now();
                        drop(alone);
                        drop(permit);
                    }
                });
            }
        });
    }
}
