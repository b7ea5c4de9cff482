//! A Redis server of the benchmark's own, and a plain client in pipelines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use faasm_runtime::tiers::TierUrl;
use faasm_state::GlobalTier;

/// Bytes of one command, and commands that are on their way at a time.
pub(crate) const CHUNK: usize = 256 << 10;
const PIPELINE: usize = 16;

pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    /// Starts one that keeps all in memory, as a cache would.
    pub(crate) fn start() -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server cannot be started; `apt-get install redis-server` has it")?;
        let server = Self { port, child };
        let patience = Instant::now() + Duration::from_secs(30);
        while server.client().and_then(|mut client| client.number("PING")).is_err() {
            ensure!(Instant::now() < patience, "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        Ok(Client { input: BufReader::with_capacity(64 << 10, stream.try_clone()?), stream })
    }

    /// Our adapter to it.
    pub(crate) fn tier(&self) -> Result<Arc<dyn GlobalTier>> {
        Ok(format!("redis://127.0.0.1:{}", self.port).parse::<TierUrl>()?.open()?)
    }

    /// Bytes that have come in and gone out.
    pub(crate) fn traffic(&self) -> Result<f64> {
        let mut client = self.client()?;
        client.command("INFO stats")?;
        let text = String::from_utf8(client.bulk()?)?;
        let number = |name: &str| -> Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            Ok(line.with_context(|| format!("no {name}"))?.trim().parse()?)
        };
        Ok(number("total_net_input_bytes:")? + number("total_net_output_bytes:")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection.
pub(crate) struct Client {
    input: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Client {
    fn command(&mut self, words: &str) -> Result<()> {
        Ok(self.stream.write_all(format!("{words}\r\n").as_bytes())?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        if line.is_empty() || line.starts_with('-') {
            bail!("Redis says {line:?}");
        }
        Ok(line.trim_end().to_owned())
    }

    /// A command whose answer is one line.
    pub(crate) fn number(&mut self, words: &str) -> Result<String> {
        self.command(words)?;
        self.line()
    }

    fn bulk(&mut self) -> Result<Vec<u8>> {
        let len = self.line()?.trim_start_matches('$').parse()?;
        let mut bytes = vec![0; len];
        self.bulk_into(&mut bytes, true)?;
        Ok(bytes)
    }

    fn bulk_into(&mut self, bytes: &mut [u8], length_is_read: bool) -> Result<()> {
        if !length_is_read {
            let len: usize = self.line()?.trim_start_matches('$').parse()?;
            ensure!(len == bytes.len(), "{len} bytes instead of {}", bytes.len());
        }
        self.input.read_exact(bytes)?;
        Ok(self.input.read_exact(&mut [0; 2])?)
    }

    /// Fetches the whole of `key`.
    pub(crate) fn get_ranges(&mut self, key: &str, into: &mut [u8]) -> Result<()> {
        let size = into.len();
        let mut asked = 0;
        for (index, chunk) in into.chunks_mut(CHUNK).enumerate() {
            while asked < size && asked < (index + PIPELINE) * CHUNK {
                let end = (asked + CHUNK).min(size);
                self.command(&format!("GETRANGE {key} {asked} {}", end - 1))?;
                asked = end;
            }
            self.bulk_into(chunk, false)?;
        }
        Ok(())
    }

    /// Sends the whole of `key`.
    pub(crate) fn set_ranges(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        let mut open = 0;
        for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
            let offset = (index * CHUNK).to_string();
            let head = format!(
                "*4\r\n$8\r\nSETRANGE\r\n${}\r\n{key}\r\n${}\r\n{offset}\r\n${}\r\n",
                key.len(),
                offset.len(),
                chunk.len()
            );
            self.stream.write_all(head.as_bytes())?;
            self.stream.write_all(chunk)?;
            self.stream.write_all(b"\r\n")?;
            open += 1;
            if open == PIPELINE {
                self.line()?;
                open -= 1;
            }
        }
        (0..open).try_for_each(|_| self.line().map(drop))
    }
}
