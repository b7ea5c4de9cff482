//! A call's own file system: what all calls of the tenant read, and what this one wrote, over it.
//!
//! ```text
//! path ─resolve→ names of this call (made, renamed, removed, walked through)
//!                  └─ unknown there → the shared directory below, by the port
//! bytes ─read→ blocks of this call ─ not there → the shared file below
//! ```
//!
//! # Invariants
//!
//! * Nothing here is a path of the host's: names are looked up in memory and, below that, through [`Files`].
//! * Nothing is written through the port. What a call has made is dropped with its last descriptor and its tree.
//! * Everything that a call keeps here is charged to its quota, shared nodes that it has only walked through included.
//! * A name that was walked through or opened stays what it was then, whatever becomes of the shared file.
//! * Only one thread at a time is among the names: it holds `among_names` from a path's first component to the change.
//!   A file's bytes have a lock of their own.

mod data;
mod file;
mod listing;
mod node;
mod quota;
mod resolve;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use self::data::Data;
pub(super) use self::file::OpenFile;
pub(super) use self::listing::Listing;
use self::node::{Kind, NODE_BYTES, Names, Node, now};
pub(super) use self::quota::Quota;
use self::resolve::{Found, Place};
use super::directory::Links;
use super::filestat::{Filestat, NewTimes};
use super::port::{Files, Shared};
use crate::wasi::errno::Errno;
use crate::wasi::rights::OFlags;

/// How the original names a shared file; what comes after it is the path from the root.
const SCHEME: &str = "faasm://";

/// A directory that every tree has, for files that are in nobody's way.
const TMP: &str = "tmp";

/// The files of one call.
#[derive(Debug)]
pub(super) struct Tree {
    shared: Arc<dyn Files>,
    quota: Arc<Quota>,
    /// Numbers of what is made.
    next: AtomicU64,
    among_names: Mutex<()>,
}

/// A directory of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Dir {
    tree: Arc<Tree>,
    node: Arc<Node>,
    is_root: bool,
}

/// What was opened.
#[derive(Debug)]
pub(super) enum Opened {
    File(OpenFile),
    Directory(Dir),
}

impl Tree {
    /// The root of a call's own tree.
    pub(super) fn root(shared: Arc<dyn Files>, quota_bytes: u64) -> Result<Dir, Errno> {
        let quota = Quota::new(quota_bytes);
        let modified = match shared.find("") {
            Some(Shared::Directory { modified }) => modified,
            _ => 0,
        };
        let next = AtomicU64::new(1);
        let tree = Arc::new(Self { shared, quota, next, among_names: Mutex::new(()) });
        let node = tree.directory(Some("".into()), Weak::new(), modified)?;
        if tree.shared.find(TMP).is_none() {
            let tmp = tree.directory(None, Arc::downgrade(&node), now())?;
            let mut names = node.names()?;
            names.reserve(TMP)?;
            names.set(TMP, tmp);
        }
        Ok(Dir { tree, node, is_root: true })
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // What was begun by a thread that panicked is as much as the guest sees of it.
        self.among_names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) | 1 << 63
    }

    fn directory(
        &self,
        below: Option<Box<str>>,
        parent: Weak<Node>,
        modified: u64,
    ) -> Result<Arc<Node>, Errno> {
        let ino = below.as_deref().map_or_else(|| self.made(), number_of);
        let charge =
            self.quota.charge(NODE_BYTES + below.as_ref().map_or(0, |path| path.len() as u64))?;
        let names = Names::new(below, parent, self.quota.charge(0)?);
        Ok(Node::new(ino, Kind::Directory(Mutex::new(names)), modified, charge))
    }

    fn file(&self) -> Result<Arc<Node>, Errno> {
        let data = Data::empty(self.quota.charge(0)?);
        let charge = self.quota.charge(NODE_BYTES)?;
        Ok(Node::new(self.made(), Kind::File(Mutex::new(data)), now(), charge))
    }

    fn link(&self, target: &str) -> Result<Arc<Node>, Errno> {
        let charge = self.quota.charge(NODE_BYTES + target.len() as u64)?;
        Ok(Node::new(self.made(), Kind::Link(target.into()), now(), charge))
    }
}

/// The number of what is shared: that of its path, the same in every call.
fn number_of(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    (hasher.finish() >> 1) | 1
}

impl Dir {
    /// Opens what `path` names; makes it if that is asked. `writes` is whether it is to be written, which no directory
    /// can be.
    pub(super) fn open(
        &self,
        path: &str,
        links: Links,
        how: OFlags,
        writes: bool,
    ) -> Result<Opened, Errno> {
        let _alone = self.tree.lock();
        let making = how.has(OFlags::CREAT);
        // A link is not followed where a new name must be made.
        let links = if making && how.has(OFlags::EXCL) { Links::Keep } else { links };
        let place = self.resolve(path, links)?;
        match &place.found {
            None if making => {
                if place.slash {
                    return Err(Errno::IsDir);
                }
                let (parent, name) = place.free()?;
                let node = self.tree.file()?;
                add(parent, name, &node)?;
                Ok(Opened::File(OpenFile::new(Arc::clone(&self.tree.shared), node)))
            }
            None => Err(Errno::NoEnt),
            Some(_) if making && how.has(OFlags::EXCL) => Err(Errno::Exist),
            Some(found) if found.is_directory() => {
                if writes || making || how.has(OFlags::TRUNC) {
                    return Err(Errno::IsDir);
                }
                let node = self.node_of(&place)?;
                Ok(Opened::Directory(Self { tree: Arc::clone(&self.tree), node, is_root: false }))
            }
            Some(found) if found.is_link() => Err(Errno::Loop),
            Some(_) if place.slash || how.has(OFlags::DIRECTORY) => Err(Errno::NotDir),
            Some(_) => {
                let node = self.node_of(&place)?;
                if how.has(OFlags::TRUNC) {
                    node.data()?.set_size(0)?;
                    node.touch();
                }
                Ok(Opened::File(OpenFile::new(Arc::clone(&self.tree.shared), node)))
            }
        }
    }

    pub(super) fn filestat(&self) -> Filestat {
        self.node.filestat()
    }

    pub(super) fn set_own_times(&self, times: NewTimes) {
        self.node.set_times(times);
    }

    pub(super) fn path_filestat(&self, path: &str, links: Links) -> Result<Filestat, Errno> {
        let _alone = self.tree.lock();
        let place = self.resolve(path, links)?;
        Ok(place.existing()?.filestat())
    }

    pub(super) fn path_set_times(
        &self,
        path: &str,
        links: Links,
        times: NewTimes,
    ) -> Result<(), Errno> {
        let _alone = self.tree.lock();
        let place = self.resolve(path, links)?;
        place.existing()?;
        self.node_of(&place)?.set_times(times);
        Ok(())
    }

    pub(super) fn create_directory(&self, path: &str) -> Result<(), Errno> {
        let _alone = self.tree.lock();
        let place = self.resolve(path, Links::Keep)?;
        let (parent, name) = place.free()?;
        let node = self.tree.directory(None, Arc::downgrade(parent), now())?;
        add(parent, name, &node)
    }

    pub(super) fn remove_directory(&self, path: &str) -> Result<(), Errno> {
        let _alone = self.tree.lock();
        let place = self.resolve(path, Links::Keep)?;
        let (parent, name) = place.named(Errno::Inval)?;
        if !place.found()?.is_directory() {
            return Err(Errno::NotDir);
        }
        let node = self.node_of(&place)?;
        if !self.tree.is_empty(&node)? {
            return Err(Errno::NotEmpty);
        }
        remove(parent, name)?;
        node.unlink();
        Ok(())
    }

    /// Removes a file or a link.
    pub(super) fn unlink(&self, path: &str) -> Result<(), Errno> {
        let _alone = self.tree.lock();
        let place = self.resolve(path, Links::Keep)?;
        let (parent, name) = place.named(Errno::IsDir)?;
        match place.found()? {
            found if found.is_directory() => Err(Errno::IsDir),
            _ if place.slash => Err(Errno::NotDir),
            Found::Node(node) => {
                remove(parent, name)?;
                node.unlink();
                Ok(())
            }
            Found::Shared { .. } => remove(parent, name),
        }
    }

    /// Makes a link to `target`, which must be relative, as below directories of the host.
    pub(super) fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        if target.starts_with('/') {
            return Err(Errno::Perm);
        }
        let _alone = self.tree.lock();
        let place = self.resolve(path, Links::Keep)?;
        let (parent, name) = place.free_of_slash()?;
        let node = self.tree.link(target)?;
        add(parent, name, &node)
    }

    pub(super) fn read_link(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let _alone = self.tree.lock();
        let place = self.resolve(path, Links::Keep)?;
        match place.existing()? {
            Found::Node(node) => match &node.kind {
                Kind::Link(target) => Ok(target.as_bytes().to_vec()),
                Kind::File(_) | Kind::Directory(_) => Err(Errno::Inval),
            },
            Found::Shared { .. } => Err(Errno::Inval),
        }
    }

    /// Gives a file or link a second name below `target_dir`.
    pub(super) fn hard_link(
        &self,
        path: &str,
        target_dir: &Self,
        target: &str,
    ) -> Result<(), Errno> {
        self.same_tree(target_dir)?;
        let _alone = self.tree.lock();
        let place = self.resolve(path, Links::Keep)?;
        if place.existing()?.is_directory() {
            return Err(Errno::Perm);
        }
        let new = target_dir.resolve(target, Links::Keep)?;
        let (parent, name) = new.free_of_slash()?;
        let node = self.node_of(&place)?;
        add(parent, name, &node)?;
        node.link();
        Ok(())
    }

    pub(super) fn rename(&self, path: &str, target_dir: &Self, target: &str) -> Result<(), Errno> {
        self.same_tree(target_dir)?;
        let _alone = self.tree.lock();
        let (old, new) =
            (self.resolve(path, Links::Keep)?, target_dir.resolve(target, Links::Keep)?);
        let is_directory = old.existing()?.is_directory();
        let (old_parent, old_name) = old.named(Errno::Busy)?;
        let (new_parent, new_name) = new.named(Errno::Busy)?;
        if new.slash && !is_directory {
            return Err(Errno::NotDir);
        }
        let node = self.node_of(&old)?;
        if is_directory && is_within(new_parent, &node) {
            return Err(Errno::Inval);
        }
        let replaced = new.found.is_some().then(|| self.node_of(&new)).transpose()?;
        if let Some(replaced) = &replaced {
            if Arc::ptr_eq(replaced, &node) {
                return Ok(());
            }
            self.check_replaced(replaced, is_directory)?;
        }
        new_parent.names()?.reserve(new_name)?;
        remove(old_parent, old_name)?;
        new_parent.names()?.set(new_name, Arc::clone(&node));
        new_parent.touch();
        if let Some(replaced) = replaced {
            replaced.unlink();
        }
        if let Ok(mut names) = node.names() {
            names.parent = Arc::downgrade(new_parent);
        }
        Ok(())
    }

    /// Whether something can take the place of `replaced`.
    fn check_replaced(&self, replaced: &Node, by_directory: bool) -> Result<(), Errno> {
        match (by_directory, replaced.is_directory()) {
            (true, false) => Err(Errno::NotDir),
            (false, true) => Err(Errno::IsDir),
            (true, true) if !self.tree.is_empty(replaced)? => Err(Errno::NotEmpty),
            _ => Ok(()),
        }
    }

    /// What is in the directory now.
    pub(super) fn list(&self) -> Result<Listing, Errno> {
        let _alone = self.tree.lock();
        Listing::of(&self.tree, &self.node)
    }

    /// Files are in memory: a link from one tree to another would be one that does not go away with the call.
    fn same_tree(&self, other: &Self) -> Result<(), Errno> {
        if Arc::ptr_eq(&self.tree, &other.tree) { Ok(()) } else { Err(Errno::XDev) }
    }

    fn node_of(&self, place: &Place) -> Result<Arc<Node>, Errno> {
        self.tree.node_of(place)
    }
}

/// Gives a new name to a node.
fn add(parent: &Arc<Node>, name: &str, node: &Arc<Node>) -> Result<(), Errno> {
    let mut names = parent.names()?;
    if names.removed {
        return Err(Errno::NoEnt);
    }
    names.reserve(name)?;
    names.set(name, Arc::clone(node));
    drop(names);
    parent.touch();
    Ok(())
}

fn remove(parent: &Arc<Node>, name: &str) -> Result<(), Errno> {
    let mut names = parent.names()?;
    if names.below.is_some() {
        names.reserve(name)?;
    }
    names.remove(name);
    drop(names);
    parent.touch();
    Ok(())
}

/// Whether `node` is `directory`, or somewhere below it.
fn is_within(node: &Arc<Node>, directory: &Arc<Node>) -> bool {
    let mut next = Some(Arc::clone(node));
    while let Some(node) = next {
        if Arc::ptr_eq(&node, directory) {
            return true;
        }
        next = node.names().ok().and_then(|names| names.parent.upgrade());
    }
    false
}

#[cfg(test)]
mod tests;
