//! Our stores that wait.

use anyhow::{Context, Result, bail};
use faasm_benches::child::{Report, say_right};
use faasm_benches::memory::Memory;
use faasm_sfi::pending::{Completer, pending};
use faasm_vm::{
    BirthError, Caller, Captured, Func, Linker, Pending, Run, Store, StoreLimits, Suspended,
};

use crate::NOOP;
use crate::engines::Ours;

/// What a guest's call waits for.
type Data = Option<Pending<()>>;

struct Guest {
    suspended: Suspended<Data>,
    completer: Completer<()>,
}

/// Has so many functions that nobody calls any more: a module of its own for each, captured, and called once.
pub(crate) fn functions(count: usize) -> Result<()> {
    let ours = Ours::new()?;
    let function = || -> Result<Captured> {
        let (captured, func) = capture(&ours, NOOP)?;
        end(start(&captured, func)?)?;
        Ok(captured)
    };
    drop(function()?);
    let before = Memory::here()?;
    let functions = (0..count).map(|_| function()).collect::<Result<Vec<_>>>()?;
    Report::of(functions.len(), before)?.say()?;
    say_right(functions.len())
}

/// Has so many guests wait, or as many as there can be.
pub(crate) fn run(guest: &str, count: usize) -> Result<()> {
    let (captured, func) = capture(&Ours::new()?, guest)?;
    // The first makes what there is once.
    end(start(&captured, func)?)?;
    let before = Memory::here()?;
    let mut guests = Vec::with_capacity(count);
    let refusal = loop {
        if guests.len() == count {
            break None;
        }
        match start(&captured, func) {
            Ok(guest) => guests.push(guest),
            Err(error) if error.is::<BirthError>() => break Some(format!("{error:#}")),
            Err(error) => return Err(error),
        }
    };
    let live = guests.len();
    let mut report = Report { refusal, ..Report::of(live, before)? };
    let mut right = 0;
    for guest in guests {
        end(guest)?;
        right += 1;
    }
    report.left = (Memory::here()? - before).total();
    report.say()?;
    say_right(right)
}

fn capture(ours: &Ours, guest: &str) -> Result<(Captured, Func)> {
    let module = ours.module(&wat::parse_str(guest)?)?;
    let mut linker = Linker::<Data>::new(&ours.engine);
    linker.func_wrap("h", "wait", |mut caller: Caller<'_, Data>| {
        if let Some(pending) = caller.data_mut().take() {
            // Nobody abandons or cancels it here: the call ends as it should, or the count is wrong.
            let _ = caller.wait(pending, None);
        }
    })?;
    let mut store = Store::for_module(&ours.engine, &module, StoreLimits::default(), None)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let func = instance.func(&store, "run").context("run")?;
    Ok((store.capture()?, func))
}

fn start(captured: &Captured, func: Func) -> Result<Guest> {
    let (completer, value) = pending();
    match func.start(captured.birth(Some(value))?, &[]) {
        Run::Waiting(suspended) => Ok(Guest { suspended, completer }),
        Run::Done(_, outcome) => bail!("a guest did not wait: {outcome:?}"),
    }
}

fn end(guest: Guest) -> Result<()> {
    guest.completer.complete(());
    match guest.suspended.resume() {
        Run::Done(store, outcome) => {
            outcome?;
            store.recycle();
            Ok(())
        }
        Run::Waiting(_) => bail!("a guest still waits"),
    }
}
