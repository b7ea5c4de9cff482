//! An open directory: what is in it, and what can be done with names below it.

use std::io;
use std::os::unix::fs::DirEntryExt;
use std::sync::Arc;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, File};

use crate::wasi::errno::Errno;

use super::filestat::{FileType, Filestat, NewTimes};

/// A directory and how far it has been listed.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) dir: Arc<Dir>,
    guest_path: Option<Arc<str>>,
    /// Taken when the listing is begun, so that cookies stay good whatever happens to the directory meanwhile.
    listing: Option<Vec<Entry>>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) ino: u64,
    pub(crate) file_type: FileType,
}

impl Directory {
    pub(crate) fn preopened(dir: Arc<Dir>, guest_path: Arc<str>) -> Self {
        Self { dir, guest_path: Some(guest_path), listing: None }
    }

    pub(crate) fn from_file(file: File) -> Self {
        Self { dir: Arc::new(Dir::from_std_file(file.into_std())), guest_path: None, listing: None }
    }

    /// The guest's name of a directory that was open when the call began.
    pub(crate) fn guest_path(&self) -> Option<&Arc<str>> {
        self.guest_path.as_ref()
    }

    /// The entries from the one with number `cookie` on; 0 begins anew.
    pub(crate) fn entries(&mut self, cookie: u64) -> Result<&[Entry], Errno> {
        if cookie == 0 || self.listing.is_none() {
            self.listing = Some(list(&self.dir)?);
        }
        let listing = self.listing.as_deref().unwrap_or_default();
        let from =
            usize::try_from(cookie).map_or(listing.len(), |cookie| cookie.min(listing.len()));
        Ok(&listing[from..])
    }

    pub(crate) fn sync(&self) -> Result<(), Errno> {
        Ok(rustix::fs::fsync(&*self.dir)?)
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        Ok(self.dir.dir_metadata()?.into())
    }

    pub(crate) fn set_own_times(&self, times: NewTimes) -> Result<(), Errno> {
        Ok(rustix::fs::futimens(&*self.dir, &times.timestamps()?)?)
    }

    pub(crate) fn path_filestat(&self, path: &str, links: Links) -> Result<Filestat, Errno> {
        let metadata = match links {
            Links::Follow => self.dir.metadata(path),
            Links::Keep => self.dir.symlink_metadata(path),
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
        Ok(match links {
            Links::Follow => self.dir.set_times(path, accessed, modified),
            Links::Keep => self.dir.set_symlink_times(path, accessed, modified),
        }?)
    }

    pub(crate) fn create_directory(&self, path: &str) -> Result<(), Errno> {
        Ok(self.dir.create_dir(path)?)
    }

    pub(crate) fn remove_directory(&self, path: &str) -> Result<(), Errno> {
        Ok(self.dir.remove_dir(path)?)
    }

    /// Removes a file or a symbolic link.
    pub(crate) fn unlink(&self, path: &str) -> Result<(), Errno> {
        Ok(self.dir.remove_file_or_symlink(path)?)
    }

    /// Makes a link to `target`, which must not be an absolute path: those would name the host's files.
    pub(crate) fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        Ok(DirExt::symlink(&*self.dir, target, path)?)
    }

    /// The target of a symbolic link.
    pub(crate) fn read_link(&self, path: &str) -> Result<Vec<u8>, Errno> {
        Ok(self.dir.read_link(path)?.into_os_string().into_encoded_bytes())
    }

    /// Gives a file a second name below `target_dir`.
    pub(crate) fn hard_link(
        &self,
        path: &str,
        target_dir: &Dir,
        target: &str,
    ) -> Result<(), Errno> {
        Ok(self.dir.hard_link(path, target_dir, target)?)
    }

    pub(crate) fn rename(&self, path: &str, target_dir: &Dir, target: &str) -> Result<(), Errno> {
        Ok(self.dir.rename(path, target_dir, target)?)
    }
}

/// What to do with a symbolic link at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Keep,
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
