//! A global tier in a file: what was acknowledged is there after a crash, of this process or of the machine.
//!
//! | part | owns |
//! |---|---|
//! | [`store`] | the file: opening, transactions, opening again after a failure |
//! | [`tables`] | what is in it, and reading that |
//! | [`batch`] | what writes do to it |
//! | [`writer`] | the one thread that writes, and commits many operations at once |
//! | [`watchers`] | who waits for a value to change |
//!
//! # Invariants
//!
//! 1. A write is acknowledged after the disk has acknowledged the commit that it is in.
//! 2. Reads are of the last commit, at once; large ones on a thread of their own.
//! 3. Versions go on after a restart. Locks end with the process, and their tokens are refused for ever.
//! 4. One process has the file at a time.
//! 5. Elements that were taken are taken from the answer, or are put back: until then the file stays open.

mod batch;
mod error;
mod store;
mod tables;
mod watchers;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use faasm_sfi::pending::{Pending, pending};
use faasm_state::{
    Address, Condition, Entry, Fetched, GlobalError, GlobalOp, GlobalTier, Key, Merge, Merged,
    Mode, Patch, Stat, Token, Version, Wait, Written,
};

pub use error::{DurableError, OpenError};

use batch::Batch;
use store::{Open, Store};
use tables::{ADDRESSES, CHUNKS, ELEMENTS};
use watchers::Watchers;
use writer::{Returned, Writer};

/// A read of more bytes is done on the thread for it: the caller's may have others to serve.
const READ_HERE: usize = 1 << 20;

/// Settings of a [`DurableTier`].
#[derive(Clone, Copy, Debug)]
pub struct DurableOptions {
    /// How many bytes are kept at most, with a fixed sum for each address and list element. The file takes more: pages
    /// that are not full, and those that the last commit has replaced.
    pub capacity: usize,
    /// How long an operation may take that waits for nobody but the disk.
    pub deadline: Duration,
}

impl Default for DurableOptions {
    /// 64 GiB, and 10 seconds.
    fn default() -> Self {
        Self { capacity: 64 << 30, deadline: Duration::from_secs(10) }
    }
}

/// A global tier in a file; many threads may use it at once. A clone is another handle to it. See the module's page.
#[derive(Clone)]
pub struct DurableTier {
    handle: Arc<Handle>,
}

struct Handle {
    store: Arc<Store>,
    watchers: Arc<Watchers>,
    writer: Arc<Writer>,
    /// The reading thread ends when this is gone.
    reads: Option<mpsc::Sender<Box<dyn FnOnce() + Send>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl DurableTier {
    /// Opens the file at `path`, or makes it; its folder is there.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: &Path, options: DurableOptions) -> Result<Self, OpenError> {
        Self::with(path, options, store::file(path))
    }

    fn with(path: &Path, options: DurableOptions, open: Open) -> Result<Self, OpenError> {
        let store = Arc::new(Store::open(path, options.capacity, open)?);
        let watchers = Arc::new(Watchers::default());
        let writer = Writer::new(Arc::clone(&store), Arc::clone(&watchers), options.deadline);
        let (reads, asked) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let writes = Arc::clone(&writer);
        let start = || -> io::Result<Vec<JoinHandle<()>>> {
            let write = thread::Builder::new().name("state-writer".into());
            let read = thread::Builder::new().name("state-reader".into());
            Ok(vec![
                read.spawn(move || asked.into_iter().for_each(|read| read()))?,
                write.spawn(move || writes.run())?,
            ])
        };
        let threads =
            start().map_err(|source| OpenError::System { path: path.to_path_buf(), source })?;
        let handle =
            Handle { store, watchers, writer, reads: Some(reads), threads: Mutex::new(threads) };
        Ok(Self { handle: Arc::new(handle) })
    }

    /// How many bytes are kept, with what their tables cost, as of the last commit.
    #[must_use]
    pub fn used(&self) -> usize {
        usize::try_from(self.handle.store.counters().used).unwrap_or(usize::MAX)
    }
}

impl Handle {
    fn stat(&self, at: &Address) -> Result<Option<Stat>, GlobalError> {
        self.store.read(|transaction| {
            let record = tables::find(&transaction.open_table(ADDRESSES)?, at)?;
            Ok(record.and_then(|record| record.stat()))
        })
    }

    /// Does the read here if it is small, else on the reading thread.
    fn read<T: Send + 'static>(
        &self,
        bytes: usize,
        read: impl FnOnce(&Store) -> Result<T, GlobalError> + Send + 'static,
    ) -> GlobalOp<T> {
        let Some(reads) = self.reads.as_ref().filter(|_| bytes > READ_HERE) else {
            return Pending::ready(read(&self.store));
        };
        let (completer, operation) = pending();
        let store = Arc::clone(&self.store);
        // The thread is there as long as this is. What nobody waits for any more is not read.
        let read = move || {
            if completer.is_wanted() {
                let found = read(&store);
                drop(store);
                completer.complete(found);
            }
        };
        let _ = reads.send(Box::new(read));
        operation
    }
}

impl Drop for Handle {
    /// Waits for what was begun, so that the file is free afterwards.
    fn drop(&mut self) {
        self.writer.close();
        self.reads = None;
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // The last handle may have been in something that one of the threads completed.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl GlobalTier for DurableTier {
    fn stat(&self, at: &Address) -> GlobalOp<Option<Stat>> {
        Pending::ready(self.handle.stat(at))
    }

    fn get(&self, at: &Address, ranges: &[Range<usize>]) -> GlobalOp<Option<Fetched>> {
        let asked = ranges.iter().fold(0_usize, |sum, range| sum.saturating_add(range.len()));
        // Often the whole value is asked for, whatever its size is.
        let asked = match (asked > READ_HERE).then(|| self.handle.stat(at)) {
            Some(Ok(stat)) => asked.min(stat.map_or(0, |stat| stat.size)),
            Some(Err(error)) => return Pending::ready(Err(error)),
            None => asked,
        };
        let (at, ranges) = (at.clone(), ranges.to_vec());
        self.handle.read(asked, move |store| {
            store.read(|transaction| {
                let record = tables::find(&transaction.open_table(ADDRESSES)?, &at)?;
                let Some(record) = record.filter(|record| record.stat().is_some()) else {
                    return Ok(None);
                };
                let chunks = transaction.open_table(CHUNKS)?;
                Ok(Some(tables::fetch(&chunks, &record, &ranges)?))
            })
        })
    }

    fn set(&self, at: &Address, bytes: Vec<u8>, when: Condition) -> GlobalOp<Written> {
        self.handle
            .writer
            .submit(at, bytes.len(), move |batch, at| batch.set(at, &bytes, when).map(Some))
    }

    fn set_ranges(&self, at: &Address, patch: Patch, when: Condition) -> GlobalOp<Written> {
        self.handle
            .writer
            .submit(at, patch.len(), move |batch, at| batch.set_ranges(at, &patch, when).map(Some))
    }

    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool> {
        self.handle.writer.submit(at, 0, move |batch, at| batch.delete(at, when).map(Some))
    }

    fn merge(
        &self,
        at: &Address,
        change: Merge,
        when: Condition,
        wanted: bool,
    ) -> GlobalOp<Merged> {
        self.handle.writer.submit(at, change.len(), move |batch, at| {
            batch.merge(at, change.clone(), when, wanted).map(Some)
        })
    }

    fn append(&self, at: &Address, element: Vec<u8>, under: Option<Token>) -> GlobalOp<usize> {
        self.handle
            .writer
            .submit(at, element.len(), move |batch, at| batch.append(at, &element, under).map(Some))
    }

    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>> {
        let at = at.clone();
        self.handle.read(0, move |store| {
            store.read(|transaction| {
                let record = tables::find(&transaction.open_table(ADDRESSES)?, &at)?;
                let record = record.unwrap_or_default();
                Ok(tables::elements(&transaction.open_table(ELEMENTS)?, &record, most, max_bytes)?)
            })
        })
    }

    fn take_appended(
        &self,
        at: &Address,
        most: usize,
        max_bytes: usize,
        wait: Wait,
        under: Option<Token>,
    ) -> GlobalOp<Vec<Vec<u8>>> {
        let take = move |batch: &mut Batch<'_>, at: &Address| {
            let (taken, there) = batch.take(at, (most, max_bytes), under)?;
            let waits = there == 0 && wait == Wait::UntilThere;
            Ok((!waits).then_some(taken))
        };
        let (handle, from) = (Arc::downgrade(&self.handle), at.clone());
        let writer = Arc::downgrade(&self.handle.writer);
        self.handle.writer.submit_kept(at, take, move || {
            // An answer that is not taken yet keeps the file open.
            let open = handle.upgrade();
            Box::new(move |elements| {
                if !elements.is_empty() {
                    let elements = Arc::new(elements);
                    Writer::give_back(&writer, Returned { at: from, elements });
                }
                drop(open);
            })
        })
    }

    fn clear_appended(&self, at: &Address, under: Option<Token>) -> GlobalOp<()> {
        self.handle.writer.submit(at, 0, move |batch, at| batch.clear(at, under).map(Some))
    }

    fn watch(&self, at: &Address, seen: Version) -> GlobalOp<Option<Stat>> {
        self.handle.watchers.watch(at, seen, || self.handle.stat(at))
    }

    fn list(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&Key>,
        most: usize,
    ) -> GlobalOp<Vec<Entry>> {
        Pending::ready(self.handle.store.read(|transaction| {
            let addresses = transaction.open_table(ADDRESSES)?;
            Ok(tables::list(&addresses, namespace, prefix, after, most)?)
        }))
    }

    fn lock(
        &self,
        at: &Address,
        mode: Mode,
        lease: Duration,
        patience: Option<Duration>,
    ) -> GlobalOp<Option<Token>> {
        self.handle.store.arbiter.lock(at, mode, lease, patience)
    }

    fn renew(&self, at: &Address, token: Token, lease: Duration) -> GlobalOp<()> {
        Pending::ready(self.handle.store.arbiter.renew(at, token, lease))
    }

    fn unlock(&self, at: &Address, token: Token) -> GlobalOp<()> {
        Pending::ready(self.handle.store.arbiter.unlock(at, token))
    }
}

impl fmt::Debug for DurableTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DurableTier").field(&self.handle.store).finish()
    }
}

#[cfg(test)]
mod tests;
