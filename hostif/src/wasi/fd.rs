//! Calls on descriptors, apart from moving bytes ([`super::io`]).

use super::Refusal;
use super::errno::Errno;
use super::layout::{DIRENT_BYTES, encode_entry};
use super::path::Times;
use super::rights::{FdFlags, Rights};
use crate::error::Problem;
use crate::files::{Sync, Whence};
use crate::guest::{Guest, Slice};

/// `fd_close`.
pub(crate) fn fd_close(guest: &mut Guest<'_>, fd: u32) -> Result<(), Refusal> {
    Ok(guest.files().close(fd)?)
}

/// `fd_renumber`: closes `to`, then moves `fd` there.
pub(crate) fn fd_renumber(guest: &mut Guest<'_>, fd: u32, to: u32) -> Result<(), Refusal> {
    Ok(guest.files().renumber(fd, to)?)
}

/// `fd_dup`: opens a descriptor once more; both have one position.
pub(crate) fn fd_dup(guest: &mut Guest<'_>, fd: u32, opened: u32) -> Result<(), Refusal> {
    guest.check(Slice::new(opened, 4))?;
    let number = guest.files().duplicate(fd)?;
    Ok(guest.write_u32(opened, number)?)
}

/// `dup`: the number of the new descriptor, or -1.
pub(crate) fn dup(guest: &mut Guest<'_>, fd: u32) -> Result<i32, Problem> {
    let number = guest.files().duplicate(fd).ok().and_then(|number| i32::try_from(number).ok());
    Ok(number.unwrap_or(-1))
}

/// `fd_seek`.
pub(crate) fn fd_seek(
    guest: &mut Guest<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    position: u32,
) -> Result<(), Refusal> {
    let whence = match whence {
        0 => Whence::Set,
        1 => Whence::Current,
        2 => Whence::End,
        _ => return Err(Errno::Inval.into()),
    };
    guest.check(Slice::new(position, 8))?;
    let now = guest.files().find(fd)?.seek(offset, whence)?;
    Ok(guest.write_u64(position, now)?)
}

/// `fd_tell`.
pub(crate) fn fd_tell(guest: &mut Guest<'_>, fd: u32, position: u32) -> Result<(), Refusal> {
    let now = guest.files().find(fd)?.seek(0, Whence::Current)?;
    Ok(guest.write_u64(position, now)?)
}

/// `fd_sync`.
pub(crate) fn fd_sync(guest: &mut Guest<'_>, fd: u32) -> Result<(), Refusal> {
    let descriptor = guest.files().find_with(fd, Rights::FD_SYNC)?;
    Ok(descriptor.sync(Sync::All)?)
}

/// `fd_datasync`.
pub(crate) fn fd_datasync(guest: &mut Guest<'_>, fd: u32) -> Result<(), Refusal> {
    let descriptor = guest.files().find_with(fd, Rights::FD_DATASYNC)?;
    Ok(descriptor.sync(Sync::Data)?)
}

/// `fd_fdstat_get`: kind, flags and rights.
pub(crate) fn fd_fdstat_get(guest: &mut Guest<'_>, fd: u32, stat: u32) -> Result<(), Refusal> {
    let bytes = guest.files().find(fd)?.fdstat().encode();
    Ok(guest.write(stat, &bytes)?)
}

/// `fd_fdstat_set_flags`.
pub(crate) fn fd_fdstat_set_flags(
    guest: &mut Guest<'_>,
    fd: u32,
    flags: u32,
) -> Result<(), Refusal> {
    let flags = parse_flags(flags)?;
    let descriptor = guest.files().find(fd)?;
    // Streams take flags without the right: C programs set stdin non-blocking and check the answer.
    Ok(descriptor.set_flags(flags)?)
}

/// `fd_fdstat_set_rights`: gives up rights.
pub(crate) fn fd_fdstat_set_rights(
    guest: &mut Guest<'_>,
    fd: u32,
    rights: u64,
    inheriting: u64,
) -> Result<(), Refusal> {
    let rights = Rights::from_bits(rights).ok_or(Errno::NotCapable)?;
    let inheriting = Rights::from_bits(inheriting).ok_or(Errno::NotCapable)?;
    Ok(guest.files().find(fd)?.narrow(rights, inheriting)?)
}

/// `fd_filestat_get`.
pub(crate) fn fd_filestat_get(guest: &mut Guest<'_>, fd: u32, stat: u32) -> Result<(), Refusal> {
    let descriptor = guest.files().find_with(fd, Rights::FD_FILESTAT_GET)?;
    let bytes = descriptor.filestat()?.encode();
    Ok(guest.write(stat, &bytes)?)
}

/// `fd_filestat_set_size`.
pub(crate) fn fd_filestat_set_size(
    guest: &mut Guest<'_>,
    fd: u32,
    size: u64,
) -> Result<(), Refusal> {
    let descriptor = guest.files().find_with(fd, Rights::FD_FILESTAT_SET_SIZE)?;
    Ok(descriptor.set_size(size)?)
}

/// `fd_filestat_set_times`.
pub(crate) fn fd_filestat_set_times(
    guest: &mut Guest<'_>,
    fd: u32,
    times: Times,
) -> Result<(), Refusal> {
    let times = times.checked()?;
    let descriptor = guest.files().find_with(fd, Rights::FD_FILESTAT_SET_TIMES)?;
    Ok(descriptor.set_times(times)?)
}

/// `fd_advise`.
pub(crate) fn fd_advise(
    guest: &mut Guest<'_>,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<(), Refusal> {
    let descriptor = guest.files().find_with(fd, Rights::FD_ADVISE)?;
    Ok(descriptor.advise(offset, len, advice)?)
}

/// `fd_allocate`.
pub(crate) fn fd_allocate(
    guest: &mut Guest<'_>,
    fd: u32,
    offset: u64,
    len: u64,
) -> Result<(), Refusal> {
    let descriptor = guest.files().find_with(fd, Rights::FD_ALLOCATE)?;
    Ok(descriptor.allocate(offset, len)?)
}

/// `fd_prestat_get`: that a descriptor is a directory which was open from the start, and the length of its name.
pub(crate) fn fd_prestat_get(guest: &mut Guest<'_>, fd: u32, prestat: u32) -> Result<(), Refusal> {
    let name = preopened_name(guest, fd)?;
    let len = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
    let mut bytes = [0; 8];
    bytes[4..].copy_from_slice(&len.to_le_bytes());
    Ok(guest.write(prestat, &bytes)?)
}

/// `fd_prestat_dir_name`: its name, without a NUL.
pub(crate) fn fd_prestat_dir_name(
    guest: &mut Guest<'_>,
    fd: u32,
    name: Slice,
) -> Result<(), Refusal> {
    let path = preopened_name(guest, fd)?;
    if path.len() > name.len as usize {
        return Err(Errno::NameTooLong.into());
    }
    Ok(guest.write(name.ptr, path.as_bytes())?)
}

fn preopened_name(guest: &mut Guest<'_>, fd: u32) -> Result<std::sync::Arc<str>, Errno> {
    let directory = guest.files().directory(fd, Rights::NONE);
    // A C library asks for descriptor after descriptor until one is bad.
    let path = directory.map_err(|_| Errno::BadF)?.guest_path().cloned();
    path.ok_or(Errno::BadF)
}

/// `fd_readdir`: entries from the one that `cookie` names on. The last one may be cut off by the end of the buffer; a
/// buffer that is not full means that there are no more.
pub(crate) fn fd_readdir(
    guest: &mut Guest<'_>,
    fd: u32,
    buffer: Slice,
    cookie: u64,
    used: u32,
) -> Result<(), Refusal> {
    guest.check(buffer)?;
    guest.check(Slice::new(used, 4))?;
    let len = buffer.len as usize;
    let directory = guest.files().directory(fd, Rights::FD_READDIR)?;
    let mut bytes = Vec::with_capacity(len.min(4096));
    for (entry, next) in directory.entries(cookie)?.iter().zip(cookie.saturating_add(1)..) {
        if bytes.len() >= len {
            break;
        }
        bytes.reserve(DIRENT_BYTES + entry.name.len());
        encode_entry(entry, next, &mut bytes);
    }
    bytes.truncate(len);
    guest.write(buffer.ptr, &bytes)?;
    Ok(guest.write_u32(used, u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?)?)
}

/// The flags in the number that `path_open` or `fd_fdstat_set_flags` was given.
pub(super) fn parse_flags(flags: u32) -> Result<FdFlags, Errno> {
    FdFlags::from_bits(flags.into()).ok_or(Errno::Inval)
}
