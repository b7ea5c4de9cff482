//! Why a durable tier cannot be opened, and why it could not do something.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::{DatabaseError, StorageError};

/// Why a durable tier's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is in use by another process: a state file has one server; stop the other one, or give this one another file",
        .path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It was made by a later version of this program.
    #[error(
        "{} has format {found}, and this program knows formats up to {known}: use the version that wrote it, or a later one",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The latest that is known here.
        known: u64,
    },
    /// It is not what this program wrote.
    #[error(
        "{} is damaged, or no state file: restore it from a copy, or move it away to begin with empty state",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system refuses.
    #[error("{} cannot be opened{}", .path.display(), advice(.source))]
    System {
        /// The file.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

/// Why a durable tier could not do something that its file should allow.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The file cannot be read or written.
    #[error("{} cannot be used{}", .path.display(), storage_advice(.source))]
    Storage {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: StorageError,
    },
    /// It failed before, and could not be opened again.
    #[error("{} failed, and has not been opened again since", .path.display())]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// The code that reads the file met something that it did not expect.
    #[error("{} is damaged: what is in it cannot be", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The disk took too long.
    #[error("the disk has not finished within {}", humantime(.0))]
    Late(Duration),
    /// Writes come faster than the disk takes them.
    #[error("{waiting} bytes are waiting to be written already")]
    Busy {
        /// How many bytes are waiting.
        waiting: usize,
    },
    /// The tier is being closed.
    #[error("the tier is closed")]
    Ended,
}

fn humantime(time: &Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// What to do about an error of the system.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull => ": the disk is full; make room on it",
        ErrorKind::QuotaExceeded => ": the disk quota is used up; raise it, or make room",
        ErrorKind::FileTooLarge => ": it may not grow any more; raise the limit of file sizes",
        ErrorKind::ReadOnlyFilesystem => ": its file system is mounted read-only",
        ErrorKind::PermissionDenied => ": this user may not read and write it",
        _ => "",
    }
}

fn storage_advice(error: &StorageError) -> &'static str {
    match error {
        StorageError::Io(error) => advice(error),
        StorageError::Corrupted(_) => ": it is damaged; restore it from a copy",
        _ => "",
    }
}

impl OpenError {
    /// What `error` means for the file at `path`.
    pub(super) fn of(path: &Path, error: DatabaseError) -> Self {
        let path = path.to_path_buf();
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::InUse { path },
            DatabaseError::UpgradeRequired(found) => {
                Self::Newer { path, found: found.into(), known: super::tables::FORMAT }
            }
            // What is too short, or has another beginning, is no database.
            DatabaseError::Storage(StorageError::Io(source))
                if !matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                Self::System { path, source }
            }
            error => Self::Damaged { path, source: error.into() },
        }
    }

    /// What `error` of a database that is open means for the file at `path`.
    pub(super) fn reading(path: &Path, error: redb::Error) -> Self {
        Self::Damaged { path: path.to_path_buf(), source: error.into() }
    }
}
