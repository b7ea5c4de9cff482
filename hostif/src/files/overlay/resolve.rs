//! From a path to a place: the directory that has the name, and what the name stands for.
//!
//! Nothing leads out of the directory that resolution begins in: not `..`, not an absolute path, not a link.

use std::sync::{Arc, Mutex};

use super::data::Data;
use super::node::{DEVICE, Kind, Known, NODE_BYTES, Node};
use super::{Dir, SCHEME, Tree, number_of};
use crate::files::directory::Links;
use crate::files::filestat::{FileType, Filestat};
use crate::files::port::Shared;
use crate::wasi::errno::Errno;
use faasm_vm::Digest;

/// Links that one path may lead through, as on Linux.
const MAX_LINKS: usize = 40;

/// Bytes of a name, as on Linux.
const MAX_NAME: usize = 255;

/// Bytes that a path may have when links have been put in.
const MAX_EXPANDED: usize = 64 << 10;

/// Where a path leads.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory with the name, and the name. Nothing where the path ends with `.` or `..`.
    named: Option<(Arc<Node>, Box<str>)>,
    pub(super) found: Option<Found>,
    /// Whether the path ends with a slash: it must be a directory's.
    pub(super) slash: bool,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Found {
    Node(Arc<Node>),
    /// A shared file that has no node yet.
    Shared {
        path: Box<str>,
        digest: Digest,
        bytes: u64,
        modified: u64,
    },
}

impl Found {
    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Node(node) if node.is_directory())
    }

    pub(super) fn is_link(&self) -> bool {
        self.link().is_some()
    }

    fn link(&self) -> Option<&str> {
        match self {
            Self::Node(node) => match &node.kind {
                Kind::Link(target) => Some(target),
                Kind::File(_) | Kind::Directory(_) => None,
            },
            Self::Shared { .. } => None,
        }
    }

    pub(super) fn filestat(&self) -> Filestat {
        match self {
            Self::Node(node) => node.filestat(),
            Self::Shared { path, bytes, modified, .. } => Filestat {
                dev: DEVICE,
                ino: number_of(path),
                file_type: FileType::RegularFile,
                links: 1,
                size: *bytes,
                accessed: *modified,
                modified: *modified,
                changed: *modified,
            },
        }
    }
}

impl Place {
    /// What is there, whether or not the path's form allows it.
    pub(super) fn found(&self) -> Result<&Found, Errno> {
        self.found.as_ref().ok_or(Errno::NoEnt)
    }

    /// What is there; with a slash behind it, a directory.
    pub(super) fn existing(&self) -> Result<&Found, Errno> {
        match self.found()? {
            found if self.slash && !found.is_directory() => Err(Errno::NotDir),
            found => Ok(found),
        }
    }

    /// The directory and the name in it; `error` for a path that ends with none.
    pub(super) fn named(&self, error: Errno) -> Result<(&Arc<Node>, &str), Errno> {
        self.named.as_ref().map(|(parent, name)| (parent, &**name)).ok_or(error)
    }

    /// The same, for a name that is to be made.
    pub(super) fn free(&self) -> Result<(&Arc<Node>, &str), Errno> {
        match self.found {
            Some(_) => Err(Errno::Exist),
            None => self.named(Errno::Exist),
        }
    }

    /// The same, for what is no directory.
    pub(super) fn free_of_slash(&self) -> Result<(&Arc<Node>, &str), Errno> {
        match &self.found {
            Some(found) if self.slash && !found.is_directory() => Err(Errno::NotDir),
            None if self.slash => Err(Errno::NoEnt),
            _ => self.free(),
        }
    }
}

impl Dir {
    /// Where `path` leads from here. With [`Links::Follow`], or a slash behind it, a link at its end is followed.
    pub(super) fn resolve(&self, path: &str, links: Links) -> Result<Place, Errno> {
        let path = if self.is_root { without_scheme(path) } else { path };
        if path.starts_with('/') {
            return Err(Errno::Perm);
        }
        Walk {
            tree: &self.tree,
            above: vec![Arc::clone(&self.node)],
            rest: path.to_owned(),
            links,
            followed: 0,
        }
        .run()
    }
}

/// `x/y` of `faasm://x/y`, also behind the working directory that a C library puts before what is not absolute.
fn without_scheme(path: &str) -> &str {
    match path.find(SCHEME) {
        Some(at) if at == 0 || path.as_bytes()[at - 1] == b'/' => {
            path[at + SCHEME.len()..].trim_start_matches('/')
        }
        _ => path,
    }
}

/// A resolution under way.
struct Walk<'a> {
    tree: &'a Tree,
    /// The directories from where it began to where it is.
    above: Vec<Arc<Node>>,
    /// What is left of the path.
    rest: String,
    links: Links,
    followed: usize,
}

impl Walk<'_> {
    fn run(mut self) -> Result<Place, Errno> {
        let mut at = 0;
        loop {
            let rest = &self.rest[at..];
            let rest = rest.trim_start_matches('/');
            let here = self.above.last().ok_or(Errno::Perm)?;
            if rest.is_empty() {
                let found = Some(Found::Node(Arc::clone(here)));
                return Ok(Place { named: None, found, slash: false });
            }
            let (name, after) =
                rest.split_once('/').map_or((rest, ""), |(name, _)| (name, &rest[name.len()..]));
            at = self.rest.len() - after.len();
            match name {
                "." => continue,
                ".." => {
                    self.above.pop();
                    if self.above.is_empty() {
                        return Err(Errno::Perm);
                    }
                    continue;
                }
                _ if name.len() > MAX_NAME => return Err(Errno::NameTooLong),
                _ => {}
            }
            let slash = !after.is_empty();
            let is_last = after.trim_matches('/').is_empty();
            let found = self.tree.child(here, name)?;
            let target = found.as_ref().and_then(Found::link);
            if let Some(target) = target
                && (!is_last || slash || self.links == Links::Follow)
            {
                let rest = format!("{target}{after}");
                self.follow(rest)?;
                at = 0;
                continue;
            }
            if is_last {
                let named = Some((Arc::clone(here), name.into()));
                return Ok(Place { named, found, slash });
            }
            match found {
                Some(Found::Node(node)) if node.is_directory() => self.above.push(node),
                Some(_) => return Err(Errno::NotDir),
                None => return Err(Errno::NoEnt),
            }
        }
    }

    /// Goes on with a path that begins with a link's target.
    fn follow(&mut self, rest: String) -> Result<(), Errno> {
        self.followed += 1;
        if self.followed > MAX_LINKS {
            return Err(Errno::Loop);
        }
        if rest.len() > MAX_EXPANDED {
            return Err(Errno::NameTooLong);
        }
        self.rest = rest;
        Ok(())
    }
}

impl Tree {
    /// What a name in a directory stands for. A shared directory gets a node of the call's own by being walked through.
    fn child(&self, directory: &Arc<Node>, name: &str) -> Result<Option<Found>, Errno> {
        let mut names = directory.names()?;
        match names.get(name) {
            Known::Node(node) => return Ok(Some(Found::Node(node))),
            Known::Removed => return Ok(None),
            Known::Nothing => {}
        }
        let Some(path) = names.below.as_deref().map(|below| join(below, name)) else {
            return Ok(None);
        };
        Ok(match self.shared.find(&path) {
            None => None,
            Some(Shared::File { digest, bytes, modified }) => {
                Some(Found::Shared { path, digest, bytes, modified })
            }
            Some(Shared::Directory { modified }) => {
                let node = self.directory(Some(path), Arc::downgrade(directory), modified)?;
                names.reserve(name)?;
                names.set(name, Arc::clone(&node));
                Some(Found::Node(node))
            }
        })
    }

    /// The node of what was found: a shared file gets one of the call's own by being opened, renamed or linked.
    pub(super) fn node_of(&self, place: &Place) -> Result<Arc<Node>, Errno> {
        match place.found()? {
            Found::Node(node) => Ok(Arc::clone(node)),
            Found::Shared { path, digest, bytes, modified } => {
                let (parent, name) = place.named(Errno::NoEnt)?;
                let data = Data::shared(*digest, *bytes, self.quota.charge(0)?);
                let charge = self.quota.charge(NODE_BYTES)?;
                let kind = Kind::File(Mutex::new(data));
                let node = Node::new(number_of(path), kind, *modified, charge);
                let mut names = parent.names()?;
                names.reserve(name)?;
                names.set(name, Arc::clone(&node));
                Ok(node)
            }
        }
    }

    /// Whether a directory has no name in it.
    pub(super) fn is_empty(&self, directory: &Node) -> Result<bool, Errno> {
        let names = directory.names()?;
        if names.iter().any(|(_, node)| node.is_some()) {
            return Ok(false);
        }
        let below = names.below.as_deref().map(|path| self.shared.list(path)).unwrap_or_default();
        Ok(below.iter().all(|(name, _)| names.knows(name)))
    }
}

/// The path of a name in a shared directory.
pub(super) fn join(directory: &str, name: &str) -> Box<str> {
    if directory.is_empty() { name.into() } else { format!("{directory}/{name}").into() }
}
