//! Connections of our own, for requests and for the bytes of values: these go from where they are straight to the socket,
//! and from the socket straight to where they belong.
//!
//! # Protocol
//!
//! RESP2, as far as our scripts and commands need it. A connection is used by one operation at a time, which sends any
//! number of commands and then takes their answers in that order. What is left of it when the operation failed is closed.
//!
//! # Not here
//!
//! TLS, whose records are copies anyway, and clusters, whose nodes the client's crate knows: both go by [`super::link`].

use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::{Client, ConnectionAddr, RedisConnectionInfo, RedisError, Value, parse_redis_value};
use faasm_state::{Sink, Source};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::error::Fault;
use super::link::Link;
use super::script::{Args, Script};
use super::socket::Socket;

/// How many there may be.
const MOST: usize = 32;

/// How many are kept for the next operations.
const IDLE: usize = 8;

/// What is received at once when it is not known what comes: answers, and the beginnings of bytes.
const INPUT: usize = 8 << 10;

/// What is copied at once where bytes cannot go straight.
const COPY: usize = 64 << 10;

/// From how many bytes of a value on it is worth while to be woken, if so many are to come: what one command asks for. A server
/// that is taken for a live one sends them in a fraction of its patience.
const AWAITED: usize = super::bulk::MOVED;

/// How long an answer may be that is no bytes of a value.
const LONGEST: usize = 1 << 30;

/// A connection.
pub(super) struct Direct {
    socket: Socket,
    /// How long the server may take for the next step.
    patience: Duration,
    /// What has come; from `used` on it was not looked at.
    input: Vec<u8>,
    used: usize,
    /// Commands that are not sent yet.
    output: Vec<u8>,
    copy: Vec<u8>,
}

impl Direct {
    /// To the server of `client`; `None` if it is one that such connections are not for.
    async fn open(client: &Client, patience: Duration) -> Result<Option<Self>, Fault> {
        let info = client.get_connection_info();
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Ok(None) };
        let connecting = timeout(patience, tokio::net::TcpStream::connect((host.as_str(), *port)));
        let socket = match connecting.await {
            Ok(stream) => stream.and_then(Socket::new),
            Err(_) => return Err(Fault::timeout(patience, false)),
        };
        let socket = socket.map_err(|error| Fault::unreachable(error.into()))?;
        let mut direct = Self {
            socket,
            patience,
            input: Vec::with_capacity(INPUT),
            used: 0,
            output: Vec::new(),
            copy: Vec::new(),
        };
        direct.introduce(info.redis_settings()).await?;
        Ok(Some(direct))
    }

    async fn introduce(&mut self, info: &RedisConnectionInfo) -> Result<(), Fault> {
        let (db, mut answers) = (info.db().to_string(), 0);
        if let Some(password) = info.password() {
            let user = info.username().map(str::as_bytes);
            let words = [Some(&b"AUTH"[..]), user, Some(password.as_bytes())];
            self.command(&words.into_iter().flatten().collect::<Vec<_>>());
            answers += 1;
        }
        if info.db() != 0 {
            self.command(&[b"SELECT", db.as_bytes()]);
            answers += 1;
        }
        for _ in 0..answers {
            // Nothing was asked for yet.
            let answer = self.answer().await.map_err(|fault| Fault { unsure: false, ..fault })?;
            answer.extract_error().map_err(|error| Fault::answered(&error))?;
        }
        Ok(())
    }

    /// Puts a command behind those that will be sent.
    pub(super) fn command(&mut self, words: &[&[u8]]) {
        self.begin(words.len());
        words.iter().for_each(|word| self.word(word));
    }

    /// The same, of a script.
    pub(super) fn script(&mut self, script: &Script, key: &str, args: &Args<'_>) {
        let words = script.words(key, args);
        self.begin(words.len());
        words.iter().for_each(|word| self.word(word));
    }

    /// Begins a command of so many words.
    pub(super) fn begin(&mut self, words: usize) {
        self.line('*', words);
    }

    /// The next word of a command.
    pub(super) fn word(&mut self, word: &[u8]) {
        self.line('$', word.len());
        self.output.extend_from_slice(word);
        self.output.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: char, number: usize) {
        use std::io::Write as _;
        // A vector takes all.
        let _ = write!(self.output, "{kind}{number}\r\n");
    }

    /// The next word of a command: bytes of a source, `len` from each offset on.
    pub(super) async fn word_of(
        &mut self,
        source: &dyn Source,
        runs: &[std::ops::Range<usize>],
    ) -> Result<(), Fault> {
        self.line('$', runs.iter().map(std::ops::Range::len).sum());
        for run in runs {
            self.bytes_of(source, run.start, run.len()).await?;
        }
        self.output.extend_from_slice(b"\r\n");
        Ok(())
    }

    async fn bytes_of(
        &mut self,
        source: &dyn Source,
        mut offset: usize,
        mut len: usize,
    ) -> Result<(), Fault> {
        // Few bytes travel with what is around them.
        if len < INPUT {
            let from = self.output.len();
            self.output.resize(from + len, 0);
            return source.read(offset, &mut self.output[from..]).map_err(Fault::bytes);
        }
        self.flush(SendFlags::MORE).await?;
        while len > 0 {
            let done = self.writing(|stream| source.send(offset, len, stream.as_fd())).await;
            let sent = match done.transpose() {
                Some(sent) => sent?,
                None => {
                    let some = len.min(COPY);
                    self.output.resize(some, 0);
                    source.read(offset, &mut self.output).map_err(Fault::bytes)?;
                    self.flush(SendFlags::MORE).await?;
                    some
                }
            };
            (offset, len) = (offset + sent, len - sent);
        }
        Ok(())
    }

    /// Sends what was not sent yet.
    pub(super) async fn flush(&mut self, flags: SendFlags) -> Result<(), Fault> {
        let output = std::mem::take(&mut self.output);
        let mut rest = output.as_slice();
        while !rest.is_empty() {
            let sent = self.writing(|stream| {
                Some(send(stream, rest, flags | SendFlags::NOSIGNAL).map_err(io::Error::from))
            });
            rest = &rest[sent.await?.unwrap_or(0)..];
        }
        self.output = output;
        self.output.clear();
        // What was large once need not stay so.
        self.output.shrink_to(COPY);
        Ok(())
    }

    /// Tries `step` until the socket takes something; `None` if the step says so.
    async fn writing(
        &mut self,
        step: impl FnMut(&TcpStream) -> Option<io::Result<usize>>,
    ) -> Result<Option<usize>, Fault> {
        self.trying(Interest::WRITABLE, step).await
    }

    /// The same, until it has something.
    async fn reading(
        &mut self,
        step: impl FnMut(&TcpStream) -> Option<io::Result<usize>>,
    ) -> Result<Option<usize>, Fault> {
        match self.trying(Interest::READABLE, step).await? {
            Some(0) => Err(lost(io::ErrorKind::UnexpectedEof.into())),
            other => Ok(other),
        }
    }

    async fn trying(
        &mut self,
        interest: Interest,
        step: impl FnMut(&TcpStream) -> Option<io::Result<usize>>,
    ) -> Result<Option<usize>, Fault> {
        let done = self.socket.trying(interest, self.patience, step).await;
        done.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Fault::timeout(self.patience, true),
            io::ErrorKind::InvalidInput => Fault::bytes(error),
            _ => lost(error),
        })
    }

    /// Receives some more.
    async fn more(&mut self) -> Result<(), Fault> {
        self.input.drain(..self.used);
        self.used = 0;
        let (from, most) = (self.input.len(), INPUT.max(self.input.len()));
        let mut input = std::mem::take(&mut self.input);
        input.resize(from + most, 0);
        let got = self.reading(|stream| {
            let got = recv(stream, &mut input[from..], RecvFlags::DONTWAIT);
            Some(got.map(|(got, _)| got).map_err(io::Error::from))
        });
        let got = got.await?.unwrap_or(0);
        input.truncate(from + got);
        self.input = input;
        Ok(())
    }

    /// The next answer; what the server refused is a value too.
    pub(super) async fn answer(&mut self) -> Result<Value, Fault> {
        self.flush(SendFlags::empty()).await?;
        loop {
            match frame(&self.input[self.used..]) {
                Ok(Some(len)) => {
                    let value = parse_redis_value(&self.input[self.used..self.used + len]);
                    self.used += len;
                    return value.map_err(|error| Fault::answered(&error));
                }
                Ok(None) if self.input.len() - self.used < LONGEST => self.more().await?,
                Ok(None) | Err(()) => {
                    return Err(Fault::odd(&"no answer in the server's protocol"));
                }
            }
        }
    }

    /// The next answer, which is up to `len` bytes of a value: puts them at `offset`, and zeroes behind them.
    pub(super) async fn bytes_to(
        &mut self,
        sink: &dyn Sink,
        offset: usize,
        len: usize,
    ) -> Result<(), Fault> {
        let got = self.bytes_begin(len).await?;
        self.bytes_come(sink, offset, got).await?;
        self.socket.wake_from(1).map_err(lost)?;
        self.end_of_bytes().await?;
        zero(sink, offset + got..offset + len)
    }

    /// `got` of them, which follow.
    async fn bytes_come(
        &mut self,
        sink: &dyn Sink,
        offset: usize,
        got: usize,
    ) -> Result<(), Fault> {
        let mut at = offset;
        let end = offset + got;
        while at < end {
            let here = (self.input.len() - self.used).min(end - at);
            if here > 0 {
                let bytes = &self.input[self.used..self.used + here];
                sink.write(at, bytes).map_err(Fault::bytes)?;
                (self.used, at) = (self.used + here, at + here);
                continue;
            }
            self.socket.wake_from((end - at).min(AWAITED)).map_err(lost)?;
            let done = self.reading(|stream| sink.receive(at, end - at, stream.as_fd())).await?;
            at += match done {
                Some(got) => got,
                None => self.copied_to(sink, at, end - at).await?,
            };
        }
        Ok(())
    }

    async fn copied_to(&mut self, sink: &dyn Sink, at: usize, len: usize) -> Result<usize, Fault> {
        let mut copy = std::mem::take(&mut self.copy);
        copy.resize(COPY, 0);
        let some = len.min(COPY);
        let got = self.reading(|stream| {
            let got = recv(stream, &mut copy[..some], RecvFlags::DONTWAIT);
            Some(got.map(|(got, _)| got).map_err(io::Error::from))
        });
        let got = got.await?.unwrap_or(0);
        sink.write(at, &copy[..got]).map_err(Fault::bytes)?;
        self.copy = copy;
        Ok(got)
    }

    /// How many bytes the next answer has, which follow.
    async fn bytes_begin(&mut self, most: usize) -> Result<usize, Fault> {
        self.flush(SendFlags::empty()).await?;
        loop {
            let there = &self.input[self.used..];
            if there.first().is_some_and(|kind| *kind != b'$') {
                let said = self.answer().await?.extract_error();
                let said = said.map_err(|error| Fault::answered(&error))?;
                return Err(Fault::odd(&said));
            }
            if let Some((number, len)) = line(there) {
                self.used += len;
                return match number {
                    Ok(number) if number <= most => Ok(number),
                    _ => Err(Fault::odd(&"more bytes than were asked for")),
                };
            }
            if there.len() > 32 {
                return Err(Fault::odd(&"no length"));
            }
            self.more().await?;
        }
    }

    async fn end_of_bytes(&mut self) -> Result<(), Fault> {
        while self.input.len() - self.used < 2 {
            self.more().await?;
        }
        let end = self.input.get(self.used..self.used + 2);
        self.used += 2;
        if end == Some(b"\r\n") { Ok(()) } else { Err(Fault::odd(&"bytes without an end")) }
    }

    /// Whether nothing is on its way, so that the next operation can use it.
    fn is_at_rest(&self) -> bool {
        self.output.is_empty() && self.used == self.input.len()
    }
}

/// What of the bytes that were asked for was never written.
pub(super) fn zero(sink: &dyn Sink, range: std::ops::Range<usize>) -> Result<(), Fault> {
    const ZEROES: [u8; 4096] = [0; 4096];
    let mut at = range.start;
    while at < range.end {
        let some = ZEROES.len().min(range.end - at);
        sink.write(at, &ZEROES[..some]).map_err(Fault::bytes)?;
        at += some;
    }
    Ok(())
}

fn lost(error: io::Error) -> Fault {
    Fault::answered(&RedisError::from(error))
}

/// The number that a line has behind its first byte, and the line's length with its end.
fn line(bytes: &[u8]) -> Option<(Result<usize, ()>, usize)> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let number = bytes.get(1..end).and_then(|digits| std::str::from_utf8(digits).ok());
    Some((number.and_then(|digits| digits.parse().ok()).ok_or(()), end + 2))
}

/// How long the answer is that `bytes` begin with, if all of it is there.
fn frame(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let (mut at, mut left) = (0, 1_usize);
    while left > 0 {
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { return Ok(None) };
        let Some((number, len)) = line(rest) else { return Ok(None) };
        at += len;
        left -= 1;
        let is_none = rest.get(1) == Some(&b'-');
        match rest[0] {
            b'+' | b'-' | b':' => {}
            b'$' | b'*' if is_none => {}
            b'$' => at = at.checked_add(number?).and_then(|at| at.checked_add(2)).ok_or(())?,
            b'*' => left = left.checked_add(number?).ok_or(())?,
            _ => return Err(()),
        }
    }
    Ok((at <= bytes.len()).then_some(at))
}

/// The connections that there are.
pub(super) struct Directs {
    permits: Semaphore,
    idle: Mutex<Vec<Direct>>,
}

/// A connection that an operation has.
pub(super) struct Lease<'a> {
    pub(super) direct: Direct,
    /// None has one that goes beside another.
    _permit: Option<SemaphorePermit<'a>>,
}

impl Directs {
    pub(super) fn new() -> Self {
        Self { permits: Semaphore::new(MOST), idle: Mutex::default() }
    }

    /// A connection; `None` if the server is not one for them.
    pub(super) async fn lease(&self, link: &Link) -> Result<Option<Lease<'_>>, Fault> {
        if !link.is_plain() {
            return Ok(None);
        }
        let Ok(Ok(permit)) = timeout(link.patience, self.permits.acquire()).await else {
            return Err(Fault::timeout(link.patience, false));
        };
        let lease = |direct| Lease { direct, _permit: Some(permit) };
        Ok(self.any(link).await?.map(lease))
    }

    /// One more, for an operation that has one; it waits for none, as others that have one may wait too.
    pub(super) async fn another(&self, link: &Link) -> Result<Lease<'_>, Fault> {
        let direct = self.any(link).await?.ok_or_else(|| Fault::odd(&"no connection"))?;
        Ok(Lease { direct, _permit: None })
    }

    async fn any(&self, link: &Link) -> Result<Option<Direct>, Fault> {
        let idle = self.idle().pop();
        match idle {
            Some(direct) => Ok(Some(direct)),
            None => Direct::open(&link.client().await?, link.patience).await,
        }
    }

    /// The operation is done with it, and nothing is on its way.
    pub(super) fn give_back(&self, lease: Lease<'_>) {
        let mut idle = self.idle();
        if idle.len() < IDLE && lease.direct.is_at_rest() {
            idle.push(lease.direct);
        }
    }

    /// The server is another one now, or was away: those who are idle are of no use either.
    pub(super) fn broke(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Direct>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_not() {
        for whole in [
            "+OK\r\n",
            "-ERR no\r\n",
            ":12\r\n",
            "$0\r\n\r\n",
            "$3\r\na\r\n\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n",
        ] {
            assert_eq!(frame(whole.as_bytes()), Ok(Some(whole.len())), "{whole:?}");
            assert_eq!(frame(format!("{whole}+").as_bytes()), Ok(Some(whole.len())), "{whole:?}");
            for end in 0..whole.len() {
                assert_eq!(frame(&whole.as_bytes()[..end]), Ok(None), "{:?}", &whole[..end]);
            }
        }
        for odd in [
            "$x\r\n",
            "*9999999999999999999999\r\n",
            "HTTP/1.1 200\r\n",
            "$18446744073709551615\r\n",
        ] {
            assert_eq!(frame(odd.as_bytes()), Err(()), "{odd:?}");
        }
    }
}
