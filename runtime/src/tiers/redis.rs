//! The global tier in a Redis or Valkey server: standalone, behind sentinels, or a cluster.
//!
//! What scripts do at the server is in `scripts/`, where `address.lua` says how an address is kept; how they are had done
//! is in [`store`]; what is too large for one of them in [`bulk`]; how waiting calls learn of changes in [`notices`].
//!
//! # Invariants
//!
//! 1. Everything that an operation sees or changes of an address, one script sees or changes, at one node. A large value
//!    is read in many requests and one version, and is written at the moment in which one script says so.
//! 2. A version is the server's time in microseconds, or one more than the last if that is not later; so is an epoch of a
//!    lock. The last version stays a day after deletion. They grow over failovers and restarts as far as the servers'
//!    clocks agree to within a day.
//! 3. Leases end by the server's clock.
//! 4. No command that blocks goes over a connection that others use.
//! 5. A write is acknowledged when it is as durable as was asked; what is not known by the deadline is
//!    [`GlobalError::Unknown`].
//! 6. An address that has something is in its namespace's index. The index is at a node of its own, so the address is
//!    put there before; it is taken out when there has been nothing for a while.

mod begin;
mod bulk;
mod check;
mod direct;
mod error;
mod link;
mod listing;
mod names;
mod notices;
mod script;
mod settings;
mod socket;
mod store;
mod waiting;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use faasm_sfi::pending::pending;
use faasm_state::{
    Address, Combine, Condition, Copied, Entry, Fetched, Gathered, GlobalError, GlobalOp,
    GlobalTier, Key, Merge, MergeError, Merged, Mode, Number, Outgoing, Patch, Sink, Source, Stat,
    Token, Version, Wait, Written,
};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use self::check::{Finding, RedisOpenError, Report, Severity};
pub use self::error::StoreError;
pub use self::settings::{Durability, RedisSettings, UrlError};

use self::begin::Nearness;
use self::error::Fault;
use self::link::Link;
use self::listing::Listing;
use self::script::{Args, Reply};
use self::store::{Change, Made, STEP, Store, Via};
use self::waiting::{Asker, Take, Waiter};

/// The size of a chunk: large enough that what is done for each is little against its bytes, small enough that the server
/// is soon done with it.
const CHUNK: usize = 1 << 20;

/// What one script writes at most: it copies the bytes more often than plain commands do.
const SMALL: usize = 16 << 10;

/// How many runs one script writes at most.
const SMALL_RUNS: usize = 512;

/// How many parts a large write has at most that are put into their places by the script that commits it, unseen before.
const FEW_PARTS: usize = 16;

/// How many bytes of numbers one script merges at most: some milliseconds of the server's time.
const SMALL_MERGE: usize = 64 << 10;

/// The largest value: 16 GiB.
const LARGEST: usize = 1 << 34;

/// Answers from this size on are forgotten at the server as soon as they have come.
const LARGE_ANSWER: usize = 1024;

/// The tier. It ends its waiting operations when it is dropped.
pub struct RedisTier {
    store: Arc<Store>,
    /// One union at a time is made here for an address, for two would only make one another begin anew.
    unions: Arc<[Mutex<()>; 64]>,
    nearness: Nearness,
    runtime: Option<Runtime>,
}

impl RedisTier {
    /// Connects and looks whether the server is as it must be.
    ///
    /// # Errors
    ///
    /// [`RedisOpenError`].
    pub fn open(settings: &RedisSettings) -> Result<Self, RedisOpenError> {
        let tier = Self::unchecked(settings)?;
        let report = tier.block(check::check(Arc::clone(&tier.store)))?;
        report.findings.iter().filter(|finding| finding.severity == Severity::Warning).for_each(
            |finding| tracing::warn!(store = %settings, advice = %finding.advice, "{}", finding.what),
        );
        match report.findings.into_iter().find(|finding| finding.severity == Severity::Error) {
            Some(finding) => Err(RedisOpenError::Unfit(finding)),
            None => {
                let watching = tier.runtime.as_ref();
                watching.map(|runtime| runtime.spawn(check::watch(Arc::clone(&tier.store))));
                Ok(tier)
            }
        }
    }

    /// Looks at the server's settings.
    ///
    /// # Errors
    ///
    /// [`RedisOpenError`], if there is nothing to look at.
    pub fn inspect(settings: &RedisSettings) -> Result<Report, RedisOpenError> {
        let tier = Self::unchecked(settings)?;
        tier.block(check::check(Arc::clone(&tier.store)))
    }

    fn unchecked(settings: &RedisSettings) -> Result<Self, RedisOpenError> {
        let link = Link::new(settings).map_err(RedisOpenError::Settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("faasm-redis")
            .enable_all()
            .build()
            .map_err(RedisOpenError::Threads)?;
        let store = Arc::new(Store::new(settings, link));
        runtime.spawn(notices::run(Arc::clone(&store)));
        let unions = Arc::new(std::array::from_fn(|_| Mutex::new(())));
        Ok(Self { store, unions, nearness: Nearness::default(), runtime: Some(runtime) })
    }

    fn block<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RedisOpenError>> + Send + 'static,
    ) -> Result<T, RedisOpenError> {
        let (completer, waiting) = pending();
        self.spawn(async move { completer.complete(work.await) });
        waiting.block(None).unwrap_or(Err(RedisOpenError::Stopped))
    }

    /// Has it begun by this thread, so that what it says first is on its way when this returns, and gone on with by ours.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            self.nearness.begin(runtime, work);
        }
    }

    fn begin<T: Send + 'static, W>(&self, work: impl FnOnce(Arc<Store>) -> W) -> GlobalOp<T>
    where
        W: Future<Output = Result<T, GlobalError>> + Send + 'static,
    {
        let (completer, waiting) = pending();
        let work = work(Arc::clone(&self.store));
        self.spawn(async move { completer.complete(work.await) });
        waiting
    }

    fn wait<T: Send + 'static, W>(
        &self,
        work: impl FnOnce(Arc<Store>, Waiter<T>) -> W,
    ) -> GlobalOp<T>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (completer, waiting) = pending();
        self.spawn(work(Arc::clone(&self.store), Waiter::new(completer)));
        waiting
    }
}

impl Drop for RedisTier {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for RedisTier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisTier").field("settings", &self.store.settings).finish_non_exhaustive()
    }
}

impl GlobalTier for RedisTier {
    fn stat(&self, at: &Address) -> GlobalOp<Option<Stat>> {
        let at = at.clone();
        self.begin(|store| async move {
            stat(&store, &at, false).await.map(|(stat, _)| stat).map_err(Fault::of_read)
        })
    }

    fn get(&self, at: &Address, ranges: &[Range<usize>]) -> GlobalOp<Option<Fetched>> {
        let (at, ranges) = (at.clone(), ranges.to_vec());
        self.begin(|store| async move { get(&store, &at, &ranges).await.map_err(Fault::of_read) })
    }

    fn set(&self, at: &Address, bytes: Vec<u8>, when: Condition) -> GlobalOp<Written> {
        self.push(at, Outgoing::copied(Patch::whole(bytes), true), when)
    }

    fn set_ranges(&self, at: &Address, patch: Patch, when: Condition) -> GlobalOp<Written> {
        self.push(at, Outgoing::copied(patch, false), when)
    }

    fn pull(
        &self,
        at: &Address,
        ranges: &[Range<usize>],
        into: Arc<dyn Sink>,
    ) -> GlobalOp<Option<Stat>> {
        let (at, ranges) = (at.clone(), ranges.to_vec());
        self.begin(|store| async move {
            bulk::read(&store, &at, &ranges, &into).await.map_err(Fault::of_read)
        })
    }

    fn push(&self, at: &Address, outgoing: Outgoing, when: Condition) -> GlobalOp<Written> {
        let at = at.clone();
        self.begin(|store| async move { write(&store, &at, outgoing, when).await })
    }

    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool> {
        let at = at.clone();
        self.begin(|store| async move {
            let deadline = store.deadline(0);
            let args = (&Args::new(), 0);
            let made = store.change(&store.scripts.delete, &at, when, args, deadline).await?;
            made.reply.number(1).map(|there| there == 1).map_err(odd)
        })
    }

    fn merge(
        &self,
        at: &Address,
        change: Merge,
        when: Condition,
        wanted: bool,
    ) -> GlobalOp<Merged> {
        let (at, unions) = (at.clone(), Arc::clone(&self.unions));
        self.begin(|store| async move {
            match change {
                Merge::Numbers { .. } => merge_numbers(&store, &at, change, when, wanted).await,
                Merge::Union(_) => {
                    let mut hasher = DefaultHasher::new();
                    at.hash(&mut hasher);
                    let n = usize::try_from(hasher.finish() % 64).unwrap_or(0);
                    let _alone = unions[n].lock().await;
                    unite(&store, &at, &change, when, wanted).await
                }
            }
        })
    }

    fn append(&self, at: &Address, element: Vec<u8>, under: Option<Token>) -> GlobalOp<usize> {
        let at = at.clone();
        self.begin(|store| async move {
            let deadline = store.deadline(element.len());
            store.have_indexed(&at, deadline).await?;
            let (args, when) = (Args::new().bytes(&element), Condition::ALWAYS.under(under));
            let args = (&args, element.len());
            let made = store.change(&store.scripts.append, &at, when, args, deadline).await?;
            made.reply.size(1).map_err(odd)
        })
    }

    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>> {
        let at = at.clone();
        self.begin(|store| async move {
            let args = Args::new().number(clamp(most)).number(clamp(max_bytes));
            let deadline = store.deadline(0);
            let reply = store.ask_address(&store.scripts.elements, &at, &args, deadline).await;
            reply.and_then(|reply| reply.list(1)).map_err(Fault::of_read)
        })
    }

    fn take_appended(
        &self,
        at: &Address,
        most: usize,
        max_bytes: usize,
        wait: Wait,
        under: Option<Token>,
    ) -> GlobalOp<Vec<Vec<u8>>> {
        let take = Take { at: at.clone(), most, max_bytes, wait, under };
        self.wait(|store, completer| async move { take.run(&store, completer).await })
    }

    fn clear_appended(&self, at: &Address, under: Option<Token>) -> GlobalOp<()> {
        let at = at.clone();
        self.begin(|store| async move {
            let (deadline, when) = (store.deadline(0), Condition::ALWAYS.under(under));
            let args = (&Args::new(), 0);
            store.change(&store.scripts.clear, &at, when, args, deadline).await.map(drop)
        })
    }

    fn watch(&self, at: &Address, seen: Version) -> GlobalOp<Option<Stat>> {
        let at = at.clone();
        self.wait(|store, waiter| async move { waiting::watch(&store, &at, seen, waiter).await })
    }

    fn list(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&Key>,
        most: usize,
    ) -> GlobalOp<Vec<Entry>> {
        let listing = Listing {
            namespace: Arc::from(namespace),
            prefix: prefix.to_vec(),
            after: after.map(|after| after.as_bytes().to_vec()),
            most,
        };
        self.begin(|store| async move { listing.run(&store).await.map_err(Fault::of_read) })
    }

    fn lock(
        &self,
        at: &Address,
        mode: Mode,
        lease: Duration,
        patience: Option<Duration>,
    ) -> GlobalOp<Option<Token>> {
        let (at, until) = (at.clone(), patience.map(|patience| Instant::now() + short(patience)));
        let asker = Asker { at, mode, lease, nonce: self.store.nonce() };
        self.wait(|store, waiter| async move { asker.lock(&store, until, waiter).await })
    }

    fn renew(&self, at: &Address, token: Token, lease: Duration) -> GlobalOp<()> {
        let at = at.clone();
        self.begin(|store| async move {
            let args = Args::new().number(token.epoch).number(token.nonce).number(micros(lease));
            let deadline = store.deadline(0);
            let key = store.stem(&at) + "m";
            let reply =
                store.ask(Via::Durably, (&store.scripts.renew, &key), &args, deadline).await;
            let reply = reply.map_err(|fault| fault.of_change(false, 0, 0))?;
            if reply.word() == b"ok" { Ok(()) } else { Err(GlobalError::Fenced) }
        })
    }

    fn unlock(&self, at: &Address, token: Token) -> GlobalOp<()> {
        let at = at.clone();
        self.begin(|store| async move {
            let (deadline, when) = (store.deadline(0), Condition::ALWAYS.under(Some(token)));
            let args = (&Args::new(), 0);
            store.change(&store.scripts.unlock, &at, when, args, deadline).await.map(drop)
        })
    }
}

/// An answer to a change that no script of ours gives: it may have been made.
fn odd(fault: Fault) -> GlobalError {
    fault.of_change(true, 0, 0)
}

/// As large as the scripts' numbers, which are doubles, may be.
fn clamp(number: usize) -> usize {
    number.min(1 << 52)
}

/// A century is as good as never.
fn short(time: Duration) -> Duration {
    time.min(Duration::from_secs(100 * 365 * 24 * 3600))
}

fn micros(lease: Duration) -> u128 {
    short(lease).as_micros()
}

async fn stat(store: &Store, at: &Address, waits: bool) -> Result<(Option<Stat>, usize), Fault> {
    let (args, deadline) = (Args::new().flag(waits), store.deadline(0));
    let reply = store.ask_address(&store.scripts.stat, at, &args, deadline).await?;
    let appended = reply.size(3)?;
    if reply.text(2)?.is_empty() {
        return Ok((None, appended));
    }
    let stat = Stat { version: Version(reply.number(1)?), size: reply.size(2)? };
    Ok((Some(stat), appended))
}

async fn get(
    store: &Arc<Store>,
    at: &Address,
    ranges: &[Range<usize>],
) -> Result<Option<Fetched>, Fault> {
    let gathered = Arc::new(Gathered::new(ranges));
    let sink: Arc<dyn Sink> = Arc::<Gathered>::clone(&gathered);
    Ok(bulk::read(store, at, ranges, &sink).await?.and_then(|_| gathered.take()))
}

fn written(made: &Made) -> Result<Written, GlobalError> {
    let versions = |reply: &Reply| {
        Ok(Written { before: Version(reply.number(1)?), after: Version(reply.number(2)?) })
    };
    versions(&made.reply).map_err(odd)
}

fn fits(store: &Store, size: usize) -> Result<(), GlobalError> {
    if size <= LARGEST {
        return Ok(());
    }
    let capacity = match store.capacity.load(Ordering::Relaxed) {
        0 => LARGEST,
        capacity => capacity.min(LARGEST),
    };
    Err(GlobalError::Full { asked: size, capacity })
}

async fn write(
    store: &Arc<Store>,
    at: &Address,
    outgoing: Outgoing,
    when: Condition,
) -> Result<Written, GlobalError> {
    let last = outgoing.runs.last().map_or(0, |run| run.end);
    let (size, len) = (last.max(outgoing.size), outgoing.len());
    fits(store, size)?;
    let deadline = store.deadline(len);
    store.have_indexed(at, deadline).await?;
    if len > SMALL || outgoing.runs.len() > SMALL_RUNS {
        let (kind, whole) = if outgoing.replaces { ("set", Some(size)) } else { ("ranges", None) };
        let parts = bulk::patch_parts(&outgoing.runs, whole, CHUNK);
        let merge = Args::new();
        let large = Large { kind, size, len, parts, bytes: outgoing.bytes, merge };
        return large.write(store, at, when, deadline).await.and_then(|(made, _)| written(&made));
    }
    let patch = outgoing
        .gather()
        .map_err(|error| GlobalError::Unavailable(Box::new(StoreError::Bytes(error))))?;
    let kind = if outgoing.replaces { "set" } else { "ranges" };
    let head = Args::new().text(kind).number(size).number(CHUNK);
    let args = patch.chunks().fold(head, |args, (offset, bytes)| args.number(offset).bytes(bytes));
    let args = (&args, len);
    written(&store.change(&store.scripts.write, at, when, args, deadline).await?)
}

/// A write that is too large for one script.
struct Large {
    kind: &'static str,
    size: usize,
    /// How many bytes it has.
    len: usize,
    parts: bulk::Parts,
    bytes: Arc<dyn Source>,
    merge: Args<'static>,
}

impl Large {
    /// What the server said, and the write's name.
    async fn write(
        self,
        store: &Arc<Store>,
        at: &Address,
        when: Condition,
        deadline: Instant,
    ) -> Result<(Made, String), GlobalError> {
        let write = format!("{:016x}", store.nonce());
        let (count, asked) = (self.parts.len(), self.len);
        let args = Args::new().text(self.kind).number(self.size).number(CHUNK).text(write.clone());
        let (script, args) = if self.is_done_at_once() {
            (&store.scripts.commit_now, self.parts.becomes().fold(args, Args::text))
        } else {
            let mut args = args.number(count).and(&self.merge);
            if self.kind != "merge" {
                args = args.text("").text("").text("").text("");
            }
            // Twice its size for some seconds more: not where that is much of what the server may hold.
            let capacity = store.capacity.load(Ordering::Relaxed);
            let spare = asked >= bulk::BORROWED && (capacity == 0 || asked <= capacity / 8);
            let args = args.flag(spare && self.kind != "merge").number(STEP);
            (&store.scripts.commit, args)
        };
        let (key, place) = (store.stem(at) + "m", store.place());
        let commit = Change { script, key: key.clone(), when, place };
        let made = self.have_made((store, at), &write, (&commit, &args), deadline).await;
        store.give_place(place);
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                // Where it may have happened, its parts are needed.
                if !matches!(error, GlobalError::Unknown(_)) {
                    bulk::unstage(store, at, &write, count).await;
                }
                return Err(error);
            }
        };
        match made.reply.word() {
            b"ok" if made.reply.text(3).is_ok_and(|left| left == "done") => {}
            // It is written. Should this fail, whoever comes next does it.
            b"ok" => {
                if let Err(fault) = store.help(&key, &write, store.deadline(asked)).await {
                    tracing::debug!(error = %fault.error, "a large write is left to be applied");
                }
            }
            _ => bulk::unstage(store, at, &write, count).await,
        }
        Ok((made, write))
    }

    /// Whether the script that commits it is the one that puts its few parts into their places.
    fn is_done_at_once(&self) -> bool {
        self.kind != "merge" && self.len < bulk::BORROWED && self.parts.len() <= FEW_PARTS
    }

    /// Puts it down and commits it.
    async fn have_made(
        &self,
        (store, at): (&Arc<Store>, &Address),
        write: &str,
        (commit, args): (&Change<'_>, &Args<'_>),
        deadline: Instant,
    ) -> Result<Made, GlobalError> {
        let with_parts = Some((commit, args)).filter(|_| store.is_fast());
        let with_plan = !self.is_done_at_once();
        let parts = (&self.parts, &self.bytes, with_plan);
        let first = bulk::stage((store, at), write, parts, with_parts, deadline).await?;
        let unsure = matches!(&first, Some(Err(fault)) if fault.unsure);
        let made = store.go_on(commit, (args, self.len), first, deadline).await;
        if !unsure || !made.as_ref().is_err_and(is_want_of_parts) {
            return made;
        }
        // The connection was lost before all of it was there, and the commit with it; or that is still on its way.
        let again = bulk::stage((store, at), write, parts, None, deadline).await;
        again.map_err(|error| GlobalError::Unknown(error.into()))?;
        let before = Some(Err(Fault::timeout(store.settings.timeout, true)));
        store.go_on(commit, (args, self.len), before, deadline).await
    }
}

fn is_want_of_parts(error: &GlobalError) -> bool {
    let GlobalError::Unavailable(source) = error else { return false };
    matches!(source.downcast_ref(), Some(StoreError::PartsLost))
}

async fn merge_numbers(
    store: &Arc<Store>,
    at: &Address,
    change: Merge,
    when: Condition,
    wanted: bool,
) -> Result<Merged, GlobalError> {
    let Merge::Numbers { combine, number, offset, .. } = change else {
        return Err(GlobalError::Unavailable("only numbers are merged by the server".into()));
    };
    // What is wrong whatever is there; it is told with the size of what is there.
    if let Err(error) = change.check_numbers(0) {
        let error = match error {
            MergeError::Misplaced { len, .. } => misplaced(store, at, offset, len).await?,
            other => other,
        };
        return Err(error.into());
    }
    let Merge::Numbers { bytes, .. } = change else { return Err(odd(Fault::odd(&"no numbers"))) };
    let (len, size) = (bytes.len(), offset + bytes.len());
    fits(store, size)?;
    let deadline = store.deadline(len * 16);
    store.have_indexed(at, deadline).await?;
    let (kind, how) = (kind(number), how(combine));
    let (made, result) = if len <= SMALL_MERGE {
        let args = Args::new().number(CHUNK).text(kind).text(how).number(offset).bytes(&bytes);
        let args = (&args.flag(wanted), len);
        let made = store.change(&store.scripts.merge, at, when, args, deadline).await?;
        if wanted && len >= LARGE_ANSWER {
            store.forget(at, &made).await;
        }
        (made, None)
    } else {
        let parts = bulk::merge_parts(offset, len);
        let count = parts.len();
        let merge = Args::new().text(kind).text(how).number(offset).flag(wanted);
        let run = std::iter::once(offset..size).collect();
        let patch = Patch::from_bytes(size, run, bytes);
        let patch = patch.ok_or_else(|| odd(Fault::odd(&"numbers without a place")))?;
        let bytes: Arc<dyn Source> = Arc::new(Copied::from(patch));
        let large = Large { kind: "merge", size, len, parts, bytes, merge };
        let (made, write) = large.write(store, at, when, deadline).await?;
        let mut result = None;
        if wanted && made.reply.word() == b"ok" {
            let merged = bulk::merged(store, at, &write, count, store.deadline(len)).await;
            bulk::unstage(store, at, &write, count).await;
            result = Some(merged.map_err(odd)?);
        }
        (made, result)
    };
    if made.reply.word() == b"misplaced" {
        let size = made.reply.size(1).map_err(odd)?;
        return Err(MergeError::Misplaced { offset, len, size }.into());
    }
    let written = written(&made)?;
    let result = match result {
        None if wanted => Some(made.reply.strings(3).map_err(odd)?.concat()),
        result => result,
    };
    Ok(Merged { written, result })
}

/// That numbers lie behind the end of all addresses.
async fn misplaced(
    store: &Store,
    at: &Address,
    offset: usize,
    len: usize,
) -> Result<MergeError, GlobalError> {
    let (stat, _) = stat(store, at, false).await.map_err(Fault::of_read)?;
    Ok(MergeError::Misplaced { offset, len, size: stat.map_or(0, |stat| stat.size) })
}

fn kind(number: Number) -> &'static str {
    match number {
        Number::I64 => "i",
        Number::F32 => "f",
        Number::F64 => "d",
    }
}

fn how(combine: Combine) -> &'static str {
    match combine {
        Combine::Sum => "s",
        Combine::Max => "x",
        Combine::Min => "n",
    }
}

/// Sets are united here, over the version that was read, as often as it takes: to find the place of a member the whole
/// set must be walked through, which the server's other clients would wait for.
async fn unite(
    store: &Arc<Store>,
    at: &Address,
    change: &Merge,
    when: Condition,
    wanted: bool,
) -> Result<Merged, GlobalError> {
    let deadline = store.deadline(change.len());
    loop {
        let there = get(store, at, std::slice::from_ref(&(0..usize::MAX))).await;
        let there = there.map_err(Fault::of_read)?;
        let (found, mut set) = there.map_or((Version::ABSENT, Vec::new()), |fetched| {
            (fetched.version, fetched.patch.into_bytes())
        });
        if let Some(wanted) = when.at.filter(|wanted| *wanted != found) {
            return Err(GlobalError::Conflict { wanted, found });
        }
        change.apply(&mut set)?;
        let result = wanted.then(|| set.clone());
        let over = Condition { at: Some(found), ..when };
        match write(store, at, Outgoing::copied(Patch::whole(set), true), over).await {
            Ok(written) => return Ok(Merged { written, result }),
            Err(GlobalError::Conflict { .. }) if when.at.is_none() && Instant::now() < deadline => {
                let pause = Duration::from_micros(store.nonce() % 3_000);
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(error),
        }
    }
}
