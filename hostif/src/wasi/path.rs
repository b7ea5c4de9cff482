//! Calls on paths below a directory.

use std::sync::Arc;

use cap_std::fs::Dir;

use super::Refusal;
use super::errno::Errno;
use super::fd::parse_flags;
use super::rights::{LookupFlags, OFlags, Rights};
use crate::files::{Links, NewTimes, Opening};
use crate::guest::Guest;

/// Bytes of a path at most; more is `ENAMETOOLONG`. As many as Linux takes.
const MAX_PATH: u32 = 4096;

/// `path_open`.
#[expect(clippy::too_many_arguments, reason = "the signature is WASI's")]
pub(crate) fn path_open(
    guest: &mut Guest<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    how: u32,
    rights: u64,
    inheriting: u64,
    flags: u32,
    opened: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, path_len)?;
    guest.check(opened, 4)?;
    let opening = Opening {
        links: links(lookup)?,
        how: u16::try_from(how).ok().and_then(OFlags::from_bits).ok_or(Errno::Inval)?,
        rights: Rights::from_bits_truncated(rights),
        inheriting: Rights::from_bits_truncated(inheriting),
        flags: parse_flags(flags)?,
    };
    let files = guest.files();
    files.check_room()?;
    let descriptor = opening.open(files.find(fd)?, &path)?;
    let number = files.insert(descriptor)?;
    Ok(guest.write_u32(opened, number)?)
}

/// `path_filestat_get`.
pub(crate) fn path_filestat_get(
    guest: &mut Guest<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    stat: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, path_len)?;
    let links = links(lookup)?;
    let directory = guest.files().directory(fd, Rights::PATH_FILESTAT_GET)?;
    let bytes = directory.path_filestat(&path, links)?.encode();
    Ok(guest.write(stat, &bytes)?)
}

/// `path_filestat_set_times`.
#[expect(clippy::too_many_arguments, reason = "the signature is WASI's")]
pub(crate) fn path_filestat_set_times(
    guest: &mut Guest<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    accessed: u64,
    modified: u64,
    which: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, path_len)?;
    let (links, times) = (links(lookup)?, NewTimes::new(accessed, modified, which)?);
    let directory = guest.files().directory(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
    Ok(directory.path_set_times(&path, links, times)?)
}

/// `path_create_directory`.
pub(crate) fn path_create_directory(
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, len)?;
    let directory = guest.files().directory(fd, Rights::PATH_CREATE_DIRECTORY)?;
    Ok(directory.create_directory(&path)?)
}

/// `path_remove_directory`.
pub(crate) fn path_remove_directory(
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, len)?;
    let directory = guest.files().directory(fd, Rights::PATH_REMOVE_DIRECTORY)?;
    Ok(directory.remove_directory(&path)?)
}

/// `path_unlink_file`.
pub(crate) fn path_unlink_file(
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, len)?;
    let directory = guest.files().directory(fd, Rights::PATH_UNLINK_FILE)?;
    Ok(directory.unlink(&path)?)
}

/// `path_symlink`.
pub(crate) fn path_symlink(
    guest: &mut Guest<'_>,
    target: u32,
    target_len: u32,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Refusal> {
    let target = read_path(guest, target, target_len)?;
    let path = read_path(guest, path, path_len)?;
    let directory = guest.files().directory(fd, Rights::PATH_SYMLINK)?;
    Ok(directory.symlink(&target, &path)?)
}

/// `path_readlink`: as much of the link's target as the buffer takes, without a NUL.
pub(crate) fn path_readlink(
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buffer: u32,
    len: u32,
    used: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, path_len)?;
    guest.check(used, 4)?;
    let directory = guest.files().directory(fd, Rights::PATH_READLINK)?;
    let mut target = directory.read_link(&path)?;
    target.truncate(len as usize);
    guest.write(buffer, &target)?;
    Ok(guest.write_u32(used, u32::try_from(target.len()).map_err(|_| Errno::Overflow)?)?)
}

/// `path_link`: gives a file a second name. A link at the end of the old path is not followed.
#[expect(clippy::too_many_arguments, reason = "the signature is WASI's")]
pub(crate) fn path_link(
    guest: &mut Guest<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    target_fd: u32,
    target: u32,
    target_len: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, path_len)?;
    let target = read_path(guest, target, target_len)?;
    if links(lookup)? == Links::Follow {
        return Err(Errno::Inval.into());
    }
    let target_dir = dir(guest, target_fd, Rights::PATH_LINK_TARGET)?;
    let directory = guest.files().directory(fd, Rights::PATH_LINK_SOURCE)?;
    Ok(directory.hard_link(&path, &target_dir, &target)?)
}

/// `path_rename`.
pub(crate) fn path_rename(
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    target_fd: u32,
    target: u32,
    target_len: u32,
) -> Result<(), Refusal> {
    let path = read_path(guest, path, path_len)?;
    let target = read_path(guest, target, target_len)?;
    let target_dir = dir(guest, target_fd, Rights::PATH_RENAME_TARGET)?;
    let directory = guest.files().directory(fd, Rights::PATH_RENAME_SOURCE)?;
    Ok(directory.rename(&path, &target_dir, &target)?)
}

/// A handle of its own, for calls that need two directories at once.
fn dir(guest: &mut Guest<'_>, fd: u32, rights: Rights) -> Result<Arc<Dir>, Errno> {
    let directory = guest.files().directory(fd, rights)?;
    Ok(Arc::clone(&directory.dir))
}

/// A path is UTF-8 without NUL and not empty.
fn read_path(guest: &Guest<'_>, at: u32, len: u32) -> Result<String, Refusal> {
    if len > MAX_PATH {
        return Err(Errno::NameTooLong.into());
    }
    let bytes = guest.read(at, len)?;
    let path = String::from_utf8(bytes).map_err(|_| Errno::IlSeq)?;
    match path.as_str() {
        "" => Err(Errno::NoEnt.into()),
        text if text.contains('\0') => Err(Errno::IlSeq.into()),
        _ => Ok(path),
    }
}

fn links(lookup: u32) -> Result<Links, Errno> {
    let flags = LookupFlags::from_bits(lookup).ok_or(Errno::Inval)?;
    Ok(if flags.has(LookupFlags::SYMLINK_FOLLOW) { Links::Follow } else { Links::Keep })
}
