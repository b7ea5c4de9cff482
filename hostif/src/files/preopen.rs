//! Directories that are open when a call begins.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags as HostFlags;

use crate::wasi::errno::Errno;
use crate::wasi::rights::Rights;

use super::descriptor::Descriptor;
use super::directory::Directory;

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
        let denied = match self.access {
            Access::Read => Rights::CHANGING,
            Access::ReadWrite => Rights::NONE,
        };
        let rights = Rights::DIRECTORY.without(denied);
        let inheriting = Rights::DIRECTORY.or(Rights::FILE).without(denied);
        let directory = Directory::preopened(Arc::clone(&self.dir), Arc::clone(&self.guest_path));
        Descriptor::directory(directory, rights, inheriting)
    }

    /// The bytes of the file that a guest calls `path`: below the preopened directory whose name is the longest that
    /// the path begins with. A file over `max` bytes is `EFBIG`.
    pub(crate) fn read_below(preopens: &[Self], path: &str, max: u32) -> Result<Vec<u8>, Errno> {
        let inside = |preopen: &Self| {
            Some((preopen.dir.clone(), relative(&preopen.guest_path, path)?.to_owned()))
        };
        let found = preopens.iter().filter_map(inside).min_by_key(|(_, rest)| rest.len());
        let (dir, rest) = found.ok_or(Errno::NoEnt)?;
        // A named pipe would wait for its other end and hold the thread.
        let nonblocking = i32::try_from(HostFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = dir.open_with(rest, OpenOptions::new().read(true).custom_flags(nonblocking))?;
        if !file.metadata()?.is_file() {
            return Err(Errno::Inval);
        }
        let mut bytes = Vec::new();
        file.take(u64::from(max) + 1).read_to_end(&mut bytes)?;
        if bytes.len() > max as usize { Err(Errno::FBig) } else { Ok(bytes) }
    }
}

/// What of `path` lies below `directory`, as C libraries compare them: component by component.
fn relative<'a>(directory: &str, path: &'a str) -> Option<&'a str> {
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
