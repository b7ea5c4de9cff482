//! What names in a call's tree stand for: files, directories and links, each with a number and times.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use super::data::Data;
use super::quota::Charge;
use crate::files::filestat::{FileType, Filestat, NewTime, NewTimes};
use crate::wasi::errno::Errno;

/// What a file, directory or link is charged for, besides its bytes and names.
pub(super) const NODE_BYTES: u64 = 256;

/// What a name in a directory is charged for, besides its own bytes.
const NAME_BYTES: u64 = 64;

/// The device of every node.
pub(super) const DEVICE: u64 = 1;

/// See the module's page. It lives while a name or a descriptor stands for it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) ino: u64,
    pub(super) kind: Kind,
    times: Mutex<Times>,
    /// How many names it has.
    links: AtomicU32,
    _charge: Charge,
}

#[derive(Debug)]
pub(super) enum Kind {
    File(Mutex<Data>),
    Directory(Mutex<Names>),
    Link(Box<str>),
}

/// Nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Times {
    accessed: u64,
    modified: u64,
    changed: u64,
}

/// The names in a directory that differ from the shared ones below it, or have been walked through.
#[derive(Debug)]
pub(super) struct Names {
    /// The path of the shared directory below, if there is one.
    pub(super) below: Option<Box<str>>,
    /// What names stand for; `None` where a name was removed, which hides a shared one.
    names: BTreeMap<Box<str>, Option<Arc<Node>>>,
    /// The directory that has this one. Nothing for the root.
    pub(super) parent: Weak<Node>,
    /// Whether the directory itself was removed: nothing can be made in it.
    pub(super) removed: bool,
    /// For the names.
    charge: Charge,
}

impl Node {
    pub(super) fn new(ino: u64, kind: Kind, modified: u64, charge: Charge) -> Arc<Self> {
        let times = Times { accessed: modified, modified, changed: modified };
        Arc::new(Self {
            ino,
            kind,
            times: Mutex::new(times),
            links: AtomicU32::new(1),
            _charge: charge,
        })
    }

    pub(super) fn file_type(&self) -> FileType {
        match self.kind {
            Kind::File(_) => FileType::RegularFile,
            Kind::Directory(_) => FileType::Directory,
            Kind::Link(_) => FileType::SymbolicLink,
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// The names in it, if it is a directory.
    pub(super) fn names(&self) -> Result<MutexGuard<'_, Names>, Errno> {
        match &self.kind {
            Kind::Directory(names) => Ok(lock(names)),
            Kind::File(_) | Kind::Link(_) => Err(Errno::NotDir),
        }
    }

    /// Its bytes, if it is a file.
    pub(super) fn data(&self) -> Result<MutexGuard<'_, Data>, Errno> {
        match &self.kind {
            Kind::File(data) => Ok(lock(data)),
            Kind::Directory(_) => Err(Errno::IsDir),
            Kind::Link(_) => Err(Errno::Loop),
        }
    }

    pub(super) fn filestat(&self) -> Filestat {
        let size = match &self.kind {
            Kind::File(data) => lock(data).size(),
            Kind::Directory(_) => 0,
            Kind::Link(target) => target.len() as u64,
        };
        let times = lock(&self.times);
        Filestat {
            dev: DEVICE,
            ino: self.ino,
            file_type: self.file_type(),
            links: self.links.load(Ordering::Relaxed).into(),
            size,
            accessed: times.accessed,
            modified: times.modified,
            changed: times.changed,
        }
    }

    /// Notes that the bytes, or the names in it, have changed.
    pub(super) fn touch(&self) {
        let now = now();
        let mut times = lock(&self.times);
        (times.modified, times.changed) = (now, now);
    }

    pub(super) fn set_times(&self, new: NewTimes) {
        let now = now();
        let set = |time: &mut u64, new: NewTime| match new {
            NewTime::Keep => {}
            NewTime::Now => *time = now,
            NewTime::At(at) => *time = at,
        };
        let mut times = lock(&self.times);
        set(&mut times.accessed, new.accessed);
        set(&mut times.modified, new.modified);
        times.changed = now;
    }

    /// Notes another name.
    pub(super) fn link(&self) {
        self.links.fetch_add(1, Ordering::Relaxed);
        lock(&self.times).changed = now();
    }

    /// Notes that it has a name less.
    pub(super) fn unlink(&self) {
        self.links.fetch_sub(1, Ordering::Relaxed);
        lock(&self.times).changed = now();
        if let Kind::Directory(names) = &self.kind {
            lock(names).removed = true;
        }
    }
}

/// What a directory itself knows of a name.
pub(super) enum Known {
    Node(Arc<Node>),
    Removed,
    /// Nothing: what is below decides.
    Nothing,
}

impl Names {
    pub(super) fn new(below: Option<Box<str>>, parent: Weak<Node>, charge: Charge) -> Self {
        Self { below, names: BTreeMap::new(), parent, removed: false, charge }
    }

    pub(super) fn get(&self, name: &str) -> Known {
        match self.names.get(name) {
            Some(Some(node)) => Known::Node(Arc::clone(node)),
            Some(None) => Known::Removed,
            None => Known::Nothing,
        }
    }

    /// Makes room for a name, so that [`Names::set`] cannot fail.
    pub(super) fn reserve(&mut self, name: &str) -> Result<(), Errno> {
        if self.names.contains_key(name) {
            return Ok(());
        }
        self.charge.grow(NAME_BYTES + name.len() as u64)
    }

    /// Sets what a name stands for, after [`Names::reserve`].
    pub(super) fn set(&mut self, name: &str, node: Arc<Node>) {
        self.names.insert(name.into(), Some(node));
    }

    /// Removes a name, after [`Names::reserve`]; a mark stays if there could be a shared one below.
    pub(super) fn remove(&mut self, name: &str) {
        if self.below.is_some() {
            self.names.insert(name.into(), None);
        } else if self.names.remove(name).is_some() {
            self.charge.shrink(NAME_BYTES + name.len() as u64);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<&Arc<Node>>)> {
        self.names.iter().map(|(name, node)| (&**name, node.as_ref()))
    }

    /// Whether the directory itself knows of the name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }
}

/// Directories are dropped one by one: a guest can nest them deeper than a stack is.
impl Drop for Names {
    fn drop(&mut self) {
        let mut rest: Vec<_> = std::mem::take(&mut self.names).into_values().flatten().collect();
        while let Some(node) = rest.pop() {
            if let Ok(node) = Arc::try_unwrap(node)
                && let Kind::Directory(names) = node.kind
            {
                let mut names = names.into_inner().unwrap_or_else(PoisonError::into_inner);
                rest.extend(std::mem::take(&mut names.names).into_values().flatten());
            }
        }
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Nothing here is left half-done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
