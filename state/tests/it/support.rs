//! A global tier under the test's control, and short names for what the tests do all the time.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faasm_sfi::pending::{Pending, pending};
use faasm_state::{
    Address, Condition, Entry, Fetched, GlobalError, GlobalOp, GlobalTier, Key, Limits, LocalTier,
    MemoryTier, Merge, Merged, Mode, Namespace, Op, Outgoing, Patch, Sink, Stat, StateError, Token,
    Version, Wait, Written,
};

/// Bytes per page of the pulled map, as documented.
pub(crate) const PAGE: usize = 4096;

/// What becomes of an operation that was held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It happens and is answered.
    Done,
    /// It does not happen, and the answer says so.
    Refused,
    /// It is never answered: its completer is dropped.
    Lost,
}

/// What the tier was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Get(Vec<Range<usize>>),
    Set(usize),
    SetRanges(Vec<Range<usize>>),
    Other,
}

type Held = Box<dyn FnOnce(Fate) + Send>;
type Midway = Box<dyn FnOnce() -> bool + Send>;

/// A tier in memory that notes what it is asked and can hold operations up until the test decides their fate.
#[derive(Default)]
pub(crate) struct TestTier {
    memory: MemoryTier,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    holding: bool,
    held: Vec<Held>,
    refuse: usize,
    seen: Vec<Seen>,
    midway: Option<Midway>,
}

impl TestTier {
    /// From now on operations are held up.
    pub(crate) fn hold(&self) {
        self.plan.lock().unwrap().holding = true;
    }

    /// Decides the fate of the oldest operation that is held up; `false` if there is none.
    pub(crate) fn let_go(&self, fate: Fate) -> bool {
        let oldest = {
            let mut plan = self.plan.lock().unwrap();
            if plan.held.is_empty() { None } else { Some(plan.held.remove(0)) }
        };
        oldest.map(|held| held(fate)).is_some()
    }

    /// Lets all held operations happen, and holds no more.
    pub(crate) fn flow(&self) {
        self.plan.lock().unwrap().holding = false;
        while self.let_go(Fate::Done) {}
    }

    /// Refuses the operation after the next `after` ones.
    pub(crate) fn refuse_after(&self, after: usize) {
        self.plan.lock().unwrap().refuse = after + 1;
    }

    /// Refuses nothing that has not been refused yet.
    pub(crate) fn refuse_nothing(&self) {
        self.plan.lock().unwrap().refuse = 0;
    }

    /// When half of what the next pull fetches has come, `hook` is called; the pull fails if it says `false`.
    pub(crate) fn midway(&self, hook: impl FnOnce() -> bool + Send + 'static) {
        self.plan.lock().unwrap().midway = Some(Box::new(hook));
    }

    /// What was asked since this was last called.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.plan.lock().unwrap().seen)
    }

    fn run<T: Send + Debug + 'static>(
        &self,
        seen: Seen,
        operation: impl FnOnce(&MemoryTier) -> GlobalOp<T> + Send + 'static,
    ) -> GlobalOp<T> {
        let mut plan = self.plan.lock().unwrap();
        plan.seen.push(seen);
        if plan.refuse > 0 {
            plan.refuse -= 1;
            if plan.refuse == 0 {
                return Pending::ready(Err(refusal()));
            }
        }
        if !plan.holding {
            return operation(&self.memory);
        }
        let (completer, waiting) = pending();
        let memory = self.memory.clone();
        plan.held.push(Box::new(move |fate| match fate {
            Fate::Done => completer.complete(operation(&memory).block(None).unwrap()),
            Fate::Refused => completer.complete(Err(refusal())),
            Fate::Lost => drop(completer),
        }));
        waiting
    }
}

fn refusal() -> GlobalError {
    GlobalError::Unavailable("refused by the test".into())
}

impl GlobalTier for TestTier {
    fn stat(&self, at: &Address) -> GlobalOp<Option<Stat>> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.stat(&at))
    }

    fn get(&self, at: &Address, ranges: &[Range<usize>]) -> GlobalOp<Option<Fetched>> {
        let (at, ranges) = (at.clone(), ranges.to_vec());
        self.run(Seen::Get(ranges.clone()), move |tier| tier.get(&at, &ranges))
    }

    fn set(&self, at: &Address, bytes: Vec<u8>, when: Condition) -> GlobalOp<Written> {
        let at = at.clone();
        self.run(Seen::Set(bytes.len()), move |tier| tier.set(&at, bytes, when))
    }

    fn set_ranges(&self, at: &Address, patch: Patch, when: Condition) -> GlobalOp<Written> {
        let at = at.clone();
        self.run(Seen::SetRanges(patch.runs().to_vec()), move |tier| {
            tier.set_ranges(&at, patch, when)
        })
    }

    /// What is pushed is read when it happens.
    fn push(&self, at: &Address, outgoing: Outgoing, when: Condition) -> GlobalOp<Written> {
        let at = at.clone();
        let seen = match outgoing.replaces {
            true => Seen::Set(outgoing.len()),
            false => Seen::SetRanges(outgoing.runs.clone()),
        };
        self.run(seen, move |tier| tier.push(&at, outgoing, when))
    }

    fn pull(
        &self,
        at: &Address,
        ranges: &[Range<usize>],
        into: Arc<dyn Sink>,
    ) -> GlobalOp<Option<Stat>> {
        let (at, ranges) = (at.clone(), ranges.to_vec());
        let midway = self.plan.lock().unwrap().midway.take();
        self.run(Seen::Get(ranges.clone()), move |tier| match midway {
            None => tier.pull(&at, &ranges, into),
            Some(midway) => {
                let fetched = tier.get(&at, &ranges).block(None).unwrap().unwrap().unwrap();
                let stat = Stat { version: fetched.version, size: fetched.patch.size() };
                into.begin(stat).unwrap();
                for (offset, bytes) in fetched.patch.chunks() {
                    into.write(offset, &bytes[..bytes.len() / 2]).unwrap();
                }
                if !midway() {
                    return Pending::ready(Err(refusal()));
                }
                for (offset, bytes) in fetched.patch.chunks() {
                    let half = bytes.len() / 2;
                    into.write(offset + half, &bytes[half..]).unwrap();
                }
                Pending::ready(Ok(Some(stat)))
            }
        })
    }

    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.delete(&at, when))
    }

    fn merge(
        &self,
        at: &Address,
        change: Merge,
        when: Condition,
        wanted: bool,
    ) -> GlobalOp<Merged> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.merge(&at, change, when, wanted))
    }

    fn append(&self, at: &Address, element: Vec<u8>, under: Option<Token>) -> GlobalOp<usize> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.append(&at, element, under))
    }

    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.read_appended(&at, most, max_bytes))
    }

    fn take_appended(
        &self,
        at: &Address,
        most: usize,
        max_bytes: usize,
        wait: Wait,
        under: Option<Token>,
    ) -> GlobalOp<Vec<Vec<u8>>> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.take_appended(&at, most, max_bytes, wait, under))
    }

    fn clear_appended(&self, at: &Address, under: Option<Token>) -> GlobalOp<()> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.clear_appended(&at, under))
    }

    fn watch(&self, at: &Address, seen: Version) -> GlobalOp<Option<Stat>> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.watch(&at, seen))
    }

    fn list(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&Key>,
        most: usize,
    ) -> GlobalOp<Vec<Entry>> {
        let (namespace, prefix, after) = (namespace.to_owned(), prefix.to_vec(), after.cloned());
        self.run(Seen::Other, move |tier| tier.list(&namespace, &prefix, after.as_ref(), most))
    }

    fn lock(
        &self,
        at: &Address,
        mode: Mode,
        lease: Duration,
        patience: Option<Duration>,
    ) -> GlobalOp<Option<Token>> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.lock(&at, mode, lease, patience))
    }

    fn renew(&self, at: &Address, token: Token, lease: Duration) -> GlobalOp<()> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.renew(&at, token, lease))
    }

    fn unlock(&self, at: &Address, token: Token) -> GlobalOp<()> {
        let at = at.clone();
        self.run(Seen::Other, move |tier| tier.unlock(&at, token))
    }
}

/// Two hosts with a namespace each of the same name, over one tier.
pub(crate) fn two_hosts() -> (Arc<TestTier>, Namespace, Namespace) {
    let tier = Arc::new(TestTier::default());
    let host =
        || LocalTier::new(Arc::clone(&tier) as Arc<dyn GlobalTier>, limits()).namespace("tenant");
    let (first, second) = (host(), host());
    (tier, first, second)
}

/// Limits that keep the tests' regions small.
pub(crate) fn limits() -> Limits {
    Limits { max_value: 16 * PAGE, max_values: 8, max_locks: 8, ..Limits::default() }
}

/// The outcome of an operation that must be done by now.
pub(crate) fn outcome<T: Debug>(op: Op<T>) -> Result<T, StateError> {
    op.try_take().expect("done at once").expect("not abandoned")
}

/// The value of an operation that must have succeeded by now.
pub(crate) fn now<T: Debug>(op: Op<T>) -> T {
    outcome(op).unwrap()
}

/// What another host that has just come up reads from the global tier.
pub(crate) fn pushed(tier: &Arc<TestTier>, key: &[u8]) -> Option<Vec<u8>> {
    let fresh =
        LocalTier::new(Arc::clone(tier) as Arc<dyn GlobalTier>, limits()).namespace("tenant");
    let value = now(fresh.open(key))?;
    let bytes = now(value.read(0, value.size()));
    tier.seen();
    Some(bytes)
}
