//! A folder of objects that were verified once and are then loaded in a time that does not depend on their size.
//!
//! # Protocol
//!
//! 1. The folder belongs to this process's user, and nobody else can write to it; so do the files in it, which are
//!    read-only besides.
//! 2. A file comes in through [`CodeCache::insert`] only, which checks every byte of it first. It is written under
//!    another name, flushed, renamed, and the folder is flushed: a reader sees a whole file or none, also after a crash.
//! 3. A file is never written again: one that replaces it is another file, and what is mapped stays what it was.
//! 4. [`CodeCache::open`] checks owner and mode of the folder, which nobody else can change afterwards, and
//!    [`CodeCache::load`] those of the open file, and the seal: which key, which length. The bytes under the seal it checks if it is asked to. Then it uses the file where it is mapped.
//!
//! So what is mapped was verified, unless this user (or the system's own) changed it behind our back, who could as well
//! change this program. What a failing disk did to it is found by [`Check::Bytes`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use faasm_sfi::code::CodeError;
use faasm_sfi::file::{MappedFile, is_private};

use crate::engine::Engine;
use crate::module::{LoadError, Module, verify};

/// A folder of verified objects; see the module's page.
#[derive(Debug)]
pub struct CodeCache {
    folder: PathBuf,
    /// Numbers the files that are being written.
    next: AtomicU64,
}

/// What of an object is checked when it is loaded from a cache, where it was checked entirely before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The seal alone, in a time that does not depend on the object's size.
    Seal,
    /// Every byte, because the disk may have changed some.
    Bytes,
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
    #[error("{0:?} cannot name an object: letters, digits, `-`, `_` and dots inside may be in it")]
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
}

impl CodeCache {
    /// A cache in `folder`, which is made for this user alone if it is not there.
    ///
    /// # Errors
    ///
    /// [`CacheError::NotPrivate`], [`CacheError::Io`].
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700).create(folder).map_err(io_error("make", folder))?;
        let cache = Self { folder: folder.to_owned(), next: AtomicU64::new(0) };
        cache.check_folder()?;
        Ok(cache)
    }

    /// Checks an object, keeps it under `name` in place of what was there, and loads it.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn insert(&self, engine: &Engine, name: &str, sealed: &[u8]) -> Result<Module, CacheError> {
        let path = self.path(name)?;
        verify(engine, sealed)?;
        self.check_folder()?;
        self.write(&path, sealed)?;
        self.map(engine, &path, Check::Seal)
    }

    /// Loads the object under `name`, if there is one.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn load(
        &self,
        engine: &Engine,
        name: &str,
        check: Check,
    ) -> Result<Option<Module>, CacheError> {
        let path = self.path(name)?;
        match self.map(engine, &path, check) {
            Ok(module) => Ok(Some(module)),
            Err(CacheError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, CacheError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(allowed) {
            return Err(CacheError::Name(name.to_owned()));
        }
        Ok(self.folder.join(name))
    }

    fn check_folder(&self) -> Result<(), CacheError> {
        let found = fs::metadata(&self.folder).map_err(io_error("look at", &self.folder))?;
        if found.is_dir() && is_private(&found) {
            Ok(())
        } else {
            Err(CacheError::NotPrivate(self.folder.clone()))
        }
    }

    /// The protocol's point 2.
    fn write(&self, path: &Path, sealed: &[u8]) -> Result<(), CacheError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let tmp = self.folder.join(format!(".{}.{number}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o400);
        let mut file = options.open(&tmp).map_err(io_error("make", &tmp))?;
        let written = file
            .write_all(sealed)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&tmp, path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|error| {
            // What is left of it is swept with everything else that nobody knows.
            let _ = fs::remove_file(&tmp);
            io_error("write", path)(error)
        })
    }

    /// The protocol's point 4.
    fn map(&self, engine: &Engine, path: &Path, check: Check) -> Result<Module, CacheError> {
        let file = File::open(path).map_err(io_error("open", path))?;
        let found = file.metadata().map_err(io_error("look at", path))?;
        if !found.is_file() || !is_private(&found) {
            return Err(CacheError::NotPrivate(path.to_owned()));
        }
        // SAFETY: files come into the folder complete and are not written again (protocol, 2 and 3); that nobody else
        // can was checked just above.
        let mapped = unsafe { MappedFile::map(&file) }.map_err(LoadError::from)?;
        if check == Check::Bytes {
            verify(engine, mapped.bytes())?;
        }
        match Module::of_file(engine, mapped) {
            // Where files may not be executed, a copy in memory may.
            Err(LoadError::Map(CodeError::File(error))) if error.is_no_execute() => {
                let copy = MappedFile::copy_of_file(&file).map_err(LoadError::from)?;
                Ok(Module::of_file(engine, copy)?)
            }
            loaded => Ok(loaded?),
        }
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError + use<> {
    let path = path.to_owned();
    move |source| CacheError::Io { action, path, source }
}
