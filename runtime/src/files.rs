//! The tenants' shared files: what every function of a tenant reads below `/`.
//!
//! # Layout
//!
//! ```text
//! DIR/files/contents/DIGEST  bytes, by their digest, for all tenants
//! DIR/files/names/NAMESPACE  a tenant's journal: which path has which content, see [`journal`]
//! ```
//!
//! # Protocol
//!
//! 1. A content is written under a name that begins with a dot, then renamed; it never changes.
//! 2. When all contents of a change are on the disk, one line of the journal makes it; the line is on the disk before
//!    the change is seen. So all files of one change are there together or not at all, also after a crash.
//! 3. A content that no path has any more is removed when no call can have found it: [`KEPT`] later, or at the next
//!    start.
//!
//! # Boundary
//!
//! [`TenantFiles`] is the port [`faasm_hostif::Files`]: names from memory, contents from a cache over the disk.

mod cache;
mod contents;
mod journal;
mod names;
mod path;
mod tenant;
mod writer;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use self::contents::Contents;
pub use self::path::{FilePath, FilePathError};
pub use self::tenant::{Put, TenantFiles};
use self::writer::Writer;
use crate::digest::Digest;
use crate::problem::{Problem, ProblemType};

/// How long a content is kept that no path has any more. Longer than calls last.
pub const KEPT: Duration = Duration::from_hours(1);

/// How much a tenant may keep.
#[derive(Clone, Copy, Debug)]
pub struct FileLimits {
    /// Bytes of all its files.
    pub bytes: u64,
    /// How many files.
    pub files: usize,
    /// Bytes of small contents that are kept in memory, of all tenants.
    pub cache_bytes: u64,
}

impl Default for FileLimits {
    /// 16 GiB in a million files; 256 MiB in memory.
    fn default() -> Self {
        Self { bytes: 16 << 30, files: 1 << 20, cache_bytes: 256 << 20 }
    }
}

/// What is known of a shared file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileInfo {
    /// Its path.
    pub path: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
    /// When it was put there, in nanoseconds since 1970.
    pub modified: u64,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A journal cannot be read.
    #[error("line {line} of the journal {} is damaged", path.display())]
    Journal {
        /// Its file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The path has files below it.
    #[error("`{0}` is a directory: it has files below it")]
    IsDirectory(FilePath),
    /// A part of the path is a file.
    #[error("`{path}` cannot be below `{file}`, which is a file")]
    BelowFile {
        /// The path.
        path: FilePath,
        /// Its part that is a file.
        file: String,
    },
    /// The tenant has as much as it may.
    #[error("the tenant's files would be {what}, over the limit of {limit}")]
    TooMuch {
        /// How much, of what.
        what: String,
        /// How much may be.
        limit: u64,
    },
}

impl Problem for FilesError {
    fn problem_type(&self) -> ProblemType {
        match self {
            Self::Io { .. } | Self::Journal { .. } => ProblemType::Internal,
            Self::IsDirectory(_) | Self::BelowFile { .. } => ProblemType::InvalidRequest,
            Self::TooMuch { .. } => ProblemType::PayloadTooLarge,
        }
    }
}

/// The files of all tenants; see the module's page.
#[derive(Debug)]
pub struct FileStore {
    names: PathBuf,
    limits: FileLimits,
    contents: Arc<Contents>,
    writer: Arc<Writer>,
    tenants: Mutex<HashMap<Box<str>, Arc<TenantFiles>>>,
}

impl FileStore {
    /// Opens the files in `root`, the data folder, which this process alone has; sweeps what nobody has any more.
    ///
    /// # Errors
    ///
    /// [`FilesError::Io`], [`FilesError::Journal`].
    pub fn open(root: &Path, limits: FileLimits) -> Result<Self, FilesError> {
        let names = root.join("files").join("names");
        let folder = root.join("files").join("contents");
        for folder in [&names, &folder] {
            fs::create_dir_all(folder).map_err(io_error("make", folder))?;
        }
        let contents = Arc::new(Contents::new(folder, limits.cache_bytes));
        let writer = Arc::new(Writer::default());
        let on = || (Arc::clone(&contents), Arc::clone(&writer));
        let mut tenants = HashMap::new();
        for entry in fs::read_dir(&names).map_err(io_error("list", &names))? {
            let entry = entry.map_err(io_error("list", &names))?;
            // What begins with a dot was being written.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let tenant = TenantFiles::open(entry.path(), limits, on())?;
            tenants.insert(name.into(), Arc::new(tenant));
        }
        contents.sweep()?;
        Ok(Self { names, limits, contents, writer, tenants: Mutex::new(tenants) })
    }

    /// The files of a tenant, whose name is that of a namespace.
    ///
    /// # Errors
    ///
    /// [`FilesError::Io`].
    pub fn tenant(&self, namespace: &str) -> Result<Arc<TenantFiles>, FilesError> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tenant) = tenants.get(namespace) {
            return Ok(Arc::clone(tenant));
        }
        let path = self.names.join(namespace);
        let on = (Arc::clone(&self.contents), Arc::clone(&self.writer));
        let tenant = TenantFiles::open(path, self.limits, on)?;
        let tenant = Arc::new(tenant);
        tenants.insert(namespace.into(), Arc::clone(&tenant));
        Ok(tenant)
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FilesError + use<> {
    let path = path.to_owned();
    move |source| FilesError::Io { action, path, source }
}

#[cfg(test)]
mod tests;
