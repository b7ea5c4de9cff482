//! Calls on paths below a directory.

use super::Refusal;
use super::errno::Errno;
use super::fd::parse_flags;
use super::rights::{LookupFlags, OFlags, Rights};
use crate::files::{Base, Links, NewTimes, Opening};
use crate::guest::{Guest, Slice};

/// Bytes of a path at most; more is `ENAMETOOLONG`. As many as Linux takes.
const MAX_PATH: u32 = 4096;

/// A path below a directory, and what to do with a link at its end, as the guest names them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) fd: u32,
    pub(crate) lookup: u32,
    pub(crate) path: Slice,
}

/// How `path_open` is to open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) oflags: u32,
    pub(crate) rights: u64,
    pub(crate) inheriting: u64,
    pub(crate) fdflags: u32,
}

/// The times that `fd_filestat_set_times` and `path_filestat_set_times` set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) accessed: u64,
    pub(crate) modified: u64,
    pub(crate) which: u32,
}

impl Times {
    pub(crate) fn checked(self) -> Result<NewTimes, Errno> {
        NewTimes::new(self.accessed, self.modified, self.which)
    }
}

/// `path_open`.
pub(crate) fn path_open(
    guest: &mut Guest<'_>,
    at: At,
    how: How,
    opened: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, at.path)?;
    guest.check(Slice::new(opened, 4))?;
    let opening = Opening {
        links: links(at.lookup)?,
        how: OFlags::from_bits(how.oflags.into()).ok_or(Errno::Inval)?,
        rights: Rights::from_bits_truncated(how.rights),
        inheriting: Rights::from_bits_truncated(how.inheriting),
        flags: parse_flags(how.fdflags)?,
    };
    let files = guest.files();
    files.check_room()?;
    let descriptor = opening.open(files.find(at.fd)?, &path)?;
    guest.fetch(&descriptor)?;
    let number = guest.files().insert(descriptor)?;
    Ok(guest.write_u32(opened, number)?)
}

/// `path_filestat_get`.
pub(crate) fn path_filestat_get(guest: &mut Guest<'_>, at: At, stat: u32) -> Result<(), Refusal> {
    let path = read_path(guest, at.path)?;
    let links = links(at.lookup)?;
    let directory = guest.files().directory(at.fd, Rights::PATH_FILESTAT_GET)?;
    let bytes = directory.path_filestat(&path, links)?.encode();
    Ok(guest.write(stat, &bytes)?)
}

/// `path_filestat_set_times`.
pub(crate) fn path_filestat_set_times(
    guest: &mut Guest<'_>,
    at: At,
    times: Times,
) -> Result<(), Refusal> {
    let path = read_path(guest, at.path)?;
    let links = links(at.lookup)?;
    let times = times.checked()?;
    let directory = guest.files().directory(at.fd, Rights::PATH_FILESTAT_SET_TIMES)?;
    Ok(directory.path_set_times(&path, links, times)?)
}

/// `path_create_directory`.
pub(crate) fn path_create_directory(
    guest: &mut Guest<'_>,
    fd: u32,
    path: Slice,
) -> Result<(), Refusal> {
    let path = read_path(guest, path)?;
    let directory = guest.files().directory(fd, Rights::PATH_CREATE_DIRECTORY)?;
    Ok(directory.create_directory(&path)?)
}

/// `path_remove_directory`.
pub(crate) fn path_remove_directory(
    guest: &mut Guest<'_>,
    fd: u32,
    path: Slice,
) -> Result<(), Refusal> {
    let path = read_path(guest, path)?;
    let directory = guest.files().directory(fd, Rights::PATH_REMOVE_DIRECTORY)?;
    Ok(directory.remove_directory(&path)?)
}

/// `path_unlink_file`.
pub(crate) fn path_unlink_file(guest: &mut Guest<'_>, fd: u32, path: Slice) -> Result<(), Refusal> {
    let path = read_path(guest, path)?;
    let directory = guest.files().directory(fd, Rights::PATH_UNLINK_FILE)?;
    Ok(directory.unlink(&path)?)
}

/// `path_symlink`.
pub(crate) fn path_symlink(
    guest: &mut Guest<'_>,
    target: Slice,
    fd: u32,
    path: Slice,
) -> Result<(), Refusal> {
    let target = read_path(guest, target)?;
    let path = read_path(guest, path)?;
    let directory = guest.files().directory(fd, Rights::PATH_SYMLINK)?;
    Ok(directory.symlink(&target, &path)?)
}

/// `path_readlink`: as much of the link's target as the buffer takes, without a NUL.
pub(crate) fn path_readlink(
    guest: &mut Guest<'_>,
    fd: u32,
    path: Slice,
    buffer: Slice,
    used: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path)?;
    guest.check(buffer)?;
    guest.check(Slice::new(used, 4))?;
    let directory = guest.files().directory(fd, Rights::PATH_READLINK)?;
    let mut target = directory.read_link(&path)?;
    target.truncate(buffer.len as usize);
    guest.write(buffer.ptr, &target)?;
    Ok(guest.write_u32(used, u32::try_from(target.len()).map_err(|_| Errno::Overflow)?)?)
}

/// `path_link`: gives a file a second name. A link at the end of the old path is not followed.
pub(crate) fn path_link(
    guest: &mut Guest<'_>,
    old: At,
    target_fd: u32,
    target: Slice,
) -> Result<(), Refusal> {
    let path = read_path(guest, old.path)?;
    let target = read_path(guest, target)?;
    if links(old.lookup)? == Links::Follow {
        return Err(Errno::Inval.into());
    }
    let target_dir = dir(guest, target_fd, Rights::PATH_LINK_TARGET)?;
    let directory = guest.files().directory(old.fd, Rights::PATH_LINK_SOURCE)?;
    Ok(directory.hard_link(&path, &target_dir, &target)?)
}

/// `path_rename`.
pub(crate) fn path_rename(
    guest: &mut Guest<'_>,
    fd: u32,
    path: Slice,
    target_fd: u32,
    target: Slice,
) -> Result<(), Refusal> {
    let path = read_path(guest, path)?;
    let target = read_path(guest, target)?;
    let target_dir = dir(guest, target_fd, Rights::PATH_RENAME_TARGET)?;
    let directory = guest.files().directory(fd, Rights::PATH_RENAME_SOURCE)?;
    Ok(directory.rename(&path, &target_dir, &target)?)
}

/// A handle of its own, for calls that need two directories at once.
fn dir(guest: &mut Guest<'_>, fd: u32, rights: Rights) -> Result<Base, Errno> {
    Ok(guest.files().directory(fd, rights)?.at.clone())
}

/// A path is UTF-8 without NUL and not empty.
fn read_path(guest: &Guest<'_>, path: Slice) -> Result<String, Refusal> {
    if path.len > MAX_PATH {
        return Err(Errno::NameTooLong.into());
    }
    let path = String::from_utf8(guest.read(path)?).map_err(|_| Errno::IlSeq)?;
    match path.as_str() {
        "" => Err(Errno::NoEnt.into()),
        text if text.contains('\0') => Err(Errno::IlSeq.into()),
        _ => Ok(path),
    }
}

fn links(lookup: u32) -> Result<Links, Errno> {
    let flags = LookupFlags::from_bits(lookup.into()).ok_or(Errno::Inval)?;
    Ok(if flags.has(LookupFlags::SYMLINK_FOLLOW) { Links::Follow } else { Links::Keep })
}
