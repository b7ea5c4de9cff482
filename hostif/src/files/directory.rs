//! An open directory: what is in it, and what can be done with names below it.

use std::io;
use std::os::unix::fs::DirEntryExt;
use std::sync::Arc;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, File};

use crate::wasi::errno::Errno;

use super::filestat::{FileType, Filestat, NewTimes};
use super::overlay;

/// A directory and how far it has been listed.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) at: Base,
    guest_path: Option<Arc<str>>,
    /// Taken when the listing is begun, so that cookies stay good whatever happens to the directory meanwhile.
    listing: Option<Listed>,
}

/// Where a directory is; a clone is another handle to it.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    Host(Arc<Dir>),
    /// In the call's own tree.
    Own(overlay::Dir),
}

#[derive(Debug)]
enum Listed {
    Host(Vec<Entry>),
    Own(overlay::Listing),
}

impl Listed {
    fn entries(&self) -> &[Entry] {
        match self {
            Self::Host(entries) => entries,
            Self::Own(listing) => &listing.entries,
        }
    }
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) ino: u64,
    pub(crate) file_type: FileType,
}

impl Directory {
    pub(crate) fn preopened(at: Base, guest_path: Arc<str>) -> Self {
        Self { at, guest_path: Some(guest_path), listing: None }
    }

    pub(crate) fn opened(at: Base) -> Self {
        Self { at, guest_path: None, listing: None }
    }

    pub(crate) fn from_file(file: File) -> Self {
        Self::opened(Base::Host(Arc::new(Dir::from_std_file(file.into_std()))))
    }

    /// The guest's name of a directory that was open when the call began.
    pub(crate) fn guest_path(&self) -> Option<&Arc<str>> {
        self.guest_path.as_ref()
    }

    /// The entries from the one with number `cookie` on; 0 begins anew.
    pub(crate) fn entries(&mut self, cookie: u64) -> Result<&[Entry], Errno> {
        if cookie == 0 || self.listing.is_none() {
            // What was charged for the one before is free again first.
            self.listing = None;
            self.listing = Some(match &self.at {
                Base::Host(dir) => Listed::Host(list(dir)?),
                Base::Own(dir) => Listed::Own(dir.list()?),
            });
        }
        let listing = self.listing.as_ref().map(Listed::entries).unwrap_or_default();
        let from =
            usize::try_from(cookie).map_or(listing.len(), |cookie| cookie.min(listing.len()));
        Ok(&listing[from..])
    }

    pub(crate) fn sync(&self) -> Result<(), Errno> {
        match &self.at {
            Base::Host(dir) => Ok(rustix::fs::fsync(&**dir)?),
            Base::Own(_) => Ok(()),
        }
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        match &self.at {
            Base::Host(dir) => Ok(dir.dir_metadata()?.into()),
            Base::Own(dir) => Ok(dir.filestat()),
        }
    }

    pub(crate) fn set_own_times(&self, times: NewTimes) -> Result<(), Errno> {
        match &self.at {
            Base::Host(dir) => Ok(rustix::fs::futimens(&**dir, &times.timestamps()?)?),
            Base::Own(dir) => {
                dir.set_own_times(times);
                Ok(())
            }
        }
    }

    pub(crate) fn path_filestat(&self, path: &str, links: Links) -> Result<Filestat, Errno> {
        let metadata = match (&self.at, links) {
            (Base::Host(dir), Links::Follow) => dir.metadata(path),
            (Base::Host(dir), Links::Keep) => dir.symlink_metadata(path),
            (Base::Own(dir), links) => return dir.path_filestat(path, links),
        };
        Ok(metadata?.into())
    }

    pub(crate) fn path_set_times(
        &self,
        path: &str,
        links: Links,
        times: NewTimes,
    ) -> Result<(), Errno> {
        let [accessed, modified] = times.specs()?;
        Ok(match (&self.at, links) {
            (Base::Host(dir), Links::Follow) => dir.set_times(path, accessed, modified),
            (Base::Host(dir), Links::Keep) => dir.set_symlink_times(path, accessed, modified),
            (Base::Own(dir), links) => return dir.path_set_times(path, links, times),
        }?)
    }

    pub(crate) fn create_directory(&self, path: &str) -> Result<(), Errno> {
        match &self.at {
            Base::Host(dir) => Ok(dir.create_dir(path)?),
            Base::Own(dir) => dir.create_directory(path),
        }
    }

    pub(crate) fn remove_directory(&self, path: &str) -> Result<(), Errno> {
        match &self.at {
            // cap-std takes no slash at the end, which says only what must be true anyway.
            Base::Host(dir) => Ok(dir.remove_dir(without_slashes(path))?),
            Base::Own(dir) => dir.remove_directory(path),
        }
    }

    /// Removes a file or a symbolic link.
    pub(crate) fn unlink(&self, path: &str) -> Result<(), Errno> {
        match &self.at {
            Base::Host(dir) => Ok(dir.remove_file_or_symlink(path)?),
            Base::Own(dir) => dir.unlink(path),
        }
    }

    /// Makes a link to `target`, which must not be an absolute path: those would name the host's files.
    pub(crate) fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        match &self.at {
            Base::Host(dir) => Ok(DirExt::symlink(&**dir, target, path)?),
            Base::Own(dir) => dir.symlink(target, path),
        }
    }

    /// The target of a symbolic link.
    pub(crate) fn read_link(&self, path: &str) -> Result<Vec<u8>, Errno> {
        match &self.at {
            Base::Host(dir) => Ok(dir.read_link(path)?.into_os_string().into_encoded_bytes()),
            Base::Own(dir) => dir.read_link(path),
        }
    }

    /// Gives a file a second name below `target_dir`.
    pub(crate) fn hard_link(
        &self,
        path: &str,
        target_dir: &Base,
        target: &str,
    ) -> Result<(), Errno> {
        match (&self.at, target_dir) {
            (Base::Host(dir), Base::Host(target_dir)) => {
                Ok(dir.hard_link(path, target_dir, target)?)
            }
            (Base::Own(dir), Base::Own(target_dir)) => dir.hard_link(path, target_dir, target),
            _ => Err(Errno::XDev),
        }
    }

    pub(crate) fn rename(&self, path: &str, target_dir: &Base, target: &str) -> Result<(), Errno> {
        match (&self.at, target_dir) {
            (Base::Host(dir), Base::Host(target_dir)) => {
                // cap-std forgets the slash at the end, with which only a directory has a name.
                let slash = path.ends_with('/') || target.ends_with('/');
                if slash && !dir.symlink_metadata(without_slashes(path))?.is_dir() {
                    return Err(Errno::NotDir);
                }
                Ok(dir.rename(path, target_dir, target)?)
            }
            (Base::Own(dir), Base::Own(target_dir)) => dir.rename(path, target_dir, target),
            _ => Err(Errno::XDev),
        }
    }
}

/// What to do with a symbolic link at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Keep,
}

/// The path without slashes at its end; of the root alone, itself.
fn without_slashes(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        path => path,
    }
}

/// Everything in a directory, with `.` and `..` first. The parent's number is that of the directory itself: what is
/// above is not the guest's to know.
fn list(dir: &Dir) -> io::Result<Vec<Entry>> {
    let own = Filestat::from(dir.dir_metadata()?).ino;
    let dot = |name: &[u8]| Entry { name: name.to_vec(), ino: own, file_type: FileType::Directory };
    let mut entries = vec![dot(b"."), dot(b"..")];
    for entry in dir.entries()? {
        let entry = entry?;
        entries.push(Entry {
            name: entry.file_name().into_encoded_bytes(),
            ino: entry.ino(),
            file_type: entry.file_type().map_or(FileType::Unknown, FileType::from),
        });
    }
    Ok(entries)
}
