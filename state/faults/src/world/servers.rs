//! Servers of Redis and Valkey for one run, each with a folder and a port of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use faasm_runtime::tiers::TierUrl;
use faasm_state::GlobalTier;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::now;
use crate::history::Time;

/// How long a server may take to come up, or to become what it should.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Redis,
    Valkey,
}

impl Engine {
    /// One or the other.
    pub(super) fn random(rng: &mut fastrand::Rng) -> Self {
        if rng.bool() { Self::Redis } else { Self::Valkey }
    }

    fn program(self) -> Result<PathBuf> {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/valkey/valkey-server");
        match self {
            Self::Redis => Ok("redis-server".into()),
            Self::Valkey if ours.exists() => Ok(ours),
            Self::Valkey if on_path("valkey-server") => Ok("valkey-server".into()),
            Self::Valkey => bail!(
                "there is no valkey-server: `runtime/tests/redis/valkey.sh` fetches one, as `cargo xtask test --faults` does"
            ),
        }
    }
}

fn on_path(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).exists())
}

/// A server that is killed when it is dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    folder: PathBuf,
    engine: Engine,
    options: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts one in a folder of its own below this one, and waits until it answers.
    pub(super) fn start(
        engine: Engine,
        (folder, address): (&Path, SocketAddr),
        options: &[&str],
    ) -> Result<Self> {
        let folder = folder.join(address.port().to_string());
        std::fs::create_dir_all(&folder)?;
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(engine, (&folder, address), &options)?;
        let mut server = Self { address, folder, engine, options, child };
        server.wait()?;
        Ok(server)
    }

    /// The same server, over the same files, with these options from now on.
    pub(super) fn restart_with(&mut self, options: &[&str]) -> Result<()> {
        self.options = options.iter().map(|&option| option.to_owned()).collect();
        self.restart()
    }

    pub(super) fn restart(&mut self) -> Result<()> {
        self.child = spawn(self.engine, (&self.folder, self.address), &self.options)?;
        self.wait()
    }

    /// Waits until it answers, and has loaded what it had.
    fn wait(&mut self) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        while !self.ask("PING").is_ok_and(|answer| answer.starts_with("+PONG")) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{:?} ended with {status}", self.engine);
            }
            if Instant::now() > patience {
                bail!("{:?} does not come up", self.engine);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The answer to a command of plain words.
    pub(super) fn ask(&self, command: &str) -> Result<String> {
        ask(self.address, command)
    }

    /// The same; an error that the server answers is one.
    pub(super) fn tell(&self, command: &str) -> Result<String> {
        let answer = self.ask(command)?;
        if answer.starts_with('-') {
            bail!("{command}: {answer}");
        }
        Ok(answer)
    }

    /// Whether it says this of its replication.
    pub(super) fn replicates(&self, what: &str) -> bool {
        self.ask("INFO replication").is_ok_and(|info| info.contains(what))
    }

    /// A moment before which all that this master has acknowledged is at these replicas: waits until they have come so far.
    pub(super) fn in_step_with<'a>(
        &self,
        replicas: impl IntoIterator<Item = &'a Server>,
    ) -> Result<Time> {
        let moment = now();
        let wanted = self.offset("master_repl_offset:").context("a master says how far it is")?;
        for replica in replicas {
            let offset = || replica.offset("slave_repl_offset:");
            eventually("a replica is in step", || offset().is_some_and(|it| it >= wanted))?;
        }
        Ok(moment)
    }

    /// How far it says it is in the stream of changes.
    fn offset(&self, field: &str) -> Option<u64> {
        let info = self.ask("INFO replication").ok()?;
        info.lines().find_map(|line| line.trim_end().strip_prefix(field)?.parse().ok())
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        signal_child(&self.child, signal)
    }

    pub(super) fn kill(&mut self) -> Result<()> {
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

pub(super) fn signal_child(child: &Child, signal: Signal) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(kill_process(pid.context("no process")?, signal)?)
}

/// A port that nobody has, and that no connection is given by itself: the server is to have it again after each restart.
/// Runs at the same time are given others.
pub(super) fn free() -> Result<SocketAddr> {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    static NEXT: LazyLock<AtomicUsize> =
        LazyLock::new(|| AtomicUsize::new(fastrand::usize(..PORTS.len())));
    for _ in PORTS {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.len();
        let port = PORTS.clone().nth(nth).context("a port of the range")?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free from {} to {}", PORTS.start, PORTS.end)
}

/// What is there to keep is kept as these options say.
fn spawn(
    engine: Engine,
    (folder, address): (&Path, SocketAddr),
    options: &[String],
) -> Result<Child> {
    Command::new(engine.program()?)
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--save", ""])
        .args(["--maxmemory-policy", "noeviction", "--loglevel", "warning"])
        .args(["--repl-diskless-sync-delay", "0"])
        .args(options)
        .arg("--dir")
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{engine:?} cannot be started: is it installed?"))
}

/// A program with this file of settings, which it writes to.
pub(super) fn sentinel(engine: Engine, config: &Path) -> Result<Child> {
    let mut command = Command::new(engine.program()?);
    command.arg(config).arg("--sentinel").stdout(Stdio::null());
    command.spawn().context("a sentinel cannot be started")
}

/// What a server answers to a command of plain words, as it comes.
pub(super) fn ask(address: SocketAddr, command: &str) -> Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    // It stays open until the answer has come: a server forgets the command of a client that is gone.
    connection.write_all(format!("{command}\r\n").as_bytes())?;
    let (mut answer, mut part) = (Vec::new(), [0; 16 << 10]);
    while whole(&answer).is_none() {
        let len = connection.read(&mut part)?;
        if len == 0 {
            bail!("{command}: the server closed the connection");
        }
        answer.extend_from_slice(&part[..len]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// How long the answer is that these bytes begin with, if it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|two| two == b"\r\n")?;
    let number = || std::str::from_utf8(&bytes[1..line]).ok()?.parse::<i64>().ok();
    let mut end = line + 2;
    match bytes[0] {
        b'$' => {
            // Where nothing is, nothing follows.
            if let Ok(len) = usize::try_from(number()?) {
                end += len + 2;
            }
        }
        b'*' => {
            for _ in 0..number()? {
                end += whole(bytes.get(end..)?)?;
            }
        }
        _ => {}
    }
    (end <= bytes.len()).then_some(end)
}

/// Waits for what must happen.
pub(super) fn eventually(what: &str, mut happened: impl FnMut() -> bool) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    while !happened() {
        if Instant::now() > patience {
            bail!("{what}: not within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// The tier at a URL, when there is one.
pub(super) fn open(url: &str) -> Result<Arc<dyn GlobalTier>> {
    let url: TierUrl = url.parse()?;
    // On a busy machine an operation's time may be short for all that is looked at.
    let patience = Instant::now() + PATIENCE;
    loop {
        match url.open() {
            Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(100)),
            outcome => return Ok(outcome?),
        }
    }
}
