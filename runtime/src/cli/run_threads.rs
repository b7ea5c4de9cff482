//! `faasm run` of a program that can have threads: as a call, born from a Proto, whose main thread this one runs.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use faasm_hostif::{Cause, Host, HostState, Team};
use faasm_snapshot::{Entry, Proto, Recipe};
use faasm_state::CallId;
use faasm_vm::{Engine, Linker, Module, Run, StoreLimits, Suspended, Trap};

use super::failure::Failure;
use crate::executors::ExecutorLimits;
use crate::problem::explain;
use crate::threads::ThreadPool;

/// What the program ended with.
pub(super) fn run(
    (engine, linker): (&Engine, &Linker<HostState>),
    module: &Module,
    limits: StoreLimits,
    host: &Host,
) -> Result<Result<i32, Trap>, Failure> {
    let recipe = Recipe { limits, ..Recipe::new(engine, linker) };
    let proto = Proto::make(&recipe, module, host.call(CallId(0), Vec::new()));
    let proto = proto.map_err(|error| Failure::usage(explain(&error)))?;
    call(&proto, host.call(CallId(1), Vec::new()))
}

/// What a call of the Proto's main entry ended with; the entry has the initialisation behind it.
pub(super) fn call(proto: &Proto, state: HostState) -> Result<Result<i32, Trap>, Failure> {
    let entry = proto.main().map_err(|error| Failure::usage(explain(&error)))?;
    let pool = ThreadPool::new(ExecutorLimits::default().guest_threads);
    let team = Team::new(Arc::new(pool));
    let state = state.with_team(team.clone());
    let mut store = proto.birth(state).map_err(|error| Failure::internal(&error))?;
    if let Some(first) = proto.after_restore() {
        match Entry::return_code(first.func().call(&mut store, &[])) {
            Ok(0) => {}
            Ok(code) => return Err(Failure::usage(format!("`after_restore` returned {code}"))),
            Err(trap) => return Err(Failure::usage(format!("`after_restore` trapped: {trap}"))),
        }
    }
    team.set_main(store.interrupt());
    let mut run = entry.func().start(store, &[]);
    let (store, result) = loop {
        run = match run {
            Run::Done(store, result) => break (store, result),
            Run::Waiting(suspended) => {
                wait(&suspended, &team);
                suspended.resume()
            }
        };
    };
    if !team.end() {
        team.wait_until_gone();
    }
    drop(store);
    Ok(match team.take_cause() {
        Some(Cause::Thread { result, .. }) => result,
        Some(Cause::Main) | None => Entry::return_code(result),
    })
}

/// Until the program can go on, or has to end.
fn wait(suspended: &Suspended<HostState>, team: &Team) {
    let (ready, is_ready) = channel();
    let ended = ready.clone();
    // Who has gone on needs no waking.
    let ring = |bell: Sender<()>| move || bell.send(()).unwrap_or_default();
    suspended.on_ready(Box::new(ring(ready)));
    team.wake_main_with(Box::new(ring(ended)));
    let left = suspended.deadline().map(|at| at.saturating_duration_since(Instant::now()));
    let woken = match left {
        Some(left) => is_ready.recv_timeout(left).is_ok(),
        None => is_ready.recv().is_ok(),
    };
    tracing::trace!(woken, "the main thread goes on");
}
