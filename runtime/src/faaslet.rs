//! A Faaslet: a store born from a function's Proto, with the host's side of one call.
//!
//! ```text
//! birth → Faaslet ─run→ Waiting ─resume, cancel→ … → Ended ─outcome→ (result, Spent) ─reset→ the Proto's pool
//! ```
//!
//! # Invariants
//!
//! A Faaslet runs one call. What is left of it is `Spent`, which cannot run: its reset gives its slot back to the
//! Proto it was born from, which is the only place where slots are kept.

use std::sync::Arc;
use std::time::Instant;

use faasm_hostif::{Capture, Cause, Hook, HostState, Output, Team};
use faasm_snapshot::{Entry, Proto};
use faasm_state::{CallId, Stamps};
use faasm_vm::{BirthError, Interrupt, Run, Store, Suspended, Trap, TrapCode, Val};

use crate::call::{self, CallError, CallInfo, Outcome, Phase};
use crate::executors::Shared;
use crate::forge::ForgeError;
use crate::function::Function;
use crate::problem::{Problem, ProblemType, explain};

/// How much of what a call prints is kept for the log, in bytes.
const LOGGED: usize = 16 << 10;

/// What the host keeps of a call while its guest runs.
struct Context {
    info: CallInfo,
    function: Arc<Function>,
    memory_limit: u64,
    printed: Capture,
    interrupt: Interrupt,
    /// What the call runs when what runs now has ended well.
    next: Option<Entry>,
    /// Its threads, if it can have some.
    team: Option<Team>,
}

/// A Faaslet that has not run.
pub(crate) struct Faaslet {
    store: Store<HostState>,
    entry: Entry,
    context: Context,
    cold: bool,
}

/// A Faaslet whose guest waits.
pub(crate) struct Waiting {
    suspended: Suspended<HostState>,
    context: Context,
}

/// A Faaslet whose call has ended.
pub(crate) struct Ended {
    store: Store<HostState>,
    result: Result<Vec<Val>, Trap>,
    context: Context,
}

/// What is left of a Faaslet whose outcome was taken.
pub(crate) struct Spent {
    store: Store<HostState>,
}

/// How far a Faaslet got.
pub(crate) enum Progress {
    Waiting(Waiting),
    Done(Ended),
}

impl Faaslet {
    /// A Faaslet for this call. Makes the function's Proto if it is not there.
    pub(crate) fn birth(
        shared: &Shared,
        function: &Arc<Function>,
        info: &CallInfo,
        (input, stamps): (Vec<u8>, Option<Stamps>),
    ) -> Result<Self, CallError> {
        let make = || shared.forge.restore(&shared.directory, function);
        let (proto, made) = function.proto(make).map_err(|error| no_proto(&error))?;
        let printed = Capture::new(LOGGED);
        let streams = [Output::Capture(printed.clone()), Output::Capture(printed.clone())];
        let [stdout, stderr] = streams;
        let mut state =
            function.host().call(CallId(info.number), input).with_streams(stdout, stderr);
        state = state.with_stamps(stamps);
        let team = proto.shares_memory().then(|| Team::new(Arc::clone(&shared.threads)));
        if let Some(team) = &team {
            state = state.with_team(team.clone());
        }
        let mut store = proto.birth(state).map_err(|error| no_birth(&error))?;
        let Some(entry) = entry(&proto, &store, info.entry) else {
            store.recycle();
            return Err(no_entry(info.entry));
        };
        store.set_deadline(Some(info.deadline));
        let (entry, next) = match proto.after_restore() {
            Some(first) => (first, Some(entry)),
            None => (entry, None),
        };
        let context = Context {
            info: *info,
            function: Arc::clone(function),
            memory_limit: shared.forge.memory_limit(),
            printed,
            interrupt: store.interrupt(),
            next,
            team,
        };
        context.team.iter().for_each(|team| team.set_main(store.interrupt()));
        let cold = made || !store.is_reused();
        Ok(Self { store, entry, context, cold })
    }

    /// Whether the Faaslet had to be made: no reset one was there.
    pub(crate) fn is_cold(&self) -> bool {
        self.cold
    }

    /// Ends the guest from any thread.
    pub(crate) fn interrupt(&self) -> Interrupt {
        self.context.interrupt.clone()
    }

    /// Runs the guest until it ends or waits.
    pub(crate) fn run(self) -> Progress {
        Progress::of(self.entry.func().start(self.store, &[]), self.context)
    }
}

impl Progress {
    fn of(run: Run<HostState>, mut context: Context) -> Self {
        match run {
            Run::Done(store, result) => match context.next.take_if(|_| is_success(&result)) {
                Some(next) => Self::of(next.func().start(store, &[]), context),
                None => Self::Done(Ended { store, result, context }),
            },
            Run::Waiting(suspended) => Self::Waiting(Waiting { suspended, context }),
        }
    }
}

impl Waiting {
    /// When the guest is to go on though what it waits for is not done.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.suspended.deadline()
    }

    /// Has `hook` called when the guest can go on.
    pub(crate) fn on_ready(&self, hook: Box<dyn FnOnce() + Send>) {
        self.suspended.on_ready(hook);
    }

    /// Has `hook` called when the guest is to be resumed since another thread has ended the call.
    pub(crate) fn on_team_end(&self, hook: Hook) {
        if let Some(team) = &self.context.team {
            team.wake_main_with(hook);
        }
    }

    /// As for [`Faaslet::interrupt`].
    pub(crate) fn interrupt(&self) -> Interrupt {
        self.context.interrupt.clone()
    }

    /// Lets the guest go on until it ends or waits again.
    pub(crate) fn resume(self) -> Progress {
        Progress::of(self.suspended.resume(), self.context)
    }

    /// Ends the guest's waits with an error until it ends.
    pub(crate) fn cancel(self) -> Progress {
        Progress::of(self.suspended.cancel(), self.context)
    }
}

impl Ended {
    /// Whether other threads of the call are left, which have been asked to end.
    pub(crate) fn has_threads(&self) -> bool {
        self.context.team.as_ref().is_some_and(|team| !team.end())
    }

    /// Has `hook` called when the last of them has gone.
    pub(crate) fn on_threads_gone(&self, hook: Hook) {
        match &self.context.team {
            Some(team) => team.on_gone(hook),
            None => hook(),
        }
    }

    /// Waits until the last of them has gone.
    pub(crate) fn wait_for_threads(&self) {
        self.context.team.iter().for_each(Team::wait_until_gone);
    }

    /// How the call ended, and the store to reset. A deadline's phase is the caller's to know.
    pub(crate) fn outcome(self) -> (Result<Outcome, CallError>, Option<Stamps>, Spent) {
        let Self { mut store, result, context } = self;
        store.data_mut().rejoin();
        let (result, refused) = context.first(result, store.growth_was_refused());
        let output = store.data_mut().take_output();
        let stamps = store.data_mut().take_stamps();
        context.log_printed();
        let result = match result {
            Ok(code) if context.next.is_some() => Err(no_restore(code)),
            Ok(return_code) => Ok(Outcome { return_code, output }),
            Err(trap) => Err(context.error(&trap, refused)),
        };
        (result, stamps, Spent { store })
    }
}

impl Spent {
    /// Makes the slot as it was at birth and gives it back to the Proto.
    pub(crate) fn reset(self) {
        self.store.recycle();
    }
}

impl Context {
    /// What has ended the call: the main thread's result, unless another thread's end came first; and whether that one was
    /// refused memory.
    fn first(&self, result: Result<Vec<Val>, Trap>, refused: bool) -> (Result<i32, Trap>, bool) {
        match self.team.as_ref().and_then(Team::take_cause) {
            Some(Cause::Thread { result, refused }) => (result, refused),
            Some(Cause::Main) | None => (Entry::return_code(result), refused),
        }
    }

    /// What a trap means. One that comes after a refused growth, from a guest that could have gone on with the memory,
    /// is for want of it: allocators answer null, and programs abort or use it.
    fn error(&self, trap: &Trap, refused: bool) -> CallError {
        let (reason, backtrace) = (trap.to_string(), trap.backtrace().to_string());
        match trap.trap_code() {
            Some(TrapCode::Interrupted) => {
                let allowed = self.info.deadline - self.info.begun;
                CallError::Deadline { phase: Phase::Running, allowed }
            }
            Some(TrapCode::StackOverflow) => CallError::StackOverflow { reason, backtrace },
            Some(TrapCode::Unreachable | TrapCode::MemoryOutOfBounds) if refused => {
                CallError::OutOfMemory { limit: self.memory_limit, reason, backtrace }
            }
            _ => CallError::Trapped { reason, backtrace },
        }
    }

    /// What the guest printed goes to the log.
    fn log_printed(&self) {
        let printed = self.printed.take();
        if !printed.is_empty() {
            let text = String::from_utf8_lossy(&printed);
            let truncated = self.printed.is_truncated();
            tracing::info!(target: "guest", function = %self.function.name(), invocation = %self.info.id, truncated, "{text}");
        }
    }
}

fn entry(proto: &Proto, store: &Store<HostState>, wanted: call::Entry) -> Option<Entry> {
    match wanted {
        call::Entry::Main => proto.main().ok(),
        call::Entry::Pointer(index) => proto.pointer(store, index).ok(),
    }
}

/// Whether `after_restore` has returned, and 0 if it returns anything.
fn is_success(result: &Result<Vec<Val>, Trap>) -> bool {
    matches!(result.as_deref(), Ok([] | [Val::I32(0)]))
}

fn no_restore(code: i32) -> CallError {
    CallError::Init(format!(
        "`after_restore` ended with {code} before the function's entry: it must return, and 0 if anything"
    ))
}

fn no_entry(wanted: call::Entry) -> CallError {
    match wanted {
        call::Entry::Main => CallError::Init("the module has no entry".to_owned()),
        call::Entry::Pointer(index) => CallError::NoSuchPointer(index),
    }
}

const NO_ROOM: CallError = CallError::Overloaded("the system has no room for one more Faaslet");

fn no_proto(error: &ForgeError) -> CallError {
    match error.problem_type() {
        ProblemType::Overloaded => NO_ROOM,
        _ => CallError::Init(explain(error)),
    }
}

fn no_birth(error: &BirthError) -> CallError {
    match error {
        BirthError::Slot(_) | BirthError::Mappings(_) | BirthError::Shared(_) => NO_ROOM,
        BirthError::WrongData => CallError::Init(explain(error)),
    }
}
