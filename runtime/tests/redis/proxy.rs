//! A proxy before a server that loses answers, holds everything up, or cuts connections, when a test says so.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They go both ways.
    Fair,
    /// What the server answers is lost.
    AnswersLost,
    /// They wait.
    Frozen,
}

/// The proxy.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    weather: AtomicU8,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { weather: AtomicU8::new(0), open: Mutex::default() });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                of_thread.open.lock().unwrap().extend(both);
                pump(&of_thread, (client.try_clone().unwrap(), server.try_clone().unwrap()), false);
                pump(&of_thread, (server, client), true);
            }
        });
        Self { port, shared }
    }

    pub(crate) fn weather(&self, weather: Weather) {
        self.shared.weather.store(weather as u8, Ordering::SeqCst);
    }

    /// Closes all connections that there are.
    pub(crate) fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("redis://127.0.0.1:{}{rest}", self.port)
    }
}

fn pump(shared: &Arc<Shared>, (mut from, mut to): (TcpStream, TcpStream), answers: bool) {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            loop {
                match shared.weather.load(Ordering::SeqCst) {
                    2 => thread::sleep(Duration::from_millis(5)),
                    1 if answers => break,
                    _ => {
                        if to.write_all(&buffer[..len]).is_err() {
                            return;
                        }
                        break;
                    }
                }
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
