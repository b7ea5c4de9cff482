//! A socket, which never blocks a thread: what cannot be done now says so, and its [`Source`] tells when to try again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno as HostErrno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketFlags, SocketType, sockopt,
};

use super::reactor::{Reactor, Source};
use super::rules::Transport;
use crate::wasi::errno::Errno;

/// An open socket; a clone is another handle to it.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    source: Arc<Source>,
    pub(crate) transport: Transport,
    pub(crate) family: Family,
}

/// Of what kind a socket's addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// None: the socket is one of a pair, which leads to the other and nowhere else.
    Pair,
}

impl Family {
    pub(crate) fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// What was received.
pub(crate) struct Received {
    /// Bytes that are in the buffer.
    pub(crate) bytes: usize,
    /// Whether the datagram was longer.
    pub(crate) is_cut: bool,
    /// Who sent it, where that is not known beforehand.
    pub(crate) from: Option<SocketAddr>,
}

/// An option that a guest may read, and set unless it only says what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketOption {
    ReuseAddress,
    Type,
    Error,
    Broadcast,
    SendBuffer,
    ReceiveBuffer,
    KeepAlive,
    AcceptsConnections,
    NoDelay,
    OnlyV6,
    ReceiveTimeout,
    SendTimeout,
}

/// The value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u32),
    /// 0 is for ever.
    Time(Duration),
}

/// The buffers that a guest may have, in bytes, of those that it asks for.
const BUFFERS: std::ops::RangeInclusive<u32> = 4096..=(1 << 20);

const NONBLOCKING: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

impl Socket {
    pub(crate) fn open(
        reactor: &Reactor,
        family: Family,
        transport: Transport,
    ) -> Result<Self, Errno> {
        let domain = match family {
            Family::V4 => AddressFamily::INET,
            Family::V6 => AddressFamily::INET6,
            Family::Pair => return Err(Errno::AfNoSupport),
        };
        let open = || rustix::net::socket_with(domain, kind(transport), NONBLOCKING, None);
        Ok(Self { source: reactor.open(open)?, transport, family })
    }

    /// Two that are connected to each other.
    pub(crate) fn pair(reactor: &Reactor, transport: Transport) -> Result<[Self; 2], Errno> {
        let kind = kind(transport);
        let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, kind, NONBLOCKING, None)?;
        let socket = |fd| -> Result<Self, Errno> {
            Ok(Self {
                source: reactor.open(|| Ok::<_, Errno>(fd))?,
                transport,
                family: Family::Pair,
            })
        };
        Ok([socket(one)?, socket(other)?])
    }

    /// Whether it is one of a pair: nothing leaves the call by it.
    pub(crate) fn is_of_pair(&self) -> bool {
        self.family == Family::Pair
    }

    /// What it can be waited for with.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Begins to connect; `INPROGRESS` says that it will be writable when it has.
    pub(crate) fn connect(&self, to: SocketAddr) -> Result<(), Errno> {
        Ok(rustix::net::connect(&self.source, &self.fitting(to)?)?)
    }

    pub(crate) fn bind(&self, at: SocketAddr) -> Result<(), Errno> {
        Ok(rustix::net::bind(&self.source, &self.fitting(at)?)?)
    }

    /// An address of the socket's family, with no zone: those are of links, which are closed.
    fn fitting(&self, address: SocketAddr) -> Result<SocketAddr, Errno> {
        let is_fit = self.family == Family::of(address.ip());
        is_fit.then(|| SocketAddr::new(address.ip(), address.port())).ok_or(Errno::AfNoSupport)
    }

    pub(crate) fn listen(&self, backlog: i32) -> Result<(), Errno> {
        Ok(rustix::net::listen(&self.source, backlog)?)
    }

    /// The next connection, as a socket of its own.
    pub(crate) fn accept(&self, reactor: &Reactor) -> Result<Self, Errno> {
        let accept = || rustix::net::accept_with(&self.source, NONBLOCKING);
        let source = reactor.open(accept)?;
        Ok(Self { source, transport: self.transport, family: self.family })
    }

    /// Sends as much as there is room for.
    pub(crate) fn send(&self, bytes: &[u8], to: Option<SocketAddr>) -> Result<usize, Errno> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        Ok(match to {
            None => rustix::net::send(&self.source, bytes, flags)?,
            Some(to) => rustix::net::sendto(&self.source, bytes, flags, &self.fitting(to)?)?,
        })
    }

    /// Receives what is there; `peek` leaves it there.
    pub(crate) fn receive(&self, into: &mut [u8], peek: bool) -> Result<Received, Errno> {
        let mut flags = RecvFlags::DONTWAIT;
        flags.set(RecvFlags::PEEK, peek);
        if self.transport == Transport::Tcp {
            let (bytes, _) = rustix::net::recv(&self.source, into, flags)?;
            return Ok(Received { bytes, is_cut: false, from: None });
        }
        let (bytes, whole, from) =
            rustix::net::recvfrom(&self.source, into, flags | RecvFlags::TRUNC)?;
        let from = from.and_then(|from| SocketAddr::try_from(from).ok());
        Ok(Received { bytes, is_cut: whole > bytes, from })
    }

    pub(crate) fn local(&self) -> Result<SocketAddr, Errno> {
        address(rustix::net::getsockname(&self.source)?)
    }

    pub(crate) fn peer(&self) -> Result<SocketAddr, Errno> {
        address(rustix::net::getpeername(&self.source)?.ok_or(Errno::NotConn)?)
    }

    pub(crate) fn shut_down(&self, read: bool, write: bool) -> Result<(), Errno> {
        let how = match (read, write) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, true) => Shutdown::Write,
            (false, false) => return Err(Errno::Inval),
        };
        Ok(rustix::net::shutdown(&self.source, how)?)
    }

    /// What went wrong since it was last asked.
    pub(crate) fn take_error(&self) -> Result<Option<Errno>, Errno> {
        Ok(sockopt::socket_error(&self.source)?.err().map(Errno::from))
    }

    pub(crate) fn is_listening(&self) -> bool {
        sockopt::socket_acceptconn(&self.source).unwrap_or(false)
    }

    /// Bytes that can be read at once.
    pub(crate) fn available(&self) -> u64 {
        if self.is_listening() { 0 } else { rustix::io::ioctl_fionread(&self.source).unwrap_or(0) }
    }

    pub(crate) fn receive_timeout(&self) -> Option<Duration> {
        sockopt::socket_timeout(&self.source, sockopt::Timeout::Recv).unwrap_or(None)
    }

    pub(crate) fn send_timeout(&self) -> Option<Duration> {
        sockopt::socket_timeout(&self.source, sockopt::Timeout::Send).unwrap_or(None)
    }

    pub(crate) fn option(&self, option: SocketOption) -> Result<Value, Errno> {
        let socket = &self.source;
        let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let number = match option {
            SocketOption::ReuseAddress => sockopt::socket_reuseaddr(socket)?.into(),
            SocketOption::Type => match self.transport {
                Transport::Udp => 1,
                Transport::Tcp => 2,
            },
            SocketOption::Error => self.take_error()?.map_or(0, |error| u32::from(error as u16)),
            SocketOption::Broadcast => sockopt::socket_broadcast(socket)?.into(),
            SocketOption::SendBuffer => size(sockopt::socket_send_buffer_size(socket)?),
            SocketOption::ReceiveBuffer => size(sockopt::socket_recv_buffer_size(socket)?),
            SocketOption::KeepAlive => sockopt::socket_keepalive(socket)?.into(),
            SocketOption::AcceptsConnections => self.is_listening().into(),
            SocketOption::NoDelay => sockopt::tcp_nodelay(socket)?.into(),
            SocketOption::OnlyV6 => sockopt::ipv6_v6only(socket)?.into(),
            SocketOption::ReceiveTimeout => {
                return Ok(Value::Time(self.receive_timeout().unwrap_or_default()));
            }
            SocketOption::SendTimeout => {
                return Ok(Value::Time(self.send_timeout().unwrap_or_default()));
            }
        };
        Ok(Value::Number(number))
    }

    pub(crate) fn set_option(&self, option: SocketOption, value: Value) -> Result<(), Errno> {
        let socket = &self.source;
        match (option, value) {
            (SocketOption::ReuseAddress, Value::Number(on)) => {
                sockopt::set_socket_reuseaddr(socket, on != 0)?;
            }
            (SocketOption::SendBuffer, Value::Number(size)) => {
                let size = size.clamp(*BUFFERS.start(), *BUFFERS.end());
                sockopt::set_socket_send_buffer_size(socket, size as usize)?;
            }
            (SocketOption::ReceiveBuffer, Value::Number(size)) => {
                let size = size.clamp(*BUFFERS.start(), *BUFFERS.end());
                sockopt::set_socket_recv_buffer_size(socket, size as usize)?;
            }
            (SocketOption::KeepAlive, Value::Number(on)) => {
                sockopt::set_socket_keepalive(socket, on != 0)?;
            }
            (SocketOption::NoDelay, Value::Number(on)) => {
                sockopt::set_tcp_nodelay(socket, on != 0)?;
            }
            (SocketOption::OnlyV6, Value::Number(on)) => {
                sockopt::set_ipv6_v6only(socket, on != 0)?;
            }
            (SocketOption::ReceiveTimeout, Value::Time(time)) => {
                sockopt::set_socket_timeout(socket, sockopt::Timeout::Recv, not_zero(time))?;
            }
            (SocketOption::SendTimeout, Value::Time(time)) => {
                sockopt::set_socket_timeout(socket, sockopt::Timeout::Send, not_zero(time))?;
            }
            // Many hosts at one time are closed to guests.
            (SocketOption::Broadcast, Value::Number(0)) => {}
            (SocketOption::Broadcast, Value::Number(_)) => return Err(Errno::Acces),
            _ => return Err(Errno::NoProtoOpt),
        }
        Ok(())
    }
}

fn kind(transport: Transport) -> SocketType {
    match transport {
        Transport::Tcp => SocketType::STREAM,
        Transport::Udp => SocketType::DGRAM,
    }
}

fn not_zero(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

fn address(any: SocketAddrAny) -> Result<SocketAddr, Errno> {
    SocketAddr::try_from(any).map_err(|error: HostErrno| error.into())
}
