//! The tier in a file, in a process that is killed and stopped at random moments.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use faasm_runtime::tiers::durable::{DurableOptions, DurableTier};
use faasm_state::GlobalTier;
use rustix::process::{Pid, Signal, kill_process};

use super::{History, memory::LIMITS};
use crate::client::{Client, Phase, now};
use crate::history::Event;

const CLIENTS: u64 = 4;

/// What a process of clients is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChildOptions {
    #[arg(long)]
    file: PathBuf,
    #[arg(long)]
    seed: u64,
    /// The first client's number.
    #[arg(long)]
    first: u64,
    /// How many clients; none only reads what is there.
    #[arg(long)]
    clients: u64,
}

/// Clients of a file: each event is a line, when it begins and when it has ended.
pub(crate) fn child(options: &ChildOptions) -> Result<()> {
    let durable = DurableOptions { deadline: Duration::from_secs(10), ..DurableOptions::default() };
    let tier: Arc<dyn GlobalTier> = Arc::new(DurableTier::open(&options.file, durable)?);
    let sink = |event: &Event, phase: Phase| {
        let phase = if phase == Phase::Begins { 'B' } else { 'E' };
        let line = serde_json::to_string(event).map(|json| format!("{phase}{json}\n"));
        // Nobody reads any more: this process is about to be killed.
        let _ = line.map(|line| std::io::stdout().lock().write_all(line.as_bytes()));
    };
    let stop = AtomicBool::new(false);
    let client =
        |number| Client::new((number, options.seed), Arc::clone(&tier), LIMITS, &sink, &stop);
    std::io::stdout().write_all(b"ready\n")?;
    thread::scope(|scope| {
        for number in options.first..options.first + options.clients {
            let client = client(number);
            scope.spawn(move || client.run());
        }
    });
    client(options.first).read_all();
    Ok(())
}

pub(super) fn run(seed: u64) -> Result<History> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("state");
    let mut history = History { well: true, ..History::default() };
    let mut first = 1;
    for _ in 0..rng.u64(2..5) {
        let process = Process::start(&file, seed, first, CLIENTS)?;
        if rng.u8(..3) == 0 {
            thread::sleep(Duration::from_millis(rng.u64(..100)));
            process.signal(Signal::STOP)?;
            history.faults.push(format!("{} stopped", now()));
            thread::sleep(Duration::from_millis(rng.u64(..150)));
            process.signal(Signal::CONT)?;
            history.faults.push(format!("{} goes on", now()));
        }
        thread::sleep(Duration::from_millis(rng.u64(5..250)));
        let killed = now();
        process.signal(Signal::KILL)?;
        history.faults.push(format!("{killed} killed"));
        history.deaths.extend((first..first + CLIENTS).map(|client| (client, killed)));
        process.end(&mut history, false)?;
        first += CLIENTS;
    }
    Process::start(&file, seed, first, 0)?.end(&mut history, true)?;
    Ok(history)
}

struct Process {
    child: Child,
    lines: thread::JoinHandle<Vec<String>>,
}

impl Process {
    /// Starts one, and waits until it has opened the file.
    fn start(file: &Path, seed: u64, first: u64, clients: u64) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("child")
            .arg("--file")
            .arg(file)
            .args(["--seed", &seed.to_string(), "--first", &first.to_string()])
            .args(["--clients", &clients.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("no way out")?);
        let mut ready = String::new();
        output.read_line(&mut ready)?;
        if ready != "ready\n" {
            bail!("the file was not opened again: {}", child.wait()?);
        }
        // All that is whole; the last line may be torn.
        let lines = move || output.lines().map_while(Result::ok).collect();
        Ok(Self { child, lines: thread::spawn(lines) })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.context("no process")?, signal)?)
    }

    /// Adds what it has said, when it has ended: what has no end may have happened.
    fn end(mut self, history: &mut History, well: bool) -> Result<()> {
        let status = self.child.wait()?;
        if well && !status.success() {
            bail!("it ended with {status}");
        }
        let lines = self.lines.join().map_err(|_| anyhow::anyhow!("reading lines"))?;
        let mut open: HashMap<u64, Event> = HashMap::new();
        for line in lines {
            let parsed = line.split_at_checked(1);
            let parsed =
                parsed.and_then(|(phase, json)| Some((phase, serde_json::from_str(json).ok()?)));
            match parsed {
                Some(("B", event)) => drop(open.insert(event_id(&event), event)),
                Some((_, event)) => {
                    open.remove(&event_id(&event));
                    history.events.push(event);
                }
                None if well => bail!("a line is no event: {line}"),
                None => {}
            }
        }
        let died = now();
        history.events.extend(open.into_values().map(|event| Event { ended: died, ..event }));
        Ok(())
    }
}

fn event_id(event: &Event) -> u64 {
    event.id
}
