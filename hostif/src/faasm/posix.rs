//! The original's socket calls, with C's names and records: the same sockets as WASI's, for programs that import the C
//! functions themselves. They answer -1 where something is wrong: what it is, a program has no way to learn.
//!
//! Numbers and records are those of wasi-libc: families 1 and 2, types 5 (datagram) and 6 (stream).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use faasm_vm::Trap;

use crate::guest::{Guest, Slice};
use crate::net::{Family, Transport};
use crate::wasi::Refusal;
use crate::wasi::errno::Errno;
use crate::wasi::rights::FdFlags;
use crate::wasi::socket::options;
use crate::wasi::socket::{self, transfer};

/// What compiled code gets.
pub(crate) fn answer(_function: &'static str, result: Result<u32, Refusal>) -> Result<i32, Trap> {
    match result {
        Ok(number) => Ok(number.cast_signed()),
        Err(Refusal::Errno(_)) => Ok(-1),
        Err(Refusal::Trap(trap)) => Err(trap),
    }
}

/// `socket`.
pub(crate) fn socket(
    guest: &mut Guest<'_>,
    domain: u32,
    kind: u32,
    protocol: u32,
) -> Result<u32, Refusal> {
    let family = match domain {
        1 => Family::V4,
        2 => Family::V6,
        _ => return Err(Errno::AfNoSupport.into()),
    };
    let transport = match (kind, protocol) {
        (6, 0 | 6) => Transport::Tcp,
        (5, 0 | 17) => Transport::Udp,
        _ => return Err(Errno::ProtoNoSupport.into()),
    };
    socket::open(guest, family, transport)
}

/// `socketpair`, of the local family and no other; the two descriptors are written where `pair` says.
pub(crate) fn socketpair(
    guest: &mut Guest<'_>,
    domain: u32,
    (kind, protocol): (u32, u32),
    pair: u32,
) -> Result<u32, Refusal> {
    guest.check(Slice::new(pair, 8))?;
    if domain != 3 {
        return Err(Errno::AfNoSupport.into());
    }
    let transport = match (kind, protocol) {
        (6, 0) => Transport::Tcp,
        (5, 0) => Transport::Udp,
        _ => return Err(Errno::ProtoNoSupport.into()),
    };
    let [one, other] = socket::pair(guest, transport)?;
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&one.to_le_bytes());
    bytes[4..].copy_from_slice(&other.to_le_bytes());
    guest.write(pair, &bytes)?;
    Ok(0)
}

/// `connect`.
pub(crate) fn connect(guest: &mut Guest<'_>, fd: u32, address: Slice) -> Result<u32, Refusal> {
    let to = read_address(guest, address)?;
    socket::connect(guest, fd, to).map(|()| 0)
}

/// `bind`.
pub(crate) fn bind(guest: &mut Guest<'_>, fd: u32, address: Slice) -> Result<u32, Refusal> {
    let at = read_address(guest, address)?;
    socket::bind(guest, fd, at).map(|()| 0)
}

/// `listen`.
pub(crate) fn listen(guest: &mut Guest<'_>, fd: u32, backlog: u32) -> Result<u32, Refusal> {
    socket::sock_listen(guest, fd, backlog).map(|()| 0)
}

/// `accept`.
pub(crate) fn accept(
    guest: &mut Guest<'_>,
    fd: u32,
    address: u32,
    len: u32,
) -> Result<u32, Refusal> {
    let room = Room::find(guest, address, len)?;
    let accepted = socket::accept(guest, fd, FdFlags::NONE)?;
    if let Ok(peer) = socket::peer(guest, accepted) {
        room.write(guest, peer)?;
    }
    Ok(accepted)
}

/// `shutdown`.
pub(crate) fn shutdown(guest: &mut Guest<'_>, fd: u32, how: u32) -> Result<u32, Refusal> {
    socket::sock_shutdown(guest, fd, how).map(|()| 0)
}

/// `send` and `sendto`; an address of no length is none.
pub(crate) fn send(
    guest: &mut Guest<'_>,
    fd: u32,
    data: Slice,
    (flags, to): (u32, Slice),
) -> Result<u32, Refusal> {
    guest.check(data)?;
    let to = if to.len == 0 { None } else { Some(read_address(guest, to)?) };
    count(transfer::send(guest, fd, &[data], (flags, to))?)
}

/// `recv` and `recvfrom`; an address at 0 is not wanted.
pub(crate) fn recv(
    guest: &mut Guest<'_>,
    fd: u32,
    data: Slice,
    (flags, address, len): (u32, u32, u32),
) -> Result<u32, Refusal> {
    guest.check(data)?;
    let room = Room::find(guest, address, len)?;
    let received = transfer::receive(guest, fd, &[data], flags)?;
    if room.address != 0 {
        match received.from.or_else(|| socket::peer(guest, fd).ok()) {
            Some(from) => room.write(guest, from)?,
            // The peer of a stream that has ended is not known any more: what it sent is.
            None => guest.write_u32(room.len, 0)?,
        }
    }
    count(received.bytes)
}

/// `getsockname`.
pub(crate) fn getsockname(
    guest: &mut Guest<'_>,
    fd: u32,
    address: u32,
    len: u32,
) -> Result<u32, Refusal> {
    let room = Room::find(guest, address, len)?;
    let name = socket::local(guest, fd)?;
    room.write(guest, name)?;
    Ok(0)
}

/// `setsockopt`.
pub(crate) fn setsockopt(
    guest: &mut Guest<'_>,
    fd: u32,
    (level, name): (u32, u32),
    value: Slice,
) -> Result<u32, Refusal> {
    let option = options::from_libc(level, name);
    options::sock_setsockopt(guest, fd, option, value).map(|()| 0)
}

/// `getsockopt`.
pub(crate) fn getsockopt(
    guest: &mut Guest<'_>,
    fd: u32,
    (level, name): (u32, u32),
    (value, len): (u32, u32),
) -> Result<u32, Refusal> {
    let option = options::from_libc(level, name);
    options::sock_getsockopt(guest, fd, option, value, len)?;
    if option == (0, 1) {
        // WASI's numbers of the types, and C's.
        let mut kind = [0; 4];
        guest.read_into(value, &mut kind)?;
        guest.write_u32(value, if kind[0] == 1 { 5 } else { 6 })?;
    }
    Ok(0)
}

/// Bytes of `sockaddr_in` and `sockaddr_in6`.
const SOCKADDR: u32 = 16;
const SOCKADDR6: u32 = 32;

/// `sockaddr_in`: family at 0, port at 2, address at 4. `sockaddr_in6`: the address at 8.
fn read_address(guest: &Guest<'_>, address: Slice) -> Result<SocketAddr, Refusal> {
    guest.check(address)?;
    if address.len < SOCKADDR {
        return Err(Errno::Inval.into());
    }
    let mut head = [0; SOCKADDR as usize];
    guest.read_into(address.ptr, &mut head)?;
    let [family, _, high, low, a, b, c, d, ..] = head;
    let port = u16::from_be_bytes([high, low]);
    let ip = match family {
        1 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        2 if address.len >= SOCKADDR6 => {
            let mut bytes = [0; 16];
            guest.read_into(address.ptr + 8, &mut bytes)?;
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        2 => return Err(Errno::Inval.into()),
        _ => return Err(Errno::AfNoSupport.into()),
    };
    Ok(SocketAddr::new(ip, port))
}

/// Where an address goes, and its length; nowhere, if that is 0.
#[derive(Clone, Copy)]
struct Room {
    address: u32,
    len: u32,
    bytes: u32,
}

impl Room {
    fn find(guest: &Guest<'_>, address: u32, len: u32) -> Result<Self, Refusal> {
        if address == 0 {
            return Ok(Self { address, len, bytes: 0 });
        }
        let mut bytes = [0; 4];
        guest.read_into(len, &mut bytes)?;
        let bytes = u32::from_le_bytes(bytes);
        guest.check(Slice::new(address, bytes))?;
        Ok(Self { address, len, bytes })
    }

    /// Writes as much as there is room for, and how long it is.
    fn write(self, guest: &mut Guest<'_>, name: SocketAddr) -> Result<(), Refusal> {
        if self.address == 0 {
            return Ok(());
        }
        let [high, low] = name.port().to_be_bytes();
        let mut record = match name.ip() {
            IpAddr::V4(ip) => [&[1, 0, high, low][..], &ip.octets(), &[0; 8]].concat(),
            IpAddr::V6(ip) => [&[2, 0, high, low, 0, 0, 0, 0][..], &ip.octets(), &[0; 8]].concat(),
        };
        let len = u32::try_from(record.len()).map_err(|_| Errno::Overflow)?;
        record.truncate(self.bytes as usize);
        guest.write(self.address, &record)?;
        Ok(guest.write_u32(self.len, len)?)
    }
}

fn count(bytes: usize) -> Result<u32, Refusal> {
    Ok(u32::try_from(bytes).map_err(|_| Errno::Overflow)?)
}
