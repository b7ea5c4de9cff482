//! A tenant's journal: a line of JSON for each change.
//!
//! # Layout
//!
//! `{"at":NANOSECONDS,"put":[[PATH,DIGEST,BYTES,MODIFIED],…],"rm":[PATH,…]}`, where `put` and `rm` may be missing.
//! First what is removed, then what is put.
//!
//! # Invariants
//!
//! A line that does not end with a newline was being written at a crash: it never was. A journal in which little is
//! left of what was put is written anew when it is opened.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::names::{self, Names};
use super::path::FilePath;
use super::{FilesError, io_error};
use crate::digest::Digest;
use crate::whole_file;

/// Changes that a journal may have beyond twice the number of files before it is written anew.
const SLACK: usize = 1000;

/// A change of a tenant's files.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// When, in nanoseconds since 1970.
    pub(super) at: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) put: Vec<(String, Digest, u64, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rm: Vec<String>,
}

impl Change {
    /// Makes the change; what no path has any more because of it.
    pub(super) fn apply(&self, names: &mut Names) -> Vec<names::File> {
        let mut gone: Vec<_> =
            self.rm.iter().filter_map(|path| names.remove(path, self.at)).collect();
        for (path, digest, bytes, modified) in &self.put {
            // Paths are checked before they are written; one of another version is left out.
            if let Ok(path) = path.parse::<FilePath>() {
                let file = names::File { digest: *digest, bytes: *bytes, modified: *modified };
                gone.extend(names.insert(&path, file));
            }
        }
        gone
    }
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Made at the first change.
    file: Option<File>,
    /// Bytes of the whole lines.
    len: u64,
}

impl Journal {
    /// Opens the journal and makes its changes; there may be no file yet.
    pub(super) fn open(path: PathBuf, names: &mut Names) -> Result<Self, FilesError> {
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, file: None, len: 0 });
            }
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        let len = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut changes = 0;
        for (i, line) in text[..len].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let change: Change = serde_json::from_slice(line).map_err(|source| {
                FilesError::Journal { path: path.clone(), line: i + 1, source }
            })?;
            changes += change.put.len() + change.rm.len();
            change.apply(names);
        }
        let mut journal = Self { path, file: None, len: len as u64 };
        if changes > 2 * names.count() + SLACK {
            journal.write_anew(names)?;
        }
        Ok(journal)
    }

    /// Adds a change; returns when it is on the disk.
    pub(super) fn add(&mut self, change: &Change) -> Result<(), FilesError> {
        let line = line(change);
        let path = self.path.clone();
        let len = self.len;
        let file = self.file()?;
        let added = file
            .seek(SeekFrom::Start(len))
            .and_then(|_| file.write_all(&line))
            .and_then(|()| file.sync_data());
        if let Err(source) = added {
            // The next change begins where this one did.
            let _ = file.set_len(len);
            return Err(io_error("write", &path)(source));
        }
        self.len += line.len() as u64;
        Ok(())
    }

    fn file(&mut self) -> Result<&mut File, FilesError> {
        if self.file.is_none() {
            let is_new = !self.path.exists();
            let mut options = OpenOptions::new();
            let file =
                options.write(true).create(true).truncate(false).mode(0o600).open(&self.path);
            let file = file.map_err(io_error("open", &self.path))?;
            file.set_len(self.len).map_err(io_error("cut", &self.path))?;
            if is_new {
                let folder = folder(&self.path);
                whole_file::flush_folder(folder).map_err(io_error("flush", folder))?;
            }
            self.file = Some(file);
        }
        self.file
            .as_mut()
            .ok_or_else(|| io_error("open", &self.path)(std::io::ErrorKind::NotFound.into()))
    }

    fn write_anew(&mut self, names: &Names) -> Result<(), FilesError> {
        let put = |(path, file): (&str, names::File)| {
            (path.to_owned(), file.digest, file.bytes, file.modified)
        };
        let mut all: Vec<_> = names.files().map(put).collect();
        all.sort_unstable();
        let mut text = Vec::new();
        for some in all.chunks(1000) {
            text.extend(line(&Change { at: 0, put: some.to_vec(), rm: Vec::new() }));
        }
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = folder(&self.path);
        whole_file::write(folder, name, &text)
            .and_then(|()| whole_file::flush_folder(folder))
            .map_err(io_error("write", &self.path))?;
        self.len = text.len() as u64;
        Ok(())
    }
}

fn line(change: &Change) -> Vec<u8> {
    // Strings, numbers and lists of them always become JSON.
    let mut line = serde_json::to_vec(change).unwrap_or_default();
    line.push(b'\n');
    line
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
