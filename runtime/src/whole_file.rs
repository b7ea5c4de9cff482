//! Files that are there entirely or not at all.
//!
//! # Protocol
//!
//! A file is written under a name that begins with a dot and is the thread's own, flushed to the disk, then renamed to
//! its place. After [`flush_folder`] it is there also after a crash. A name with a dot is what a crash has left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file of this user's alone.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let thread = std::thread::current().id();
    let tmp = folder.join(format!(".{}.{thread:?}", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&tmp);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&tmp, folder.join(name))
    });
    written.inspect_err(|_| drop(fs::remove_file(&tmp)))
}

/// Returns when the names in a folder are on the disk.
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
