//! Values that are too large for one command.
//!
//! # Protocol
//!
//! Reading: the chunks travel in many small requests over all connections, and before and after them the version is
//! looked at. Is it another one, once more. Is it another one again, because somebody writes all the time, the reader sets
//! a pin: from then on whoever writes keeps each chunk as it was for the reader.
//!
//! Writing: the parts are put down under names of this write's own, which end by themselves if nobody needs them. One
//! script then looks at the conditions, gives the value its new version, and says which parts are to become what; that is
//! the moment in which it is written. The parts are put into their places in small steps, by the writer, or by whoever
//! uses the value next.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::redis::{Cmd, Pipeline};
use faasm_state::{Address, Fetched, GlobalError, Patch, Version};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::error::Fault;
use super::link::Lane;
use super::script::{Args, Reply, string};
use super::store::{Request, Store, Via};

/// How much one request moves.
const REQUEST: usize = 1 << 20;

/// How many commands one request has.
const COMMANDS: usize = 256;

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
    /// Where in the buffer that is read or written.
    at: usize,
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
}

/// The pieces of runs, which lie one after the other in the buffer.
fn pieces(runs: &[Range<usize>], chunk: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for run in runs {
        let mut from = run.start;
        while from < run.end {
            let to = run.end.min((from / chunk + 1) * chunk);
            let start = from % chunk;
            pieces.push(Piece { chunk: from / chunk, within: start..start + to - from, at });
            at += to - from;
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
    /// The next of the connections for large values.
    fn bulk_lane(&self) -> &Lane {
        let next = self.next_bulk.fetch_add(1, Ordering::Relaxed);
        &self.bulk[next % self.bulk.len()]
    }
}

/// Reads ranges that are ascending and apart, when the script that reads small ones said that they are large.
pub(super) async fn read(
    store: &Arc<Store>,
    at: &Address,
    ranges: &[Range<usize>],
    first: Reply,
) -> Result<Option<Fetched>, Fault> {
    let mut shape = Shape::of(&first)?;
    let bytes = ranges.iter().map(|range| range.len().min(shape.size)).sum();
    let deadline = store.deadline(bytes);
    for _ in 0..TRIES {
        let fetched = fetch((store, at), ranges, &shape, None, deadline).await?;
        let Some(again) = look(store, at, deadline).await? else {
            return Ok(None);
        };
        if again.version == shape.version {
            return Ok(Some(fetched));
        }
        shape = again;
    }
    read_pinned(store, at, ranges, deadline).await
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
    deadline: Instant,
) -> Result<Option<Fetched>, Fault> {
    let pin = format!("{:016x}", store.nonce());
    let args = Args::new().text(pin.clone());
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
    let fetched = fetch((store, at), ranges, &shape, Some(&pin), deadline).await;
    let args = args.number(shape.size.div_ceil(shape.chunk));
    // It ends by itself too.
    let _ = store.ask_address(&store.scripts.unpin, at, &args, deadline).await;
    fetched.map(Some)
}

async fn fetch(
    (store, at): (&Arc<Store>, &Address),
    ranges: &[Range<usize>],
    shape: &Shape,
    pin: Option<&str>,
    deadline: Instant,
) -> Result<Fetched, Fault> {
    let clipped = ranges.iter().map(|range| range.start..range.end.min(shape.size));
    let runs: Vec<_> = clipped.filter(|run| !run.is_empty()).collect();
    let mut bytes = vec![0; runs.iter().map(Range::len).sum()];
    let stem = store.stem(at);
    let mut tasks = JoinSet::new();
    let mut collect = |done: Result<Result<_, Fault>, _>| -> Result<(), Fault> {
        let (pieces, parts): (Vec<Piece>, Vec<Vec<u8>>) =
            done.map_err(|error: tokio::task::JoinError| Fault::odd(&error))??;
        for (piece, part) in pieces.iter().zip(parts) {
            // A chunk ends where nothing was written yet: zeroes are behind it.
            bytes
                .get_mut(piece.at..piece.at + part.len())
                .filter(|_| part.len() <= piece.within.len())
                .ok_or_else(|| Fault::odd(&"more bytes than were asked for"))?
                .copy_from_slice(&part);
        }
        Ok(())
    };
    for pieces in requests(pieces(&runs, shape.chunk), |piece| piece.within.len()) {
        let permit = Arc::clone(&store.bulk_permits).acquire_owned().await;
        while let Some(done) = tasks.try_join_next() {
            collect(done)?;
        }
        let (store, stem, pin) = (Arc::clone(store), stem.clone(), pin.map(str::to_owned));
        tasks.spawn(async move {
            let _permit = permit;
            let parts = fetch_pieces(&store, &stem, &pieces, pin.as_deref(), deadline).await?;
            Ok((pieces, parts))
        });
    }
    while let Some(done) = tasks.join_next().await {
        collect(done)?;
    }
    let patch = Patch::from_bytes(shape.size, runs, bytes);
    let patch = patch.ok_or_else(|| Fault::odd(&"ranges that are not ascending"))?;
    Ok(Fetched { version: Version(shape.version), patch })
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
) -> Result<Vec<::redis::Value>, Fault> {
    store.insist(Via::Lane(lane), &Request::Pipeline(pipeline), deadline).await
}

/// What one part of a write becomes, and of which bytes of the buffer it is made.
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
    for piece in pieces(runs, chunk) {
        let from = piece.at..piece.at + piece.within.len();
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
        |from: usize| Part::new(format!("m {}", offset + from), from..len.min(from + MERGED));
    Parts((0..len).step_by(MERGED).map(part).collect())
}

/// What a large write consists of.
pub(super) struct Parts(Vec<Part>);

impl Parts {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Puts the parts of a write down, under its name.
pub(super) async fn stage(
    store: &Arc<Store>,
    at: &Address,
    write: &str,
    (parts, bytes): (Parts, &Arc<Vec<u8>>),
    deadline: Instant,
) -> Result<(), GlobalError> {
    let asked = bytes.len();
    let staged = format!("{}s{write}", store.stem(at));
    let capacity = store.capacity.load(Ordering::Relaxed);
    let done = match borrow(store, at, write, parts.0, deadline).await {
        Ok(parts) => put_down(store, &staged, parts, bytes, deadline).await,
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
    staged: &str,
    parts: Vec<Part>,
    bytes: &Arc<Vec<u8>>,
    deadline: Instant,
) -> Result<(), Fault> {
    let mut plan = Pipeline::new();
    // A write of no parts has a plan too.
    plan.cmd("HSET").arg(staged).arg("parts").arg(parts.len());
    let numbered: Vec<_> = parts.into_iter().enumerate().collect();
    for some in numbered.chunks(512) {
        let mut fields = ::redis::cmd("HSET");
        fields.arg(staged);
        for (n, part) in some {
            fields.arg(n).arg(&part.becomes);
        }
        plan.add_command(fields);
    }
    plan.cmd("PEXPIRE").arg(staged).arg(STAGED_MILLIS);
    send(store, store.bulk_lane(), &plan, deadline).await?;
    let mut tasks = JoinSet::new();
    for parts in requests(numbered, |(_, part)| part.len()) {
        let permit = Arc::clone(&store.bulk_permits).acquire_owned().await;
        while let Some(done) = tasks.try_join_next() {
            done.map_err(|error| Fault::odd(&error))??;
        }
        let (store, staged, bytes) = (Arc::clone(store), staged.to_owned(), Arc::clone(bytes));
        tasks.spawn(async move {
            let _permit = permit;
            let pipeline = commands(&staged, &parts, &bytes);
            send(&store, store.bulk_lane(), &pipeline, deadline).await.map(drop)
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| Fault::odd(&error))??;
    }
    Ok(())
}

fn commands(staged: &str, parts: &[(usize, Part)], bytes: &[u8]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(parts.len());
    for (n, part) in parts {
        let mut set = Cmd::with_capacity(5, part.len() + staged.len() + 64);
        let name = format!("{staged}:{n}");
        if part.borrowed {
            set.arg("SETRANGE").arg(&name).arg(0);
        } else {
            set.arg("SET").arg(&name);
        }
        match part.from.as_slice() {
            [one] => set.arg(&bytes[one.clone()]),
            many => set.arg(
                many.iter().flat_map(|from| &bytes[from.clone()]).copied().collect::<Vec<u8>>(),
            ),
        };
        if part.borrowed {
            pipeline.add_command(set);
            // Should it come late, when there is no such part any more, it ends by itself too.
            pipeline.cmd("PEXPIRE").arg(name).arg(STAGED_MILLIS);
        } else {
            set.arg("PX").arg(STAGED_MILLIS);
            pipeline.add_command(set);
        }
    }
    pipeline
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
        let found = pieces(&[3..5, 7..25], 8);
        let shown: Vec<_> =
            found.iter().map(|piece| (piece.chunk, piece.within.clone(), piece.at)).collect();
        assert_eq!(shown, [(0, 3..5, 0), (0, 7..8, 2), (1, 0..8, 3), (2, 0..8, 11), (3, 0..1, 19)]);
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
                ("p 0 3 2 7 1".to_owned(), vec![0..2, 2..3]),
                ("w 1".to_owned(), vec![3..11]),
                ("p 2 0 1".to_owned(), vec![11..12]),
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
