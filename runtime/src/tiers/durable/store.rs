//! The file of a durable tier: opening it, transactions on it, and opening it again when it has failed.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};
use std::{fmt, io, mem};

use faasm_state::{Arbiter, GlobalError};
use redb::{
    Builder, Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase,
    StorageBackend, StorageError,
};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::batch::{Batch, Counters, Effects};
use super::error::{DurableError, OpenError};
use super::tables::{ADDRESSES, CHUNKS, ELEMENTS, FORMAT, META};

/// Memory for pages of the file. What guests work with is in the local tier.
const CACHE: usize = 32 << 20;

/// With each opening, tokens' epochs begin so far above the last ones.
const EPOCHS: u64 = 1 << 40;

/// How long an opening waits for a predecessor to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens the file with these settings; tests have other storage.
pub(super) type Open = Box<dyn Fn(&Builder) -> Result<Database, DatabaseError> + Send + Sync>;

/// An open file, or one that has failed.
pub(super) struct Store {
    path: PathBuf,
    open: Open,
    pub(super) arbiter: Arbiter,
    capacity: usize,
    /// `None` after a failure, until it could be opened again.
    database: RwLock<Option<Database>>,
    /// As of the last commit; the writer's alone, and of those who look.
    counters: Mutex<Counters>,
}

/// A batch that was not written, as far as is known.
pub(super) struct Failure {
    pub(super) error: Arc<DurableError>,
    /// The number of the commit, if it was begun.
    pub(super) commit: Option<u64>,
    pub(super) effects: Effects,
}

impl Store {
    pub(super) fn open(path: &Path, capacity: usize, with: Open) -> Result<Self, OpenError> {
        let patience = Instant::now() + PATIENCE;
        let database = loop {
            match open(path, &with) {
                Err(OpenError::InUse { .. }) if Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                outcome => break outcome?,
            }
        };
        let (counters, epochs) = set_up(path, &database)?;
        Ok(Self {
            path: path.to_path_buf(),
            open: with,
            arbiter: Arbiter::after(epochs),
            capacity,
            database: RwLock::new(Some(database)),
            counters: Mutex::new(counters),
        })
    }

    pub(super) fn counters(&self) -> Counters {
        *self.lock_counters()
    }

    fn lock_counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `look` finds in the last commit.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, GlobalError> {
        let unavailable = |error| GlobalError::Unavailable(Box::new(error));
        let database = self.database();
        let path = || self.path.clone();
        let database = database.as_ref();
        let database =
            database.ok_or_else(|| unavailable(DurableError::Closed { path: path() }))?;
        let look = || look(&database.begin_read()?);
        match catch_unwind(AssertUnwindSafe(look)) {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                Err(unavailable(DurableError::Storage { path: path(), source: storage(error) }))
            }
            Err(_) => Err(unavailable(DurableError::Damaged { path: path() })),
        }
    }

    /// Commits what `work` does, with the disk's acknowledgement.
    pub(super) fn write(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<(), StorageError>,
    ) -> Result<Effects, Failure> {
        let database = self.database();
        let Some(database) = database.as_ref() else {
            let error = DurableError::Closed { path: self.path.clone() };
            return Err(Failure { error: error.into(), commit: None, effects: Effects::default() });
        };
        let mut effects = Effects::default();
        let mut commit = None;
        self.transact(database, work, &mut effects, &mut commit).map_err(|error| {
            let source = storage(error);
            let error = DurableError::Storage { path: self.path.clone(), source }.into();
            Failure { error, commit, effects: mem::take(&mut effects) }
        })?;
        Ok(effects)
    }

    fn transact(
        &self,
        database: &Database,
        work: impl FnOnce(&mut Batch<'_>) -> Result<(), StorageError>,
        effects: &mut Effects,
        commit: &mut Option<u64>,
    ) -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let before = self.counters();
        let mut batch = Batch::begin(&transaction, &self.arbiter, self.capacity, before)?;
        let worked = work(&mut batch);
        *effects = mem::take(&mut batch.effects);
        worked?;
        let Some(counters) = batch.end()? else {
            return Ok(transaction.abort()?);
        };
        *commit = Some(counters.commits);
        transaction.commit()?;
        *self.lock_counters() = counters;
        Ok(())
    }

    /// What it is called when the store's code gives up.
    pub(super) fn panicked(&self) -> Failure {
        let error = DurableError::Damaged { path: self.path.clone() }.into();
        // It may have been in its commit.
        let commit = Some(self.counters().commits + 1);
        Failure { error, commit, effects: Effects::default() }
    }

    /// Opens the file again after a failure; whether the commit of this number, if there was one, happened.
    pub(super) fn reopen(&self, commit: Option<u64>) -> Option<bool> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        drop(database.take());
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let opened = open(&self.path, &self.open)?;
            let counters = load(&opened).map_err(|error| OpenError::reading(&self.path, error))?;
            Ok::<_, OpenError>((opened, counters))
        }));
        match opened {
            Ok(Ok((opened, counters))) => {
                *database = Some(opened);
                *self.lock_counters() = counters;
                Some(commit.is_some_and(|commit| commit <= counters.commits))
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the state file cannot be opened again");
                commit.is_none().then_some(false)
            }
            Err(_) => commit.is_none().then_some(false),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

fn open(path: &Path, with: &Open) -> Result<Database, OpenError> {
    // All that is in it is checked: what has been damaged is found now, and not when somebody reads it.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        with(Builder::new().set_cache_size(CACHE).set_check_integrity_on_open(true))
    }));
    match opened {
        Ok(opened) => opened.map_err(|error| OpenError::of(path, error)),
        Err(_) => Err(OpenError::Damaged {
            path: path.to_path_buf(),
            source: "its pages contradict one another".into(),
        }),
    }
}

/// Makes the tables of a new file, and checks those of an old one; reserves epochs.
fn set_up(path: &Path, database: &Database) -> Result<(Counters, u64), OpenError> {
    let attempt = || -> Result<Result<(Counters, u64), OpenError>, redb::Error> {
        let transaction = database.begin_write()?;
        let mut meta = transaction.open_table(META)?;
        let number =
            |name| Ok::<_, redb::Error>(redb::ReadableTable::get(&meta, name)?.map(|n| n.value()));
        let found = number("format")?.unwrap_or(FORMAT);
        if found > FORMAT {
            let path = path.to_path_buf();
            return Ok(Err(OpenError::Newer { path, found, known: FORMAT }));
        }
        let epochs = number("epochs")?.unwrap_or(0);
        let counters = Counters::load(&meta)?;
        meta.insert("format", FORMAT)?;
        meta.insert("epochs", epochs.saturating_add(EPOCHS))?;
        drop(meta);
        transaction.open_table(ADDRESSES)?;
        transaction.open_table(CHUNKS)?;
        transaction.open_table(ELEMENTS)?;
        transaction.commit()?;
        Ok(Ok((counters, epochs)))
    };
    match attempt() {
        Ok(outcome) => outcome,
        Err(redb::Error::Io(source)) => Err(OpenError::System { path: path.to_path_buf(), source }),
        Err(error) => Err(OpenError::reading(path, error)),
    }
}

fn load(database: &Database) -> Result<Counters, redb::Error> {
    Ok(Counters::load(&database.begin_read()?.open_table(META)?)?)
}

/// What is behind an error of a transaction.
fn storage(error: redb::Error) -> StorageError {
    match error {
        redb::Error::Io(error) => StorageError::Io(error),
        redb::Error::Corrupted(what) => StorageError::Corrupted(what),
        redb::Error::Backend(error) => StorageError::Backend(error),
        redb::Error::PreviousIo => StorageError::PreviousIo,
        redb::Error::DatabaseClosed => StorageError::DatabaseClosed,
        other => StorageError::Corrupted(other.to_string()),
    }
}

/// Opens the file at `path`, or makes it.
pub(super) fn file(path: &Path) -> Open {
    let path = path.to_path_buf();
    Box::new(move |builder| {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => builder.create_with_backend(StateFile(file)),
            Err(TryLockError::WouldBlock) => Err(DatabaseError::DatabaseAlreadyOpen),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    })
}

/// A file that this process alone has while it is open, and whose blocks are all its own: a full disk is noticed when it
/// is to grow, before anything is written over.
#[derive(Debug)]
struct StateFile(File);

impl StorageBackend for StateFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.len()?;
        if len > before {
            match fallocate(&self.0, FallocateFlags::empty(), before, len - before) {
                Ok(()) => return Ok(()),
                // Not every file system can.
                Err(Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
