//! A token bucket: so many bytes a second in the long run, and one second's worth at once.
//!
//! What is spent may be more than there is; what comes next then waits until it is paid. So a datagram is never cut,
//! and nobody has to know beforehand how much a peer has sent.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket, shared by all calls of a function on this host.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Bytes a second.
    rate: NonZeroU64,
    /// Everything that was spent is paid from here on. Before now: the bucket has filled up meanwhile.
    paid: Mutex<Instant>,
}

/// What fills up while nobody spends.
const BURST: Duration = Duration::from_secs(1);

/// For how long somebody waits at least, so that nobody wakes for a byte.
const QUANTUM: Duration = Duration::from_millis(10);

impl Bucket {
    pub(crate) fn new(rate: NonZeroU64, now: Instant) -> Self {
        Self { rate, paid: Mutex::new(now.checked_sub(BURST).unwrap_or(now)) }
    }

    /// How many bytes may be moved now, or when to ask again.
    pub(crate) fn ready(&self, now: Instant) -> Result<usize, Instant> {
        let paid = *self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let owed = paid.saturating_duration_since(now);
        let room = now.saturating_duration_since(paid).min(BURST);
        match self.bytes_in(room) {
            0 => Err(now + owed + QUANTUM.max(self.time_of(1))),
            bytes => Ok(bytes),
        }
    }

    /// Takes out what was moved.
    pub(crate) fn spend(&self, bytes: usize, now: Instant) {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let full = now.checked_sub(BURST).unwrap_or(now);
        *paid = (*paid).max(full) + self.time_of(bytes);
    }

    fn bytes_in(&self, time: Duration) -> usize {
        let bytes = time.as_nanos() * u128::from(self.rate.get()) / SECOND;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// How long the rate needs for so many bytes, rounded up.
    fn time_of(&self, bytes: usize) -> Duration {
        let nanos = (bytes as u128 * SECOND).div_ceil(u128::from(self.rate.get()));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX >> 8))
    }
}

/// Nanoseconds.
const SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_second_at_once_and_then_the_rate() {
        let begin = Instant::now();
        let bucket = Bucket::new(NonZeroU64::new(1000).unwrap(), begin);
        assert_eq!(bucket.ready(begin), Ok(1000));
        bucket.spend(1000, begin);
        let again = bucket.ready(begin).unwrap_err();
        assert_eq!(again, begin + QUANTUM);
        assert_eq!(bucket.ready(again), Ok(10));
        // A long pause fills it up, and no further.
        assert_eq!(bucket.ready(begin + Duration::from_secs(100)), Ok(1000));
    }

    #[test]
    fn a_debt_is_paid_before_more_is_moved() {
        let begin = Instant::now();
        let bucket = Bucket::new(NonZeroU64::new(1000).unwrap(), begin);
        bucket.spend(5000, begin);
        let again = bucket.ready(begin + Duration::from_secs(1)).unwrap_err();
        assert_eq!(again, begin + Duration::from_secs(4) + QUANTUM);
        assert!(bucket.ready(again).is_ok());
    }

    proptest! {
        /// Whatever is asked for when, the bucket gives no more than a second's worth and the rate, plus what one
        /// overdraft took; and whoever comes when he was told to gets something.
        #[test]
        fn the_rate_holds(rate in 1_u64..10_000_000, steps in prop::collection::vec((0_u64..400, 1_usize..100_000), 1..60)) {
            let begin = Instant::now();
            let bucket = Bucket::new(NonZeroU64::new(rate).unwrap(), begin);
            let (mut now, mut moved, mut largest) = (begin, 0_u128, 0_u128);
            for (pause, wanted) in steps {
                now += Duration::from_millis(pause);
                if let Err(at) = bucket.ready(now) {
                    prop_assert!(at > now);
                    now = at;
                }
                prop_assert!(bucket.ready(now).is_ok());
                bucket.spend(wanted, now);
                moved += wanted as u128;
                largest = largest.max(wanted as u128);
                let passed = (now - begin + BURST).as_nanos();
                prop_assert!(moved <= passed * u128::from(rate) / SECOND + largest + 1);
            }
        }
    }
}
