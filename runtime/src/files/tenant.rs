//! One tenant's shared files: changed from outside, read by its calls.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use faasm_hostif::{Content, FetchError, Files, PutError, Shared};
use faasm_sfi::pending::{Pending, pending};

use super::contents::Contents;
use super::journal::{Change, Journal};
use super::names::{self, Names};
use super::path::FilePath;
use super::writer::Writer;
use super::{FileInfo, FileLimits, FilesError};
use crate::digest::Digest;
use crate::problem::{Problem, ProblemType, explain};

/// See the module's page.
#[derive(Debug)]
pub struct TenantFiles {
    limits: FileLimits,
    contents: Arc<Contents>,
    writer: Arc<Writer>,
    /// Held for the whole of a change: one at a time.
    journal: Mutex<Journal>,
    names: RwLock<Names>,
}

/// What a put has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The files, as they are now.
    pub files: Vec<FileInfo>,
    /// How many of them took the place of others.
    pub replaced: usize,
}

impl TenantFiles {
    /// Reads the journal, if there is one.
    pub(super) fn open(
        journal: PathBuf,
        limits: FileLimits,
        (contents, writer): (Arc<Contents>, Arc<Writer>),
    ) -> Result<Self, FilesError> {
        let mut names = Names::default();
        let journal = Journal::open(journal, &mut names)?;
        contents.begin_use(names.files().map(|(_, file)| file.digest));
        let (journal, names) = (Mutex::new(journal), RwLock::new(names));
        Ok(Self { limits, contents, writer, journal, names })
    }

    /// Puts files there, all at once. Of several with one path the last one counts.
    ///
    /// # Errors
    ///
    /// [`FilesError`]; nothing has changed then.
    pub fn put(&self, files: &[(FilePath, &[u8])]) -> Result<Put, FilesError> {
        let contents: Vec<_> = files.iter().map(|(_, bytes)| (Digest::of(bytes), *bytes)).collect();
        let digests = || contents.iter().map(|(digest, _)| *digest);
        self.contents.begin_use(digests());
        self.put_used(files, &contents).inspect_err(|_| self.contents.end_use(digests()))
    }

    fn put_used(
        &self,
        files: &[(FilePath, &[u8])],
        contents: &[(Digest, &[u8])],
    ) -> Result<Put, FilesError> {
        // A change that was not made left nothing behind: the journal is as it was.
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        self.check(files)?;
        self.contents.write(contents)?;
        let at = now();
        let mut infos = Vec::with_capacity(files.len());
        for ((path, _), (digest, bytes)) in files.iter().zip(contents) {
            let (path, bytes) = (path.to_string(), bytes.len() as u64);
            infos.push(FileInfo { path, digest: *digest, bytes, modified: at });
        }
        let put = |info: &FileInfo| (info.path.clone(), info.digest, info.bytes, info.modified);
        let change = Change { at, put: infos.iter().map(put).collect(), rm: Vec::new() };
        journal.add(&change)?;
        let gone = self.make(&change);
        Ok(Put { files: infos, replaced: gone })
    }

    /// Removes a file, or every file below a directory; how many.
    ///
    /// # Errors
    ///
    /// [`FilesError::Io`]; nothing has changed then.
    pub fn remove(&self, path: &FilePath) -> Result<usize, FilesError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let rm = {
            let names = self.names();
            match names.file(path.as_str()) {
                Some(_) => vec![path.to_string()],
                None => names.below(path.as_str()),
            }
        };
        if rm.is_empty() {
            return Ok(0);
        }
        let change = Change { at: now(), put: Vec::new(), rm };
        journal.add(&change)?;
        Ok(self.make(&change))
    }

    /// What is known of a file.
    #[must_use]
    pub fn get(&self, path: &FilePath) -> Option<FileInfo> {
        self.names().file(path.as_str()).map(|file| info(path.to_string(), file))
    }

    /// Whether files are below this path.
    #[must_use]
    pub fn is_directory(&self, path: &FilePath) -> bool {
        self.names().is_directory(path.as_str())
    }

    /// Every file below a directory, by path; without one, every file.
    #[must_use]
    pub fn list_below(&self, directory: Option<&FilePath>) -> Vec<FileInfo> {
        let names = self.names();
        let paths = names.below(directory.map_or("", FilePath::as_str)).into_iter();
        paths
            .filter_map(|path| Some((names.file(&path)?, path)))
            .map(|(f, path)| info(path, f))
            .collect()
    }

    /// The bytes of a file that was found.
    ///
    /// # Errors
    ///
    /// What the system says; `InvalidData` for bytes that have another digest.
    pub fn content(&self, digest: Digest) -> std::io::Result<Content> {
        self.contents.read(digest)
    }

    fn put_one(&self, path: &str, bytes: &[u8]) -> Result<(), PutError> {
        let path = path.parse::<FilePath>();
        let path = path.map_err(|error| PutError::Refused(error.to_string()))?;
        match self.put(&[(path, bytes)]) {
            Ok(_) => Ok(()),
            Err(error) if error.problem_type() == ProblemType::Internal => {
                Err(PutError::Failed(explain(&error)))
            }
            Err(error) => Err(PutError::Refused(explain(&error))),
        }
    }

    /// Makes a change that is in the journal; how many files were there before.
    fn make(&self, change: &Change) -> usize {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let gone = change.apply(&mut names);
        drop(names);
        self.contents.end_use(gone.iter().map(|file| file.digest));
        gone.len()
    }

    /// Whether the files can be there, with one another and with those that are.
    fn check(&self, files: &[(FilePath, &[u8])]) -> Result<(), FilesError> {
        let names = self.names();
        let new: HashSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        let above: HashSet<&str> = files.iter().flat_map(|(path, _)| path.ancestors()).collect();
        let (mut bytes, mut count) = (names.bytes(), names.count());
        for (path, content) in files {
            if names.is_directory(path.as_str()) || above.contains(path.as_str()) {
                return Err(FilesError::IsDirectory(path.clone()));
            }
            let is_file = |above: &&str| new.contains(*above) || names.file(above).is_some();
            if let Some(file) = path.ancestors().find(is_file) {
                return Err(FilesError::BelowFile { path: path.clone(), file: file.to_owned() });
            }
            let old = names.file(path.as_str());
            bytes = bytes.saturating_add(content.len() as u64);
            bytes -= old.map_or(0, |old| old.bytes).min(bytes);
            count += usize::from(old.is_none());
        }
        if bytes > self.limits.bytes {
            let (what, limit) = (format!("{bytes} bytes"), self.limits.bytes);
            return Err(FilesError::TooMuch { what, limit });
        }
        if count > self.limits.files {
            let (what, limit) = (count.to_string(), self.limits.files as u64);
            return Err(FilesError::TooMuch { what, limit });
        }
        Ok(())
    }

    /// Names are whole at every unlock.
    fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for TenantFiles {
    fn find(&self, path: &str) -> Option<Shared> {
        self.names().find(path)
    }

    fn list(&self, path: &str) -> Vec<(Box<str>, Shared)> {
        self.names().list(path)
    }

    fn fetch(&self, digest: faasm_vm::Digest) -> Pending<Result<Content, FetchError>> {
        let content = self.contents.read(digest.into());
        Pending::ready(content.map_err(|source| FetchError { digest, source }))
    }

    fn share(self: Arc<Self>, path: String, bytes: Vec<u8>) -> Pending<Result<(), PutError>> {
        let writer = Arc::clone(&self.writer);
        let (completer, done) = pending();
        writer.run(Box::new(move || completer.complete(self.put_one(&path, &bytes))));
        done
    }
}

fn info(path: String, file: names::File) -> FileInfo {
    let names::File { digest, bytes, modified } = file;
    FileInfo { path, digest, bytes, modified }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
