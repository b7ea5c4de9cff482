//! A Redis server of a test's own, as the global tier of several hosts.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::host::TestHost;
use faasm_runtime::tiers::TierUrl;

pub(crate) struct Store {
    server: Child,
    port: u16,
    url: TierUrl,
}

impl Store {
    /// Starts it, and waits until a host can use it.
    pub(crate) fn start() -> Self {
        // Somebody else may take the port first.
        (0..20).find_map(|_| Self::try_start()).expect("no redis-server starts: is it installed?")
    }

    fn try_start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""];
        let mut command = Command::new("redis-server");
        command.args(options).args(["--appendonly", "no"]).stdout(Stdio::null());
        let server = command.spawn().expect("redis-server is not installed");
        let url = format!("redis://127.0.0.1:{port}").parse().unwrap();
        let mut store = Self { server, port, url };
        while store.url.open().is_err() {
            if store.server.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::yield_now();
        }
        Some(store)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The lines of its answer to a command.
    pub(crate) fn ask(&self, command: &str) -> Vec<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        connection.shutdown(Shutdown::Write).unwrap();
        BufReader::new(connection).lines().map(Result::unwrap).collect()
    }

    /// A host that has its global tier there.
    pub(super) fn host(&self) -> TestHost {
        TestHost::with(|config| config.state = self.url.clone())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
