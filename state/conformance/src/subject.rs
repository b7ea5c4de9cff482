//! The tier that is looked at, and short names for what the checks do all the time.

use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use faasm_state::{
    Address, Combine, Condition, GlobalError, GlobalOp, GlobalTier, Key, Merge, Number, Patch,
};

/// How long a check waits for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A tier by two handles, as two hosts have them.
#[derive(Clone)]
pub struct Subject {
    tier: Arc<dyn GlobalTier>,
    other: Arc<dyn GlobalTier>,
    namespace: Arc<str>,
}

impl Subject {
    /// A tier to which there is one handle.
    #[must_use]
    pub fn new(tier: Arc<dyn GlobalTier>) -> Self {
        Self::of_two(Arc::clone(&tier), tier)
    }

    /// A tier by two handles, with connections of their own if it has any.
    #[must_use]
    pub fn of_two(tier: Arc<dyn GlobalTier>, other: Arc<dyn GlobalTier>) -> Self {
        Self { tier, other, namespace: namespace() }
    }

    /// The same tier, and a namespace where nothing is yet.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { namespace: namespace(), ..self.clone() }
    }

    /// The tier.
    #[must_use]
    pub fn tier(&self) -> &dyn GlobalTier {
        &*self.tier
    }

    /// The tier, from another host.
    #[must_use]
    pub fn other(&self) -> &dyn GlobalTier {
        &*self.other
    }

    /// One after the other.
    #[must_use]
    pub fn either(&self, n: usize) -> &dyn GlobalTier {
        if n.is_multiple_of(2) { self.tier() } else { self.other() }
    }

    /// Nobody else works in it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// An address in the check's own namespace.
    #[must_use]
    pub fn at(&self, key: impl AsRef<[u8]>) -> Address {
        at(&self.namespace, key.as_ref())
    }

    /// All bytes of a value, and that both handles have the same.
    #[must_use]
    pub fn whole(&self, at: &Address) -> Vec<u8> {
        let [one, other] = [self.tier(), self.other()].map(|tier| {
            let fetched = done(tier.get(at, &[0..usize::MAX])).unwrap().unwrap();
            assert_eq!(fetched.patch.size(), fetched.patch.len());
            fetched
        });
        assert!(one == other, "the handles differ");
        one.patch.into_bytes()
    }

    /// All of a list.
    #[must_use]
    pub fn appended(&self, at: &Address) -> Vec<Vec<u8>> {
        let [one, other] = [self.tier(), self.other()]
            .map(|tier| done(tier.read_appended(at, usize::MAX, usize::MAX)).unwrap());
        assert!(one == other, "the handles differ");
        one
    }

    /// Writes a value whatever is there.
    pub fn set(&self, at: &Address, bytes: impl Into<Vec<u8>>) {
        done(self.tier.set(at, bytes.into(), Condition::ALWAYS)).unwrap();
    }
}

/// An address.
#[must_use]
pub(crate) fn at(namespace: &str, key: &[u8]) -> Address {
    Address { namespace: Arc::from(namespace), key: Key::new(key).unwrap() }
}

/// A name that no other check has, also none of another run on the same server.
fn namespace() -> Arc<str> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let n = LAST.fetch_add(1, Ordering::Relaxed);
    format!("c{:016x}-{n}", RandomState::new().hash_one(n)).into()
}

/// What the operation gives, in the time that it has.
///
/// # Errors
///
/// What it says.
///
/// # Panics
///
/// If it has not ended by then.
pub fn done<T: Debug>(op: GlobalOp<T>) -> Result<T, GlobalError> {
    op.block(Some(Instant::now() + DEADLINE)).expect("an operation ends in its time")
}

/// Runs of bytes of a value of this size.
///
/// # Panics
///
/// If the runs are not ascending.
#[must_use]
pub fn patch(size: usize, chunks: &[(usize, &[u8])]) -> Patch {
    let runs: Vec<Range<usize>> =
        chunks.iter().map(|(offset, bytes)| *offset..offset + bytes.len()).collect();
    assert!(runs.is_sorted_by(|a, b| a.end <= b.start));
    let mut bytes = chunks.iter().filter(|(_, bytes)| !bytes.is_empty());
    let end = runs.last().map_or(0, |run| run.end);
    Patch::gather(size.max(end), &runs, |_, into| {
        into.copy_from_slice(bytes.next().ok_or(())?.1);
        Ok::<(), ()>(())
    })
    .unwrap()
}

/// A merge of 64-bit integers.
#[must_use]
pub fn numbers(combine: Combine, offset: usize, numbers: &[i64]) -> Merge {
    let bytes = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    Merge::Numbers { combine, number: Number::I64, offset, bytes }
}

/// Bytes that differ from place to place and from one seed to another.
#[must_use]
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
