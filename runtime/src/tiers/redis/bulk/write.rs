//! Writing the bytes of a value.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::redis::{Cmd, Pipeline, RedisError, Value};
use faasm_state::{Address, GlobalError, Source};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{COMMANDS, MOVED, pieces, requests, send};
use crate::tiers::redis::direct::{Direct, Lease};
use crate::tiers::redis::error::Fault;
use crate::tiers::redis::script::{Args, string};
use crate::tiers::redis::store::{Change, Pause, Store, is_unknown};

/// How many answers of writing commands are waited for at a time.
const OPEN: usize = 64;

/// How much is written over one: a server reads from one after the other, and keeps what it reads in the nearest cache.
const WRITTEN_EACH: usize = 512 << 20;

/// From which size on chunks are written into memory that the server has: below, what it gets anew is what it just freed.
pub(in crate::tiers::redis) const BORROWED: usize = 4 << 20;

/// How long parts stay that nobody needs: longer than any write takes.
const STAGED_MILLIS: usize = 3_600_000;

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
pub(in crate::tiers::redis) fn patch_parts(
    runs: &[Range<usize>],
    size: Option<usize>,
    chunk: usize,
) -> Parts {
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
pub(in crate::tiers::redis) fn merge_parts(offset: usize, len: usize) -> Parts {
    /// A multiple of each width; merging it takes the server some milliseconds.
    const MERGED: usize = 64 << 10;
    let part =
        |from: usize| Part::new(format!("m {from}"), from..(offset + len).min(from + MERGED));
    Parts((offset..offset + len).step_by(MERGED).map(part).collect())
}

/// What a large write consists of.
pub(in crate::tiers::redis) struct Parts(Vec<Part>);

impl Parts {
    pub(in crate::tiers::redis) fn len(&self) -> usize {
        self.0.len()
    }

    /// What each becomes.
    pub(in crate::tiers::redis) fn becomes(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|part| part.becomes.clone())
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(Part::len).sum()
    }
}

/// What came of a commit, if it was sent.
pub(in crate::tiers::redis) type Committed = Option<Result<Vec<Value>, Fault>>;

/// Puts the parts of a write down, under its name. If the commit was sent with them, what came of that.
pub(in crate::tiers::redis) async fn stage(
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
        Ok(parts) => {
            // A part that was borrowed and not written would be taken for the value's, whatever it has.
            let commit = commit.filter(|_| parts.iter().all(|part| !part.borrowed));
            let parts: Vec<_> = parts.into_iter().enumerate().collect();
            let (staged, parts) = (staged.as_str(), parts.as_slice());
            Putting { store, staged, with_plan, parts, source, commit }.run(deadline).await
        }
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

/// Parts that are put down under a write's name.
struct Putting<'a> {
    store: &'a Arc<Store>,
    staged: &'a str,
    /// Whether it is noted what becomes of them.
    with_plan: bool,
    /// By their numbers.
    parts: &'a [(usize, Part)],
    source: &'a Arc<dyn Source>,
    /// What is sent behind them.
    commit: Option<(&'a Change<'a>, &'a Args<'a>)>,
}

impl Putting<'_> {
    async fn run(&self, deadline: Instant) -> Result<Committed, Fault> {
        let mut pause = Pause::default();
        loop {
            let tried = match self.store.lease().await {
                Ok(Some(lease)) => {
                    let late = Fault::timeout(self.store.settings.timeout, true);
                    match timeout_at(deadline, self.directly(lease)).await {
                        Ok(done) => done,
                        Err(_) if self.commit.is_some() => Ok(Some(Err(late))),
                        Err(_) => Err(late),
                    }
                }
                Ok(None) => return self.by_lanes(deadline).await.map(|()| None),
                Err(fault) => Err(fault),
            };
            match tried {
                Ok(committed) => return Ok(committed),
                Err(fault) if fault.again && pause.wait(deadline).await => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn directly(&self, mut lease: Lease<'_>) -> Result<Committed, Fault> {
        let Self { store, staged, parts, source, .. } = *self;
        let direct = &mut lease.direct;
        let mut open = if self.with_plan { plan(direct, staged, parts) } else { 0 };
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
        let done = tokio::try_join!(
            put_parts(direct, staged, here, source, &mut open),
            try_join_all(others)
        );
        store.noticed(done)?;
        let Some((change, args)) = self.commit else {
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

    async fn by_lanes(&self, deadline: Instant) -> Result<(), Fault> {
        let Self { store, staged, parts, source, .. } = *self;
        let mut plan = Pipeline::new();
        // A write of no parts has a plan too.
        plan.cmd("HSET").arg(staged).arg("parts").arg(parts.len());
        for some in parts.chunks(512) {
            let mut fields = ::redis::cmd("HSET");
            fields.arg(staged);
            for (n, part) in some {
                fields.arg(n).arg(&part.becomes);
            }
            plan.add_command(fields);
        }
        plan.cmd("PEXPIRE").arg(staged).arg(STAGED_MILLIS);
        if self.with_plan {
            send(store, store.bulk_lane(), &plan, deadline).await?;
        }
        let mut tasks = JoinSet::new();
        for parts in requests(parts.to_vec(), |(_, part)| part.len()) {
            let permit = Arc::clone(&store.bulk_permits).acquire_owned().await;
            while let Some(done) = tasks.try_join_next() {
                done.map_err(|error| Fault::odd(&error))??;
            }
            let (store, staged, source) =
                (Arc::clone(store), staged.to_owned(), Arc::clone(source));
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
pub(in crate::tiers::redis) async fn unstage(
    store: &Store,
    at: &Address,
    write: &str,
    parts: usize,
) {
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
pub(in crate::tiers::redis) async fn merged(
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
}
