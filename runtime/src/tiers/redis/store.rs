//! Scripts run at the server, as often as it takes to know what became of them.
//!
//! # Protocol
//!
//! 1. Each change has a place and a number. A place has one change at a time, and its numbers grow. With the change, the
//!    server keeps the number and the answer under the place, until the place's next change.
//! 2. A change whose answer was lost is sent again as it was, with a mark. The server answers it as it did if it has made
//!    it, and if it declines it keeps that too: the first sending cannot be made any more after the second was answered.
//! 3. A change with a smaller number than the place's last one is not made: whatever the network held up.
//! 4. What is not known at the deadline is [`GlobalError::Unknown`] if a try may have made it; else it was not made.
//! 5. A large write that has begun to be what the value is is gone on with by whoever comes across it, in small steps.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use faasm_state::{Address, Condition, GlobalError, Version};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::direct::{Directs, Lease};
use super::error::{Fault, StoreError};
use super::link::{Lane, Link, Wire};
use super::names;
use super::notices::Notices;
use super::script::{Args, Reply, Script, Scripts};
use super::settings::{Durability, RedisSettings};

/// Connections on which a write and the wait for its durability follow one another.
const EXCLUSIVE: usize = 8;

/// How much of a large write is done in one step.
pub(super) const STEP: usize = 4 << 20;

/// For how long an address that was put into the index is taken to be there; see `unindex`.
const INDEXED: Duration = Duration::from_secs(300);

/// How many addresses are remembered to be in the index.
const MOST_INDEXED: usize = 1 << 16;

/// The server, as the tier's operations use it.
pub(super) struct Store {
    pub(super) link: Link,
    pub(super) settings: RedisSettings,
    pub(super) scripts: Scripts,
    pub(super) notices: Notices,
    /// Where the server is one for them, in the place of `control` and `bulk`.
    pub(super) directs: Directs,
    /// For small requests.
    control: Lane,
    /// For large values.
    pub(super) bulk: Vec<Lane>,
    pub(super) next_bulk: AtomicUsize,
    /// How many requests of large values may be under way.
    pub(super) bulk_permits: Arc<Semaphore>,
    exclusive: Vec<tokio::sync::Mutex<Option<Wire>>>,
    next_exclusive: AtomicUsize,
    client: String,
    last_number: AtomicU64,
    places: Mutex<(u32, BinaryHeap<Reverse<u32>>)>,
    indexed: Mutex<HashMap<Address, Instant>>,
    /// What the server may hold; 0 is not known.
    pub(super) capacity: AtomicUsize,
    pub(super) has_waitaof: AtomicBool,
    random: RandomState,
}

/// A change that is to be made.
pub(super) struct Change<'a> {
    pub(super) script: &'a Script,
    pub(super) key: String,
    pub(super) when: Condition,
    /// Who makes it; see [`Store::place`].
    pub(super) place: (u32, u64),
}

/// A change that was made: who made it.
pub(super) struct Made {
    pub(super) reply: Reply,
    place: u32,
    number: u64,
}

impl Store {
    pub(super) fn new(settings: &RedisSettings, link: Link) -> Self {
        let random = RandomState::new();
        Self {
            scripts: Scripts::new(),
            notices: Notices::default(),
            directs: Directs::new(),
            control: Lane::default(),
            bulk: (0..settings.connections).map(|_| Lane::default()).collect(),
            next_bulk: AtomicUsize::new(0),
            bulk_permits: Arc::new(Semaphore::new(settings.connections * 2)),
            exclusive: (0..EXCLUSIVE).map(|_| tokio::sync::Mutex::default()).collect(),
            next_exclusive: AtomicUsize::new(0),
            client: format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1)),
            last_number: AtomicU64::new(0),
            places: Mutex::default(),
            indexed: Mutex::default(),
            capacity: AtomicUsize::new(0),
            has_waitaof: AtomicBool::new(true),
            random,
            settings: settings.clone(),
            link,
        }
    }

    /// A number that nobody guesses and nobody has twice.
    pub(super) fn nonce(&self) -> u64 {
        self.random.hash_one((&self.client, self.last_number.fetch_add(1, Ordering::Relaxed)))
    }

    pub(super) fn stem(&self, at: &Address) -> String {
        names::stem(&self.settings.prefix, at)
    }

    /// The deadline of an operation that moves so many bytes: 4 MiB/s at least.
    pub(super) fn deadline(&self, bytes: usize) -> Instant {
        let moving = Duration::from_millis(u64::try_from(bytes >> 12).unwrap_or(u64::MAX >> 8));
        Instant::now() + self.settings.timeout + moving
    }

    /// One try of a request over a lane: its answers.
    pub(super) async fn once(
        &self,
        lane: &Lane,
        request: &Request<'_>,
    ) -> Result<Vec<Value>, Fault> {
        let (number, mut wire) = match timeout(self.link.patience, lane.wire(&self.link)).await {
            Ok(wire) => wire?,
            Err(_) => return Err(Fault::timeout(self.link.patience, false)),
        };
        let fault = match timeout(self.link.patience, request.send(&mut wire)).await {
            Ok(Ok(values)) => return Ok(values),
            Ok(Err(error)) => wire.answered(&error),
            Err(_) => Fault::timeout(self.link.patience, true),
        };
        if fault.broken {
            lane.broke(number).await;
        }
        Err(fault)
    }

    async fn attempt(&self, via: Via<'_>, request: &Request<'_>) -> Result<Vec<Value>, Fault> {
        match via {
            Via::Lane(lane) => self.once(lane, request).await,
            Via::Control => self.once_controlled(request).await,
            Via::Durably if self.settings.durability == Durability::Fast => {
                self.once_controlled(request).await
            }
            Via::Durably => self.once_durably(request).await,
        }
    }

    /// One try of a small request.
    async fn once_controlled(&self, request: &Request<'_>) -> Result<Vec<Value>, Fault> {
        if let Request::Script(script, key, args) = request
            && let Some(value) = self.once_directly(script, key, args).await?
        {
            return Ok(vec![value]);
        }
        self.once(&self.control, request).await
    }

    /// `None` if it was not had done that way.
    async fn once_directly(
        &self,
        script: &Script,
        key: &str,
        args: &Args<'_>,
    ) -> Result<Option<Value>, Fault> {
        let Some(mut lease) = self.lease().await? else { return Ok(None) };
        lease.direct.script(script, key, args);
        let patience = self.link.patience;
        let answered = match timeout(patience, lease.direct.answer()).await {
            Ok(answered) => self.noticed(answered)?,
            Err(_) => return self.noticed(Err(Fault::timeout(patience, true))),
        };
        let fault = match answered.extract_error() {
            Ok(value) => {
                self.directs.give_back(lease);
                return Ok(Some(value));
            }
            // The server is sent the text.
            Err(error) if is_unknown(&error) => {
                self.directs.give_back(lease);
                return Ok(None);
            }
            Err(error) => Fault::answered(&error),
        };
        if fault.broken {
            self.directs.broke();
        } else {
            self.directs.give_back(lease);
        }
        Err(fault)
    }

    /// A connection of our own, where the server is one for them.
    pub(super) async fn lease(&self) -> Result<Option<Lease<'_>>, Fault> {
        self.directs.lease(&self.link).await
    }

    /// A fault of such a connection is one of all.
    pub(super) fn noticed<T>(&self, done: Result<T, Fault>) -> Result<T, Fault> {
        if done.as_ref().is_err_and(|fault| fault.broken) {
            self.directs.broke();
        }
        done
    }

    /// A try that ends by the deadline.
    async fn attempt_until(
        &self,
        via: Via<'_>,
        request: &Request<'_>,
        deadline: Instant,
    ) -> Result<Vec<Value>, Fault> {
        let tried = timeout_at(deadline, self.attempt(via, request)).await;
        tried.unwrap_or_else(|_| Err(Fault::timeout(self.settings.timeout, true)))
    }

    /// Tries until it is done, fails for good, or the deadline has come. Only for what may happen twice.
    pub(super) async fn insist(
        &self,
        via: Via<'_>,
        request: &Request<'_>,
        deadline: Instant,
    ) -> Result<Vec<Value>, Fault> {
        let mut pause = Pause::default();
        let mut unsure = false;
        loop {
            match self.attempt_until(via, request, deadline).await {
                Ok(values) => return Ok(values),
                Err(fault) => {
                    unsure |= fault.unsure;
                    if !fault.again || !pause.wait(deadline).await {
                        return Err(Fault { unsure, ..fault });
                    }
                }
            }
        }
    }

    /// Has a script run that changes nothing, or nothing that it may not change twice, until it answers.
    pub(super) async fn ask(
        &self,
        via: Via<'_>,
        (script, key): (&Script, &str),
        args: &Args<'_>,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        Reply::new(self.insist(via, &Request::Script(script, key, args), deadline).await?)
    }

    pub(super) async fn ask_address(
        &self,
        script: &Script,
        at: &Address,
        args: &Args<'_>,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        let key = self.stem(at) + "m";
        loop {
            let reply = self.ask(Via::Control, (script, &key), args, deadline).await?;
            if reply.word() != b"pending" {
                return Ok(reply);
            }
            self.help(&key, reply.text(1)?, deadline).await?;
        }
    }

    /// Has a change made.
    pub(super) async fn change(
        &self,
        script: &Script,
        at: &Address,
        when: Condition,
        args: (&Args<'_>, usize),
        deadline: Instant,
    ) -> Result<Made, GlobalError> {
        let change = Change { script, key: self.stem(at) + "m", when, place: self.place() };
        let made = self.go_on(&change, args, None, deadline).await;
        self.give_place(change.place);
        made
    }

    /// Who makes a change, until that is [given back](Self::give_place).
    pub(super) fn place(&self) -> (u32, u64) {
        (self.take_place(), self.last_number.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Has a change made, of which `first` is what came of the first try, if there was one.
    pub(super) async fn go_on(
        &self,
        change: &Change<'_>,
        (args, asked): (&Args<'_>, usize),
        mut first: Option<Result<Vec<Value>, Fault>>,
        deadline: Instant,
    ) -> Result<Made, GlobalError> {
        let Change { script, ref key, when, place: (place, number) } = *change;
        let mut unsure = false;
        let mut pause = Pause::default();
        let outcome = loop {
            let tried = match first.take() {
                Some(first) => first,
                None => {
                    let args = self.head((place, number), unsure, when).and(args);
                    let request = Request::Script(script, key, &args);
                    self.attempt_until(Via::Durably, &request, deadline).await
                }
            };
            match tried.and_then(Reply::new) {
                Ok(reply) if reply.word() == b"pending" => {
                    let helped = match reply.text(1) {
                        Ok(write) => self.help(key, write, deadline).await,
                        Err(fault) => Err(fault),
                    };
                    if let Err(fault) = helped {
                        break Err(Fault { unsure, ..fault });
                    }
                }
                Ok(reply) => break Ok(reply),
                Err(fault) => {
                    unsure |= fault.unsure;
                    if !fault.again || !pause.wait(deadline).await {
                        break Err(Fault { unsure, ..fault });
                    }
                }
            }
        };
        let capacity = self.capacity.load(Ordering::Relaxed);
        let reply = outcome.map_err(|fault| fault.of_change(unsure, asked, capacity))?;
        let made = Made { reply, place, number };
        let odd = |fault: Fault| fault.of_change(true, asked, capacity);
        match made.reply.word() {
            b"fenced" => Err(GlobalError::Fenced),
            b"conflict" => Err(GlobalError::Conflict {
                wanted: when.at.unwrap_or(Version::ABSENT),
                found: Version(made.reply.number(1).map_err(odd)?),
            }),
            b"stale" => Err(odd(Fault::odd(&"stale"))),
            b"chunk" => {
                let size = made.reply.size(1).map_err(odd)?;
                Err(GlobalError::Unavailable(Box::new(StoreError::ChunkSize(size))))
            }
            b"lost" => Err(GlobalError::Unavailable(Box::new(StoreError::PartsLost))),
            _ => Ok(made),
        }
    }

    /// What each change begins with; `again` if it may have been made already.
    pub(super) fn head(
        &self,
        (place, number): (u32, u64),
        again: bool,
        when: Condition,
    ) -> Args<'static> {
        let token = when.under;
        let text = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        Args::new()
            .text(self.client.clone())
            .number(place)
            .text(format!("{number}{}", if again { "+" } else { "" }))
            .text(text(when.at.map(|version| version.0)))
            .text(text(token.map(|token| token.epoch)))
            .text(text(token.map(|token| token.nonce)))
    }

    /// One try of a change, and of having it as durable as was asked. Both are one request: so they go to one node by one
    /// connection, also while a cluster changes.
    async fn once_durably(&self, request: &Request<'_>) -> Result<Vec<Value>, Fault> {
        let n = self.next_exclusive.fetch_add(1, Ordering::Relaxed) % EXCLUSIVE;
        let patience = self.link.patience;
        let Ok(mut slot) = timeout(patience, self.exclusive[n].lock()).await else {
            return Err(Fault::timeout(patience, false));
        };
        let mut wire = match slot.take() {
            Some(wire) => wire,
            None => self.link.connect().await?,
        };
        let wait = self.wait_for_durability();
        let (answer, waited) = match &wait {
            None => match timeout(patience, request.send(&mut wire)).await {
                Ok(sent) => (sent.map(|mut values| values.pop().unwrap_or(Value::Nil)), None),
                Err(_) => return Err(Fault::timeout(patience, true)),
            },
            Some(wait) => {
                match timeout(patience * 3 / 2, request.send_and(&mut wire, &wait.0)).await {
                    Ok(Ok([answer, waited])) => (answer.extract_error(), Some(waited)),
                    Ok(Err(error)) => (Err(error), None),
                    Err(_) => return Err(Fault::timeout(patience, true)),
                }
            }
        };
        let answer = match answer {
            Ok(answer) => vec![answer],
            Err(error) => {
                let fault = wire.answered(&error);
                *slot = (!fault.broken).then_some(wire);
                return Err(fault);
            }
        };
        if let (Some((_, wanted, hint)), Some(waited), true) = (wait, waited, says_ok(&answer)) {
            let waited = has_waited(waited, wanted, hint);
            if waited.is_err() {
                // It may be a master no more: who reads is to look again, too.
                self.control.forget().await;
                self.directs.broke();
            }
            waited?;
        }
        *slot = Some(wire);
        Ok(answer)
    }

    /// The command that waits until what its connection wrote last is as durable as was asked, how many servers must have
    /// it, and what to look at if they have not.
    fn wait_for_durability(&self) -> Option<(Cmd, i64, &'static str)> {
        let millis = u64::try_from(self.link.patience.as_millis() / 2).unwrap_or(1_000).max(1);
        let mut command = Cmd::new();
        match self.settings.durability {
            Durability::Fast => None,
            Durability::Disk if !self.waits_for_disk() => None,
            Durability::Disk => {
                command.arg("WAITAOF").arg(1).arg(0).arg(millis);
                Some((command, 1, "did the server's disk stop?"))
            }
            Durability::Replicated => {
                let wanted = i64::from(self.settings.replicas);
                command.arg("WAIT").arg(wanted).arg(millis);
                Some((command, wanted, "are the replicas running and connected?"))
            }
        }
    }

    /// Whether the server has `WAITAOF`; if not, it answers no write before it is on disk, which was checked.
    fn waits_for_disk(&self) -> bool {
        self.has_waitaof.load(Ordering::Relaxed)
    }

    /// Goes on with a large write until it is done.
    pub(super) async fn help(
        &self,
        key: &str,
        write: &str,
        deadline: Instant,
    ) -> Result<(), Fault> {
        let args = Args::new().text(write).number(STEP);
        loop {
            let script = (&self.scripts.apply, key);
            let reply = self.ask(Via::Control, script, &args, deadline).await?;
            if reply.word() == b"done" {
                return Ok(());
            }
        }
    }

    /// The answer of a change need not be kept: it is large.
    pub(super) async fn forget(&self, at: &Address, made: &Made) {
        let args = Args::new().text(self.client.clone()).number(made.place).number(made.number);
        let key = self.stem(at) + "m";
        // It is forgotten anyway with the place's next change.
        let request = Request::Script(&self.scripts.forget, &key, &args);
        let _ = self.once_controlled(&request).await;
    }

    /// Has the address in its namespace's index, before there is something at it.
    pub(super) async fn have_indexed(
        &self,
        at: &Address,
        deadline: Instant,
    ) -> Result<(), GlobalError> {
        let known = self.indexed().get(at).is_some_and(|since| since.elapsed() < INDEXED);
        if known {
            return Ok(());
        }
        let key = names::index(&self.settings.prefix, &at.namespace);
        let args = Args::new().bytes(at.key.as_bytes());
        let before = Instant::now();
        let via = Via::Durably;
        let indexed = self.ask(via, (&self.scripts.index, &key), &args, deadline).await;
        let capacity = self.capacity.load(Ordering::Relaxed);
        // The value itself was not written.
        indexed.map_err(|fault| Fault { unsure: false, ..fault }.of_change(false, 0, capacity))?;
        let mut indexed = self.indexed();
        if indexed.len() >= MOST_INDEXED {
            indexed.clear();
        }
        indexed.insert(at.clone(), before);
        Ok(())
    }

    /// Has an address out of the index at which there is nothing, if nobody was about to write for a while.
    pub(super) async fn unindex(&self, at: &Address) {
        let key = names::index(&self.settings.prefix, &at.namespace);
        let micros = INDEXED.as_micros() * 2;
        let args = Args::new().bytes(at.key.as_bytes()).number(micros);
        // The next listing comes across it again.
        let request = Request::Script(&self.scripts.unindex, &key, &args);
        let _ = self.once_controlled(&request).await;
    }

    pub(super) fn control(&self) -> &Lane {
        &self.control
    }

    fn indexed(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Instant>> {
        self.indexed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lowest place that has no change, so that there are few.
    fn take_place(&self) -> u32 {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Reverse(place)) = places.1.pop() {
            return place;
        }
        places.0 += 1;
        places.0 - 1
    }

    pub(super) fn give_place(&self, (place, _): (u32, u64)) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).1.push(Reverse(place));
    }
}

/// How a request goes.
#[derive(Clone, Copy)]
pub(super) enum Via<'a> {
    /// Over this connection.
    Lane(&'a Lane),
    /// As small requests go.
    Control,
    /// With the wait for its durability.
    Durably,
}

/// What is asked of the server.
pub(super) enum Request<'a> {
    /// A script, with its key and what it is told.
    Script(&'a Script, &'a str, &'a Args<'a>),
    Command(&'a Cmd),
    /// Commands that may be done in part.
    Pipeline(&'a Pipeline),
}

impl Request<'_> {
    async fn send(&self, wire: &mut Wire) -> RedisResult<Vec<Value>> {
        match self {
            Self::Script(script, key, args) => {
                let value = wire.send(&script.command(false, wire.keys(key), args)).await;
                // By its hash; a server that does not know it is sent the text.
                Ok(vec![match value {
                    Err(error) if is_unknown(&error) => {
                        wire.send(&script.command(true, wire.keys(key), args)).await?
                    }
                    answered => answered?,
                }])
            }
            Self::Command(command) => Ok(vec![wire.send(command).await?]),
            Self::Pipeline(pipeline) => wire.send_all(pipeline, pipeline.len()).await,
        }
    }

    /// With a command behind it: what the server says to both, which may be errors.
    async fn send_and(&self, wire: &mut Wire, then: &Cmd) -> RedisResult<[Value; 2]> {
        let Self::Script(script, key, args) = self else {
            return Err((ErrorKind::Client, "only scripts are made durable").into());
        };
        let [answer, after] =
            wire.send_both(script.command(false, wire.keys(key), args), then).await?;
        let unknown = answer.clone().extract_error().is_err_and(|error| is_unknown(&error));
        if unknown {
            return wire.send_both(script.command(true, wire.keys(key), args), then).await;
        }
        Ok([answer, after])
    }
}

/// Whether as many servers have a write as were asked for, by the answer of the command that waited for it.
fn has_waited(answer: Value, wanted: i64, hint: &'static str) -> Result<(), Fault> {
    let found = match answer.extract_error() {
        Ok(Value::Int(found)) => found,
        Ok(Value::Array(counts)) => match counts.first() {
            Some(Value::Int(found)) => *found,
            _ => return Err(Fault::odd(&counts)),
        },
        Ok(other) => return Err(Fault::odd(&other)),
        Err(error) => return Err(Fault { unsure: true, ..Fault::answered(&error) }),
    };
    if found >= wanted { Ok(()) } else { Err(Fault::not_durable(found, wanted, hint)) }
}

/// Whether the server does not know a script by its hash.
pub(super) fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Whether a script answered that it did what it should.
fn says_ok(values: &[Value]) -> bool {
    let [Value::Array(parts)] = values else {
        return false;
    };
    matches!(parts.first(), Some(Value::BulkString(word)) if word == b"ok")
}

/// Between two tries: longer each time.
#[derive(Default)]
pub(super) struct Pause {
    tries: u32,
}

impl Pause {
    /// Whether there is time for another try; after the pause.
    pub(super) async fn wait(&mut self, deadline: Instant) -> bool {
        let pause = Duration::from_millis(5 << self.tries.min(6));
        self.tries += 1;
        if Instant::now() + pause >= deadline {
            return false;
        }
        sleep(pause).await;
        true
    }
}
