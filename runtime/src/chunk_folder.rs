//! Chunks in a folder: the adapter of [`faasm_snapshot::Chunks`] to a disk.
//!
//! Each chunk is a file that is named by its digest and is there entirely or not at all ([`crate::whole_file`]).

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use faasm_snapshot::chunk::MOST_STORED;
use faasm_snapshot::{Chunks, ChunksError};
use faasm_vm::Digest;

use crate::whole_file;

/// See the module's page.
#[derive(Debug)]
pub struct ChunkFolder {
    folder: PathBuf,
}

/// A chunk's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct ChunkFileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl ChunkFolder {
    /// Chunks in `folder`, which is made for this user alone if it is not there.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Removes everything but these; how many files that were.
    pub(crate) fn keep(&self, named: &HashSet<Digest>) -> io::Result<usize> {
        let named: HashSet<String> = named.iter().map(ToString::to_string).collect();
        let mut removed = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_none_or(|name| !named.contains(name)) {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }
}

fn failed(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> ChunksError {
    move |source| ChunksError::new(ChunkFileError { action, path, source })
}

impl Chunks for ChunkFolder {
    fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, ChunksError> {
        let path = self.path(digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed("open", path.clone()))?,
        };
        let mut stored = Vec::new();
        let most = MOST_STORED as u64 + 1;
        file.take(most).read_to_end(&mut stored).map_err(failed("read", path))?;
        Ok(Some(stored))
    }

    fn has(&self, digest: Digest) -> Result<bool, ChunksError> {
        let path = self.path(digest);
        path.try_exists().map_err(failed("look at", path))
    }

    fn put(&self, digest: Digest, stored: &[u8]) -> Result<(), ChunksError> {
        let written = whole_file::write(&self.folder, &digest.to_string(), stored);
        written.map_err(failed("write", self.path(digest)))
    }

    fn flush(&self) -> Result<(), ChunksError> {
        whole_file::flush_folder(&self.folder).map_err(failed("flush", self.folder.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_kept_until_nothing_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let chunks = ChunkFolder::open(&dir.path().join("chunks")).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert!(!chunks.has(a).unwrap() && chunks.get(a).unwrap().is_none());
        chunks.put(a, b"first").unwrap();
        chunks.put(a, b"second").unwrap();
        chunks.put(b, b"other").unwrap();
        chunks.flush().unwrap();
        assert!(chunks.has(a).unwrap());
        assert_eq!(chunks.get(a).unwrap().unwrap(), b"second");
        assert_eq!(chunks.keep(&HashSet::from([a])).unwrap(), 1);
        assert!(chunks.has(a).unwrap() && !chunks.has(b).unwrap());
    }

    #[test]
    fn of_a_file_that_is_no_chunk_not_more_is_read_than_tells() {
        let dir = tempfile::tempdir().unwrap();
        let chunks = ChunkFolder::open(dir.path()).unwrap();
        let digest = Digest::of(b"long");
        fs::write(chunks.path(digest), vec![0; 3 * MOST_STORED]).unwrap();
        assert_eq!(chunks.get(digest).unwrap().unwrap().len(), MOST_STORED + 1);
    }
}
