//! A folder that only this process's user can write to, with files that are written once.
//!
//! # Protocol
//!
//! 1. The folder belongs to this process's user, and nobody else can write to it; so do the files in it, which are
//!    read-only besides.
//! 2. A file is written under another name, flushed, renamed, and the folder is flushed: a reader sees a whole file or
//!    none, also after a crash.
//! 3. A file is never written again: one that replaces it is another file, and what is mapped stays what it was.
//! 4. Owner and mode are checked of the folder when it is opened and before a file is written, and of each file when it
//!    is opened.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use faasm_sfi::file::is_private;

use crate::module::LoadError;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct PrivateFolder {
    folder: PathBuf,
    /// Numbers the files that are being written.
    next: AtomicU64,
}

/// Why a cache cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Others than this process's user can write it, or it is another user's.
    #[error(
        "{} must be this user's own, and nobody else may write to it: change its owner, or its mode with `chmod go-w`",
        .0.display()
    )]
    NotPrivate(PathBuf),
    /// No name for a file in a folder.
    #[error("{0:?} cannot name a file: letters, digits, `-`, `_` and dots inside may be in it")]
    Name(String),
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
    /// The object is refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The image is refused.
    #[error("the image {} is refused: {what}", path.display())]
    Image {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl PrivateFolder {
    /// The folder, which is made for this user alone if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, CacheError> {
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700).create(folder).map_err(io_error("make", folder))?;
        let cache = Self { folder: folder.to_owned(), next: AtomicU64::new(0) };
        cache.check()?;
        Ok(cache)
    }

    /// Where the file with this name is.
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, CacheError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(allowed) {
            return Err(CacheError::Name(name.to_owned()));
        }
        Ok(self.folder.join(name))
    }

    fn check(&self) -> Result<(), CacheError> {
        let found = fs::metadata(&self.folder).map_err(io_error("look at", &self.folder))?;
        if found.is_dir() && is_private(&found) {
            Ok(())
        } else {
            Err(CacheError::NotPrivate(self.folder.clone()))
        }
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.folder
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), CacheError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// A file that is there when it is committed; the protocol's point 2.
    pub(crate) fn create(&self) -> Result<NewFile<'_>, CacheError> {
        self.check()?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!(".{}.{number}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o400);
        let file = options.open(&path).map_err(io_error("make", &path))?;
        Ok(NewFile { folder: self, file, path, committed: false })
    }

    /// Opens a file that nobody else can have written.
    pub(crate) fn open_file(&self, path: &Path) -> Result<File, CacheError> {
        let file = File::open(path).map_err(io_error("open", path))?;
        let found = file.metadata().map_err(io_error("look at", path))?;
        if !found.is_file() || !is_private(&found) {
            return Err(CacheError::NotPrivate(path.to_owned()));
        }
        Ok(file)
    }
}

/// A file that is being written; it is removed if it is not committed.
#[derive(Debug)]
pub(crate) struct NewFile<'a> {
    folder: &'a PrivateFolder,
    file: File,
    path: PathBuf,
    committed: bool,
}

impl NewFile<'_> {
    /// Writes at the end.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.file.write_all(bytes).map_err(io_error("write", &self.path))
    }

    /// Writes at `offset`; what lies between and is not written is zero and takes no room.
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), CacheError> {
        self.file.write_all_at(bytes, offset).map_err(io_error("write", &self.path))
    }

    /// Gives the file its name, in place of what had it.
    pub(crate) fn commit(mut self, path: &Path) -> Result<(), CacheError> {
        let done = self.file.sync_all().and_then(|()| fs::rename(&self.path, path));
        let done = done.and_then(|()| File::open(&self.folder.folder)?.sync_all());
        self.committed = done.is_ok();
        done.map_err(io_error("write", path))
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // What is left of it is swept with everything else that nobody knows.
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(crate) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> CacheError + use<> {
    let path = path.to_owned();
    move |source| CacheError::Io { action, path, source }
}
