//! A Redis server of its own for each run, and everything that goes wrong with one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use faasm_runtime::tiers::TierUrl;
use faasm_state::GlobalTier;
use rustix::process::{Pid, Signal, kill_process};

use super::History;
use super::proxy::{Proxy, Way};
use crate::client::{Client, Limits, Phase, Sink, now};
use crate::history::Event;

const CLIENTS: u64 = 3;

/// The tier is told to end operations within a second; what is beyond that is the machine's slowness.
const TIMEOUT: &str = "1s";
const LIMITS: Limits = Limits { deadline: Duration::from_secs(15), largest: 600_000 };

/// How long a server may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(seed: u64) -> Result<History> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(folder.path())?;
    let events = Mutex::new(Vec::new());
    let sink = |event: &Event, phase| {
        if phase == Phase::Ended {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        }
    };
    let stop = AtomicBool::new(false);
    let proxies = (0..CLIENTS).map(|_| Proxy::start(server.address)).collect::<Result<Vec<_>>>()?;
    // Each client is a host of its own, with its own connections.
    let tiers = proxies.iter().map(|proxy| open(proxy.address())).collect::<Result<Vec<_>>>()?;
    let mut faults = Vec::new();
    let outcome = thread::scope(|scope| {
        for (number, tier) in (1..).zip(&tiers) {
            let client = Client::new((number, seed), Arc::clone(tier), LIMITS, &sink, &stop);
            scope.spawn(move || client.run());
        }
        let outcome = (0..rng.u8(1..4)).try_for_each(|_| {
            thread::sleep(Duration::from_millis(rng.u64(20..250)));
            fault(&mut rng, &mut server, &proxies, &mut faults)
        });
        thread::sleep(Duration::from_millis(rng.u64(50..200)));
        stop.store(true, Ordering::Relaxed);
        outcome
    });
    outcome?;
    read_all(seed, server.address, &sink, &stop)?;
    let events = events.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(History { events, faults, ..History::default() })
}

fn open(address: SocketAddr) -> Result<Arc<dyn GlobalTier>> {
    let url: TierUrl = format!("redis://{address}?timeout={TIMEOUT}").parse()?;
    Ok(url.open()?)
}

/// The end of the history: what is there, when all is well again.
fn read_all(seed: u64, server: SocketAddr, sink: &Sink<'_>, stop: &AtomicBool) -> Result<()> {
    // Operations that were given up may still be on their way to the server: it has nothing to do now.
    thread::sleep(Duration::from_millis(50));
    Client::new((0, seed), open(server)?, LIMITS, sink, stop).read_all();
    Ok(())
}

fn fault(
    rng: &mut fastrand::Rng,
    server: &mut Server,
    proxies: &[Proxy],
    faults: &mut Vec<String>,
) -> Result<()> {
    let some = &proxies[rng.usize(..proxies.len())];
    let (kind, pause) = (rng.u8(..7), Duration::from_millis(rng.u64(..400)));
    let names = ["killed", "stopped", "cut", "deaf", "a hole", "closed", "full"];
    faults.push(format!("{} {} for {pause:?}", now(), names[usize::from(kind)]));
    match kind {
        0 => {
            server.kill()?;
            thread::sleep(pause);
            server.restart()?;
        }
        1 => {
            server.signal(Signal::STOP)?;
            thread::sleep(pause * 4);
            server.signal(Signal::CONT)?;
        }
        2 => some.cut(),
        6 => {
            server.ask("CONFIG SET maxmemory 1mb")?;
            thread::sleep(pause);
            server.ask("CONFIG SET maxmemory 0")?;
        }
        _ => {
            some.set([Way::Deaf, Way::Hole, Way::Closed][usize::from(kind - 3)]);
            if kind == 5 {
                some.cut();
            }
            thread::sleep(pause * 3);
            // What was lost leaves its connections of no use.
            some.set(Way::Open);
            some.cut();
        }
    }
    faults.push(format!("{} is well again", now()));
    Ok(())
}

/// A server with its own folder, on a port of its own.
struct Server {
    address: SocketAddr,
    folder: PathBuf,
    child: Child,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let address = free()?;
        let child = spawn(folder, address)?;
        let mut server = Self { address, folder: folder.to_path_buf(), child };
        server.wait()?;
        Ok(server)
    }

    fn restart(&mut self) -> Result<()> {
        self.child = spawn(&self.folder, self.address)?;
        self.wait()
    }

    /// Waits until it answers, and has loaded what it had.
    fn wait(&mut self) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        while !self.ask("PING").is_ok_and(|answer| answer.starts_with("+PONG")) {
            if let Some(status) = self.child.try_wait()? {
                bail!("redis-server ended with {status}");
            }
            if Instant::now() > patience {
                bail!("redis-server does not come up");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The first bytes of the answer to a command of plain words.
    fn ask(&self, command: &str) -> Result<String> {
        let mut connection = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 256];
        let len = connection.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..len]).into_owned())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.context("no process")?, signal)?)
    }

    fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A port that nobody has, and that no connection is given by itself: the server is to have it again after each restart.
fn free() -> Result<SocketAddr> {
    for _ in 0..100 {
        let address = SocketAddr::from(([127, 0, 0, 1], fastrand::u16(20_000..32_000)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free from 20000 to 32000")
}

/// Every acknowledged write is in its log, on the disk.
fn spawn(folder: &Path, address: SocketAddr) -> Result<Child> {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        .args(["--maxmemory-policy", "noeviction", "--loglevel", "warning"])
        .arg("--dir")
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .context("redis-server cannot be started; `apt-get install redis-server` has it")
}
