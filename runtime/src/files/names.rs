//! A tenant's names in memory: files by path, and the directories that follow from their paths.

use std::collections::{BTreeSet, HashMap};

use faasm_hostif::Shared;

use super::path::FilePath;
use crate::digest::Digest;

/// What a path has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: u64,
}

#[derive(Debug, Default)]
struct Directory {
    names: BTreeSet<Box<str>>,
    /// When a name came or went, in nanoseconds since 1970.
    modified: u64,
}

/// See the module's page. A directory is there as long as a file is below it; the root always is.
#[derive(Debug, Default)]
pub(super) struct Names {
    files: HashMap<Box<str>, File>,
    directories: HashMap<Box<str>, Directory>,
    /// Of all files.
    bytes: u64,
}

impl Names {
    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn file(&self, path: &str) -> Option<File> {
        self.files.get(path).copied()
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.directories.contains_key(path)
    }

    pub(super) fn find(&self, path: &str) -> Option<Shared> {
        if let Some(file) = self.files.get(path) {
            return Some(file.shared());
        }
        let modified = self.directories.get(path).map(|directory| directory.modified);
        let modified = modified.or_else(|| path.is_empty().then_some(0))?;
        Some(Shared::Directory { modified })
    }

    /// What is in a directory.
    pub(super) fn list(&self, path: &str) -> Vec<(Box<str>, Shared)> {
        let Some(directory) = self.directories.get(path) else { return Vec::new() };
        let names = directory.names.iter();
        names.filter_map(|name| Some((name.clone(), self.find(&join(path, name))?))).collect()
    }

    /// The paths of all files below a directory, sorted.
    pub(super) fn below(&self, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut rest = vec![path.to_owned()];
        while let Some(path) = rest.pop() {
            for name in self.directories.get(path.as_str()).into_iter().flat_map(|d| &d.names) {
                let path = join(&path, name);
                if self.files.contains_key(path.as_str()) {
                    found.push(path);
                } else {
                    rest.push(path);
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// Sets what a path has; what it had before. No part of the path is a file, and it is no directory.
    pub(super) fn insert(&mut self, path: &FilePath, file: File) -> Option<File> {
        let path = path.as_str();
        self.bytes += file.bytes;
        let old = self.files.insert(path.into(), file);
        match old {
            Some(old) => self.bytes -= old.bytes,
            None => self.name(path, file.modified),
        }
        old
    }

    /// Removes a file; what it was.
    pub(super) fn remove(&mut self, path: &str, at: u64) -> Option<File> {
        let old = self.files.remove(path)?;
        self.bytes -= old.bytes;
        let mut path = path;
        loop {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            let Some(directory) = self.directories.get_mut(above) else { return Some(old) };
            directory.names.remove(name);
            directory.modified = at;
            if above.is_empty() || !directory.names.is_empty() {
                return Some(old);
            }
            self.directories.remove(above);
            path = above;
        }
    }

    /// Adds a path's parts to their directories.
    fn name(&mut self, path: &str, at: u64) {
        let mut path = path;
        loop {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            let directory = self.directories.entry(above.into()).or_default();
            if !directory.names.insert(name.into()) {
                return;
            }
            directory.modified = directory.modified.max(at);
            if above.is_empty() {
                return;
            }
            path = above;
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&str, File)> {
        self.files.iter().map(|(path, file)| (&**path, *file))
    }
}

impl File {
    fn shared(self) -> Shared {
        let Self { digest, bytes, modified } = self;
        Shared::File { digest: digest.into(), bytes, modified }
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
