//! One life of a guest: the store that a program runs in, and the threads of its call.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use faasm_hostif::{Cause, HostError, HostState, Team};
use faasm_vm::{Extern, Func, Run, Store, Suspended, Trap, TrapCode, TrapKind, Val};

use crate::crew::{CREW, Crew};
use crate::guest::{Guest, Shape};

/// How long a call may last, by its deadline; of a guest with threads, all its calls.
const DEADLINE: Duration = Duration::from_millis(40);
/// How long it may last in truth, on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Life {
    store: Store<HostState>,
    team: Option<Team>,
    /// The deadline of the call before, or of all.
    deadline: Instant,
    /// Why the team has ended, once another thread has ended it.
    cause: Option<Cause>,
}

impl Life {
    /// A birth; its threads, if it can have some, are the crew's.
    pub(crate) fn begin(guest: &Guest, mut state: HostState, crew: &Arc<Crew>) -> Result<Self> {
        let team = (guest.shape == Shape::Threads).then(|| Team::new(Arc::clone(crew) as Arc<_>));
        if let Some(team) = &team {
            state = state.with_team(team.clone());
        }
        let mut store = guest.captured.birth(state)?;
        let deadline = Instant::now() + DEADLINE;
        store.set_deadline(Some(deadline));
        team.iter().for_each(|team| team.set_main(store.interrupt()));
        Ok(Self { store, team, deadline, cause: None })
    }

    pub(crate) fn store(&mut self) -> &mut Store<HostState> {
        &mut self.store
    }

    /// Calls an export of the guest, with an allocator that gives `lie`.
    pub(crate) fn call(
        mut self,
        guest: &Guest,
        export: &str,
        args: &[Val],
        lie: Val,
    ) -> Result<(Self, Result<Vec<Val>, Trap>)> {
        if let Some(Extern::Global(global)) = guest.instance.export(&self.store, "lie") {
            global.set(&mut self.store, lie)?;
        }
        let func = guest.instance.func(&self.store, export).context("no such export")?;
        let Some(team) = self.team.clone() else {
            self.deadline = Instant::now() + DEADLINE;
            self.store.set_deadline(Some(self.deadline));
            let result = func.call(&mut self.store, args);
            return Ok((self, result));
        };
        // The deadline stays: a team that has ended has moved it.
        let Self { store, deadline, cause, .. } = self;
        let (store, result) = run(store, func, args, &team);
        let cause = team.take_cause().or(cause);
        Ok((Self { store, team: Some(team), deadline, cause }, result))
    }

    /// Whether there was reason to interrupt the call.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline || self.cause.is_some()
    }

    /// Ends the threads.
    ///
    /// # Panics
    ///
    /// When they do not end, or one has ended as none may.
    pub(crate) fn end(mut self, crew: &Crew) -> Store<HostState> {
        let Some(team) = self.team else { return self.store };
        let (gone, all) = channel();
        let _ = team.end();
        team.on_gone(Box::new(ring(gone)));
        assert!(all.recv_timeout(PATIENCE).is_ok(), "{} threads do not end", team.members());
        assert_eq!(crew.idle(), CREW, "the crew's places");
        self.store.data_mut().rejoin();
        if let Some(Cause::Thread { result: Err(trap), .. }) = self.cause.or(team.take_cause()) {
            assert!(fair(&trap), "a thread ended with: {trap}");
        }
        self.store
    }
}

/// Whether a thread, which may have called any function, may end in this way.
fn fair(trap: &Trap) -> bool {
    match trap.kind() {
        TrapKind::Host(error) => error.is::<HostError>(),
        // A call by signature of a function that traps.
        TrapKind::Code(code) => matches!(code, TrapCode::Interrupted | TrapCode::Unreachable),
        TrapKind::Exit(_) | TrapKind::Exception(_) => false,
    }
}

/// Runs the main thread to the end of this call.
fn run(
    store: Store<HostState>,
    func: Func,
    args: &[Val],
    team: &Team,
) -> (Store<HostState>, Result<Vec<Val>, Trap>) {
    let mut run = func.start(store, args);
    loop {
        run = match run {
            Run::Done(store, result) => return (store, result),
            Run::Waiting(suspended) => {
                wait(&suspended, team);
                suspended.resume()
            }
        };
    }
}

fn wait(suspended: &Suspended<HostState>, team: &Team) {
    let (ready, is_ready) = channel();
    suspended.on_ready(Box::new(ring(ready.clone())));
    team.wake_main_with(Box::new(ring(ready)));
    let left = suspended.deadline().map(|at| at.saturating_duration_since(Instant::now()));
    // Whether it is ready or its time is over, it goes on.
    let _ = is_ready.recv_timeout(left.unwrap_or(PATIENCE));
}

/// Who has gone on needs no waking.
fn ring(bell: Sender<()>) -> impl FnOnce() + Send {
    move || bell.send(()).unwrap_or_default()
}
