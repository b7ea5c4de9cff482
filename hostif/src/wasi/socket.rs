//! Sockets: the four calls of preview 1, and the extension that opens, connects and binds them, in the form that the
//! crate `wasmedge_wasi_socket` and others import (decision 150).
//!
//! A call that must wait suspends the guest, unless the socket is in non-blocking mode or the call says so. Whatever
//! waited for a socket asks it again: that it may be ready is only a hint.

pub(crate) mod lookup;
pub(crate) mod options;
pub(crate) mod transfer;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::Refusal;
use super::errno::Errno;
use super::rights::{FdFlags, Rights};
use crate::files::Descriptor;
use crate::guest::{Guest, Slice, Unfinished};
use crate::net::{Family, Interest, Network, Socket, Transport};

/// A guest's socket, as one call uses it.
struct Held {
    socket: Socket,
    /// Whether the call must not wait.
    is_hasty: bool,
}

impl Held {
    fn find(guest: &mut Guest<'_>, fd: u32, rights: Rights) -> Result<Self, Errno> {
        let (socket, is_hasty) = guest.files().socket(fd, rights)?;
        Ok(Self { socket, is_hasty })
    }

    /// Waits until the socket may be ready.
    fn wait(
        &self,
        guest: &mut Guest<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<(), Refusal> {
        if self.is_hasty {
            return Err(Errno::Again.into());
        }
        let ready = self.socket.source().when(interest).map_err(Errno::from)?;
        finish(guest.wait(ready, deadline))
    }
}

/// A wait that came to its own deadline is a call that would block.
fn finish<T>(waited: Result<T, Unfinished>) -> Result<T, Refusal> {
    waited.map_err(|error| match error {
        Unfinished::Deadline => Errno::Again.into(),
        Unfinished::Abandoned => Errno::Io.into(),
        Unfinished::Ended(trap) => Refusal::Trap(trap),
    })
}

/// When a wait of so long ends; never, if that is not given.
fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// The function's network, if it has one.
fn network(guest: &Guest<'_>) -> Result<Network, Errno> {
    guest.host().network().filter(|network| network.is_open()).cloned().ok_or(Errno::Acces)
}

/// Whether a packet may go there; what may not is in the log, since the guest sees a number only.
fn check_permitted(guest: &mut Guest<'_>, socket: &Socket, to: SocketAddr) -> Result<(), Errno> {
    let network = network(guest)?;
    let host = guest.host_mut();
    if host.network_use.permits(&network, to, socket.transport) {
        return Ok(());
    }
    let call = host.id().0;
    tracing::info!(call, %to, "no egress rule of the function opens this address: `--allow-net` adds one");
    Err(Errno::Acces)
}

/// `sock_open`: a socket of a family (1: IPv4, 2: IPv6) and a type (1: datagram, 2: stream).
pub(crate) fn sock_open(
    guest: &mut Guest<'_>,
    family: u32,
    kind: u32,
    opened: u32,
) -> Result<(), Refusal> {
    guest.check(Slice::new(opened, 4))?;
    let family = match family {
        1 => Family::V4,
        2 => Family::V6,
        _ => return Err(Errno::AfNoSupport.into()),
    };
    let transport = match kind {
        1 => Transport::Udp,
        2 => Transport::Tcp,
        _ => return Err(Errno::ProtoNoSupport.into()),
    };
    let fd = open(guest, family, transport)?;
    Ok(guest.write_u32(opened, fd)?)
}

/// A new socket's descriptor.
pub(crate) fn open(
    guest: &mut Guest<'_>,
    family: Family,
    transport: Transport,
) -> Result<u32, Refusal> {
    let network = network(guest)?;
    check_room(guest)?;
    let socket = Socket::open(network.reactor(), family, transport)?;
    Ok(guest.files().insert(Descriptor::socket(socket, FdFlags::NONE))?)
}

/// Two new sockets' descriptors, which are connected to each other; they are no network.
pub(crate) fn pair(guest: &mut Guest<'_>, transport: Transport) -> Result<[u32; 2], Refusal> {
    let network = guest.host().network().cloned().ok_or(Errno::NotSup)?;
    check_room(guest)?;
    let [one, other] = Socket::pair(network.reactor(), transport)?
        .map(|one| Descriptor::socket(one, FdFlags::NONE));
    let first = guest.files().insert(one)?;
    let second = check_room(guest).and_then(|()| guest.files().insert(other));
    match second {
        Ok(second) => Ok([first, second]),
        Err(error) => {
            guest.files().close(first)?;
            Err(error.into())
        }
    }
}

/// Whether another socket can be opened.
fn check_room(guest: &mut Guest<'_>) -> Result<(), Errno> {
    let limit = guest.host().limits().sockets;
    guest.files().check_room()?;
    if guest.files().sockets() < limit { Ok(()) } else { Err(Errno::MFile) }
}

/// `sock_connect`: connects, or says where datagrams go.
pub(crate) fn sock_connect(
    guest: &mut Guest<'_>,
    fd: u32,
    address: u32,
    port: u32,
) -> Result<(), Refusal> {
    let to = read_address(guest, address, port)?;
    connect(guest, fd, to)
}

/// Connects to an address, if it is permitted.
pub(crate) fn connect(guest: &mut Guest<'_>, fd: u32, to: SocketAddr) -> Result<(), Refusal> {
    let held = Held::find(guest, fd, Rights::NONE)?;
    check_permitted(guest, &held.socket, to)?;
    let deadline = deadline(held.socket.send_timeout());
    match held.socket.connect(to) {
        Err(Errno::InProgress) if !held.is_hasty => {}
        done => return Ok(done?),
    }
    held.wait(guest, Interest::Write, deadline).map_err(|refusal| match refusal {
        // It goes on.
        Refusal::Errno(Errno::Again) => Errno::InProgress.into(),
        refusal => refusal,
    })?;
    match held.socket.take_error()? {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// `sock_bind`: gives the socket an address of this host. With a port of its own choice a function listens, so that its
/// rules say where it may; without, it may have any.
pub(crate) fn sock_bind(
    guest: &mut Guest<'_>,
    fd: u32,
    address: u32,
    port: u32,
) -> Result<(), Refusal> {
    let at = read_address(guest, address, port)?;
    bind(guest, fd, at)
}

/// Binds to an address, if it is permitted.
pub(crate) fn bind(guest: &mut Guest<'_>, fd: u32, at: SocketAddr) -> Result<(), Refusal> {
    let held = Held::find(guest, fd, Rights::NONE)?;
    let network = network(guest)?;
    let is_free = at.port() == 0 && (at.ip().is_unspecified() || at.ip().is_loopback());
    if !is_free && !network.permits_listening(at, held.socket.transport) {
        return Err(Errno::Acces.into());
    }
    Ok(held.socket.bind(at)?)
}

/// Connections that wait to be accepted, at most.
const BACKLOG: u32 = 1024;

/// `sock_listen`.
pub(crate) fn sock_listen(guest: &mut Guest<'_>, fd: u32, backlog: u32) -> Result<(), Refusal> {
    let held = Held::find(guest, fd, Rights::NONE)?;
    let at = held.socket.local()?;
    // A socket that is not bound gets a port here; one that is free to be had was bound with port 0.
    let asked = SocketAddr::new(at.ip(), 0);
    let transport = held.socket.transport;
    let network = network(guest)?;
    if !network.permits_listening(at, transport) && !network.permits_listening(asked, transport) {
        return Err(Errno::Acces.into());
    }
    let backlog = i32::try_from(backlog.min(BACKLOG)).map_err(|_| Errno::Inval)?;
    Ok(held.socket.listen(backlog)?)
}

/// `sock_accept`: the next connection, as a descriptor of its own.
pub(crate) fn sock_accept(
    guest: &mut Guest<'_>,
    fd: u32,
    flags: u32,
    opened: u32,
) -> Result<(), Refusal> {
    guest.check(Slice::new(opened, 4))?;
    let flags = super::fd::parse_flags(flags)?;
    if flags.without(FdFlags::NONBLOCK) != FdFlags::NONE {
        return Err(Errno::Inval.into());
    }
    let fd = accept(guest, fd, flags)?;
    Ok(guest.write_u32(opened, fd)?)
}

/// The next connection's descriptor.
pub(crate) fn accept(guest: &mut Guest<'_>, fd: u32, flags: FdFlags) -> Result<u32, Refusal> {
    let held = Held::find(guest, fd, Rights::SOCK_ACCEPT)?;
    check_room(guest)?;
    let network = network(guest)?;
    let deadline = deadline(held.socket.receive_timeout());
    let accepted = loop {
        match held.socket.accept(network.reactor()) {
            Err(Errno::Again) => held.wait(guest, Interest::Read, deadline)?,
            accepted => break accepted?,
        }
    };
    Ok(guest.files().insert(Descriptor::socket(accepted, flags))?)
}

/// `sock_shutdown`: ends receiving (1), sending (2), or both (3).
pub(crate) fn sock_shutdown(guest: &mut Guest<'_>, fd: u32, how: u32) -> Result<(), Refusal> {
    let held = Held::find(guest, fd, Rights::SOCK_SHUTDOWN)?;
    if how & !3 != 0 {
        return Err(Errno::Inval.into());
    }
    Ok(held.socket.shut_down(how & 1 != 0, how & 2 != 0)?)
}

/// Where an address and what belongs to it go.
#[derive(Clone, Copy)]
pub(crate) struct AddressOut {
    pub(crate) address: u32,
    pub(crate) kind: u32,
    pub(crate) port: u32,
}

/// `sock_getlocaladdr`.
pub(crate) fn sock_getlocaladdr(
    guest: &mut Guest<'_>,
    fd: u32,
    out: AddressOut,
) -> Result<(), Refusal> {
    let address = local(guest, fd)?;
    write_name(guest, out, address)
}

/// A socket's own address.
pub(crate) fn local(guest: &mut Guest<'_>, fd: u32) -> Result<SocketAddr, Errno> {
    Held::find(guest, fd, Rights::NONE)?.socket.local()
}

/// The address of its peer.
pub(crate) fn peer(guest: &mut Guest<'_>, fd: u32) -> Result<SocketAddr, Errno> {
    Held::find(guest, fd, Rights::NONE)?.socket.peer()
}

/// `sock_getpeeraddr`.
pub(crate) fn sock_getpeeraddr(
    guest: &mut Guest<'_>,
    fd: u32,
    out: AddressOut,
) -> Result<(), Refusal> {
    let address = peer(guest, fd)?;
    write_name(guest, out, address)
}

fn write_name(guest: &mut Guest<'_>, out: AddressOut, name: SocketAddr) -> Result<(), Refusal> {
    guest.check(Slice::new(out.kind, 4))?;
    guest.check(Slice::new(out.port, 4))?;
    let room = read_slice(guest, out.address)?;
    let bytes = octets(name.ip());
    if bytes.len() > room.len as usize {
        return Err(Errno::Inval.into());
    }
    guest.write(room.ptr, &bytes)?;
    guest.write_u32(out.kind, if name.is_ipv4() { 4 } else { 6 })?;
    Ok(guest.write_u32(out.port, name.port().into())?)
}

/// The bytes of an address before which its family stands.
const LONG_ADDRESS: u32 = 128;

/// The record behind an address argument: where its bytes are, and how many.
fn read_slice(guest: &Guest<'_>, at: u32) -> Result<Slice, Refusal> {
    let mut words = [0; 8];
    guest.read_into(at, &mut words)?;
    let [a, b, c, d, e, f, g, h] = words;
    let slice = Slice::new(u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    guest.check(slice)?;
    Ok(slice)
}

/// An address of 4 or 16 bytes, or of 128 that begin with its family.
fn read_address(guest: &Guest<'_>, at: u32, port: u32) -> Result<SocketAddr, Refusal> {
    let port = u16::try_from(port).map_err(|_| Errno::Inval)?;
    let slice = read_slice(guest, at)?;
    let mut bytes = [0; 18];
    let (family, ip) = match slice.len {
        4 => (1, &mut bytes[..4]),
        16 => (2, &mut bytes[..16]),
        LONG_ADDRESS => {
            guest.read_into(slice.ptr, &mut bytes)?;
            let (family, rest) = bytes.split_at_mut(2);
            (u16::from_le_bytes([family[0], family[1]]), rest)
        }
        _ => return Err(Errno::Inval.into()),
    };
    if slice.len != LONG_ADDRESS {
        guest.read_into(slice.ptr, ip)?;
    }
    let ip = match (family, &*ip) {
        (1, &[a, b, c, d, ..]) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        (2, bytes) => {
            let octets = bytes.first_chunk::<16>().ok_or(Errno::Inval)?;
            IpAddr::V6(Ipv6Addr::from(*octets))
        }
        _ => return Err(Errno::AfNoSupport.into()),
    };
    Ok(SocketAddr::new(ip, port))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// Number of a family in records.
fn family_number(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 1 } else { 2 }
}
