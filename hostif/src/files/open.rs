//! `path_open`: from a directory and a path to a descriptor.

use cap_fs_ext::{
    FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::fs::{OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags as HostFlags;

use crate::wasi::errno::Errno;
use crate::wasi::rights::{FdFlags, OFlags, Rights};

use super::descriptor::{Descriptor, Node};
use super::directory::{Base, Links};

/// What `path_open` is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) links: Links,
    pub(crate) how: OFlags,
    pub(crate) rights: Rights,
    pub(crate) inheriting: Rights,
    pub(crate) flags: FdFlags,
}

/// Any of these needs the file open for writing.
const WRITES: Rights = Rights::FD_WRITE.or(Rights::FD_ALLOCATE).or(Rights::FD_FILESTAT_SET_SIZE);

impl Opening {
    /// To read a file.
    pub(crate) const READING: Self = Self {
        links: Links::Follow,
        how: OFlags::NONE,
        rights: Rights::FD_READ.or(Rights::FD_FILESTAT_GET),
        inheriting: Rights::NONE,
        flags: FdFlags::NONE,
    };

    /// Opens `path` below the directory that `parent` stands for. The new descriptor has what was asked for, as far as
    /// the parent can hand it on and it makes sense for what was found.
    pub(crate) fn open(self, parent: &Descriptor, path: &str) -> Result<Descriptor, Errno> {
        let Node::Directory(directory) = &parent.node else {
            return Err(Errno::NotDir);
        };
        self.check(parent)?;
        let asked = self.rights.and(parent.inheriting);
        let writes = asked.has_any(WRITES);
        let node = match &directory.at {
            Base::Host(dir) => Node::from_file(dir.open_with(path, &self.options(writes))?)?,
            Base::Own(dir) => dir.open(path, self.links, self.how, writes)?.into(),
        };
        let mut opened = self.describe(node, asked)?;
        opened.inheriting = match opened.node {
            Node::Directory(_) => self.inheriting.and(parent.inheriting),
            _ => Rights::NONE,
        };
        opened.path = Some(parent.name_of(path));
        Ok(opened)
    }

    fn check(&self, parent: &Descriptor) -> Result<(), Errno> {
        let mut needed = Rights::PATH_OPEN;
        if self.how.has(OFlags::CREAT) {
            needed = needed.or(Rights::PATH_CREATE_FILE);
        }
        if !parent.rights.has(needed) {
            return Err(Errno::NotCapable);
        }
        // Programs know this one as a file that may not be cut.
        if self.how.has(OFlags::TRUNC) && !parent.rights.has(Rights::PATH_FILESTAT_SET_SIZE) {
            return Err(Errno::Perm);
        }
        let making = OFlags::CREAT.or(OFlags::EXCL).or(OFlags::TRUNC);
        if self.how.has(OFlags::DIRECTORY) && self.how.has_any(making) {
            return Err(Errno::Inval);
        }
        Ok(())
    }

    /// Not blocking while it is opened, for a named pipe would wait for its other end and hold the thread.
    fn options(self, writes: bool) -> OpenOptions {
        let making = self.how.has_any(OFlags::CREAT.or(OFlags::TRUNC));
        let mut options = OpenOptions::new();
        options
            .read(
                self.rights.has_any(Rights::FD_READ.or(Rights::FD_READDIR)) || !(writes || making),
            )
            .write(writes || making)
            .create(self.how.has(OFlags::CREAT))
            .create_new(self.how.has(OFlags::CREAT) && self.how.has(OFlags::EXCL))
            .truncate(self.how.has(OFlags::TRUNC))
            .maybe_dir(true)
            .dsync(self.flags.has(FdFlags::DSYNC))
            .rsync(self.flags.has(FdFlags::RSYNC))
            .sync(self.flags.has(FdFlags::SYNC))
            .follow(match self.links {
                Links::Follow => FollowSymlinks::Yes,
                Links::Keep => FollowSymlinks::No,
            });
        let directory =
            if self.how.has(OFlags::DIRECTORY) { HostFlags::DIRECTORY } else { HostFlags::empty() };
        let flags = HostFlags::NONBLOCK | directory;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
        options
    }

    fn describe(self, node: Node, asked: Rights) -> Result<Descriptor, Errno> {
        let sensible = match node {
            Node::Directory(_) => Rights::DIRECTORY,
            _ => Rights::FILE,
        };
        let mut opened = Descriptor::new(node, asked.and(sensible));
        opened.flags = self.flags.without(FdFlags::APPEND.or(FdFlags::NONBLOCK));
        if !matches!(opened.node, Node::Directory(_)) {
            opened.set_flags(self.flags)?;
        }
        Ok(opened)
    }
}
