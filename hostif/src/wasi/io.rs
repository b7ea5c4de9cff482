//! Reading and writing: bytes go between a descriptor and the guest's buffers in bounded pieces.

use super::errno::Errno;
use super::{Refusal, socket};
use crate::files::FileType;
use crate::guest::{Guest, Slice};

/// Bytes that are moved at once.
pub(super) const PIECE: usize = 64 * 1024;

/// Bytes that one call moves at most; it says how many it has moved.
const MAX_TRANSFER: u32 = 64 << 20;

/// Buffers that one call takes at most, as many as POSIX systems do.
const MAX_BUFFERS: u32 = 1024;

/// `fd_read`.
pub(crate) fn fd_read(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    moved: u32,
) -> Result<(), Refusal> {
    if guest.files().find(fd)?.is_socket() {
        return socket::transfer::fd_read(guest, fd, buffers, moved);
    }
    let mut transfer = Transfer::begin(guest, buffers, moved)?;
    transfer.once = guest.files().find(fd)?.may_wait();
    transfer.read(guest, |guest, _, piece| guest.files().find(fd)?.read(piece))
}

/// `fd_pread`.
pub(crate) fn fd_pread(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    offset: u64,
    moved: u32,
) -> Result<(), Refusal> {
    let transfer = Transfer::begin(guest, buffers, moved)?;
    transfer.read(guest, |guest, done, piece| {
        let descriptor = guest.files().find(fd)?;
        descriptor.read_at(offset.checked_add(done).ok_or(Errno::Inval)?, piece)
    })
}

/// `fd_write`.
pub(crate) fn fd_write(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    moved: u32,
) -> Result<(), Refusal> {
    if guest.files().find(fd)?.is_socket() {
        return socket::transfer::fd_write(guest, fd, buffers, moved);
    }
    let transfer = Transfer::begin(guest, buffers, moved)?;
    transfer.write(guest, |guest, _, piece| guest.files().find(fd)?.write(piece))
}

/// `fd_pwrite`.
pub(crate) fn fd_pwrite(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    offset: u64,
    moved: u32,
) -> Result<(), Refusal> {
    let transfer = Transfer::begin(guest, buffers, moved)?;
    transfer.write(guest, |guest, done, piece| {
        let descriptor = guest.files().find(fd)?;
        descriptor.write_at(offset.checked_add(done).ok_or(Errno::Inval)?, piece)
    })
}

/// The bytes of a regular file that the guest calls `path`; `EFBIG` for more than `max`.
pub(crate) fn read_file(guest: &mut Guest<'_>, path: &str, max: u32) -> Result<Vec<u8>, Refusal> {
    let mut file = guest.files().open_below(path)?;
    let stat = file.filestat()?;
    if stat.file_type != FileType::RegularFile {
        return Err(Errno::Inval.into());
    }
    if stat.size > max.into() {
        return Err(Errno::FBig.into());
    }
    guest.fetch(&file)?;
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let n = file.read(&mut piece)?;
        bytes.extend_from_slice(&piece[..n]);
        if n == 0 {
            return Ok(bytes);
        }
        if bytes.len() > max as usize {
            return Err(Errno::FBig.into());
        }
        guest.check_deadline()?;
    }
}

/// A read or write of several buffers, all of which have been found to lie in guest memory.
struct Transfer {
    /// Start and length of each buffer, as they were when the call began.
    buffers: Vec<Slice>,
    /// Where the number of bytes goes.
    moved: u32,
    /// Whether it ends with the first piece: to ask for a second one could mean to wait, with bytes in hand.
    once: bool,
}

impl Transfer {
    /// Copies the list of buffers, `len` of them, out and checks every one, so that nothing is moved if one is bad.
    fn begin(guest: &Guest<'_>, list: Slice, moved: u32) -> Result<Self, Refusal> {
        guest.check(Slice::new(moved, 4))?;
        Ok(Self { buffers: checked(guest, list)?, moved, once: false })
    }

    /// Fills the buffers in turn until `read` gives less than it was asked for.
    fn read(
        self,
        guest: &mut Guest<'_>,
        mut read: impl FnMut(&mut Guest<'_>, u64, &mut [u8]) -> Result<usize, Errno>,
    ) -> Result<(), Refusal> {
        let mut buffer = vec![0; self.piece_len()];
        self.run(guest, |guest, done, start, len| {
            let piece = &mut buffer[..len];
            let n = read(guest, done, piece)?;
            guest.write(start, &piece[..n])?;
            Ok(n)
        })
    }

    /// Writes the buffers in turn until `write` takes less than it was given.
    fn write(
        self,
        guest: &mut Guest<'_>,
        mut write: impl FnMut(&mut Guest<'_>, u64, &[u8]) -> Result<usize, Errno>,
    ) -> Result<(), Refusal> {
        let mut buffer = vec![0; self.piece_len()];
        self.run(guest, |guest, done, start, len| {
            let piece = &mut buffer[..len];
            guest.read_into(start, piece)?;
            Ok(write(guest, done, piece)?)
        })
    }

    fn piece_len(&self) -> usize {
        let longest = self.buffers.iter().map(|buffer| buffer.len).max();
        PIECE.min(longest.unwrap_or(0) as usize)
    }

    /// Has `step` move piece after piece, given how many bytes are done and where the piece lies in guest memory. An
    /// error after the first piece ends the transfer with what was moved. With nothing to move, `step` still runs
    /// once: a bad descriptor is an error then too.
    fn run(
        self,
        guest: &mut Guest<'_>,
        mut step: impl FnMut(&mut Guest<'_>, u64, u32, usize) -> Result<usize, Refusal>,
    ) -> Result<(), Refusal> {
        let mut done: u32 = 0;
        if self.buffers.iter().all(|buffer| buffer.len == 0) {
            step(guest, 0, 0, 0)?;
        }
        for (start, len) in pieces(&self.buffers) {
            let n = match step(guest, done.into(), start, len) {
                Ok(n) => n,
                Err(Refusal::Errno(_)) if done > 0 => break,
                Err(refusal) => return Err(refusal),
            };
            done += u32::try_from(n).map_err(|_| Errno::Overflow)?;
            guest.check_deadline()?;
            if n < len || self.once {
                break;
            }
        }
        Ok(guest.write_u32(self.moved, done)?)
    }
}

/// The buffers of a list of `list.len`, each of which has been found to lie in guest memory, [`MAX_TRANSFER`] bytes of
/// them at most.
pub(super) fn checked(guest: &Guest<'_>, list: Slice) -> Result<Vec<Slice>, Refusal> {
    if list.len > MAX_BUFFERS {
        return Err(Errno::Inval.into());
    }
    let bytes = guest.read(Slice::new(list.ptr, list.len * 8))?;
    let mut room = MAX_TRANSFER;
    let mut buffers = Vec::with_capacity(list.len as usize);
    for words in bytes.as_chunks::<8>().0 {
        let [a, b, c, d, e, f, g, h] = *words;
        let start = u32::from_le_bytes([a, b, c, d]);
        let len = u32::from_le_bytes([e, f, g, h]);
        let mut buffer = Slice::new(start, len);
        guest.check(buffer)?;
        buffer.len = len.min(room);
        room -= buffer.len;
        buffers.push(buffer);
    }
    Ok(buffers)
}

/// The buffers cut into pieces of at most [`PIECE`] bytes.
pub(super) fn pieces(buffers: &[Slice]) -> impl Iterator<Item = (u32, usize)> {
    buffers.iter().flat_map(|buffer| {
        let Slice { ptr, len } = *buffer;
        (0..len).step_by(PIECE).map(move |at| (ptr + at, PIECE.min((len - at) as usize)))
    })
}
