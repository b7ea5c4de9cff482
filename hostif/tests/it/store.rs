//! A tenant's shared files in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use faasm_hostif::{Content, FetchError, Files, PutError, Shared};
use faasm_sfi::pending::Pending;
use faasm_vm::Digest;

/// Files by path. A digest is the beginning of the bytes: those of a test differ there.
#[derive(Debug, Default)]
pub(crate) struct Store {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Store {
    pub(crate) fn with(files: &[(&str, &[u8])]) -> Arc<Self> {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
        Arc::new(Self { files: Mutex::new(files.collect()) })
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.lock().unwrap().clone()
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    let n = bytes.len().min(32);
    digest[..n].copy_from_slice(&bytes[..n]);
    Digest::from_bytes(digest)
}

impl Files for Store {
    fn find(&self, path: &str) -> Option<Shared> {
        let files = self.all();
        if let Some(bytes) = files.get(path) {
            let (digest, bytes) = (digest_of(bytes), bytes.len() as u64);
            return Some(Shared::File { digest, bytes, modified: 5 });
        }
        let below = format!("{path}/");
        let is_directory = path.is_empty() || files.keys().any(|file| file.starts_with(&below));
        is_directory.then_some(Shared::Directory { modified: 3 })
    }

    fn list(&self, path: &str) -> Vec<(Box<str>, Shared)> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let files = self.all();
        let names = files.keys().filter_map(|file| file.strip_prefix(&below));
        let mut names: Vec<&str> = names.filter_map(|rest| rest.split('/').next()).collect();
        names.dedup();
        let found = names.iter().map(|name| {
            let path = format!("{below}{name}");
            ((*name).into(), self.find(&path).unwrap())
        });
        found.collect()
    }

    fn fetch(&self, digest: Digest) -> Pending<Result<Content, FetchError>> {
        let files = self.all();
        let found = files.values().find(|bytes| digest_of(bytes) == digest);
        let content = found.map(|bytes| Content::Bytes(bytes.as_slice().into()));
        let source = || std::io::ErrorKind::NotFound.into();
        Pending::ready(content.ok_or_else(|| FetchError { digest, source: source() }))
    }

    fn share(self: Arc<Self>, path: String, bytes: Vec<u8>) -> Pending<Result<(), PutError>> {
        self.files.lock().unwrap().insert(path, bytes);
        Pending::ready(Ok(()))
    }
}
