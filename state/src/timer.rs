//! A thread that calls hooks when their time has come.
//!
//! It is made with the first hook and ends with the [`Timer`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Instant;

use faasm_sfi::pending::Hook;

/// Calls hooks at their times, one after the other, on a thread of its own.
#[derive(Default)]
pub struct Timer {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By time, then in the order in which they came.
    hooks: BTreeMap<(Instant, u64), Hook>,
    last: u64,
    running: bool,
    closed: bool,
}

/// One hook of a timer.
#[derive(Clone, Copy, Debug)]
pub struct Alarm((Instant, u64));

impl Timer {
    /// Has `hook` called at `time`, or soon after. It returns quickly. At once, on this thread, if the system has no
    /// thread left for it: too early is better than never; `None` then. Hooks whose time has not come when the timer is
    /// dropped are dropped.
    pub fn at(&self, time: Instant, hook: Hook) -> Option<Alarm> {
        let mut state = self.shared.lock();
        state.last += 1;
        let key = (time, state.last);
        state.hooks.insert(key, hook);
        if !state.running {
            let shared = Arc::clone(&self.shared);
            let thread = Builder::new().name("state-timer".into()).stack_size(128 << 10);
            state.running = thread.spawn(move || shared.run()).is_ok();
        }
        let unserved = if state.running { None } else { state.hooks.remove(&key) };
        drop(state);
        self.shared.changed.notify_one();
        let alarm = unserved.is_none().then_some(Alarm(key));
        unserved.into_iter().for_each(|hook| hook());
        alarm
    }

    /// How many hooks are to be called.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shared.lock().hooks.len()
    }

    /// Drops the hook, if it has not been called.
    pub fn forget(&self, Alarm(key): Alarm) {
        let hook = self.shared.lock().hooks.remove(&key);
        drop(hook);
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let next = state.hooks.first_key_value().map(|((time, _), _)| *time);
            let now = Instant::now();
            state = match next {
                Some(time) if time <= now => {
                    let hook = state.hooks.pop_first().map(|(_, hook)| hook);
                    drop(state);
                    hook.into_iter().for_each(|hook| hook());
                    self.lock()
                }
                Some(time) => {
                    let waited = self.changed.wait_timeout(state, time - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Whole at every unlock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let hooks = std::mem::take(&mut state.hooks);
        drop(state);
        drop(hooks);
        self.shared.changed.notify_one();
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("hooks", &self.shared.lock().hooks.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn hooks_are_called_in_the_order_of_their_times() {
        let timer = Timer::default();
        let (said, heard) = channel();
        let say = |what: &'static str| {
            let said = said.clone();
            Box::new(move || said.send(what).unwrap())
        };
        let now = Instant::now();
        timer.at(now + Duration::from_secs(3600), say("never"));
        timer.at(now + Duration::from_millis(40), say("late"));
        timer.at(now + Duration::from_millis(20), say("early"));
        timer.at(now, say("now"));
        let three: Vec<_> = (0..3).map(|_| heard.recv().unwrap()).collect();
        assert_eq!(three, ["now", "early", "late"]);
        drop(timer);
        drop(said);
        assert!(heard.recv().is_err(), "the last hook is dropped");
    }
}
