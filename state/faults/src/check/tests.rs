//! Tiers that do not keep their promises are found out: each lie is seen within a few runs.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use faasm_sfi::pending::Pending;
use faasm_state::{
    Address, Condition, Entry, Fetched, GlobalError, GlobalOp, GlobalTier, Key, MemoryTier, Merge,
    Merged, Mode, Patch, Stat, Token, Version, Wait, Written,
};

use super::{check, judge};
use crate::world::{Failover, History, memory};

/// How a tier lies, now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// It acknowledges writes that it does not do.
    Loses,
    /// It says that a write has not happened that has.
    Denies,
    /// It takes writes under any token.
    Unfenced,
    /// It takes conditional writes over any version.
    Unconditional,
    /// It does half of a write.
    Tears,
    /// It forgets appended elements.
    Forgets,
    /// It gives elements twice.
    Repeats,
    /// It answers reads with what was there before.
    Stale,
    /// It takes elements for clients that have given up.
    Swallows,
    /// It says that it has emptied a list that it has not.
    Keeps,
}

struct Liar {
    tier: MemoryTier,
    lie: Lie,
    count: AtomicU64,
    before: std::sync::Mutex<std::collections::HashMap<Address, Option<Fetched>>>,
}

impl Liar {
    fn lies(&self, lie: Lie) -> bool {
        self.lie == lie && self.count.fetch_add(1, Ordering::Relaxed) % 10 == 9
    }

    fn when(&self, when: Condition) -> Condition {
        let mut when = when;
        if self.lie == Lie::Unfenced {
            when.under = None;
        }
        if self.lie == Lie::Unconditional {
            when.at = None;
        }
        when
    }
}

fn now<T>(operation: GlobalOp<T>) -> Result<T, GlobalError> {
    operation.block(None).expect("the tier in memory answers at once")
}

impl GlobalTier for Liar {
    fn stat(&self, at: &Address) -> GlobalOp<Option<Stat>> {
        self.tier.stat(at)
    }

    fn get(&self, at: &Address, ranges: &[Range<usize>]) -> GlobalOp<Option<Fetched>> {
        let found = now(self.tier.get(at, ranges));
        if self.lie == Lie::Stale
            && let Ok(found) = &found
        {
            let mut before = self.before.lock().unwrap();
            let old = before.insert(at.clone(), found.clone());
            if let Some(old) = old.filter(|_| self.lies(Lie::Stale)) {
                return Pending::ready(Ok(old));
            }
        }
        Pending::ready(found)
    }

    fn set(&self, at: &Address, bytes: Vec<u8>, when: Condition) -> GlobalOp<Written> {
        let before = now(self.tier.stat(at)).unwrap().map_or(Version::ABSENT, |it| it.version);
        let holds = when.under.is_none() && when.at.is_none();
        if holds && self.lies(Lie::Loses) {
            let after = Version(before.0 + 1_000_000);
            return Pending::ready(Ok(Written { before, after }));
        }
        let mut bytes = bytes;
        if self.lies(Lie::Tears) {
            bytes.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        let written = self.tier.set(at, bytes, self.when(when));
        if self.lies(Lie::Denies) {
            return Pending::ready(Err(GlobalError::Unavailable("it lies".into())));
        }
        written
    }

    fn set_ranges(&self, at: &Address, patch: Patch, when: Condition) -> GlobalOp<Written> {
        self.tier.set_ranges(at, patch, self.when(when))
    }

    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool> {
        self.tier.delete(at, when)
    }

    fn merge(
        &self,
        at: &Address,
        change: Merge,
        when: Condition,
        wanted: bool,
    ) -> GlobalOp<Merged> {
        self.tier.merge(at, change, self.when(when), wanted)
    }

    fn append(&self, at: &Address, element: Vec<u8>, under: Option<Token>) -> GlobalOp<usize> {
        if self.lies(Lie::Forgets) {
            return Pending::ready(Ok(1));
        }
        self.tier.append(at, element, under)
    }

    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>> {
        self.tier.read_appended(at, most, max_bytes)
    }

    fn take_appended(
        &self,
        at: &Address,
        most: usize,
        max_bytes: usize,
        wait: Wait,
        under: Option<Token>,
    ) -> GlobalOp<Vec<Vec<u8>>> {
        if self.lies(Lie::Repeats) {
            return self.tier.read_appended(at, most, max_bytes);
        }
        let under = under.filter(|_| self.lie != Lie::Unfenced);
        let taking = self.tier.take_appended(at, most, max_bytes, wait, under);
        // What hangs on it wants the elements, whoever wants them of that.
        if self.lie == Lie::Swallows { taking.map(|taken| taken) } else { taking }
    }

    fn clear_appended(&self, at: &Address, under: Option<Token>) -> GlobalOp<()> {
        if self.lie == Lie::Keeps {
            return Pending::ready(Ok(()));
        }
        self.tier.clear_appended(at, under)
    }

    fn watch(&self, at: &Address, seen: Version) -> GlobalOp<Option<Stat>> {
        self.tier.watch(at, seen)
    }

    fn list(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&Key>,
        most: usize,
    ) -> GlobalOp<Vec<Entry>> {
        self.tier.list(namespace, prefix, after, most)
    }

    fn lock(
        &self,
        at: &Address,
        mode: Mode,
        lease: Duration,
        patience: Option<Duration>,
    ) -> GlobalOp<Option<Token>> {
        self.tier.lock(at, mode, lease, patience)
    }

    fn renew(&self, at: &Address, token: Token, lease: Duration) -> GlobalOp<()> {
        self.tier.renew(at, token, lease)
    }

    fn unlock(&self, at: &Address, token: Token) -> GlobalOp<()> {
        self.tier.unlock(at, token)
    }
}

/// What a liar's clients have seen.
fn lied(seed: u64, lie: Lie) -> History {
    let liar = Liar {
        tier: MemoryTier::default(),
        lie,
        count: AtomicU64::new(0),
        before: Default::default(),
    };
    memory::with(seed, Arc::new(liar)).unwrap()
}

/// Whether the lie is found in one of some runs.
fn found(lie: Lie) -> bool {
    (0..20).any(|seed| {
        let history = lied(seed, lie);
        check(&history.events, &history).is_err()
    })
}

/// From the history's beginning to just before all was read in the end.
fn whole(history: &History) -> Failover {
    let last = history.events.iter().filter(|event| event.client == 0).map(|event| event.invoked);
    Failover { from: 0, to: last.min().unwrap() - 1, loses: true }
}

#[test]
fn a_failover_takes_what_no_replica_had_and_nothing_else() {
    for (lie, replicated, loses, is_found) in [
        (Lie::Loses, true, true, true),
        (Lie::Loses, false, true, false),
        (Lie::Loses, false, false, true),
        (Lie::Forgets, true, true, true),
        (Lie::Forgets, false, true, false),
        (Lie::Unfenced, true, true, true),
        // Whatever a failover may take, nobody writes half of something.
        (Lie::Tears, false, true, true),
    ] {
        // What is to be found is found in one of many; what is to be believed, in each of a few.
        let found = (0..if is_found { 20 } else { 4 }).any(|seed| {
            let mut history = lied(seed, lie);
            history.replicated = replicated;
            history.failovers = vec![Failover { loses, ..whole(&history) }];
            judge(&history).is_err()
        });
        assert_eq!(found, is_found, "{lie:?} {replicated} {loses}");
    }
}

#[test]
fn what_is_far_from_a_failover_is_judged_as_ever() {
    let found = (0..20).any(|seed| {
        let mut history = lied(seed, Lie::Loses);
        let end = history.events.iter().map(|event| event.ended).max().unwrap();
        let later = end + 10_000_000_000;
        history.failovers = vec![Failover { from: later, to: later, loses: true }];
        judge(&history).is_err()
    });
    assert!(found);
}

#[test]
fn every_lie_is_found() {
    let lies = [
        Lie::Loses,
        Lie::Denies,
        Lie::Unfenced,
        Lie::Unconditional,
        Lie::Tears,
        Lie::Forgets,
        Lie::Repeats,
        Lie::Stale,
        Lie::Swallows,
        Lie::Keeps,
    ];
    for lie in lies {
        assert!(found(lie), "{lie:?} was not found");
    }
}

#[test]
fn a_tier_that_keeps_its_promises_is_believed() {
    for seed in 0..5 {
        let history = memory::with(seed, Arc::new(MemoryTier::default())).unwrap();
        check(&history.events, &history).unwrap_or_else(|wrong| panic!("{seed}: {wrong}"));
    }
}
