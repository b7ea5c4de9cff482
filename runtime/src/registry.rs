//! The registry: what was uploaded, on disk.
//!
//! # Layout
//!
//! ```text
//! DIR/lock                         held by the one server that uses DIR
//! DIR/key                          32 bytes, mode 0600: the key of the seals of DIR's objects
//! DIR/wasm/DIGEST                  uploaded modules and scripts, by the digest of their bytes
//! DIR/objects/KEY                  verified objects, by digest of module, target, features and compiler; see
//!                                  [`faasm_vm::CodeCache`]
//! DIR/functions/NAMESPACE/FUNCTION records: JSON, see [`Record`]
//! DIR/libraries/NAMESPACE/LIBRARY  the same for libraries
//! DIR/protos, chunks, images, …    the functions' snapshots, see [`crate::snapshots`]
//! DIR/tmp/                         files being written; emptied at start
//! ```
//!
//! # Protocol
//!
//! 1. Every file is written to `tmp`, flushed to the disk, then renamed to its place, and the place's folder is
//!    flushed: a reader sees a whole file or none, also after a crash.
//! 2. Modules and objects are named by their content and never change. They are written before the record that names
//!    them, and the record is the last file of an upload: a function is there entirely or not at all.
//! 3. Content that no record names any more is removed at the next start, when nobody is uploading.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use faasm_vm::{CacheError, CodeCache};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::key::{self, KeyError};
use crate::manifest::Manifest;
use crate::name::FunctionName;
use crate::problem::{Problem, ProblemType};
use crate::snapshots::{Snapshots, SnapshotsError};

/// Version of the records; a record of another version is refused.
pub const RECORD_FORMAT: u32 = 1;

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function.
    Function,
    /// A library.
    Library,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Function, Self::Library];

    const fn folder(self) -> &'static str {
        match self {
            Self::Function => "functions",
            Self::Library => "libraries",
        }
    }
}

/// What the registry knows of a function or a library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// Digest of the uploaded module, or of the runtime's.
    pub wasm: Digest,
    /// Of a function that is a script for a runtime: the script's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Digest>,
    /// Length of the module, in bytes.
    pub wasm_bytes: u64,
    /// Where its object is: see [`Registry::objects`].
    pub object: Digest,
    /// Its initialised Proto: see [`Registry::snapshots`]. `None` if it has none, and is initialised at each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Digest>,
    /// When it was uploaded, in seconds since 1970.
    pub uploaded: u64,
    /// What the upload said about it beside its code.
    #[serde(default, skip_serializing_if = "Manifest::is_empty")]
    pub manifest: Manifest,
}

/// Why the registry could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
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
    /// The folder of the objects.
    #[error(transparent)]
    Objects(#[from] CacheError),
    /// The folders of the snapshots.
    #[error(transparent)]
    Snapshots(#[from] SnapshotsError),
    /// The key file cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Another server uses the folder.
    #[error("another server is using {}", .0.display())]
    InUse(PathBuf),
    /// A record cannot be read.
    #[error("the record {} is damaged", path.display())]
    Record {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A file is not what it must be.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Problem for RegistryError {
    fn problem_type(&self) -> ProblemType {
        ProblemType::Internal
    }
}

/// A registry in a folder; see the module's page. One process at a time has it.
#[derive(Debug)]
pub struct Registry {
    root: PathBuf,
    objects: CodeCache,
    snapshots: Snapshots,
    /// Numbers the files in `tmp`.
    next: AtomicU64,
    /// Holds the lock on the folder until it is closed.
    lock: File,
}

impl Registry {
    /// Opens the registry in `root`, which is made if it is not there; sweeps what a crash left.
    ///
    /// # Errors
    ///
    /// [`RegistryError::InUse`] when another process has it; [`RegistryError::Io`].
    pub fn open(root: &Path) -> Result<Self, RegistryError> {
        for folder in ["", "wasm", "functions", "libraries", "tmp"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(io_error("make", &path))?;
        }
        let path = root.join("lock");
        let lock = File::create(&path).map_err(io_error("make", &path))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => RegistryError::InUse(root.to_owned()),
            fs::TryLockError::Error(source) => io_error("lock", &path)(source),
        })?;
        let objects = CodeCache::open(&root.join("objects"))?;
        let snapshots = Snapshots::open(root)?;
        let next = AtomicU64::new(0);
        let registry = Self { root: root.to_owned(), objects, snapshots, next, lock };
        registry.sweep()?;
        Ok(registry)
    }

    /// Lets another server have the folder, also while somebody still has this registry and does nothing with it.
    pub(crate) fn release(&self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the data folder stays locked until this process ends");
        }
    }

    /// The key of the seals, made at the first use.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Key`].
    pub fn key(&self) -> Result<[u8; 32], RegistryError> {
        Ok(key::load_or_create(&self.root.join("key"))?)
    }

    /// Keeps a module and answers its digest.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Io`].
    pub fn put_wasm(&self, wasm: &[u8]) -> Result<Digest, RegistryError> {
        let digest = Digest::of(wasm);
        let path = self.wasm_path(digest);
        if !path.exists() {
            self.write(&path, wasm)?;
        }
        Ok(digest)
    }

    /// The module with this digest.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Io`]; [`RegistryError::Damaged`] when its bytes have another digest.
    pub fn wasm(&self, digest: Digest) -> Result<Vec<u8>, RegistryError> {
        wasm_in(&self.root, digest)
    }

    /// The objects, by the key of their compilation.
    #[must_use]
    pub fn objects(&self) -> &CodeCache {
        &self.objects
    }

    /// The functions' snapshots, among others.
    #[must_use]
    pub fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Commits a record: the last step of an upload.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Io`].
    pub fn commit(
        &self,
        kind: Kind,
        name: &FunctionName,
        record: &Record,
    ) -> Result<(), RegistryError> {
        let path = self.record_path(kind, name);
        let folder = self.root.join(kind.folder()).join(name.namespace());
        if !folder.exists() {
            fs::create_dir_all(&folder).map_err(io_error("make", &folder))?;
            flush_folder(&self.root.join(kind.folder()))?;
        }
        let json = serde_json::to_vec_pretty(record)
            .map_err(|source| RegistryError::Record { path: path.clone(), source })?;
        self.write(&path, &json)
    }

    /// Removes a record; whether there was one.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Io`].
    pub fn remove(&self, kind: Kind, name: &FunctionName) -> Result<bool, RegistryError> {
        let path = self.record_path(kind, name);
        match fs::remove_file(&path) {
            Ok(()) => flush_folder(path.parent().unwrap_or(&self.root)).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(io_error("remove", &path)(source)),
        }
    }

    /// Every function or library, by name.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Io`], [`RegistryError::Record`]; [`RegistryError::Damaged`] for a record of another format.
    pub fn records(&self, kind: Kind) -> Result<Vec<(FunctionName, Record)>, RegistryError> {
        let mut found = Vec::new();
        for (namespace, folder) in entries(&self.root.join(kind.folder()))? {
            for (function, path) in entries(&folder)? {
                let Ok(name) = FunctionName::new(&namespace, &function) else { continue };
                found.push((name, read_record(path)?));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    fn wasm_path(&self, digest: Digest) -> PathBuf {
        self.root.join("wasm").join(digest.to_string())
    }

    fn record_path(&self, kind: Kind, name: &FunctionName) -> PathBuf {
        self.root.join(kind.folder()).join(name.namespace()).join(name.function())
    }

    /// Writes a file as the protocol's point 1 says, readable by its owner only.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let tmp = self.root.join("tmp").join(number.to_string());
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&tmp)
            .map_err(io_error("make", &tmp))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error("write", &tmp))?;
        fs::rename(&tmp, path).map_err(io_error("rename a file to", path))?;
        flush_folder(path.parent().unwrap_or(&self.root))
    }

    /// Point 3 of the protocol, and the emptying of `tmp`.
    fn sweep(&self) -> Result<(), RegistryError> {
        let mut records = Vec::new();
        for kind in Kind::ALL {
            records.extend(self.records(kind)?);
        }
        let uploaded = |(_, record): &(_, Record)| [Some(record.wasm), record.script];
        let wasm: HashSet<String> =
            records.iter().flat_map(uploaded).flatten().map(|digest| digest.to_string()).collect();
        let objects: HashSet<String> =
            records.iter().map(|(_, record)| record.object.to_string()).collect();
        for (folder, keep) in [("tmp", HashSet::new()), ("wasm", wasm), ("objects", objects)] {
            for (file, path) in entries(&self.root.join(folder))? {
                if !keep.contains(&file) {
                    fs::remove_file(&path).map_err(io_error("remove", &path))?;
                }
            }
        }
        let named = records.iter().filter_map(|(_, record)| record.snapshot.map(Into::into));
        Ok(self.snapshots.keep_of_functions(&named.collect())?)
    }
}

/// The record of a function in the registry at `root`, which another process may have; `None` if there is no such
/// function.
///
/// # Errors
///
/// As [`Registry::records`].
pub fn record_in(root: &Path, name: &FunctionName) -> Result<Option<Record>, RegistryError> {
    let path = root.join("functions").join(name.namespace()).join(name.function());
    match read_record(path) {
        Err(RegistryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        record => record.map(Some),
    }
}

/// The libraries of a namespace, which is that of `any`, in the registry at `root`, which another process may have.
///
/// # Errors
///
/// As [`Registry::records`].
pub fn libraries_in(
    root: &Path,
    any: &FunctionName,
) -> Result<Vec<(String, Record)>, RegistryError> {
    let folder = root.join(Kind::Library.folder()).join(any.namespace());
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let read = |(name, path)| Ok((name, read_record(path)?));
    entries(&folder)?.into_iter().map(read).collect()
}

/// The module with this digest in the registry at `root`, which another process may have.
///
/// # Errors
///
/// As [`Registry::wasm`].
pub fn wasm_in(root: &Path, digest: Digest) -> Result<Vec<u8>, RegistryError> {
    let path = root.join("wasm").join(digest.to_string());
    let bytes = fs::read(&path).map_err(io_error("read", &path))?;
    if Digest::of(&bytes) != digest {
        return Err(RegistryError::Damaged { path, what: "its digest is not its name" });
    }
    Ok(bytes)
}

fn read_record(path: PathBuf) -> Result<Record, RegistryError> {
    let bytes = fs::read(&path).map_err(io_error("read", &path))?;
    let record: Record = match serde_json::from_slice(&bytes) {
        Ok(record) => record,
        Err(source) => return Err(RegistryError::Record { path, source }),
    };
    if record.format != RECORD_FORMAT {
        return Err(RegistryError::Damaged { path, what: "it is of another version" });
    }
    Ok(record)
}

/// The entries of a folder: names and paths. Names that are not Unicode are not ours.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, RegistryError> {
    let error = |source| io_error("list", folder)(source);
    fs::read_dir(folder)
        .map_err(error)?
        .filter_map(|entry| match entry {
            Ok(entry) => Some(Ok((entry.file_name().into_string().ok()?, entry.path()))),
            Err(source) => Some(Err(error(source))),
        })
        .collect()
}

fn flush_folder(path: &Path) -> Result<(), RegistryError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error("flush", path))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RegistryError + use<> {
    let path = path.to_owned();
    move |source| RegistryError::Io { action, path, source }
}

#[cfg(test)]
mod tests;
