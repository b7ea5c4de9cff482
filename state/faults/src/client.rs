//! A client: random operations, one after the other, each with its outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faasm_sfi::pending::WaitError;
use faasm_state::{
    Address, Fetched, GlobalError, GlobalOp, GlobalTier, Mode, Patch, Stat, Token, Version, Wait,
};
use rustix::time::{ClockId, clock_gettime};

use crate::history::{
    Event, LIST, Op, Outcome, SET, Seen, Time, VALUES, When, address, digest, fill, merge, token,
    union,
};

/// Where events go: with `None` as its outcome when it begins, and again when it has ended.
pub(crate) type Sink<'a> = dyn Fn(&Event, Phase) + Send + Sync + 'a;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Begins,
    Ended,
}

/// How long a tier may take to be well again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client may do, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// An operation that waits for nobody ends within this.
    pub(crate) deadline: Duration,
    /// The largest value.
    pub(crate) largest: usize,
}

pub(crate) struct Client<'a> {
    pub(crate) number: u64,
    pub(crate) tier: Arc<dyn GlobalTier>,
    pub(crate) rng: fastrand::Rng,
    pub(crate) limits: Limits,
    pub(crate) sink: &'a Sink<'a>,
    pub(crate) stop: &'a AtomicBool,
    count: u64,
    /// The version of each value that was seen last.
    seen: [u64; VALUES],
}

pub(crate) fn now() -> Time {
    let now = clock_gettime(ClockId::Monotonic);
    let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|n| u64::try_from(n).unwrap_or(0));
    seconds * 1_000_000_000 + nanos
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        (number, seed): (u64, u64),
        tier: Arc<dyn GlobalTier>,
        limits: Limits,
        sink: &'a Sink<'a>,
        stop: &'a AtomicBool,
    ) -> Self {
        let rng = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { number, tier, rng, limits, sink, stop, count: 0, seen: [0; VALUES] }
    }

    /// Random operations until it is to stop.
    pub(crate) fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            match self.rng.u8(..100) {
                0..70 => self.on_value(),
                70..92 => self.on_list(None),
                _ => self.locked(),
            }
            if self.rng.u8(..4) == 0 {
                std::thread::sleep(Duration::from_micros(self.rng.u64(..8000)));
            }
        }
    }

    /// Reads all that there is in the end, when nothing goes wrong any more: it may take a while until the tier knows.
    pub(crate) fn read_all(mut self) {
        let patience = Instant::now() + PATIENCE;
        for address in 0..=LIST {
            let op = if address == LIST { Op::ReadList } else { Op::Get };
            let failed = |outcome| matches!(outcome, Outcome::Unavailable(_) | Outcome::Unknown(_));
            while failed(self.perform(address, op.clone())) && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn on_value(&mut self) {
        let value = self.rng.usize(..VALUES);
        let seen = self.seen[value];
        let at = (self.rng.u8(..3) == 0).then_some(seen);
        let op = match self.rng.u8(..100) {
            0..60 => self.write(value, When { at, under: None }),
            60..90 => Op::Get,
            90..94 => Op::Stat,
            94..97 => Op::Watch { seen },
            _ if seen != 0 => Op::Delete { at: seen, under: None },
            _ => Op::Get,
        };
        self.perform(value, op);
    }

    fn write(&mut self, value: usize, when: When) -> Op {
        if value == SET {
            return Op::Union { members: self.rng.usize(1..4), when };
        }
        let most = if self.rng.u8(..8) == 0 { self.limits.largest } else { 512 };
        let [len, offset] = [0; 2].map(|_| self.rng.usize(1..=most / 8) * 8);
        match self.rng.u8(..3) {
            0 => Op::Set { len, when },
            1 => Op::SetRanges { offset, len, size: self.rng.usize(..=most / 8) * 8, when },
            _ => Op::Merge { offset, len, when },
        }
    }

    fn on_list(&mut self, under: Option<(u64, u64)>) {
        let most = self.rng.usize(1..4);
        let op = match self.rng.u8(..40) {
            0..20 => {
                let most = if self.rng.u8(..8) == 0 { self.limits.largest } else { 64 };
                Op::Append { len: self.rng.usize(8..=most), under }
            }
            20..28 => Op::Take { most, waits: false, under },
            28..36 => Op::Take { most, waits: true, under },
            36 => Op::Clear { under },
            37 => Op::DeleteList { under },
            _ => Op::ReadList,
        };
        self.perform(LIST, op);
    }

    /// Writes under a lock, sometimes longer than its lease lasts.
    fn locked(&mut self) {
        let value = self.rng.usize(..=LIST);
        let lease_ms = self.rng.u64(20..200);
        let tries = self.rng.u8(..3) == 0;
        let lock = if tries { Op::TryLock { lease_ms } } else { Op::Lock { lease_ms } };
        let Outcome::Granted { epoch, nonce } = self.perform(value, lock) else {
            return;
        };
        let token = (epoch, nonce);
        if value != LIST {
            self.perform(value, Op::Get);
        }
        for _ in 0..self.rng.u8(1..4) {
            if self.rng.u8(..4) == 0 {
                std::thread::sleep(Duration::from_millis(self.rng.u64(..=lease_ms * 3 / 2)));
            }
            if self.rng.u8(..4) == 0 {
                self.perform(value, Op::Renew { token, lease_ms });
            }
            self.under(value, token);
        }
        if self.rng.u8(..4) != 0 {
            self.perform(value, Op::Unlock { token });
        }
    }

    fn under(&mut self, value: usize, token: (u64, u64)) {
        let under = Some(token);
        match self.seen.get(value).copied() {
            None => self.on_list(under),
            Some(at) if at != 0 && self.rng.u8(..8) == 0 => {
                drop(self.perform(value, Op::Delete { at, under }));
            }
            Some(_) => {
                let op = self.write(value, When { at: None, under });
                drop(self.perform(value, op));
            }
        }
    }

    fn perform(&mut self, address: usize, op: Op) -> Outcome {
        self.count += 1;
        let id = (self.number << 24) | self.count;
        let invoked = now();
        let mut event = Event {
            id,
            client: self.number,
            address,
            op,
            invoked,
            ended: 0,
            outcome: Outcome::Unknown("the client died".into()),
        };
        (self.sink)(&event, Phase::Begins);
        event.outcome = self.outcome(&event);
        event.ended = now();
        if let (Some(version), Some(seen)) = (version(&event.outcome), self.seen.get_mut(address)) {
            *seen = version;
        }
        (self.sink)(&event, Phase::Ended);
        event.outcome
    }

    fn outcome(&mut self, Event { id, address: index, op, .. }: &Event) -> Outcome {
        let (at, tier, id) = (address(*index), Arc::clone(&self.tier), *id);
        match *op {
            Op::Set { len, when } => {
                let done = tier.set(&at, fill(id, len), when.condition());
                self.end(done, |it| written(it.before, it.after))
            }
            Op::SetRanges { offset, len, size, when } => {
                let patch = one_run(size, offset, &fill(id, len));
                let done = tier.set_ranges(&at, patch, when.condition());
                self.end(done, |it| written(it.before, it.after))
            }
            Op::Merge { offset, len, when } => {
                let done = tier.merge(&at, merge(id, offset, len), when.condition(), false);
                self.end(done, |it| written(it.written.before, it.written.after))
            }
            Op::Union { members, when } => {
                let done = tier.merge(&at, union(id, members), when.condition(), false);
                self.end(done, |it| written(it.written.before, it.written.after))
            }
            Op::Delete { at: version, under } => {
                let when = When { at: Some(version), under };
                let done = tier.delete(&at, when.condition());
                self.end(done, Outcome::Deleted)
            }
            Op::Get => {
                let whole = 0..usize::MAX;
                let done = tier.get(&at, std::slice::from_ref(&whole));
                self.end(done, |fetched| Outcome::Fetched(fetched.map(seen)))
            }
            Op::Stat => {
                let done = tier.stat(&at);
                self.end(done, stat)
            }
            Op::Watch { seen } => {
                let patience = Duration::from_millis(self.rng.u64(..60));
                wait(tier.watch(&at, Version(seen)), patience, stat)
            }
            Op::Append { .. }
            | Op::Take { .. }
            | Op::Clear { .. }
            | Op::DeleteList { .. }
            | Op::ReadList => self.list_outcome(id, &at, op),
            Op::Lock { lease_ms } => {
                let patience = Duration::from_millis(self.rng.u64(..200));
                let lease = Duration::from_millis(lease_ms);
                let given =
                    |it: Option<Token>| granted(Some(it.expect("no end was set to the wait")));
                wait(tier.lock(&at, Mode::Write, lease, None), patience, given)
            }
            Op::TryLock { lease_ms } => {
                let patience = if self.rng.bool() { 0 } else { self.rng.u64(..100) };
                let [lease, patience] = [lease_ms, patience].map(Duration::from_millis);
                let done = tier.lock(&at, Mode::Write, lease, Some(patience));
                self.end(done, granted)
            }
            Op::Renew { token: held, lease_ms } => {
                let done = tier.renew(&at, token(held), Duration::from_millis(lease_ms));
                self.end(done, |()| Outcome::Done)
            }
            Op::Unlock { token: held } => {
                let done = tier.unlock(&at, token(held));
                self.end(done, |()| Outcome::Done)
            }
        }
    }

    /// The same, of one on a list.
    fn list_outcome(&mut self, id: u64, at: &Address, op: &Op) -> Outcome {
        let tier = Arc::clone(&self.tier);
        match *op {
            Op::Append { len, under } => {
                let done = tier.append(at, fill(id, len), under.map(token));
                self.end(done, Outcome::Appended)
            }
            Op::Take { most, waits: false, under } => {
                let under = under.map(token);
                let done = tier.take_appended(at, most, usize::MAX, Wait::Not, under);
                self.end(done, elements)
            }
            Op::Take { most, under, .. } => {
                // Many give up at about the time in which something comes.
                let most_us = if self.rng.bool() { 2_000 } else { 60_000 };
                let patience = Duration::from_micros(self.rng.u64(..most_us));
                let (wait_for, under) = (Wait::UntilThere, under.map(token));
                let done = tier.take_appended(at, most, usize::MAX, wait_for, under);
                wait(done, patience, elements)
            }
            Op::Clear { under } => {
                let done = tier.clear_appended(at, under.map(token));
                self.end(done, |()| Outcome::Done)
            }
            Op::DeleteList { under } => {
                let done = tier.delete(at, When { at: None, under }.condition());
                self.end(done, Outcome::Deleted)
            }
            Op::ReadList => {
                let done = tier.read_appended(at, usize::MAX, usize::MAX);
                self.end(done, elements)
            }
            _ => unreachable!("{op:?} is on no list"),
        }
    }

    /// Of an operation that must end by itself.
    fn end<T>(&self, operation: GlobalOp<T>, done: impl FnOnce(T) -> Outcome) -> Outcome {
        match wait(operation, self.limits.deadline, done) {
            Outcome::GaveUp => Outcome::Late,
            outcome => outcome,
        }
    }
}

fn wait<T>(operation: GlobalOp<T>, patience: Duration, done: impl FnOnce(T) -> Outcome) -> Outcome {
    match operation.block(Some(Instant::now() + patience)) {
        Ok(Ok(it)) => done(it),
        Ok(Err(GlobalError::Conflict { found, .. })) => Outcome::Conflict { found: found.0 },
        Ok(Err(error @ GlobalError::Unavailable(_))) => Outcome::Unavailable(told(&error)),
        Ok(Err(error @ GlobalError::Unknown(_))) => Outcome::Unknown(told(&error)),
        Ok(Err(error)) => Outcome::Refused(told(&error)),
        Err(WaitError::Deadline) => Outcome::GaveUp,
        Err(WaitError::Abandoned(_)) => Outcome::Unknown("it was abandoned".into()),
    }
}

/// The error with all that is behind it.
fn told(error: &GlobalError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn granted(it: Option<Token>) -> Outcome {
    it.map_or(Outcome::Taken, |it| Outcome::Granted { epoch: it.epoch, nonce: it.nonce })
}

fn written(before: Version, after: Version) -> Outcome {
    Outcome::Written { before: before.0, after: after.0 }
}

fn stat(stat: Option<Stat>) -> Outcome {
    Outcome::Stat(stat.map(|it| (it.version.0, it.size)))
}

/// Elements by the number that each begins with.
fn elements(elements: Vec<Vec<u8>>) -> Outcome {
    let number = |element: &Vec<u8>| {
        let id = element.first_chunk().map_or(0, |head| u64::from_le_bytes(*head));
        // A torn one is none that anybody appended.
        if fill(id, element.len()) == *element { id } else { 0 }
    };
    Outcome::Elements(elements.iter().map(number).collect())
}

/// The version that somebody knows after this outcome.
pub(crate) fn version(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Written { after, .. } => Some(*after),
        Outcome::Fetched(seen) => Some(seen.map_or(0, |seen| seen.version)),
        Outcome::Stat(stat) => Some(stat.map_or(0, |(version, _)| version)),
        Outcome::Conflict { found } => Some(*found),
        Outcome::Deleted(_) => Some(0),
        _ => None,
    }
}

/// These bytes at `offset`, of a value of at least `size` bytes.
fn one_run(size: usize, offset: usize, bytes: &[u8]) -> Patch {
    let run = offset..offset + bytes.len();
    let patch = Patch::gather(size.max(run.end), &[run], |_, into| {
        into.copy_from_slice(bytes);
        Ok::<(), std::convert::Infallible>(())
    });
    patch.unwrap_or_else(|error| match error {})
}

fn seen(fetched: Fetched) -> Seen {
    Seen {
        version: fetched.version.0,
        size: fetched.patch.size(),
        digest: digest(&fetched.patch.into_bytes()),
    }
}
