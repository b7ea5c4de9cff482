//! Threads of a guest: what the threads of one call have in common, and how they end together.
//!
//! # Protocol
//!
//! 1. A call whose module has a shared memory gets a [`Team`]. With the first thread that is spawned the team is *split*:
//!    from then on the call's [`HostState`] is a baton. A host function takes it, works with it as in a call without
//!    threads, and puts it down: at its end, and while it waits. A thread without the baton has a stand-in in its store,
//!    which knows the team and nothing else.
//! 2. A thread is a store of its own, born from the call's own captured store with its shared memories, on a thread of
//!    the port's ([`Threads`]). It is a member of the team from before it begins until its store is recycled.
//! 3. What ends the team first is its [`Cause`]: the main thread's end, however that came; a trap of another one; an
//!    exit by another one. All others are made to expire then, and those that wait are woken, to see that they have.
//! 4. The call's outcome is taken when all members have gone: who waits for that is told ([`Team::on_gone`]).
//!
//! # Invariants
//!
//! * No guest code runs, and nothing is waited for but another host function's end, with the baton or a lock in hand.
//! * Hooks are called without locks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use faasm_vm::{Func, FuncType, Instance, Interrupt, Run, Store, Trap, TrapKind, Val, ValType};

use crate::error::Problem;
use crate::guest::Guest;
use crate::host::HostState;
use crate::wasi::errno::Errno;

/// The export with which a thread begins (`wasi-threads`).
const THREAD_START: &str = "wasi_thread_start";

/// The largest number of a thread (`wasi-threads`).
const MAX_TID: u32 = 0x1fff_ffff;

/// What a thread does. It drops its place before anybody learns that it has ended.
pub type Job = Box<dyn FnOnce(Place) + Send>;

/// One of the threads that the host has for guests; given back when it is dropped.
pub type Place = Box<dyn Send>;

/// Called once, on any thread; it wakes somebody and returns.
pub type Hook = Box<dyn FnOnce() + Send>;

/// Nobody can run one more thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host has no thread left")]
pub struct NoThread;

/// Where guests' threads run.
pub trait Threads: Send + Sync {
    /// Runs `job`, now and on a thread that it has for itself: a guest may wait actively for another one.
    ///
    /// # Errors
    ///
    /// [`NoThread`]; the job is dropped.
    fn run(&self, job: Job) -> Result<(), NoThread>;
}

/// Why a team has ended.
#[derive(Debug)]
pub enum Cause {
    /// The main thread ended: what it ended with is the call's.
    Main,
    /// Another thread exited with this code, or trapped.
    Thread {
        /// With what.
        result: Result<i32, Trap>,
        /// Whether it was refused memory before.
        refused: bool,
    },
}

/// The threads of one call; a clone is another handle to it.
#[derive(Clone)]
pub struct Team {
    shared: Arc<Shared>,
}

struct Shared {
    threads: Arc<dyn Threads>,
    /// Whether the host's state is a baton: set once, by whoever has the state then.
    split: AtomicBool,
    /// The call's state while no host function has it.
    baton: Mutex<Option<Box<HostState>>>,
    /// The baton was put down.
    put_down: Condvar,
    state: Mutex<State>,
    gone: Condvar,
}

#[derive(Default)]
struct State {
    main: Option<Interrupt>,
    /// Has the main thread look, if it waits.
    wake_main: Option<Hook>,
    members: BTreeMap<u32, Member>,
    last: u32,
    ended: bool,
    cause: Option<Cause>,
    on_gone: Option<Hook>,
}

/// A thread that is not the main one.
struct Member {
    interrupt: Interrupt,
    bell: Arc<Bell>,
}

impl Team {
    /// The team of a call that has no other thread yet, whose threads will run there.
    #[must_use]
    pub fn new(threads: Arc<dyn Threads>) -> Self {
        let shared = Shared {
            threads,
            split: AtomicBool::new(false),
            baton: Mutex::default(),
            put_down: Condvar::new(),
            state: Mutex::default(),
            gone: Condvar::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// How the main thread is interrupted; said before it begins.
    pub fn set_main(&self, interrupt: Interrupt) {
        self.lock().main = Some(interrupt);
    }

    /// Has `hook` called when the main thread, which waits, is to be resumed since the team has ended; at once if it has.
    /// Replaces the hook before.
    pub fn wake_main_with(&self, hook: Hook) {
        let mut state = self.lock();
        if !state.ended {
            state.wake_main = Some(hook);
            return;
        }
        drop(state);
        hook();
    }

    /// Ends the team, as the main thread has ended; whether nobody else is left.
    #[must_use]
    pub fn end(&self) -> bool {
        self.end_by(|| Cause::Main);
        self.lock().members.is_empty()
    }

    /// Has `hook` called when the last member has gone; at once if it has.
    pub fn on_gone(&self, hook: Hook) {
        let mut state = self.lock();
        if !state.members.is_empty() {
            state.on_gone = Some(hook);
            return;
        }
        drop(state);
        hook();
    }

    /// Waits until the last member has gone, of a team that has ended.
    pub fn wait_until_gone(&self) {
        let state = self.lock();
        let gone = self.shared.gone.wait_while(state, |state| !state.members.is_empty());
        drop(gone.unwrap_or_else(PoisonError::into_inner));
    }

    /// Why it has ended, once.
    #[must_use]
    pub fn take_cause(&self) -> Option<Cause> {
        self.lock().cause.take()
    }

    /// How many threads there are beside the main one.
    #[must_use]
    pub fn members(&self) -> usize {
        self.lock().members.len()
    }

    fn end_by(&self, cause: impl FnOnce() -> Cause) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        let cause = cause();
        let wake = match cause {
            Cause::Main => None,
            Cause::Thread { .. } => {
                state.main.iter().for_each(Interrupt::expire);
                state.wake_main.take()
            }
        };
        (state.ended, state.cause) = (true, Some(cause));
        state.members.values().for_each(Member::end);
        drop(state);
        wake.into_iter().for_each(|wake| wake());
    }

    /// Makes a thread a member, if one more may be; its number.
    fn enlist(&self, member: Member, limit: usize) -> Option<u32> {
        let mut state = self.lock();
        if state.ended || state.members.len() >= limit {
            return None;
        }
        let mut tid = state.last;
        loop {
            tid = tid % MAX_TID + 1;
            if !state.members.contains_key(&tid) {
                break;
            }
        }
        state.last = tid;
        state.members.insert(tid, member);
        Some(tid)
    }

    /// A member has gone.
    fn leave(&self, tid: u32) {
        let mut state = self.lock();
        state.members.remove(&tid);
        let hook = if state.members.is_empty() { state.on_gone.take() } else { None };
        drop(state);
        self.shared.gone.notify_all();
        hook.into_iter().for_each(|hook| hook());
    }

    pub(crate) fn is_split(&self) -> bool {
        self.shared.split.load(Ordering::Acquire)
    }

    pub(crate) fn split(&self) {
        self.shared.split.store(true, Ordering::Release);
    }

    /// The call's state, when nobody has it.
    pub(crate) fn take(&self) -> Box<HostState> {
        let mut baton = self.baton();
        loop {
            match baton.take() {
                Some(state) => return state,
                None => {
                    let waited = self.shared.put_down.wait(baton);
                    baton = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// The call's state, if nobody has it.
    pub(crate) fn try_take(&self) -> Option<Box<HostState>> {
        self.baton().take()
    }

    pub(crate) fn put(&self, state: Box<HostState>) {
        *self.baton() = Some(state);
        self.shared.put_down.notify_one();
    }

    /// Both locks guard whole values at every unlock.
    fn baton(&self) -> MutexGuard<'_, Option<Box<HostState>>> {
        self.shared.baton.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("members", &self.members()).finish_non_exhaustive()
    }
}

impl Member {
    fn end(&self) {
        self.interrupt.expire();
        self.bell.ring();
    }
}

/// `thread-spawn`: a new thread of the call, and its number; or an error's, negative.
pub(crate) fn thread_spawn(guest: &mut Guest<'_>, start_arg: i32) -> Result<i32, Problem> {
    let (Some(team), Some(seed)) = (guest.host().team().cloned(), guest.thread_seed()) else {
        return Ok(refusal(Errno::NotSup));
    };
    let limit = guest.host().limits().threads;
    if team.members() >= limit {
        return Ok(refusal(Errno::Again));
    }
    let Ok(store) = seed.birth(guest.host().stand_in()) else {
        return Ok(refusal(Errno::Again));
    };
    let Some(start) = thread_start(&store, seed.instance()) else {
        store.recycle();
        return Err(Problem::NoThreadStart);
    };
    let bell = Arc::new(Bell::default());
    let member = Member { interrupt: store.interrupt(), bell: Arc::clone(&bell) };
    let Some(tid) = team.enlist(member, limit) else {
        store.recycle();
        return Ok(refusal(Errno::Again));
    };
    let membership = Membership { team: team.clone(), tid };
    let args = [Val::I32(tid.cast_signed()), Val::I32(start_arg)];
    let thread = Thread { store, start, args, bell, membership };
    // From here on other threads may want the call's state.
    guest.split();
    match team.shared.threads.run(Box::new(|place| thread.run(place))) {
        Ok(()) => Ok(tid.cast_signed()),
        Err(NoThread) => Ok(refusal(Errno::Again)),
    }
}

/// What a guest is told of an error by a call that returns a number.
fn refusal(errno: Errno) -> i32 {
    -i32::from(errno as u16)
}

/// Where a thread begins.
fn thread_start(store: &Store<HostState>, instance: Instance) -> Option<Func> {
    let ty = FuncType { params: [ValType::I32; 2].into(), results: [].into() };
    instance.func(store, THREAD_START).filter(|start| *start.ty(store) == ty)
}

/// A thread on its way.
struct Thread {
    store: Store<HostState>,
    start: Func,
    args: [Val; 2],
    bell: Arc<Bell>,
    /// The last field: what else is here is gone before the team is told.
    membership: Membership,
}

/// That a thread is in its team; it has left when this is dropped.
struct Membership {
    team: Team,
    tid: u32,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.team.leave(self.tid);
    }
}

impl Thread {
    /// Runs the guest's thread to its end.
    fn run(self, place: Place) {
        let Self { store, start, args, bell, membership } = self;
        let mut run = start.start(store, &args);
        let (store, result) = loop {
            run = match run {
                Run::Done(store, result) => break (store, result),
                Run::Waiting(waiting) => {
                    let ring = Arc::clone(&bell);
                    waiting.on_ready(Box::new(move || ring.ring()));
                    bell.wait(waiting.deadline());
                    waiting.resume()
                }
            };
        };
        if let Err(trap) = result
            && !is_thread_exit(&trap)
        {
            let refused = store.growth_was_refused();
            membership.team.end_by(|| Cause::Thread { result: exit_code(trap), refused });
        }
        // The team's memory is nobody's but the main thread's again before the team is told.
        store.recycle();
        drop(place);
        drop(membership);
    }
}

/// A thread ends itself, and nothing else.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the thread has ended itself")]
struct ThreadExit;

fn is_thread_exit(trap: &Trap) -> bool {
    matches!(trap.kind(), TrapKind::Host(error) if error.is::<ThreadExit>())
}

/// `__faasm_thread_exit`: ends the calling thread; the call with it, if that is the main one.
pub(crate) fn thread_exit(guest: &mut Guest<'_>) -> Result<(), Problem> {
    let trap = if guest.is_thread() { Trap::host(ThreadExit) } else { Trap::exit(0) };
    Err(Problem::Trap(trap))
}

fn exit_code(trap: Trap) -> Result<i32, Trap> {
    match trap.kind() {
        TrapKind::Exit(code) => Ok(*code),
        TrapKind::Code(_) | TrapKind::Host(_) | TrapKind::Exception(_) => Err(trap),
    }
}

/// Rings as often as it is rung, and once for many.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Until it rings, or until then.
    fn wait(&self, until: Option<Instant>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            rung = match until {
                None => self.changed.wait(rung).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.changed.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *rung = false;
    }
}

/// `__faasm_processors`: how many threads can run at one time.
pub(crate) fn processors(_: &mut Guest<'_>) -> Result<u32, Problem> {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}
