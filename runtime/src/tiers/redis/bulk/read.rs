//! Reading the bytes of a value.

use std::ops::Range;
use std::sync::Arc;

use ::redis::{Pipeline, Value};
use faasm_state::{Address, Sink, Stat, Version};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{MOVED, Piece, REQUEST, pieces, requests, send};
use crate::tiers::redis::CHUNK;
use crate::tiers::redis::direct::{Direct, Lease, zero};
use crate::tiers::redis::error::Fault;
use crate::tiers::redis::script::{Args, Reply, string};
use crate::tiers::redis::store::{Pause, Store, Via};

/// How much is asked for over one at a time.
const WINDOW: usize = 4 << 20;

/// How much is read over a connection of our own until there is another one: a server that fills one meanwhile waits for it
/// less.
const READ_EACH: usize = 128 << 20;

/// How often a read is begun anew before it sets a pin.
const TRIES: usize = 2;

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
pub(in crate::tiers::redis) async fn read(
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
