//! Many workers that update one vector of weights at the same time, in the manner of HOGWILD.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use faasm_benches::Bench;
use faasm_benches::memory::Memory;

use super::guest::{Guest, native};
use super::redis::Server;
use faasm_state::{Address, Condition, Key};

const WORKERS: usize = 64;
/// Examples that each worker learns from.
const EXAMPLES: usize = 100_000;
const BYTES: usize = 64 << 20;
const RIVAL: &str = "64 processes with copies through Redis";

/// What one side took.
struct Side {
    nanoseconds: f64,
    traffic: f64,
    memory: f64,
    loss: String,
}

pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    let ours = faaslets()?;
    let theirs = processes(&native("hogwild")?)?;
    println!(
        "  loss after {} updates: {} here, {} there",
        WORKERS * EXAMPLES,
        ours.loss,
        theirs.loss
    );
    bench.push("hogwild_time", RIVAL, ours.nanoseconds, theirs.nanoseconds);
    bench.push_bytes("hogwild_bytes", ours.traffic, theirs.traffic);
    bench.push_bytes("hogwild_memory", ours.memory, theirs.memory);
    Ok(())
}

/// Faaslets of one host, over a server that has the vector.
fn faaslets() -> Result<Side> {
    let server = Server::start()?;
    let tier = server.tier()?;
    let key = Key::new(b"weights")?;
    let at = Address { namespace: "bench".into(), key };
    tier.set(&at, vec![0; BYTES], Condition::ALWAYS).block(None)??;
    let guest = Guest::load("hogwild", tier)?;
    let (trained, go_on) = (Barrier::new(WORKERS + 1), Barrier::new(WORKERS + 1));
    let (traffic, before) = (server.traffic()?, Memory::here()?);
    let begun = Instant::now();
    let (memory, nanoseconds) = thread::scope(|scope| -> Result<_> {
        let worker = |number: usize| {
            let (guest, trained, go_on) = (&guest, &trained, &go_on);
            move || -> Result<()> {
                let born = guest.birth(&format!("train {number} {EXAMPLES}"));
                let done = born.and_then(|mut store| {
                    guest.run(&mut store)?;
                    Ok(store)
                });
                // All Faaslets are there at this time, also if one has failed.
                trained.wait();
                go_on.wait();
                done?.recycle();
                Ok(())
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|number| scope.spawn(worker(number))).collect();
        trained.wait();
        let mut nanoseconds = begun.elapsed().as_secs_f64() * 1e9;
        let memory = Memory::here();
        go_on.wait();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
        }
        let pushing = Instant::now();
        guest.call("push")?;
        nanoseconds += pushing.elapsed().as_secs_f64() * 1e9;
        Ok(((memory? - before).total(), nanoseconds))
    })?;
    let traffic = server.traffic()? - traffic;
    Ok(Side { nanoseconds, traffic, memory, loss: guest.call("loss")? })
}

/// A process for each worker, over a server that has the vector.
fn processes(program: &Path) -> Result<Side> {
    let server = Server::start()?;
    let port = server.port.to_string();
    server.client()?.set_ranges("weights", &vec![0; BYTES])?;
    let traffic = server.traffic()?;
    let begun = Instant::now();
    let mut workers = (0..WORKERS)
        .map(|number| {
            Command::new(program)
                .args([&port, "train", &number.to_string(), &EXAMPLES.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("a worker cannot be started")
        })
        .collect::<Result<Vec<Child>>>()?;
    let mut outputs = Vec::new();
    for worker in &mut workers {
        let mut output = BufReader::new(worker.stdout.take().context("no way out")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(line == "trained\n", "a worker says {line:?}");
        outputs.push(output);
    }
    let mut nanoseconds = begun.elapsed().as_secs_f64() * 1e9;
    let ids: Vec<u32> = workers.iter().map(Child::id).collect();
    let memory = resident(&ids)?;
    let pushing = Instant::now();
    for worker in &mut workers {
        worker.stdin.take().context("no way in")?.write_all(b"\n")?;
    }
    for mut worker in workers {
        ensure!(worker.wait()?.success(), "a worker failed");
    }
    nanoseconds += pushing.elapsed().as_secs_f64() * 1e9;
    let traffic = server.traffic()? - traffic;
    let loss = Command::new(program).args([&port, "loss"]).output()?;
    let loss = String::from_utf8(loss.stdout)?.trim().to_owned();
    Ok(Side { nanoseconds, traffic, memory, loss })
}

/// What processes take, without the kernel's records for the whole machine.
fn resident(processes: &[u32]) -> Result<f64> {
    let memory = Memory::of(processes)?;
    Ok(memory.pss + memory.page_tables)
}
