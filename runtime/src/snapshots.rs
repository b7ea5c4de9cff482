//! The snapshots that are kept on a host.
//!
//! # Layout
//!
//! ```text
//! DIR/snapshots/DIGEST   manifests of snapshots that were taken or imported: kept until they are removed
//! DIR/protos/DIGEST      manifests of functions: kept as long as a record names them
//! DIR/modules/DIGEST     objects of the modules of the former, see [`faasm_vm::CodeCache`]
//! DIR/chunks/DIGEST      chunks of both, see [`crate::chunk_folder`]
//! DIR/images/DIGEST      assembled images, see [`faasm_vm::ImageCache`]: named by their manifests, made when needed
//! DIR/snapshots.lock     shared by who adds or restores, exclusive for who removes what nothing names
//! ```
//!
//! # Protocol
//!
//! 1. A snapshot's chunks and objects are on the disk before its manifest, under a shared lock: a manifest that is there
//!    has everything that it names.
//! 2. A manifest is removed first, then, under the exclusive lock, what no manifest names any more.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use faasm_hostif::HostState;
use faasm_snapshot::transfer::{self, FetchError, Source};
use faasm_snapshot::{
    ChunksError, Manifest, ManifestError, Proto, Recipe, RestoreProtoError, manifest,
};
use faasm_vm::{
    CacheError, Check, CodeCache, Digest, Engine, ImageCache, Module, SealError,
    SnapshotOfCapturedError,
};

use crate::chunk_folder::ChunkFolder;
use crate::whole_file;

/// Whose a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeper {
    /// Somebody's who took or imported it.
    User,
    /// A function's.
    Function,
}

impl Keeper {
    const ALL: [Self; 2] = [Self::User, Self::Function];

    const fn folder(self) -> &'static str {
        match self {
            Self::User => "snapshots",
            Self::Function => "protos",
        }
    }
}

/// A snapshot that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Whose it is.
    pub keeper: Keeper,
    /// Its name.
    pub digest: Digest,
    /// Since when.
    pub since: SystemTime,
}

/// The snapshots of a host; see the module's page.
#[derive(Debug)]
pub struct Snapshots {
    root: PathBuf,
    chunks: ChunkFolder,
    images: ImageCache,
    modules: CodeCache,
}

/// Why a snapshot cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotsError {
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
    /// A folder of images or objects.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The chunks.
    #[error(transparent)]
    Chunks(#[from] ChunksError),
    /// The Proto cannot be taken.
    #[error(transparent)]
    Take(#[from] SnapshotOfCapturedError),
    /// There is none of this name.
    #[error("there is no snapshot {0}")]
    Unknown(Digest),
    /// The manifest is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The chunks make no image.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The Proto cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreProtoError),
}

impl From<SealError> for SnapshotsError {
    fn from(error: SealError) -> Self {
        Self::Manifest(error.into())
    }
}

impl Snapshots {
    /// The snapshots in `root`; folders are made if they are not there.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError::Io`], [`SnapshotsError::Cache`].
    pub fn open(root: &Path) -> Result<Self, SnapshotsError> {
        for keeper in Keeper::ALL {
            let path = root.join(keeper.folder());
            let mut make = DirBuilder::new();
            make.recursive(true).mode(0o700).create(&path).map_err(io_error("make", &path))?;
        }
        let chunks = root.join("chunks");
        Ok(Self {
            root: root.to_owned(),
            chunks: ChunkFolder::open(&chunks).map_err(io_error("make", &chunks))?,
            images: ImageCache::open(&root.join("images"))?,
            modules: CodeCache::open(&root.join("modules"))?,
        })
    }

    /// The chunks of all snapshots.
    #[must_use]
    pub fn chunks(&self) -> &ChunkFolder {
        &self.chunks
    }

    /// The objects of users' snapshots, by the digests in their seals.
    #[must_use]
    pub fn modules(&self) -> &CodeCache {
        &self.modules
    }

    /// Keeps a snapshot of a Proto, which is taken of `source`.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError`].
    pub fn take(
        &self,
        engine: &Engine,
        keeper: Keeper,
        proto: &Proto,
        source: &str,
    ) -> Result<Digest, SnapshotsError> {
        let _adding = self.lock(File::lock_shared)?;
        let (snapshot, about) = (proto.snapshot()?, proto.about(source));
        let published = transfer::publish(&snapshot, &about, &self.chunks, engine.seal())?;
        self.put(engine, keeper, &published.manifest)
    }

    /// Keeps a manifest whose chunks are given by `chunks`; which it is.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError`].
    pub fn import(
        &self,
        engine: &Engine,
        sealed: &[u8],
        chunks: &dyn faasm_snapshot::Chunks,
    ) -> Result<Digest, SnapshotsError> {
        let _adding = self.lock(File::lock_shared)?;
        let manifest = Manifest::open(engine, sealed)?;
        transfer::fetch(&manifest, Source { near: &self.chunks, far: Some(chunks) })?;
        self.put(engine, Keeper::User, sealed)
    }

    /// The last step of keeping a snapshot.
    fn put(
        &self,
        engine: &Engine,
        keeper: Keeper,
        sealed: &[u8],
    ) -> Result<Digest, SnapshotsError> {
        let digest = engine.seal().digest(sealed)?;
        let folder = self.root.join(keeper.folder());
        whole_file::write(&folder, &digest.to_string(), sealed)
            .and_then(|()| whole_file::flush_folder(&folder))
            .map_err(io_error("write to", &folder))?;
        Ok(digest)
    }

    /// The sealed manifest of a snapshot, whoever keeps it.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError::Unknown`], [`SnapshotsError::Io`].
    pub fn manifest(&self, digest: Digest) -> Result<Vec<u8>, SnapshotsError> {
        for keeper in Keeper::ALL {
            let path = self.path(keeper, digest);
            match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                read => return read.map_err(io_error("read", &path)),
            }
        }
        Err(SnapshotsError::Unknown(digest))
    }

    /// The Proto of a snapshot, of which these modules are among others.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError`].
    pub fn restore(
        &self,
        recipe: &Recipe<'_, HostState>,
        digest: Digest,
        modules: &[Module],
        check: Check,
        data: HostState,
    ) -> Result<Proto, SnapshotsError> {
        // Nothing that it is made of goes meanwhile.
        let _using = self.lock(File::lock_shared)?;
        let sealed = self.manifest(digest)?;
        let manifest = Manifest::open(recipe.engine, &sealed)?;
        let source = Source::here(&self.chunks);
        let (image, check) =
            transfer::image(&self.images, recipe.engine, &manifest, source, check)?;
        Ok(Proto::restore(recipe, modules, (&image, manifest.about()), check, data)?)
    }

    /// All snapshots.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError::Io`].
    pub fn list(&self) -> Result<Vec<Kept>, SnapshotsError> {
        let mut found = Vec::new();
        for keeper in Keeper::ALL {
            let folder = self.root.join(keeper.folder());
            for entry in fs::read_dir(&folder).map_err(io_error("list", &folder))? {
                let entry = entry.map_err(io_error("list", &folder))?;
                let name = entry.file_name();
                let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                let digest: crate::digest::Digest = digest;
                let since = entry.metadata().and_then(|found| found.modified());
                let since = since.map_err(io_error("look at", &entry.path()))?;
                found.push(Kept { keeper, digest: digest.into(), since });
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes a snapshot, and what nothing names any more.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError::Unknown`], [`SnapshotsError::Io`].
    pub fn remove(&self, digest: Digest) -> Result<(), SnapshotsError> {
        let mut known = false;
        for keeper in Keeper::ALL {
            let path = self.path(keeper, digest);
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => {
                    removed.map_err(io_error("remove", &path))?;
                    known = true;
                }
            }
        }
        self.sweep()?;
        if known { Ok(()) } else { Err(SnapshotsError::Unknown(digest)) }
    }

    /// Removes the snapshots of functions that are not among these, and what nothing names any more.
    ///
    /// # Errors
    ///
    /// [`SnapshotsError::Io`].
    pub fn keep_of_functions(&self, named: &HashSet<Digest>) -> Result<(), SnapshotsError> {
        for kept in self.list()? {
            if kept.keeper == Keeper::Function && !named.contains(&kept.digest) {
                let path = self.path(kept.keeper, kept.digest);
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        self.sweep()
    }

    /// The protocol's point 2, but for the manifests.
    fn sweep(&self) -> Result<(), SnapshotsError> {
        let _alone = self.lock(File::lock)?;
        let (mut chunks, mut modules, mut images) =
            (HashSet::new(), HashSet::new(), HashSet::new());
        for kept in self.list()? {
            let (named, objects) = manifest::named(&self.manifest(kept.digest)?);
            chunks.extend(named);
            images.insert(kept.digest.to_string());
            if kept.keeper == Keeper::User {
                modules.extend(objects.iter().map(ToString::to_string));
            }
        }
        let folder = self.root.join("chunks");
        self.chunks.keep(&chunks).map_err(io_error("sweep", &folder))?;
        for (folder, keep) in [("modules", &modules), ("images", &images)] {
            let folder = self.root.join(folder);
            let sweep = || -> io::Result<()> {
                for entry in fs::read_dir(&folder)? {
                    let entry = entry?;
                    if entry.file_name().to_str().is_none_or(|name| !keep.contains(name)) {
                        fs::remove_file(entry.path())?;
                    }
                }
                Ok(())
            };
            sweep().map_err(io_error("sweep", &folder))?;
        }
        Ok(())
    }

    /// The lock, until the answer is dropped.
    fn lock(&self, how: impl FnOnce(&File) -> io::Result<()>) -> Result<File, SnapshotsError> {
        let path = self.root.join("snapshots.lock");
        let file = File::create(&path).map_err(io_error("make", &path))?;
        how(&file).map_err(io_error("lock", &path))?;
        Ok(file)
    }

    fn path(&self, keeper: Keeper, digest: Digest) -> PathBuf {
        self.root.join(keeper.folder()).join(digest.to_string())
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotsError + use<> {
    let path = path.to_owned();
    move |source| SnapshotsError::Io { action, path, source }
}
