//! A tree over a small store: what calls read, what they may do over it, and that the store never changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use faasm_sfi::pending::Pending;
use faasm_vm::Digest;

use super::*;
use crate::files::directory::Entry;
use crate::files::filestat::FileType;
use crate::files::port::{Content, FetchError, PutError};
use crate::wasi::rights::OFlags;

/// Files by path, and how often their bytes were fetched.
#[derive(Debug, Default)]
struct Store {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    fetched: AtomicU64,
}

fn digest_of(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    let n = bytes.len().min(32);
    digest[..n].copy_from_slice(&bytes[..n]);
    Digest::from_bytes(digest)
}

impl Store {
    fn with(files: &[(&str, &[u8])]) -> Arc<Self> {
        let store = Self::default();
        for (path, bytes) in files {
            store.put(path, bytes);
        }
        Arc::new(store)
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.files.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
    }

    fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.lock().unwrap().clone()
    }
}

impl Files for Store {
    fn find(&self, path: &str) -> Option<Shared> {
        let files = self.files.lock().unwrap();
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
        names
            .iter()
            .map(|name| ((*name).into(), self.find(&format!("{below}{name}")).unwrap()))
            .collect()
    }

    fn fetch(&self, digest: Digest) -> Pending<Result<Content, FetchError>> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        let files = self.all();
        let found = files.values().find(|bytes| digest_of(bytes) == digest);
        Pending::ready(match found {
            Some(bytes) => Ok(Content::Bytes(bytes.as_slice().into())),
            None => Err(FetchError { digest, source: std::io::ErrorKind::NotFound.into() }),
        })
    }

    fn share(self: Arc<Self>, path: String, bytes: Vec<u8>) -> Pending<Result<(), PutError>> {
        self.put(&path, &bytes);
        Pending::ready(Ok(()))
    }
}

fn root(store: &Arc<Store>) -> Dir {
    Tree::root(Arc::clone(store) as Arc<dyn Files>, 1 << 20).unwrap()
}

fn open(dir: &Dir, path: &str, how: OFlags) -> Result<OpenFile, Errno> {
    match dir.open(path, Links::Follow, how, true)? {
        Opened::File(file) => {
            if let Some(missing) = file.missing() {
                file.supply(missing.block(None).unwrap().unwrap());
            }
            Ok(file)
        }
        Opened::Directory(_) => Err(Errno::IsDir),
    }
}

fn open_dir(dir: &Dir, path: &str) -> Dir {
    match dir.open(path, Links::Follow, OFlags::DIRECTORY, false) {
        Ok(Opened::Directory(dir)) => dir,
        other => panic!("{other:?}"),
    }
}

fn text(dir: &Dir, path: &str) -> Result<String, Errno> {
    let file = match dir.open(path, Links::Follow, OFlags::NONE, false)? {
        Opened::File(file) => file,
        Opened::Directory(_) => return Err(Errno::IsDir),
    };
    if let Some(missing) = file.missing() {
        file.supply(missing.block(None).unwrap().unwrap());
    }
    let mut bytes = vec![0; usize::try_from(file.size()).unwrap()];
    file.read_at(0, &mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap())
}

fn write(dir: &Dir, path: &str, bytes: &[u8]) -> Result<(), Errno> {
    let file = open(dir, path, OFlags::CREAT.or(OFlags::TRUNC))?;
    assert_eq!(file.write(bytes, false)?, bytes.len());
    Ok(())
}

fn names(dir: &Dir) -> Vec<String> {
    let listing = dir.list().unwrap();
    let name = |entry: &Entry| String::from_utf8(entry.name.clone()).unwrap();
    let mut names: Vec<_> = listing.entries.iter().map(name).collect();
    assert_eq!(names[..2], [".", ".."]);
    names.drain(..2);
    names.sort();
    names
}

const LIBRARY: &[(&str, &[u8])] =
    &[("lib/a.py", b"import a"), ("lib/sub/b.py", b"import b"), ("data.csv", b"1,2,3")];

#[test]
fn what_is_shared_is_read_and_never_changed() {
    let store = Store::with(LIBRARY);
    let before = store.all();
    let root = root(&store);
    assert_eq!(names(&root), ["data.csv", "lib", "tmp"]);
    assert_eq!(text(&root, "lib/sub/b.py").as_deref(), Ok("import b"));
    assert_eq!(text(&root, "faasm://lib/a.py").as_deref(), Ok("import a"));
    assert_eq!(text(&root, "work/faasm://lib/a.py").as_deref(), Ok("import a"));
    write(&root, "data.csv", b"changed").unwrap();
    write(&root, "lib/new.py", b"new").unwrap();
    write(&root, "tmp/scratch", b"s").unwrap();
    root.unlink("lib/a.py").unwrap();
    root.rename("lib/sub", &root, "moved").unwrap();
    assert_eq!(text(&root, "data.csv").as_deref(), Ok("changed"));
    assert_eq!(text(&root, "lib/a.py"), Err(Errno::NoEnt));
    assert_eq!(text(&root, "lib/sub/b.py"), Err(Errno::NoEnt));
    assert_eq!(text(&root, "moved/b.py").as_deref(), Ok("import b"));
    assert_eq!(names(&open_dir(&root, "lib")), ["new.py"]);
    assert_eq!(store.all(), before);
    // Another call sees none of it.
    let other = self::root(&store);
    assert_eq!(names(&other), ["data.csv", "lib", "tmp"]);
    assert_eq!(text(&other, "data.csv").as_deref(), Ok("1,2,3"));
}

#[test]
fn looking_at_files_fetches_nothing_and_cutting_them_neither() {
    let store = Store::with(LIBRARY);
    let root = root(&store);
    let stat = root.path_filestat("data.csv", Links::Follow).unwrap();
    assert_eq!((stat.size, stat.modified, stat.links), (5, 5, 1));
    assert_eq!(stat.file_type, FileType::RegularFile);
    root.rename("data.csv", &root, "lib/data.csv").unwrap();
    root.hard_link("lib/data.csv", &root, "again").unwrap();
    open(&root, "lib/a.py", OFlags::TRUNC).unwrap();
    assert_eq!(store.fetched.load(Ordering::Relaxed), 0);
    assert_eq!(text(&root, "again").as_deref(), Ok("1,2,3"));
    assert_eq!(text(&root, "lib/data.csv").as_deref(), Ok("1,2,3"));
    assert_eq!(store.fetched.load(Ordering::Relaxed), 1);
}

#[test]
fn a_part_of_a_shared_file_is_written_over() {
    let store = Store::with(&[("f", &[b'x'; 10_000])]);
    let root = root(&store);
    let (writer, reader) =
        (open(&root, "f", OFlags::NONE).unwrap(), open(&root, "f", OFlags::NONE).unwrap());
    writer.write_at(5000, b"hello").unwrap();
    let mut bytes = [0; 7];
    assert_eq!(reader.read_at(4999, &mut bytes), Ok(7));
    assert_eq!(&bytes, b"xhellox");
    let ino = reader.filestat().ino;
    assert_eq!(root.path_filestat("f", Links::Follow).unwrap().ino, ino);
    assert_eq!(self::root(&store).path_filestat("f", Links::Follow).unwrap().ino, ino);
    writer.set_position(0);
    writer.write(b"end", true).unwrap();
    assert_eq!((reader.size(), writer.position()), (10_003, 10_003));
}

#[test]
fn a_call_keeps_what_it_opened_when_the_store_changes() {
    let store = Store::with(&[("d/f", b"old")]);
    let root = root(&store);
    let (file, dir) = (open(&root, "d/f", OFlags::NONE).unwrap(), open_dir(&root, "d"));
    store.put("d/f", b"new");
    store.put("d/g", b"more");
    let mut bytes = [0; 3];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"old");
    assert_eq!(text(&root, "d/f").as_deref(), Ok("old"));
    assert_eq!(text(&dir, "g").as_deref(), Ok("more"));
    assert_eq!(text(&self::root(&store), "d/f").as_deref(), Ok("new"));
}

#[test]
fn nothing_leads_out() {
    let store = Store::with(LIBRARY);
    let root = root(&store);
    let lib = open_dir(&root, "lib");
    for path in ["..", "/data.csv", "../data.csv", "sub/../../data.csv", "sub/../..", "/"] {
        assert_eq!(text(&lib, path), Err(Errno::Perm), "{path}");
        assert_eq!(lib.create_directory(path), Err(Errno::Perm), "{path}");
    }
    // The scheme is the root's alone.
    assert_eq!(text(&lib, "faasm://data.csv"), Err(Errno::NoEnt));
    assert_eq!(lib.symlink("/data.csv", "link"), Err(Errno::Perm));
    lib.symlink("../data.csv", "link").unwrap();
    assert_eq!(text(&lib, "link"), Err(Errno::Perm));
    assert_eq!(text(&root, "lib/link").as_deref(), Ok("1,2,3"));
    assert_eq!(text(&root, "lib/sub/.././/../data.csv").as_deref(), Ok("1,2,3"));
}

#[test]
fn links_lead_on_and_end() {
    let store = Store::with(LIBRARY);
    let root = root(&store);
    root.symlink("lib/sub", "s").unwrap();
    root.symlink("s/b.py", "b").unwrap();
    root.symlink("loop", "loop").unwrap();
    root.symlink("none", "dangling").unwrap();
    assert_eq!(text(&root, "b").as_deref(), Ok("import b"));
    assert_eq!(root.read_link("b").unwrap(), b"s/b.py");
    assert_eq!(root.read_link("data.csv"), Err(Errno::Inval));
    assert_eq!(text(&root, "loop"), Err(Errno::Loop));
    assert_eq!(root.open("b", Links::Keep, OFlags::NONE, false).unwrap_err(), Errno::Loop);
    assert_eq!(root.path_filestat("b", Links::Keep).unwrap().file_type, FileType::SymbolicLink);
    assert_eq!(root.path_filestat("dangling", Links::Follow), Err(Errno::NoEnt));
    // Made through a link that leads nowhere, but not if it must be new.
    assert_eq!(open(&root, "dangling", OFlags::CREAT.or(OFlags::EXCL)).unwrap_err(), Errno::Exist);
    write(&root, "dangling", b"x").unwrap();
    assert_eq!(text(&root, "none").as_deref(), Ok("x"));
    assert_eq!(root.unlink("s/"), Err(Errno::IsDir));
    root.unlink("s").unwrap();
    assert_eq!(text(&root, "lib/sub/b.py").as_deref(), Ok("import b"));
}

#[test]
fn directories_are_removed_when_all_in_them_is() {
    let store = Store::with(LIBRARY);
    let root = root(&store);
    assert_eq!(root.remove_directory("lib/sub"), Err(Errno::NotEmpty));
    let sub = open_dir(&root, "lib/sub");
    root.unlink("lib/sub/b.py").unwrap();
    root.remove_directory("lib/sub/").unwrap();
    assert_eq!(names(&open_dir(&root, "lib")), ["a.py"]);
    // A directory that is gone takes nothing more; one of the same name does not bring back what was shared.
    assert_eq!(write(&sub, "late", b"x"), Err(Errno::NoEnt));
    root.create_directory("lib/sub").unwrap();
    assert_eq!(names(&open_dir(&root, "lib/sub")), Vec::<String>::new());
    for (path, error) in [("data.csv", Errno::NotDir), (".", Errno::Inval), ("none", Errno::NoEnt)]
    {
        assert_eq!(root.remove_directory(path), Err(error), "{path}");
    }
}

#[test]
fn renaming_replaces_what_may_be() {
    let store = Store::with(LIBRARY);
    let root = root(&store);
    root.create_directory("empty").unwrap();
    let rename = |old, new| root.rename(old, &root, new);
    assert_eq!(rename("lib", "lib/sub/x"), Err(Errno::Inval));
    assert_eq!(rename("lib", "lib"), Ok(()));
    assert_eq!(rename("data.csv", "data.csv"), Ok(()));
    assert_eq!(rename("empty", "lib"), Err(Errno::NotEmpty));
    assert_eq!(rename("empty", "data.csv"), Err(Errno::NotDir));
    assert_eq!(rename("data.csv", "empty"), Err(Errno::IsDir));
    assert_eq!(rename("data.csv/", "x"), Err(Errno::NotDir));
    assert_eq!(rename("data.csv", "x/"), Err(Errno::NotDir));
    assert_eq!(rename(".", "x"), Err(Errno::Busy));
    assert_eq!(rename("lib/", "empty/"), Ok(()));
    assert_eq!(text(&root, "empty/sub/b.py").as_deref(), Ok("import b"));
    assert_eq!(rename("empty", "empty/sub/x"), Err(Errno::Inval));
    assert_eq!(rename("data.csv", "empty/a.py"), Ok(()));
    assert_eq!(text(&root, "empty/a.py").as_deref(), Ok("1,2,3"));
    let elsewhere = self::root(&store);
    assert_eq!(root.rename("empty", &elsewhere, "x"), Err(Errno::XDev));
}

#[test]
fn what_is_open_outlives_its_name() {
    let root = root(&Store::with(&[]));
    write(&root, "f", b"text").unwrap();
    let file = open(&root, "f", OFlags::NONE).unwrap();
    root.hard_link("f", &root, "g").unwrap();
    assert_eq!(file.filestat().links, 2);
    root.unlink("f").unwrap();
    root.unlink("g").unwrap();
    assert_eq!(file.filestat().links, 0);
    file.write(b"TEXT and more", false).unwrap();
    let mut bytes = [0; 13];
    assert_eq!(file.read_at(0, &mut bytes), Ok(13));
    assert_eq!(names(&root), ["tmp"]);
}

#[test]
fn everything_is_charged_and_given_back() {
    let store = Store::with(LIBRARY);
    let root = Tree::root(Arc::clone(&store) as Arc<dyn Files>, 64 << 10).unwrap();
    let quota = Arc::clone(&root.tree.quota);
    let empty = quota.taken();
    let big = open(&root, "big", OFlags::CREAT).unwrap();
    let mut n = 0;
    let error = loop {
        match big.write(&[1; 1000], false) {
            Ok(written) => n += written,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Errno::Dquot);
    assert!((50_000..64 << 10).contains(&n), "{n}");
    root.unlink("big").unwrap();
    drop(big);
    // Names and directories count, too, and so do listings.
    let mut made = 0;
    while root.create_directory(&format!("directory-{made}")).is_ok() {
        made += 1;
    }
    assert!((100..300).contains(&made), "{made}");
    assert!(matches!(root.list(), Err(Errno::Dquot)));
    for i in 0..made {
        root.remove_directory(&format!("directory-{i}")).unwrap();
    }
    let listing = root.list().unwrap();
    assert_eq!(listing.entries.len(), 5);
    drop(listing);
    // Marks of what was removed are left, as the root has shared files below.
    assert!(quota.taken() >= empty);
    drop(root);
    assert_eq!(quota.taken(), 0);
}

#[test]
fn directories_in_one_another_are_dropped_without_a_stack() {
    let root = Tree::root(Store::with(&[]) as Arc<dyn Files>, 64 << 20).unwrap();
    let mut dir = root.clone();
    for _ in 0..100_000 {
        dir.create_directory("d").unwrap();
        dir = open_dir(&dir, "d");
    }
    drop(dir);
    let quota = Arc::clone(&root.tree.quota);
    drop(root);
    assert_eq!(quota.taken(), 0);
}

#[test]
fn names_and_paths_have_their_forms() {
    let root = root(&Store::with(LIBRARY));
    let long = "x".repeat(256);
    assert_eq!(root.create_directory(&long), Err(Errno::NameTooLong));
    assert_eq!(root.create_directory("lib"), Err(Errno::Exist));
    assert_eq!(root.create_directory("none/x"), Err(Errno::NoEnt));
    assert_eq!(root.create_directory("data.csv/x"), Err(Errno::NotDir));
    root.create_directory("made/").unwrap();
    assert_eq!(open(&root, "made/file/", OFlags::CREAT).unwrap_err(), Errno::IsDir);
    assert_eq!(open(&root, "made", OFlags::CREAT).unwrap_err(), Errno::IsDir);
    assert_eq!(text(&root, "data.csv/"), Err(Errno::NotDir));
    assert_eq!(root.unlink("data.csv/"), Err(Errno::NotDir));
    assert_eq!(root.unlink("made"), Err(Errno::IsDir));
    assert_eq!(root.symlink("x", "made/"), Err(Errno::Exist));
    assert_eq!(root.symlink("x", "data.csv/"), Err(Errno::NotDir));
    assert_eq!(root.symlink("x", "none/"), Err(Errno::NoEnt));
    assert_eq!(root.hard_link("lib", &root, "x"), Err(Errno::Perm));
    assert_eq!(root.hard_link("data.csv", &root, "x/"), Err(Errno::NoEnt));
}
