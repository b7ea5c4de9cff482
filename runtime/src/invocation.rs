//! Identifiers of calls as the outside sees them: ULIDs, sortable by time and not guessable.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use ulid::Ulid;

/// Fresh random bytes from the system.
///
/// # Errors
///
/// When `/dev/urandom` cannot be read.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Mints identifiers: the time in milliseconds, then 80 bits of a keyed hash of a counter.
#[derive(Debug)]
pub struct InvocationIds {
    key: [u8; 32],
    next: AtomicU64,
}

impl InvocationIds {
    /// A mint with a key of its own.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn new() -> io::Result<Self> {
        Ok(Self { key: random_bytes()?, next: AtomicU64::new(1) })
    }

    /// A number that this mint has not given before, and an identifier that no other mint gives either, but by a
    /// chance of 2⁻⁸⁰.
    pub fn mint(&self) -> (u64, Ulid) {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::keyed_hash(&self.key, &count.to_le_bytes());
        let [random, _] = hash.as_bytes().as_chunks::<16>().0 else {
            unreachable!("a hash of 32 bytes is two chunks of 16");
        };
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        (count, Ulid::from_parts(time, u128::from_le_bytes(*random)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn identifiers_differ_and_have_the_form_of_a_ulid() {
        let ids = InvocationIds::new().unwrap();
        let minted: HashSet<_> = (0..1000).map(|_| ids.mint().1.to_string()).collect();
        assert_eq!(minted.len(), 1000);
        assert!(minted.iter().all(|id| id.len() == 26));
    }
}
