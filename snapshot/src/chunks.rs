//! The port to where chunks are kept, and chunks in memory.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use faasm_vm::Digest;

/// Where chunks are kept, by the digest of their raw bytes.
///
/// What is given back is believed by nobody: whoever asked compares digests. So a store may lose chunks, and may have
/// some that are damaged.
pub trait Chunks: Send + Sync {
    /// The stored chunk, if there is one. More than [`crate::chunk::MOST_STORED`] bytes are no chunk, and need not be
    /// read.
    ///
    /// # Errors
    ///
    /// [`ChunksError`].
    fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, ChunksError>;

    /// Whether there is one.
    ///
    /// # Errors
    ///
    /// [`ChunksError`].
    fn has(&self, digest: Digest) -> Result<bool, ChunksError>;

    /// Keeps a chunk, in place of what was there.
    ///
    /// # Errors
    ///
    /// [`ChunksError`].
    fn put(&self, digest: Digest, stored: &[u8]) -> Result<(), ChunksError>;

    /// Returns when everything that was put will be there after a crash.
    ///
    /// # Errors
    ///
    /// [`ChunksError`].
    fn flush(&self) -> Result<(), ChunksError>;
}

/// Chunks cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("chunks cannot be kept or read")]
pub struct ChunksError(#[source] Box<dyn Error + Send + Sync>);

impl ChunksError {
    /// Why.
    pub fn new(source: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(source))
    }
}

/// Chunks in memory, for tests and for what goes to one file.
#[derive(Debug, Default)]
pub struct MemoryChunks {
    chunks: Mutex<HashMap<Digest, Vec<u8>>>,
}

impl MemoryChunks {
    /// How many chunks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Vec<u8>>> {
        // The map is whole at every unlock.
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chunks for MemoryChunks {
    fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, ChunksError> {
        Ok(self.lock().get(&digest).cloned())
    }

    fn has(&self, digest: Digest) -> Result<bool, ChunksError> {
        Ok(self.lock().contains_key(&digest))
    }

    fn put(&self, digest: Digest, stored: &[u8]) -> Result<(), ChunksError> {
        self.lock().insert(digest, stored.to_vec());
        Ok(())
    }

    fn flush(&self) -> Result<(), ChunksError> {
        Ok(())
    }
}
