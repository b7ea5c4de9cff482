//! The rival's stores that wait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use anyhow::{Result, bail};
use faasm_benches::child::{Report, say_right};
use faasm_benches::memory::Memory;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module,
    PoolingAllocationConfig, Store,
};

use crate::NOOP;

/// The most that its mappings allow: two for each stack, made with the pool, and two for each instance.
const SLOTS: u32 = 16_300;

/// Is ready when it is asked for the second time.
struct Twice(bool);

impl Future for Twice {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

type Call = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Has so many functions that nobody calls any more: a module of its own for each, called once.
pub(crate) fn functions(count: usize) -> Result<()> {
    let engine = engine()?;
    let function = || -> Result<InstancePre<()>> {
        let prepared = prepare(&engine, NOOP)?;
        end(start(&prepared)?)?;
        Ok(prepared)
    };
    drop(function()?);
    let before = Memory::here()?;
    let functions = (0..count).map(|_| function()).collect::<Result<Vec<_>>>()?;
    Report::of(functions.len(), before)?.say()?;
    say_right(functions.len())
}

/// Has so many guests wait, or as many as there can be.
pub(crate) fn run(guest: &str, count: usize) -> Result<()> {
    let prepared = prepare(&engine()?, guest)?;
    // The first makes what there is once.
    end(start(&prepared)?)?;
    let before = Memory::here()?;
    let mut guests = Vec::with_capacity(count);
    let refusal = loop {
        if guests.len() == count {
            break None;
        }
        match start(&prepared) {
            Ok(guest) => guests.push(guest),
            Err(error) => break Some(format!("{error:#}")),
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

fn engine() -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(SLOTS).total_memories(SLOTS).total_stacks(SLOTS);
    let mut config = Config::new();
    config.memory_init_cow(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(Engine::new(&config)?)
}

fn prepare(engine: &Engine, guest: &str) -> Result<InstancePre<()>> {
    let module = Module::new(engine, wat::parse_str(guest)?)?;
    let mut linker = Linker::new(engine);
    linker.func_wrap_async("h", "wait", |_, (): ()| Box::new(Twice(false)))?;
    Ok(linker.instantiate_pre(&module)?)
}

fn start(prepared: &InstancePre<()>) -> Result<Call> {
    let prepared = prepared.clone();
    let mut call: Call = Box::pin(async move {
        let mut store = Store::new(prepared.module().engine(), ());
        let instance = prepared.instantiate_async(&mut store).await?;
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        Ok(run.call_async(&mut store, ()).await?)
    });
    match poll(&mut call) {
        Poll::Pending => Ok(call),
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(())) => bail!("a guest did not wait"),
    }
}

fn end(mut call: Call) -> Result<()> {
    match poll(&mut call) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => bail!("a guest still waits"),
    }
}

fn poll(call: &mut Call) -> Poll<Result<()>> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
