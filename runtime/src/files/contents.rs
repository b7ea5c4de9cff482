//! Contents on disk, by digest, and the ones that were used last in memory.
//!
//! A small content is kept as bytes; a larger one as an open file, which the system's cache serves. Every content is
//! checked against its digest when it is read for the first time, or again after it has left the cache.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use faasm_hostif::Content;

use super::cache::Cache;
use super::{FilesError, KEPT, io_error};
use crate::digest::Digest;

/// A content of at most this many bytes is kept as bytes.
const SMALL: u64 = 1 << 20;

/// Files of a change that are flushed one by one; more are flushed with the whole file system.
const ONE_BY_ONE: usize = 8;

/// See the module's page.
pub(super) struct Contents {
    folder: PathBuf,
    cache: Cache,
    /// Numbers the files that are being written.
    next: AtomicU64,
    uses: Mutex<Uses>,
}

/// Which contents have a path, or are about to, or had one not long ago.
#[derive(Default)]
struct Uses {
    of: HashMap<Digest, Use>,
    /// Those that had no path any more, since when; the oldest first.
    unused: VecDeque<(Instant, Digest)>,
}

struct Use {
    count: usize,
    /// When the last path went.
    since: Instant,
}

impl Contents {
    pub(super) fn new(folder: PathBuf, cache_bytes: u64) -> Self {
        Self {
            folder,
            cache: Cache::new(cache_bytes),
            next: AtomicU64::new(0),
            uses: Mutex::default(),
        }
    }

    /// Notes that a path has these, or is about to.
    pub(super) fn begin_use(&self, digests: impl IntoIterator<Item = Digest>) {
        let (mut uses, since) = (self.uses(), Instant::now());
        for digest in digests {
            uses.of.entry(digest).or_insert(Use { count: 0, since }).count += 1;
        }
    }

    /// Notes that a path has these no more; removes what has been unused for long.
    pub(super) fn end_use(&self, digests: impl IntoIterator<Item = Digest>) {
        let (mut uses, now) = (self.uses(), Instant::now());
        let Uses { of, unused } = &mut *uses;
        for digest in digests {
            let Some(one) = of.get_mut(&digest) else { continue };
            one.count -= 1;
            if one.count == 0 {
                one.since = now;
                unused.push_back((now, digest));
            }
        }
        while let Some((since, digest)) = unused.front().copied() {
            if now - since < KEPT {
                return;
            }
            unused.pop_front();
            if of.get(&digest).is_some_and(|one| one.count == 0 && one.since == since) {
                of.remove(&digest);
                self.cache.remove(digest);
                // One that is left is removed at the next start.
                let _ = fs::remove_file(self.path(digest));
            }
        }
    }

    /// Writes those that are not there, and returns when all are on the disk. Their use has begun.
    pub(super) fn write(&self, contents: &[(Digest, &[u8])]) -> Result<(), FilesError> {
        let mut written = 0;
        let each = contents.len() <= ONE_BY_ONE;
        for (digest, bytes) in contents {
            let path = self.path(*digest);
            if path.exists() {
                continue;
            }
            written += 1;
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let tmp = self.folder.join(format!(".{number}"));
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let done = options.open(&tmp).and_then(|mut file| {
                file.write_all(bytes)?;
                if each { file.sync_all() } else { Ok(()) }
            });
            done.and_then(|()| fs::rename(&tmp, &path)).map_err(|source| {
                let _ = fs::remove_file(&tmp);
                io_error("write", &path)(source)
            })?;
        }
        if written == 0 {
            return Ok(());
        }
        self.flush(each).map_err(io_error("flush", &self.folder))
    }

    fn flush(&self, each: bool) -> io::Result<()> {
        let folder = File::open(&self.folder)?;
        if each { folder.sync_all() } else { Ok(rustix::fs::syncfs(&folder)?) }
    }

    /// The content with this digest.
    pub(super) fn read(&self, digest: Digest) -> io::Result<Content> {
        if let Some(content) = self.cache.get(digest) {
            return Ok(content);
        }
        let content = self.load(digest)?;
        self.cache.insert(digest, content.clone());
        Ok(content)
    }

    fn load(&self, digest: Digest) -> io::Result<Content> {
        let mut file = File::open(self.path(digest))?;
        if file.metadata()?.len() <= SMALL {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes)?;
            check(Digest::of(&bytes), digest)?;
            return Ok(Content::Bytes(bytes.into()));
        }
        check(Digest::of_reader(&mut file)?, digest)?;
        Ok(Content::File(Arc::new(file)))
    }

    /// Removes what no path has, when the paths of all tenants are known and nothing is being written.
    pub(super) fn sweep(&self) -> Result<(), FilesError> {
        let uses = self.uses();
        for entry in fs::read_dir(&self.folder).map_err(io_error("list", &self.folder))? {
            let entry = entry.map_err(io_error("list", &self.folder))?;
            let digest = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if digest.is_none_or(|digest: Digest| !uses.of.contains_key(&digest)) {
                fs::remove_file(entry.path()).map_err(io_error("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// Counts are whole at every unlock.
    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contents").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn check(found: Digest, wanted: Digest) -> io::Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "its digest is not its name"))
}
