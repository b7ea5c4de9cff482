//! Sending and receiving. Bytes go through buffers of the host's in bounded pieces; what a function may move in a
//! second, and a call in all, is counted here.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Held, check_permitted, deadline, family_number, network, octets};
use crate::guest::{Guest, Slice};
use crate::net::{Direction, Interest, Received, Transport};
use crate::wasi::Refusal;
use crate::wasi::errno::Errno;
use crate::wasi::io::{checked, pieces};
use crate::wasi::rights::Rights;

/// Flags of receiving: the bytes stay there; all buffers are filled; the call does not wait. The last one is ours.
const PEEK: u32 = 1;
const WAIT_ALL: u32 = 2;
const RECEIVE_HASTY: u32 = 4;

/// The flag of sending, which preview 1 has none of: the call does not wait.
const SEND_HASTY: u32 = 1;

/// No datagram is longer.
const DATAGRAM: usize = 65_535;

/// Where the number of bytes and the flags of what was received go.
#[derive(Clone, Copy)]
pub(crate) struct ReceivedOut {
    pub(crate) bytes: u32,
    pub(crate) flags: u32,
}

/// Where the address and port of a sender go.
#[derive(Clone, Copy)]
pub(crate) struct SenderOut {
    pub(crate) address: u32,
    pub(crate) port: u32,
}

/// Where a datagram is to go: an address record and a port.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    pub(crate) address: u32,
    pub(crate) port: u32,
}

/// `fd_read` of a socket.
pub(in crate::wasi) fn fd_read(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    moved: u32,
) -> Result<(), Refusal> {
    guest.check(Slice::new(moved, 4))?;
    let buffers = checked(guest, buffers)?;
    let received = receive(guest, fd, &buffers, 0)?;
    write_count(guest, moved, received.bytes)
}

/// `fd_write` of a socket.
pub(in crate::wasi) fn fd_write(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    moved: u32,
) -> Result<(), Refusal> {
    sock_send(guest, fd, buffers, 0, moved)
}

/// `sock_recv`.
pub(crate) fn sock_recv(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    flags: u32,
    out: ReceivedOut,
) -> Result<(), Refusal> {
    check_out(guest, out)?;
    let buffers = checked(guest, buffers)?;
    let received = receive(guest, fd, &buffers, flags)?;
    write_out(guest, out, &received)
}

/// `sock_recv_from`: the same, and who sent it.
pub(crate) fn sock_recv_from(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    flags: u32,
    (sender, out): (SenderOut, ReceivedOut),
) -> Result<(), Refusal> {
    check_out(guest, out)?;
    guest.check(Slice::new(sender.port, 4))?;
    let room = super::read_slice(guest, sender.address)?;
    let buffers = checked(guest, buffers)?;
    let received = receive(guest, fd, &buffers, flags)?;
    // The peer of a stream that has ended is not known any more: what it sent is.
    let from = received.from.or_else(|| super::peer(guest, fd).ok());
    let mut bytes = Vec::new();
    if room.len == super::LONG_ADDRESS {
        bytes.extend_from_slice(&[from.map_or(0, |from| family_number(from.ip())), 0]);
    }
    bytes.extend(from.iter().flat_map(|from| octets(from.ip())));
    bytes.truncate(room.len as usize);
    guest.write(room.ptr, &bytes)?;
    guest.write_u32(sender.port, from.map_or(0, |from| from.port().into()))?;
    write_out(guest, out, &received)
}

/// `sock_send`.
pub(crate) fn sock_send(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    flags: u32,
    moved: u32,
) -> Result<(), Refusal> {
    guest.check(Slice::new(moved, 4))?;
    let buffers = checked(guest, buffers)?;
    let sent = send(guest, fd, &buffers, (flags, None))?;
    write_count(guest, moved, sent)
}

/// Sends buffers, and says how many bytes went; a datagram may have a destination, a stream has its own.
pub(crate) fn send(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: &[Slice],
    (flags, to): (u32, Option<SocketAddr>),
) -> Result<usize, Refusal> {
    let held = sender(guest, fd, flags)?;
    match (held.socket.transport, to) {
        (Transport::Tcp, None) => send_stream(guest, &held, buffers),
        (Transport::Tcp, Some(_)) => Err(Errno::IsConn.into()),
        (Transport::Udp, to) => send_datagram(guest, &held, buffers, to),
    }
}

/// `sock_send_to`: sends a datagram; a stream has its destination.
pub(crate) fn sock_send_to(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: Slice,
    to: Destination,
    (flags, moved): (u32, u32),
) -> Result<(), Refusal> {
    guest.check(Slice::new(moved, 4))?;
    let buffers = checked(guest, buffers)?;
    let to = super::read_address(guest, to.address, to.port)?;
    let sent = send(guest, fd, &buffers, (flags, Some(to)))?;
    write_count(guest, moved, sent)
}

fn sender(guest: &mut Guest<'_>, fd: u32, flags: u32) -> Result<Held, Refusal> {
    if flags & !SEND_HASTY != 0 {
        return Err(Errno::NotSup.into());
    }
    let mut held = Held::find(guest, fd, Rights::FD_WRITE)?;
    held.is_hasty |= flags & SEND_HASTY != 0;
    Ok(held)
}

/// Receives into buffers.
pub(crate) fn receive(
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: &[Slice],
    flags: u32,
) -> Result<Received, Refusal> {
    if flags & !(PEEK | WAIT_ALL | RECEIVE_HASTY) != 0 {
        return Err(Errno::NotSup.into());
    }
    let mut held = Held::find(guest, fd, Rights::FD_READ)?;
    held.is_hasty |= flags & RECEIVE_HASTY != 0;
    let until = deadline(held.socket.receive_timeout());
    let receiving = Receiving { held, until, peek: flags & PEEK != 0 };
    match receiving.held.socket.transport {
        Transport::Tcp => receiving.stream(guest, buffers, flags & WAIT_ALL != 0),
        Transport::Udp => receiving.datagram(guest, buffers),
    }
}

/// One call that receives.
struct Receiving {
    held: Held,
    until: Option<Instant>,
    peek: bool,
}

impl Receiving {
    /// What there is of a stream; or all that was asked for, as far as it comes.
    fn stream(
        &self,
        guest: &mut Guest<'_>,
        buffers: &[Slice],
        all: bool,
    ) -> Result<Received, Refusal> {
        let mut done = 0;
        let mut buffer = Vec::new();
        for (start, len) in pieces(buffers) {
            let mut filled = 0;
            while filled < len {
                buffer.resize(len - filled, 0);
                let received = match self.some(guest, &mut buffer) {
                    Err(Refusal::Errno(_)) if done > 0 => return Ok(whole(done)),
                    received => received?,
                };
                guest.write(start + number(filled)?, &buffer[..received.bytes])?;
                filled += received.bytes;
                done += received.bytes;
                let has_ended = received.bytes == 0 || self.peek;
                let has_enough = !all && filled < len;
                if has_ended || has_enough {
                    return Ok(whole(done));
                }
            }
            if !all {
                // More could mean to wait, with bytes in hand.
                break;
            }
        }
        Ok(whole(done))
    }

    /// One datagram, from somebody whom the function may talk to. Others are dropped.
    fn datagram(&self, guest: &mut Guest<'_>, buffers: &[Slice]) -> Result<Received, Refusal> {
        let room: usize = buffers.iter().map(|buffer| buffer.len as usize).sum();
        let mut buffer = vec![0; room.min(DATAGRAM)];
        loop {
            let received = self.some(guest, &mut buffer)?;
            let is_known = match received.from {
                Some(from) => self.may_come_from(guest, from)?,
                None => self.held.socket.is_of_pair(),
            };
            if is_known {
                let mut rest = &buffer[..received.bytes];
                for target in buffers {
                    let (now, later) = rest.split_at(rest.len().min(target.len as usize));
                    guest.write(target.ptr, now)?;
                    rest = later;
                }
                return Ok(received);
            }
            if self.peek {
                // It is still there.
                self.held.socket.receive(&mut [], false)?;
            }
            guest.check_deadline()?;
        }
    }

    fn may_come_from(&self, guest: &mut Guest<'_>, from: SocketAddr) -> Result<bool, Refusal> {
        let (network, socket) = (network(guest)?, &self.held.socket);
        let call = &mut guest.host_mut().network_use;
        if call.permits(&network, from, socket.transport) {
            return Ok(true);
        }
        Ok(network.permits_listening(socket.local()?, socket.transport))
    }

    /// Something, waited for.
    fn some(&self, guest: &mut Guest<'_>, into: &mut [u8]) -> Result<Received, Refusal> {
        loop {
            let room = admit(guest, &self.held, Direction::In, self.until)?;
            let room = match self.held.socket.transport {
                Transport::Tcp => into.len().min(room),
                // A datagram is not cut: its bytes are owed.
                Transport::Udp => into.len(),
            };
            match self.held.socket.receive(&mut into[..room], self.peek) {
                Err(Errno::Again) => self.held.wait(guest, Interest::Read, self.until)?,
                Ok(received) => {
                    if !self.peek {
                        spend(guest, &self.held, Direction::In, received.bytes)?;
                    }
                    return Ok(received);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn whole(bytes: usize) -> Received {
    Received { bytes, is_cut: false, from: None }
}

/// Sends all of the buffers, unless the call must not wait. An error after the first byte is the next call's.
fn send_stream(guest: &mut Guest<'_>, held: &Held, buffers: &[Slice]) -> Result<usize, Refusal> {
    let until = deadline(held.socket.send_timeout());
    let mut piece = Vec::new();
    let mut done = 0;
    if buffers.iter().all(|buffer| buffer.len == 0) {
        return Ok(held.socket.send(&[], None)?);
    }
    for (start, len) in pieces(buffers) {
        piece.resize(len, 0);
        guest.read_into(start, &mut piece)?;
        let mut rest = &piece[..];
        while !rest.is_empty() {
            match send_some(guest, held, rest, (None, until)) {
                Ok(sent) => {
                    done += sent;
                    rest = &rest[sent..];
                }
                Err(Refusal::Errno(_)) if done > 0 => return Ok(done),
                Err(refusal) => return Err(refusal),
            }
        }
    }
    Ok(done)
}

fn send_datagram(
    guest: &mut Guest<'_>,
    held: &Held,
    buffers: &[Slice],
    to: Option<SocketAddr>,
) -> Result<usize, Refusal> {
    let len: usize = buffers.iter().map(|buffer| buffer.len as usize).sum();
    if len > DATAGRAM {
        return Err(Errno::MsgSize.into());
    }
    if let Some(to) = to {
        check_permitted(guest, &held.socket, to)?;
    }
    let mut bytes = vec![0; len];
    let mut rest = &mut bytes[..];
    for buffer in buffers {
        let (now, later) = rest.split_at_mut(buffer.len as usize);
        guest.read_into(buffer.ptr, now)?;
        rest = later;
    }
    let until = deadline(held.socket.send_timeout());
    send_some(guest, held, &bytes, (to, until))
}

/// Sends something, when there is room for it.
fn send_some(
    guest: &mut Guest<'_>,
    held: &Held,
    bytes: &[u8],
    (to, until): (Option<SocketAddr>, Option<Instant>),
) -> Result<usize, Refusal> {
    loop {
        let room = admit(guest, held, Direction::Out, until)?;
        let now = match held.socket.transport {
            Transport::Tcp => &bytes[..bytes.len().min(room)],
            Transport::Udp => bytes,
        };
        match held.socket.send(now, to) {
            Err(Errno::Again) => held.wait(guest, Interest::Write, until)?,
            Ok(sent) => {
                spend(guest, held, Direction::Out, sent)?;
                return Ok(sent);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// How many bytes may be moved now, at least one: waits until the function's rate allows some, and ends with the call's
/// quota.
fn admit(
    guest: &mut Guest<'_>,
    held: &Held,
    direction: Direction,
    until: Option<Instant>,
) -> Result<usize, Refusal> {
    if held.socket.is_of_pair() {
        return Ok(usize::MAX);
    }
    let network = network(guest)?;
    loop {
        let host = guest.host();
        let left = host.limits().network_bytes.saturating_sub(host.network_use.bytes);
        if left == 0 {
            return Err(Errno::Dquot.into());
        }
        match network.ready(direction) {
            Ok(room) => return Ok(room.min(usize::try_from(left).unwrap_or(usize::MAX))),
            Err(_) if held.is_hasty => return Err(Errno::Again.into()),
            Err(_) if until.is_some_and(|until| until <= Instant::now()) => {
                return Err(Errno::Again.into());
            }
            Err(at) => guest.sleep(Some(until.map_or(at, |until| until.min(at))))?,
        }
    }
}

fn spend(
    guest: &mut Guest<'_>,
    held: &Held,
    direction: Direction,
    bytes: usize,
) -> Result<(), Refusal> {
    if held.socket.is_of_pair() {
        return Ok(());
    }
    network(guest)?.spend(direction, bytes);
    let used = &mut guest.host_mut().network_use.bytes;
    *used = used.saturating_add(bytes as u64);
    Ok(())
}

fn check_out(guest: &Guest<'_>, out: ReceivedOut) -> Result<(), Refusal> {
    guest.check(Slice::new(out.bytes, 4))?;
    Ok(guest.check(Slice::new(out.flags, 2))?)
}

fn write_out(guest: &mut Guest<'_>, out: ReceivedOut, received: &Received) -> Result<(), Refusal> {
    write_count(guest, out.bytes, received.bytes)?;
    Ok(guest.write(out.flags, &u16::from(received.is_cut).to_le_bytes())?)
}

fn write_count(guest: &mut Guest<'_>, at: u32, count: usize) -> Result<(), Refusal> {
    Ok(guest.write_u32(at, number(count)?)?)
}

fn number(count: usize) -> Result<u32, Errno> {
    u32::try_from(count).map_err(|_| Errno::Overflow)
}
