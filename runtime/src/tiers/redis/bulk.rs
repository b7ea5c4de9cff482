//! The bytes of values: how they travel when they are not in a script.
//!
//! # Protocol
//!
//! Reading: version and size, the chunks by plain commands, and the version again. Is it another one then, once more. Is it
//! another one again, because somebody writes all the time, the reader sets a pin: from then on whoever writes keeps each
//! chunk as it was for the reader.
//!
//! Writing: the parts are put down under names of this write's own, which end by themselves if nobody needs them. One
//! script then looks at the conditions, gives the value its new version, and says which parts are to become what; that is
//! the moment in which it is written. The parts are put into their places in small steps, by that script, then by the
//! writer, or by whoever uses the value next.
//!
//! Over a connection of our own ([`super::direct`]) all of a read is one stream of commands, and of a write all up to the
//! script; with that, if no part is put into memory that had something else. Large ones go over several connections. Where
//! there are no such connections (TLS, clusters) they are requests of the client's crate, side by side.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::redis::{Cmd, Pipeline, RedisError, Value};
use faasm_state::{Address, GlobalError, Sink, Source, Stat, Version};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::CHUNK;
use super::direct::{Direct, Lease, zero};
use super::error::Fault;
use super::link::Lane;
use super::script::{Args, Reply, string};
use super::settings::Durability;
use super::store::{Change, Pause, Request, Store, Via, is_unknown};

/// How much one request of the client's crate moves.
const REQUEST: usize = 1 << 20;

/// How many commands it has.
const COMMANDS: usize = 256;

/// How much one command moves over a connection of our own.
const MOVED: usize = 256 << 10;

/// How much is asked for over one at a time.
const WINDOW: usize = 4 << 20;

/// How many answers of writing commands are waited for at a time.
const OPEN: usize = 64;

/// How much is read over a connection of our own until there is another one: a server that fills one meanwhile waits for it
/// less.
const READ_EACH: usize = 128 << 20;

/// How much is written over one: a server reads from one after the other, and keeps what it reads in the nearest cache.
const WRITTEN_EACH: usize = 512 << 20;

/// From which size on chunks are written into memory that the server has: below, what it gets anew is what it just freed.
pub(super) const BORROWED: usize = 4 << 20;

/// How long parts stay that nobody needs: longer than any write takes.
const STAGED_MILLIS: usize = 3_600_000;

/// How often a read is begun anew before it sets a pin.
const TRIES: usize = 2;

/// A part of one chunk.
#[derive(Clone, Debug)]
struct Piece {
    chunk: usize,
    /// Where in the chunk.
    within: Range<usize>,
    /// Where in the value.
    offset: usize,
}

/// What a value was when it was looked at.
struct Shape {
    version: u64,
    size: usize,
    chunk: usize,
}

impl Shape {
    fn of(reply: &Reply) -> Result<Self, Fault> {
        let shape = Self { version: reply.number(1)?, size: reply.size(2)?, chunk: reply.size(3)? };
        if shape.chunk == 0 { Err(Fault::odd(&"a chunk of no bytes")) } else { Ok(shape) }
    }

    fn stat(&self) -> Stat {
        Stat { version: Version(self.version), size: self.size }
    }

    fn pieces(&self, ranges: &[Range<usize>], most: usize) -> Vec<Piece> {
        let clipped = ranges.iter().map(|range| range.start..range.end.min(self.size));
        pieces(clipped.filter(|run| !run.is_empty()), self.chunk, most)
    }
}

/// The pieces of runs, of at most so many bytes.
fn pieces(runs: impl IntoIterator<Item = Range<usize>>, chunk: usize, most: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for run in runs {
        let mut from = run.start;
        while from < run.end {
            let to = run.end.min((from / chunk + 1) * chunk).min(from.saturating_add(most));
            let start = from % chunk;
            let within = start..start + to - from;
            pieces.push(Piece { chunk: from / chunk, within, offset: from });
            from = to;
        }
    }
    pieces
}

/// Groups of what has these lengths, each for one request.
fn requests<T>(items: Vec<T>, len: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut requests: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let more = len(&item);
        match requests.last_mut() {
            Some(last) if bytes + more <= REQUEST && last.len() < COMMANDS => last.push(item),
            _ => {
                requests.push(vec![item]);
                bytes = 0;
            }
        }
        bytes += more;
    }
    requests
}

impl Store {
    /// Over how many connections so many bytes go.
    fn ways(&self, bytes: usize, each: usize) -> usize {
        bytes.div_ceil(each).clamp(1, self.settings.connections)
    }

    /// Whether a change is done when the server has answered it.
    pub(super) fn is_fast(&self) -> bool {
        self.settings.durability == Durability::Fast
    }

    /// The next of the connections for large values.
    fn bulk_lane(&self) -> &Lane {
        let next = self.next_bulk.fetch_add(1, Ordering::Relaxed);
        &self.bulk[next % self.bulk.len()]
    }
}

/// What became of one try of a read.
enum Read {
    /// There is no value.
    Nothing,
    /// All is there, of one version.
    All(Stat),
    /// Somebody wrote meanwhile.
    Torn,
    /// This large write must be gone on with first.
    Pending(String),
}

/// Reads ranges that are ascending and apart.
pub(super) async fn read(
    store: &Arc<Store>,
    at: &Address,
    ranges: &[Range<usize>],
    sink: &Arc<dyn Sink>,
) -> Result<Option<Stat>, Fault> {
    let mut torn = 0;
    let mut pause = Pause::default();
    let key = store.stem(at) + "m";
    let deadline = store.deadline(0);
    while torn < TRIES {
        let tried = match store.lease().await {
            Ok(Some(lease)) => read_directly(store, lease, &key, ranges, sink).await,
            Ok(None) => read_by_lanes(store, at, ranges, sink).await,
            Err(fault) => Err(fault),
        };
        match tried {
            Ok(Read::Nothing) => return Ok(None),
            Ok(Read::All(stat)) => return Ok(Some(stat)),
            Ok(Read::Torn) => torn += 1,
            Ok(Read::Pending(write)) => {
                store.help(&key, &write, store.deadline(0)).await?;
            }
            Err(fault) if fault.again && pause.wait(deadline).await => {}
            Err(fault) => return Err(fault),
        }
    }
    read_pinned(store, at, ranges, sink).await
}

/// What was asked for over one connection, and what has come.
struct Asking<'a> {
    stem: &'a str,
    pieces: &'a [Piece],
    asked: usize,
    /// Bytes that were asked for and have not come.
    open: usize,
}

impl<'a> Asking<'a> {
    fn new(stem: &'a str, pieces: &'a [Piece]) -> Self {
        Self { stem, pieces, asked: 0, open: 0 }
    }

    /// Asks for as much as may be on its way.
    fn go_on(&mut self, direct: &mut Direct) {
        while let Some(piece) = self.pieces.get(self.asked).filter(|_| self.open < WINDOW) {
            let key = format!("{}c{}", self.stem, piece.chunk);
            let (from, last) = (piece.within.start.to_string(), (piece.within.end - 1).to_string());
            direct.command(&[b"GETRANGE", key.as_bytes(), from.as_bytes(), last.as_bytes()]);
            self.asked += 1;
            self.open += piece.within.len();
        }
    }

    fn is_all_asked(&self) -> bool {
        self.asked == self.pieces.len()
    }

    /// Takes what comes; `last` is said once behind the last question.
    async fn take(
        &mut self,
        direct: &mut Direct,
        sink: &dyn Sink,
        mut last: impl FnMut(&mut Direct),
    ) -> Result<(), Fault> {
        for piece in self.pieces {
            let was_all = self.is_all_asked();
            self.go_on(direct);
            if !was_all && self.is_all_asked() {
                last(direct);
            }
            direct.bytes_to(sink, piece.offset, piece.within.len()).await?;
            self.open -= piece.within.len();
        }
        Ok(())
    }
}

async fn read_directly(
    store: &Store,
    mut lease: Lease<'_>,
    key: &str,
    ranges: &[Range<usize>],
    sink: &Arc<dyn Sink>,
) -> Result<Read, Fault> {
    let done = read_over(store, &mut lease.direct, key, ranges, sink).await;
    let done = store.noticed(done)?;
    store.directs.give_back(lease);
    Ok(done)
}

async fn read_over(
    store: &Store,
    direct: &mut Direct,
    key: &str,
    ranges: &[Range<usize>],
    sink: &Arc<dyn Sink>,
) -> Result<Read, Fault> {
    let stem = &key[..key.len() - 1];
    let look = |direct: &mut Direct| {
        direct.command(&[b"HMGET", key.as_bytes(), b"v", b"s", b"c", b"p"]);
    };
    look(direct);
    // What it likely is is asked for with that, if one connection is enough for it.
    let len_of = |size: usize| -> usize {
        ranges.iter().map(|range| range.end.min(size).saturating_sub(range.start)).sum()
    };
    let size = Some(sink.likely_size())
        .filter(|size| store.ways(len_of(*size), READ_EACH) == 1)
        .unwrap_or(0);
    let likely = Shape { version: 0, size, chunk: CHUNK };
    let guessed = likely.pieces(ranges, MOVED);
    let mut asking = Asking::new(stem, &guessed);
    asking.go_on(direct);
    if asking.is_all_asked() {
        look(direct);
    }
    let found = shape_of(direct.answer().await?)?;
    let guess_holds = matches!(&found, Found::Value(shape)
        if (shape.size, shape.chunk) == (likely.size, likely.chunk));
    if !guess_holds {
        let looked = usize::from(asking.is_all_asked());
        for _ in 0..asking.asked + looked {
            direct.answer().await?;
        }
    }
    let shape = match found {
        Found::Nothing => return Ok(Read::Nothing),
        Found::Pending(write) => return Ok(Read::Pending(write)),
        Found::Value(shape) => shape,
    };
    sink.begin(shape.stat()).map_err(Fault::bytes)?;
    let taking = async {
        if guess_holds {
            asking.take(direct, &**sink, look).await?;
        } else {
            let pieces = shape.pieces(ranges, MOVED);
            take_all(store, direct, stem, &pieces, sink).await?;
            look(direct);
        }
        shape_of(direct.answer().await?)
    };
    let late = |_| Err(Fault::timeout(store.settings.timeout, false));
    let again = timeout_at(store.deadline(len_of(shape.size)), taking).await;
    match again.unwrap_or_else(late)? {
        Found::Nothing => Ok(Read::Nothing),
        Found::Value(again) if again.version == shape.version => Ok(Read::All(shape.stat())),
        Found::Value(_) | Found::Pending(_) => Ok(Read::Torn),
    }
}

/// Takes pieces over several connections, if there are many.
async fn take_all(
    store: &Store,
    direct: &mut Direct,
    stem: &str,
    pieces: &[Piece],
    sink: &Arc<dyn Sink>,
) -> Result<(), Fault> {
    let bytes: usize = pieces.iter().map(|piece| piece.within.len()).sum();
    let ways = store.ways(bytes, READ_EACH);
    let each = pieces.len().div_ceil(ways).max(1);
    let (here, elsewhere) = pieces.split_at(each.min(pieces.len()));
    let others = elsewhere.chunks(each).map(|pieces| async move {
        let mut lease = store.directs.another(&store.link).await?;
        let direct = &mut lease.direct;
        store.noticed(Asking::new(stem, pieces).take(direct, &**sink, |_| {}).await)?;
        store.directs.give_back(lease);
        Ok(())
    });
    let mut asking = Asking::new(stem, here);
    let here = asking.take(direct, &**sink, |_| {});
    tokio::try_join!(here, try_join_all(others)).map(drop)
}

/// What `HMGET` says of a value.
enum Found {
    Nothing,
    Value(Shape),
    Pending(String),
}

fn shape_of(answer: Value) -> Result<Found, Fault> {
    let answer = answer.extract_error().map_err(|error| Fault::answered(&error))?;
    let Value::Array(parts) = &answer else { return Err(Fault::odd(&answer)) };
    let text = |n: usize| match parts.get(n) {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    if text(1).is_none() {
        return Ok(Found::Nothing);
    }
    if let Some(write) = text(3) {
        return Ok(Found::Pending(write.to_owned()));
    }
    let version = text(0).and_then(|text| text.parse().ok());
    let sizes = [1, 2].map(|n| text(n).and_then(|text| text.parse().ok()));
    match (version, sizes) {
        (Some(version), [Some(size), Some(chunk)]) if chunk > 0 => {
            Ok(Found::Value(Shape { version, size, chunk }))
        }
        _ => Err(Fault::odd(&answer)),
    }
}

async fn read_by_lanes(
    store: &Arc<Store>,
    at: &Address,
    ranges: &[Range<usize>],
    sink: &Arc<dyn Sink>,
) -> Result<Read, Fault> {
    let Some(shape) = look(store, at, store.deadline(0)).await? else { return Ok(Read::Nothing) };
    fetch((store, at), ranges, &shape, None, sink).await?;
    let Some(again) = look(store, at, store.deadline(0)).await? else { return Ok(Read::Nothing) };
    Ok(if again.version == shape.version { Read::All(shape.stat()) } else { Read::Torn })
}

/// What the value is now; what is under way is done before.
async fn look(store: &Store, at: &Address, deadline: Instant) -> Result<Option<Shape>, Fault> {
    let args = Args::new().number(0).number(0).number(1_u64 << 52);
    let reply = store.ask_address(&store.scripts.read, at, &args, deadline).await?;
    if reply.word() == b"none" { Ok(None) } else { Shape::of(&reply).map(Some) }
}

async fn read_pinned(
    store: &Arc<Store>,
    at: &Address,
    ranges: &[Range<usize>],
    sink: &Arc<dyn Sink>,
) -> Result<Option<Stat>, Fault> {
    let pin = format!("{:016x}", store.nonce());
    let args = Args::new().text(pin.clone());
    let deadline = store.deadline(0);
    let shape = loop {
        let reply = store.ask_address(&store.scripts.pin, at, &args, deadline).await?;
        match reply.word() {
            b"none" => return Ok(None),
            b"busy" if Instant::now() < deadline => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            b"large" => break Shape::of(&reply)?,
            _ => return Err(Fault::odd(&reply)),
        }
    };
    let fetched = fetch((store, at), ranges, &shape, Some(&pin), sink).await;
    let args = args.number(shape.size.div_ceil(shape.chunk));
    // It ends by itself too.
    let _ = store.ask_address(&store.scripts.unpin, at, &args, store.deadline(0)).await;
    fetched.map(|()| Some(shape.stat()))
}

/// Fetches all pieces by requests of the client's crate.
async fn fetch(
    (store, at): (&Arc<Store>, &Address),
    ranges: &[Range<usize>],
    shape: &Shape,
    pin: Option<&str>,
    sink: &Arc<dyn Sink>,
) -> Result<(), Fault> {
    sink.begin(shape.stat()).map_err(Fault::bytes)?;
    let pieces = shape.pieces(ranges, REQUEST);
    let deadline = store.deadline(pieces.iter().map(|piece| piece.within.len()).sum());
    let stem = store.stem(at);
    let mut tasks = JoinSet::new();
    let fetched = async {
        for pieces in requests(pieces, |piece| piece.within.len()) {
            let permit = Arc::clone(&store.bulk_permits).acquire_owned().await;
            while let Some(done) = tasks.try_join_next() {
                joined(done)?;
            }
            let (store, stem, pin) = (Arc::clone(store), stem.clone(), pin.map(str::to_owned));
            let sink = Arc::clone(sink);
            tasks.spawn(async move {
                let _permit = permit;
                let parts = fetch_pieces(&store, &stem, &pieces, pin.as_deref(), deadline).await?;
                pieces.iter().zip(parts).try_for_each(|(piece, part)| place(&*sink, piece, &part))
            });
        }
        while let Some(done) = tasks.join_next().await {
            joined(done)?;
        }
        Ok(())
    };
    let fetched = fetched.await;
    // None may write to the sink when this has failed.
    tasks.shutdown().await;
    fetched
}

fn joined(done: Result<Result<(), Fault>, tokio::task::JoinError>) -> Result<(), Fault> {
    done.map_err(|error| Fault::odd(&error))?
}

fn place(sink: &dyn Sink, piece: &Piece, part: &[u8]) -> Result<(), Fault> {
    if part.len() > piece.within.len() {
        return Err(Fault::odd(&"more bytes than were asked for"));
    }
    sink.write(piece.offset, part).map_err(Fault::bytes)?;
    // A chunk ends where nothing was written yet: zeroes are behind it.
    zero(sink, piece.offset + part.len()..piece.offset + piece.within.len())
}

async fn fetch_pieces(
    store: &Store,
    stem: &str,
    pieces: &[Piece],
    pin: Option<&str>,
    deadline: Instant,
) -> Result<Vec<Vec<u8>>, Fault> {
    let lane = store.bulk_lane();
    let last = |piece: &Piece| piece.within.end - 1;
    if let Some(pin) = pin {
        let args = pieces.iter().fold(Args::new().text(pin), |args, piece| {
            args.number(piece.chunk).number(piece.within.start).number(last(piece))
        });
        let key = format!("{stem}m");
        let script = (&store.scripts.pinned, key.as_str());
        let reply = store.ask(Via::Lane(lane), script, &args, deadline).await?;
        return if reply.word() == b"ok" { reply.strings(1) } else { Err(Fault::odd(&reply)) };
    }
    let mut pipeline = Pipeline::with_capacity(pieces.len());
    for piece in pieces {
        let key = format!("{stem}c{}", piece.chunk);
        pipeline.cmd("GETRANGE").arg(key).arg(piece.within.start).arg(last(piece));
    }
    let parts = send(store, lane, &pipeline, deadline).await?;
    parts.into_iter().map(string).collect()
}

async fn send(
    store: &Store,
    lane: &Lane,
    pipeline: &Pipeline,
    deadline: Instant,
) -> Result<Vec<Value>, Fault> {
    store.insist(Via::Lane(lane), &Request::Pipeline(pipeline), deadline).await
}

/// What one part of a write becomes, and of which bytes of the value it is made.
#[derive(Clone)]
struct Part {
    becomes: String,
    /// The chunk that it is as a whole.
    chunk: Option<usize>,
    /// Whether there is memory at the server for it to be written into.
    borrowed: bool,
    from: Vec<Range<usize>>,
}

impl Part {
    fn new(becomes: String, from: Range<usize>) -> Self {
        Self { becomes, chunk: None, borrowed: false, from: vec![from] }
    }

    fn len(&self) -> usize {
        self.from.iter().map(Range::len).sum()
    }
}

/// The parts of a patch: chunks that are new as a whole, and pieces of the others.
pub(super) fn patch_parts(runs: &[Range<usize>], size: Option<usize>, chunk: usize) -> Parts {
    let mut parts: Vec<(usize, Part)> = Vec::new();
    for piece in pieces(runs.iter().cloned(), chunk, chunk) {
        let from = piece.offset..piece.offset + piece.within.len();
        let end = size.map_or(chunk, |size| chunk.min(size - piece.chunk * chunk));
        if piece.within == (0..end) {
            let chunk = (piece.within.len() == chunk).then_some(piece.chunk);
            let part = Part::new(format!("w {}", piece.chunk), from);
            parts.push((piece.chunk, Part { chunk, ..part }));
            continue;
        }
        let place = format!(" {} {}", piece.within.start, piece.within.len());
        match parts.last_mut() {
            Some((chunk, part)) if *chunk == piece.chunk => {
                part.becomes += &place;
                part.from.push(from);
            }
            _ => {
                let becomes = format!("p {}{place}", piece.chunk);
                parts.push((piece.chunk, Part::new(becomes, from)));
            }
        }
    }
    Parts(parts.into_iter().map(|(_, part)| part).collect())
}

/// The parts of numbers that are merged from `offset` on.
pub(super) fn merge_parts(offset: usize, len: usize) -> Parts {
    /// A multiple of each width; merging it takes the server some milliseconds.
    const MERGED: usize = 64 << 10;
    let part =
        |from: usize| Part::new(format!("m {from}"), from..(offset + len).min(from + MERGED));
    Parts((offset..offset + len).step_by(MERGED).map(part).collect())
}

/// What a large write consists of.
pub(super) struct Parts(Vec<Part>);

impl Parts {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What each becomes.
    pub(super) fn becomes(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|part| part.becomes.clone())
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(Part::len).sum()
    }
}

/// What came of a commit, if it was sent.
pub(super) type Committed = Option<Result<Vec<Value>, Fault>>;

/// Puts the parts of a write down, under its name. If the commit was sent with them, what came of that.
pub(super) async fn stage(
    (store, at): (&Arc<Store>, &Address),
    write: &str,
    (parts, source, with_plan): (&Parts, &Arc<dyn Source>, bool),
    commit: Option<(&Change<'_>, &Args<'_>)>,
    deadline: Instant,
) -> Result<Committed, GlobalError> {
    let asked = parts.bytes();
    let staged = format!("{}s{write}", store.stem(at));
    let capacity = store.capacity.load(Ordering::Relaxed);
    let has_whole = parts.0.iter().any(|part| part.chunk.is_some());
    let parts = if asked >= BORROWED && has_whole {
        borrow(store, at, write, parts.0.clone(), deadline).await
    } else {
        Ok(parts.0.clone())
    };
    let done = match parts {
        Ok(parts) => put_down(store, (&staged, with_plan), parts, source, commit, deadline).await,
        Err(fault) => Err(fault),
    };
    // Nothing of the value itself was changed yet.
    done.map_err(|fault| Fault { unsure: false, ..fault }.of_change(false, asked, capacity))
}

/// Finds memory at the server for parts that are whole chunks: pages that it has already are written faster than new ones.
async fn borrow(
    store: &Store,
    at: &Address,
    write: &str,
    mut parts: Vec<Part>,
    deadline: Instant,
) -> Result<Vec<Part>, Fault> {
    let mut args = Args::new().text(write).number(STAGED_MILLIS);
    for (n, part) in parts.iter().enumerate() {
        if let Some(chunk) = part.chunk {
            args = args.number(chunk).number(n);
        }
    }
    let reply = store.ask_address(&store.scripts.borrow, at, &args, deadline).await?;
    for n in reply.strings(1)? {
        let n = std::str::from_utf8(&n).ok().and_then(|n| n.parse::<usize>().ok());
        if let Some(part) = n.and_then(|n| parts.get_mut(n)) {
            part.borrowed = true;
        }
    }
    Ok(parts)
}

async fn put_down(
    store: &Arc<Store>,
    (staged, with_plan): (&str, bool),
    parts: Vec<Part>,
    source: &Arc<dyn Source>,
    commit: Option<(&Change<'_>, &Args<'_>)>,
    deadline: Instant,
) -> Result<Committed, Fault> {
    let mut pause = Pause::default();
    // A part that was borrowed and not written would be taken for the value's, whatever it has.
    let commit = commit.filter(|_| parts.iter().all(|part| !part.borrowed));
    let numbered: Vec<_> = parts.into_iter().enumerate().collect();
    loop {
        let tried = match store.lease().await {
            Ok(Some(lease)) => {
                let staged = (staged, with_plan);
                let putting = put_directly(store, lease, staged, &numbered, source, commit);
                let late = Fault::timeout(store.settings.timeout, true);
                match timeout_at(deadline, putting).await {
                    Ok(done) => done,
                    Err(_) if commit.is_some() => Ok(Some(Err(late))),
                    Err(_) => Err(late),
                }
            }
            Ok(None) => break,
            Err(fault) => Err(fault),
        };
        match tried {
            Ok(committed) => return Ok(committed),
            Err(fault) if fault.again && pause.wait(deadline).await => {}
            Err(fault) => return Err(fault),
        }
    }
    put_down_by_lanes(store, (staged, with_plan), numbered, source, deadline).await.map(|()| None)
}

async fn put_directly(
    store: &Store,
    mut lease: Lease<'_>,
    (staged, with_plan): (&str, bool),
    parts: &[(usize, Part)],
    source: &Arc<dyn Source>,
    commit: Option<(&Change<'_>, &Args<'_>)>,
) -> Result<Committed, Fault> {
    let direct = &mut lease.direct;
    let mut open = if with_plan { plan(direct, staged, parts) } else { 0 };
    let bytes = parts.iter().map(|(_, part)| part.len()).sum();
    let each = parts.len().div_ceil(store.ways(bytes, WRITTEN_EACH)).max(1);
    let (here, elsewhere) = parts.split_at(each.min(parts.len()));
    let others = elsewhere.chunks(each).map(|parts| async move {
        let mut lease = store.directs.another(&store.link).await?;
        let mut open = 0;
        store.noticed(put_parts(&mut lease.direct, staged, parts, source, &mut open).await)?;
        store.noticed(accepted(&mut lease.direct, &mut open, 0).await)?;
        store.directs.give_back(lease);
        Ok(())
    });
    let done =
        tokio::try_join!(put_parts(direct, staged, here, source, &mut open), try_join_all(others));
    store.noticed(done)?;
    let Some((change, args)) = commit else {
        store.noticed(accepted(direct, &mut open, 0).await)?;
        store.directs.give_back(lease);
        return Ok(None);
    };
    let args = store.head(change.place, false, change.when).and(args);
    direct.script(change.script, &change.key, &args);
    // From here on it may happen.
    let refused = settled(direct, &mut open, 0).await;
    let answers = match (refused, direct.answer().await) {
        (Ok(refused), Ok(answer)) => Ok((refused, answer)),
        (Err(fault), _) | (_, Err(fault)) => Err(fault),
    };
    let (refused, answer) = match answers {
        Ok(answers) => answers,
        Err(fault) => {
            store.directs.broke();
            return Ok(Some(Err(Fault { unsure: true, ..fault })));
        }
    };
    store.directs.give_back(lease);
    match (answer.extract_error(), refused) {
        // It is sent again, as text.
        (Err(error), None) if is_unknown(&error) => Ok(None),
        (Ok(answer), None) => Ok(Some(Ok(vec![answer]))),
        // All parts are there all the same, from an earlier try.
        (Ok(answer), Some(_)) if !is_lost(&answer) => Ok(Some(Ok(vec![answer]))),
        (_, Some(refused)) => store.noticed(Err(Fault::answered(&refused))),
        (Err(error), None) => Ok(Some(Err(Fault::answered(&error)))),
    }
}

/// Whether a commit found that parts are not there.
fn is_lost(answer: &Value) -> bool {
    let Value::Array(parts) = answer else { return false };
    matches!(parts.first(), Some(Value::BulkString(word)) if word == b"lost")
}

/// Says what the write consists of; how many answers that has.
fn plan(direct: &mut Direct, staged: &str, parts: &[(usize, Part)]) -> usize {
    let count = parts.len().to_string();
    // A write of no parts has a plan too.
    direct.command(&[b"HSET", staged.as_bytes(), b"parts", count.as_bytes()]);
    let mut answers = 1;
    for some in parts.chunks(512) {
        direct.begin(2 + 2 * some.len());
        direct.word(b"HSET");
        direct.word(staged.as_bytes());
        for (n, part) in some {
            direct.word(n.to_string().as_bytes());
            direct.word(part.becomes.as_bytes());
        }
        answers += 1;
    }
    direct.command(&[b"PEXPIRE", staged.as_bytes(), STAGED_MILLIS.to_string().as_bytes()]);
    answers + 1
}

async fn put_parts(
    direct: &mut Direct,
    staged: &str,
    parts: &[(usize, Part)],
    source: &Arc<dyn Source>,
    open: &mut usize,
) -> Result<(), Fault> {
    let millis = STAGED_MILLIS.to_string();
    for (n, part) in parts {
        let name = format!("{staged}:{n}");
        match part.from.as_slice() {
            [from] if part.borrowed => {
                for start in (from.start..from.end).step_by(MOVED) {
                    direct.begin(4);
                    direct.word(b"SETRANGE");
                    direct.word(name.as_bytes());
                    direct.word((start - from.start).to_string().as_bytes());
                    let moved = start..from.end.min(start + MOVED);
                    direct.word_of(&**source, std::slice::from_ref(&moved)).await?;
                    *open += 1;
                }
                // Should it come late, when there is no such part any more, it ends by itself too.
                direct.command(&[b"PEXPIRE", name.as_bytes(), millis.as_bytes()]);
            }
            from => {
                direct.begin(5);
                direct.word(b"SET");
                direct.word(name.as_bytes());
                direct.word_of(&**source, from).await?;
                direct.word(b"PX");
                direct.word(millis.as_bytes());
            }
        }
        *open += 1;
        if *open > OPEN {
            accepted(direct, open, OPEN).await?;
        }
    }
    Ok(())
}

/// The same, where nothing is sent any more if one was refused.
async fn accepted(direct: &mut Direct, open: &mut usize, left: usize) -> Result<(), Fault> {
    let refused = settled(direct, open, left).await?;
    refused.map_or(Ok(()), |error| Err(Fault { broken: true, ..Fault::answered(&error) }))
}

/// Takes answers of writing commands until at most `left` are to come; if one says that it was refused, all of them.
async fn settled(
    direct: &mut Direct,
    open: &mut usize,
    left: usize,
) -> Result<Option<RedisError>, Fault> {
    let mut refused = None;
    while *open > if refused.is_some() { 0 } else { left } {
        let answer = direct.answer().await?;
        *open -= 1;
        if let Err(error) = answer.extract_error() {
            refused.get_or_insert(error);
        }
    }
    Ok(refused)
}

async fn put_down_by_lanes(
    store: &Arc<Store>,
    (staged, with_plan): (&str, bool),
    numbered: Vec<(usize, Part)>,
    source: &Arc<dyn Source>,
    deadline: Instant,
) -> Result<(), Fault> {
    let mut plan = Pipeline::new();
    // A write of no parts has a plan too.
    plan.cmd("HSET").arg(staged).arg("parts").arg(numbered.len());
    for some in numbered.chunks(512) {
        let mut fields = ::redis::cmd("HSET");
        fields.arg(staged);
        for (n, part) in some {
            fields.arg(n).arg(&part.becomes);
        }
        plan.add_command(fields);
    }
    plan.cmd("PEXPIRE").arg(staged).arg(STAGED_MILLIS);
    if with_plan {
        send(store, store.bulk_lane(), &plan, deadline).await?;
    }
    let mut tasks = JoinSet::new();
    for parts in requests(numbered, |(_, part)| part.len()) {
        let permit = Arc::clone(&store.bulk_permits).acquire_owned().await;
        while let Some(done) = tasks.try_join_next() {
            done.map_err(|error| Fault::odd(&error))??;
        }
        let (store, staged, source) = (Arc::clone(store), staged.to_owned(), Arc::clone(source));
        tasks.spawn(async move {
            let _permit = permit;
            let pipeline = commands(&staged, &parts, &*source)?;
            send(&store, store.bulk_lane(), &pipeline, deadline).await.map(drop)
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| Fault::odd(&error))??;
    }
    Ok(())
}

fn commands(staged: &str, parts: &[(usize, Part)], source: &dyn Source) -> Result<Pipeline, Fault> {
    let mut pipeline = Pipeline::with_capacity(parts.len());
    for (n, part) in parts {
        let mut bytes = vec![0; part.len()];
        let mut rest = bytes.as_mut_slice();
        for from in &part.from {
            let (some, after) = rest.split_at_mut(from.len());
            source.read(from.start, some).map_err(Fault::bytes)?;
            rest = after;
        }
        let mut set = Cmd::with_capacity(5, part.len() + staged.len() + 64);
        let name = format!("{staged}:{n}");
        if part.borrowed {
            set.arg("SETRANGE").arg(&name).arg(0).arg(bytes);
            pipeline.add_command(set);
            // Should it come late, when there is no such part any more, it ends by itself too.
            pipeline.cmd("PEXPIRE").arg(name).arg(STAGED_MILLIS);
        } else {
            set.arg("SET").arg(&name).arg(bytes).arg("PX").arg(STAGED_MILLIS);
            pipeline.add_command(set);
        }
    }
    Ok(pipeline)
}

/// Removes what a write that was refused put down.
pub(super) async fn unstage(store: &Store, at: &Address, write: &str, parts: usize) {
    let staged = format!("{}s{write}", store.stem(at));
    let deadline = store.deadline(0);
    let names: Vec<_> =
        (0..parts).map(|n| format!("{staged}:{n}")).chain([staged.clone()]).collect();
    for names in names.chunks(COMMANDS) {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("UNLINK").arg(names);
        // They end by themselves too.
        let _ = send(store, store.bulk_lane(), &pipeline, deadline).await;
    }
}

/// What numbers were merged to, from the parts of the write that merged them.
pub(super) async fn merged(
    store: &Store,
    at: &Address,
    write: &str,
    parts: usize,
    deadline: Instant,
) -> Result<Vec<u8>, Fault> {
    let staged = format!("{}s{write}", store.stem(at));
    let mut merged = Vec::new();
    let names: Vec<_> = (0..parts).map(|n| format!("{staged}:{n}")).collect();
    for names in names.chunks(16) {
        let mut pipeline = Pipeline::new();
        for name in names {
            pipeline.cmd("GET").arg(name);
        }
        for part in send(store, store.bulk_lane(), &pipeline, deadline).await? {
            merged.extend(string(part)?);
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_where_chunks_end() {
        let shown = |found: Vec<Piece>| -> Vec<_> {
            found.into_iter().map(|piece| (piece.chunk, piece.within, piece.offset)).collect()
        };
        assert_eq!(
            shown(pieces([3..5, 7..25], 8, 8)),
            [(0, 3..5, 3), (0, 7..8, 7), (1, 0..8, 8), (2, 0..8, 16), (3, 0..1, 24)]
        );
        assert_eq!(shown(pieces([6..13], 8, 4)), [(0, 6..8, 6), (1, 0..4, 8), (1, 4..5, 12)]);
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one range is what is meant")]
    fn a_patch_has_whole_chunks_and_pieces() {
        let shown = |parts: Parts| -> Vec<_> {
            parts.0.into_iter().map(|part| (part.becomes, part.from)).collect()
        };
        assert_eq!(
            shown(patch_parts(&[3..5, 7..17], None, 8)),
            [
                ("p 0 3 2 7 1".to_owned(), vec![3..5, 7..8]),
                ("w 1".to_owned(), vec![8..16]),
                ("p 2 0 1".to_owned(), vec![16..17]),
            ]
        );
        assert_eq!(
            shown(patch_parts(&[0..9], Some(9), 8)),
            [("w 0".to_owned(), vec![0..8]), ("w 1".to_owned(), vec![8..9]),]
        );
        assert_eq!(merge_parts(5, 65_537).len(), 2);
        assert_eq!(merge_parts(5, 0).len(), 0);
    }

    #[test]
    fn requests_are_bounded() {
        let all = requests(vec![REQUEST; 3], |len| *len);
        assert_eq!(all.len(), 3);
        let all = requests(vec![1_usize; COMMANDS + 1], |len| *len);
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [COMMANDS, 1]);
    }
}
