//! The port [`Files`]: the tenant's shared files, which every call of it reads and none changes by writing.
//!
//! What a path names is known here at once; what is in a file may have to be fetched, which is the only thing that
//! waits.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use faasm_sfi::pending::Pending;
use faasm_vm::Digest;

/// A tenant's shared files. Implemented by the runtime, narrowed to one tenant.
///
/// A path is relative and in its plain form: components between single slashes, none of them empty, `.` or `..`. The
/// empty path is the directory that has all others.
pub trait Files: Send + Sync + fmt::Debug {
    /// What is there now.
    fn find(&self, path: &str) -> Option<Shared>;

    /// What is in a directory now, in no order; empty if there is no such directory.
    fn list(&self, path: &str) -> Vec<(Box<str>, Shared)>;

    /// The bytes of a file that was found, also if it has been replaced or removed since.
    fn fetch(&self, digest: Digest) -> Pending<Result<Content, FetchError>>;

    /// Makes bytes a shared file, in the place of one that is there: for a guest that asks for just that. Writing to
    /// files never does.
    fn share(self: Arc<Self>, path: String, bytes: Vec<u8>) -> Pending<Result<(), PutError>>;
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// A file.
    File {
        /// Digest of its bytes.
        digest: Digest,
        /// How many there are.
        bytes: u64,
        /// When it was put there, in nanoseconds since 1970.
        modified: u64,
    },
    /// A directory: a path that others begin with.
    Directory {
        /// When a name was added or removed the last time, in nanoseconds since 1970.
        modified: u64,
    },
}

/// The bytes of a shared file; a clone is another handle to them.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file that nobody changes.
    File(Arc<File>),
}

impl Content {
    /// Reads at an offset until `into` is full or the bytes end; how many were read.
    ///
    /// # Errors
    ///
    /// What the system says of a file.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let n = into.len().min(bytes.len() - from);
                into[..n].copy_from_slice(&bytes[from..from + n]);
                Ok(n)
            }
            Self::File(file) => {
                let mut done = 0;
                while done < into.len() {
                    match file.read_at(&mut into[done..], offset + done as u64) {
                        Ok(0) => break,
                        Ok(n) => done += n,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(done)
            }
        }
    }
}

/// Why bytes cannot be made a shared file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// The tenant may not have it there, or not so much.
    #[error("{0}")]
    Refused(String),
    /// The host failed.
    #[error("{0}")]
    Failed(String),
}

/// Why the bytes of a shared file cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the content {digest} of a shared file cannot be read")]
pub struct FetchError {
    /// Digest of the bytes.
    pub digest: Digest,
    /// What the system said.
    #[source]
    pub source: io::Error,
}
