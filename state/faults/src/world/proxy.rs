//! A connection's way, on which answers are lost and which is cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// What becomes of what comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Way {
    /// It arrives.
    Open = 0,
    /// The server's answers do not.
    Deaf = 1,
    /// Nothing does, and nobody is told.
    Hole = 2,
    /// New connections are closed at once.
    Closed = 3,
}

/// A proxy before one server.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    way: AtomicU8,
    connections: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub(super) fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let shared =
            Arc::new(Shared { server, way: AtomicU8::new(0), connections: Mutex::default() });
        let proxy = Self { address: listener.local_addr()?, shared: Arc::clone(&shared) };
        // It ends with the process: a few hundred bytes for each run.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.way() != Way::Closed {
                    shared.connect(client);
                }
            }
        });
        Ok(proxy)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::Relaxed);
    }

    /// Ends all connections there are.
    pub(super) fn cut(&self) {
        let mut connections =
            self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn way(&self) -> Way {
        match self.way.load(Ordering::Relaxed) {
            0 => Way::Open,
            1 => Way::Deaf,
            2 => Way::Hole,
            _ => Way::Closed,
        }
    }

    /// Passes on what comes, both ways; a server that is not there is a connection that ends.
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect_timeout(&self.server, Duration::from_secs(1)) else {
            return;
        };
        let clones = [client.try_clone(), server.try_clone()];
        let [Ok(to_client), Ok(to_server)] = clones else { return };
        let kept = [client.try_clone(), server.try_clone()].into_iter().flatten();
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
        let (forth, back) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || forth.pass(client, to_server, |way| way == Way::Hole));
        let lost = |way| matches!(way, Way::Hole | Way::Deaf);
        thread::spawn(move || back.pass(server, to_client, lost));
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, lost: impl Fn(Way) -> bool) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            // What is lost once is a stream that nobody can go on reading: nothing comes after it.
            if lost(self.way()) {
                while from.read(&mut buffer).is_ok_and(|len| len > 0) {}
                break;
            }
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
