//! Directories that are open when a call begins.

use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::Dir;

use crate::wasi::rights::Rights;

use super::descriptor::Descriptor;
use super::directory::{Base, Directory};
use super::overlay::Tree;
use super::port::Files;

/// What a guest may do below a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read files and list directories.
    Read,
    /// Everything.
    ReadWrite,
}

/// A directory that is open when a call begins.
#[derive(Clone, Debug)]
pub struct Preopen {
    /// The name by which the guest knows it, such as `/data`.
    pub guest_path: Arc<str>,
    /// The directory.
    pub dir: Arc<Dir>,
    /// What may be done below it.
    pub access: Access,
}

impl Preopen {
    /// Opens a directory of the host's for guests.
    ///
    /// # Errors
    ///
    /// What the system says: it is not there, is no directory, or may not be opened.
    pub fn open(host: &Path, guest_path: &str, access: Access) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(host, cap_std::ambient_authority())?;
        Ok(Self { guest_path: Arc::from(guest_path), dir: Arc::new(dir), access })
    }

    /// The descriptor that a call begins with.
    pub(super) fn descriptor(&self) -> Descriptor {
        let [rights, inheriting] = self.access.rights();
        let at = Base::Host(Arc::clone(&self.dir));
        let directory = Directory::preopened(at, Arc::clone(&self.guest_path));
        Descriptor::directory(directory, rights, inheriting)
    }
}

/// What a call finds open, besides its streams.
pub(crate) struct Given<'a> {
    /// The tenant's files, below `/`, and how many bytes the call may keep over them.
    pub(crate) files: Option<(&'a Arc<dyn Files>, u64)>,
    pub(crate) preopens: &'a [Preopen],
}

/// What is left of a quota that has room for less than a tree.
const LEAST_QUOTA: u64 = 16 << 10;

impl Given<'_> {
    /// The descriptors that a call begins with.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = Descriptor> {
        let root = self.files.and_then(|(files, quota)| {
            let root = Tree::root(Arc::clone(files), quota.max(LEAST_QUOTA)).ok()?;
            let directory = Directory::preopened(Base::Own(root), "/".into());
            let [rights, inheriting] = Access::ReadWrite.rights();
            Some(Descriptor::directory(directory, rights, inheriting))
        });
        root.into_iter().chain(self.preopens.iter().map(Preopen::descriptor))
    }

    /// What they may be used for.
    pub(super) fn rights(&self) -> impl Iterator<Item = [Rights; 2]> {
        let root = self.files.map(|_| Access::ReadWrite.rights());
        root.into_iter().chain(self.preopens.iter().map(|preopen| preopen.access.rights()))
    }
}

impl Access {
    /// Of the directory, and of what is below it.
    fn rights(self) -> [Rights; 2] {
        let denied = match self {
            Self::Read => Rights::CHANGING,
            Self::ReadWrite => Rights::NONE,
        };
        [Rights::DIRECTORY, Rights::DIRECTORY.or(Rights::FILE)].map(|all| all.without(denied))
    }
}

/// What of `path` lies below `directory`, as C libraries compare them: component by component.
pub(super) fn relative<'a>(directory: &str, path: &'a str) -> Option<&'a str> {
    let rest = match directory.trim_end_matches('/') {
        "" => path.trim_start_matches('/'),
        "." if path.starts_with('/') => return None,
        "." => path,
        name => path.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'))?,
    };
    if rest.is_empty() { None } else { Some(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_whole_components() {
        assert_eq!(relative("/data", "/data/x"), Some("x"));
        assert_eq!(relative("/data/", "/data/x/y"), Some("x/y"));
        assert_eq!(relative("/data", "/database"), None);
        assert_eq!(relative("/", "/x"), Some("x"));
        assert_eq!(relative(".", "x"), Some("x"));
        assert_eq!(relative(".", "/x"), None);
        assert_eq!(relative("/data", "/data/"), None);
    }
}
