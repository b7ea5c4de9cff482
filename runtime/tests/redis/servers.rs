//! Servers that are started for one test and killed after it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use faasm_runtime::tiers::{RedisSettings, RedisTier};
use faasm_state_conformance::Subject;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Which program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Redis,
    Valkey,
}

impl Engine {
    /// The program: of Valkey the system's, or the one that `valkey.sh` has put below `target`.
    ///
    /// # Panics
    ///
    /// If there is none: nothing is left out.
    pub(crate) fn program(self) -> PathBuf {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/valkey/valkey-server");
        let runs = |program: &Path| {
            let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
            version.is_ok_and(|status| status.success())
        };
        match self {
            Self::Redis => "redis-server".into(),
            Self::Valkey if runs(&ours) => ours,
            Self::Valkey if runs(Path::new("valkey-server")) => "valkey-server".into(),
            Self::Valkey => panic!(
                "there is no valkey-server: `runtime/tests/redis/valkey.sh` fetches one, as `cargo xtask test` does"
            ),
        }
    }

    /// What URLs of a server begin with.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }
}

/// A server, and its folder.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    command: Vec<String>,
    engine: Engine,
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts `redis-server` with these options, and waits until it answers.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::of(Engine::Redis, options)
    }

    /// Starts a server of this engine.
    pub(crate) fn of(engine: Engine, options: &[&str]) -> Self {
        // Somebody else may take the port first.
        (0..20).find_map(|_| Self::try_start(engine, free_port(), options)).unwrap_or_else(|| {
            panic!("no {engine:?} starts: is it installed? (Debian: redis-server)")
        })
    }

    fn try_start(engine: Engine, port: u16, options: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap().to_owned();
        let fixed = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", &dir];
        let quiet = ["--save", "", "--loglevel", "notice", "--repl-diskless-sync-delay", "0"];
        let command = fixed.iter().chain(&quiet).chain(options);
        let command: Vec<String> = command.map(|&option| option.replace("DIR", &dir)).collect();
        let child = spawn(engine, &command, folder.path())?;
        let mut server = Self { child, port, folder, command, engine };
        server.wait_until_it_answers().then_some(server)
    }

    /// With TLS alone there is no plain port to ask.
    fn wait_until_it_answers(&mut self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(30) {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if answers(self.port) || self.command.iter().any(|option| option == "--tls-port") {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("{}://127.0.0.1:{}{rest}", self.engine.scheme(), self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same server, over the same files.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.engine, &self.command, self.folder.path()).unwrap();
        assert!(self.wait_until_it_answers(), "{}", self.log());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What the server says to a command.
    pub(crate) fn ask(&self, command: &str) -> String {
        ask(self.port, command).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(engine: Engine, options: &[String], folder: &Path) -> Option<Child> {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = Command::new(engine.program());
    command.args(options).current_dir(folder).stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().ok()
}

/// What `redis-cli` prints of the answer to a command.
pub(crate) fn ask(port: u16, command: &str) -> Option<String> {
    let port = port.to_string();
    let mut client = Command::new("redis-cli");
    client.args(["-h", "127.0.0.1", "-p", &port]).args(command.split(' '));
    let done = client.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let done = done.expect("redis-cli is installed");
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

pub(crate) fn answers(port: u16) -> bool {
    ask(port, "PING").is_some_and(|answer| answer.starts_with("PONG"))
}

/// Waits for what must happen.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn tier(url: &str) -> RedisTier {
    let settings: RedisSettings = url.parse().unwrap();
    RedisTier::open(&settings).unwrap_or_else(|error| {
        panic!("{url}: {error}: {:?}", std::error::Error::source(&error).map(ToString::to_string))
    })
}

/// Two handles, as two hosts have them.
pub(crate) fn subject(url: &str) -> Subject {
    Subject::of_two(Arc::new(tier(url)), Arc::new(tier(url)))
}

/// Has a server live as long as the test's process: a shell ends it when that has gone.
pub(crate) fn keep(server: Server) {
    let (parent, child) = (std::process::id(), server.child.id());
    let folder = server.folder().display().to_string();
    let wait = format!(
        "while kill -0 {parent} 2>/dev/null; do sleep 0.2; done; kill -9 {child}; rm -rf '{folder}'"
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &wait]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let shell = shell.spawn().expect("a shell is there");
    // Both live on without us; the shell ends the server, and nobody waits for the shell.
    std::mem::forget((server, shell));
}

/// A certificate authority, and a certificate for 127.0.0.1: their files.
pub(crate) fn certificates(folder: &Path) -> [PathBuf; 3] {
    let [ca, ca_key, cert, key, request, extra] =
        ["ca.pem", "ca.key", "cert.pem", "cert.key", "cert.csr", "cert.ext"]
            .map(|name| folder.join(name));
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    fs::write(&extra, "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().expect("openssl is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let (ca_text, ca_key_text) = (text(&ca), text(&ca_key));
    let mut authority = vec!["req", "-x509", "-days", "30", "-subj", "/CN=test"];
    authority.extend(curve);
    authority.extend(["-keyout", &ca_key_text, "-out", &ca_text]);
    openssl(&authority);
    let (key_text, request_text) = (text(&key), text(&request));
    let mut asked = vec!["req", "-subj", "/CN=localhost"];
    asked.extend(curve);
    asked.extend(["-keyout", &key_text, "-out", &request_text]);
    openssl(&asked);
    openssl(&[
        "x509",
        "-req",
        "-in",
        &request_text,
        "-CA",
        &ca_text,
        "-CAkey",
        &ca_key_text,
        "-CAcreateserial",
        "-days",
        "30",
        "-extfile",
        &text(&extra),
        "-out",
        &text(&cert),
    ]);
    [ca, cert, key]
}
