//! Sockets: the calls of preview 1, and the extension that opens and connects them.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::faasm::posix;
use crate::guest::{Guest, Slice};
use crate::host::HostState;
use crate::table::{FAASM, HostFunction, ROOM, Touches, WASI};
use crate::wasi;
use crate::wasi::socket::lookup::{self, List, Question};
use crate::wasi::socket::transfer::{self, Destination, ReceivedOut, SenderOut};
use crate::wasi::socket::{self, AddressOut, options};

functions!(NET_FUNCTIONS, WASI, wasi::answer, {
    /// Takes a connection from a listening socket, as a new descriptor.
    "sock_accept" = socket::sock_accept(fd, flags, accepted_fd):
        (fd: u32, flags: u32, accepted_fd: u32) -> u32, Network;
    /// Receives from a socket; flag 4 says not to wait.
    "sock_recv" = transfer::sock_recv(fd, Slice::new(iovs, iovs_len), ri_flags, ReceivedOut { bytes: nread, flags: ro_flags }):
        (fd: u32, iovs: u32, iovs_len: u32, ri_flags: u32, nread: u32, ro_flags: u32) -> u32, Network;
    /// Sends on a socket; flag 1 says not to wait.
    "sock_send" = transfer::sock_send(fd, Slice::new(iovs, iovs_len), si_flags, nwritten):
        (fd: u32, iovs: u32, iovs_len: u32, si_flags: u32, nwritten: u32) -> u32, Network;
    /// Ends receiving, sending or both.
    "sock_shutdown" = socket::sock_shutdown(fd, how):
        (fd: u32, how: u32) -> u32, Network;
    /// Extension: opens a socket, of IPv4 (1) or IPv6 (2), for datagrams (1) or a stream (2).
    "sock_open" = socket::sock_open(family, kind, opened_fd):
        (family: u32, kind: u32, opened_fd: u32) -> u32, Network;
    /// Extension: connects a socket, if the function's egress rules open the address.
    "sock_connect" = socket::sock_connect(fd, address, port):
        (fd: u32, address: u32, port: u32) -> u32, Network;
    /// Extension: gives a socket an address of this host.
    "sock_bind" = socket::sock_bind(fd, address, port):
        (fd: u32, address: u32, port: u32) -> u32, Network;
    /// Extension: has a socket take connections, if the function may listen there.
    "sock_listen" = socket::sock_listen(fd, backlog):
        (fd: u32, backlog: u32) -> u32, Network;
    /// Extension: receives, and says from whom.
    "sock_recv_from" = transfer::sock_recv_from(fd, Slice::new(iovs, iovs_len), ri_flags,
        (SenderOut { address, port }, ReceivedOut { bytes: nread, flags: ro_flags })):
        (fd: u32, iovs: u32, iovs_len: u32, address: u32, ri_flags: u32, port: u32, nread: u32, ro_flags: u32) -> u32,
        Network;
    /// Extension: sends a datagram, if the function's egress rules open the address.
    "sock_send_to" = transfer::sock_send_to(fd, Slice::new(iovs, iovs_len), Destination { address, port },
        (si_flags, nwritten)):
        (fd: u32, iovs: u32, iovs_len: u32, address: u32, port: u32, si_flags: u32, nwritten: u32) -> u32, Network;
    /// Extension: the socket's own address.
    "sock_getlocaladdr" = socket::sock_getlocaladdr(fd, AddressOut { address, kind, port }):
        (fd: u32, address: u32, kind: u32, port: u32) -> u32, Network;
    /// Extension: the address of the socket's peer.
    "sock_getpeeraddr" = socket::sock_getpeeraddr(fd, AddressOut { address, kind, port }):
        (fd: u32, address: u32, kind: u32, port: u32) -> u32, Network;
    /// Extension: an option's value.
    "sock_getsockopt" = options::sock_getsockopt(fd, (level, name), value, value_len):
        (fd: u32, level: u32, name: u32, value: u32, value_len: u32) -> u32, Network;
    /// Extension: sets an option.
    "sock_setsockopt" = options::sock_setsockopt(fd, (level, name), Slice::new(value, value_len)):
        (fd: u32, level: u32, name: u32, value: u32, value_len: u32) -> u32, Network;
    /// Extension: the addresses of a name that the function's egress rules are about.
    "sock_getaddrinfo" = lookup::sock_getaddrinfo(
        Question { node: Slice::new(node, node_len), service: Slice::new(service, service_len), hints },
        List { first: list, max: list_len, filled }):
        (node: u32, node_len: u32, service: u32, service_len: u32, hints: u32, list: u32, list_len: u32,
         filled: u32) -> u32, Network;
});

functions!(POSIX_FUNCTIONS, FAASM, posix::answer, {
    /// C's `socket`; these answer -1 where something is wrong.
    "socket" = posix::socket(domain, kind, protocol):
        (domain: u32, kind: u32, protocol: u32) -> i32, Network;
    /// C's `socketpair`, of the local family (3): two sockets that are connected to each other, and are no network.
    "socketpair" = posix::socketpair(domain, (kind, protocol), pair):
        (domain: u32, kind: u32, protocol: u32, pair: u32) -> i32, Network;
    /// C's `connect`.
    "connect" = posix::connect(fd, Slice::new(address, address_len)):
        (fd: u32, address: u32, address_len: u32) -> i32, Network;
    /// C's `bind`.
    "bind" = posix::bind(fd, Slice::new(address, address_len)):
        (fd: u32, address: u32, address_len: u32) -> i32, Network;
    /// C's `listen`.
    "listen" = posix::listen(fd, backlog):
        (fd: u32, backlog: u32) -> i32, Network;
    /// C's `accept`.
    "accept" = posix::accept(fd, address, address_len):
        (fd: u32, address: u32, address_len: u32) -> i32, Network;
    /// C's `send`.
    "send" = posix::send(fd, Slice::new(data, data_len), (flags, Slice::new(0, 0))):
        (fd: u32, data: u32, data_len: u32, flags: u32) -> i32, Network;
    /// C's `sendto`.
    "sendto" = posix::send(fd, Slice::new(data, data_len), (flags, Slice::new(address, address_len))):
        (fd: u32, data: u32, data_len: u32, flags: u32, address: u32, address_len: u32) -> i32, Network;
    /// C's `recv`.
    "recv" = posix::recv(fd, Slice::new(data, data_len), (flags, 0, 0)):
        (fd: u32, data: u32, data_len: u32, flags: u32) -> i32, Network;
    /// C's `recvfrom`.
    "recvfrom" = posix::recv(fd, Slice::new(data, data_len), (flags, address, address_len)):
        (fd: u32, data: u32, data_len: u32, flags: u32, address: u32, address_len: u32) -> i32, Network;
    /// C's `shutdown`.
    "shutdown" = posix::shutdown(fd, how):
        (fd: u32, how: u32) -> i32, Network;
    /// C's `getsockname`.
    "getsockname" = posix::getsockname(fd, address, address_len):
        (fd: u32, address: u32, address_len: u32) -> i32, Network;
    /// C's `setsockopt`.
    "setsockopt" = posix::setsockopt(fd, (level, name), Slice::new(value, value_len)):
        (fd: u32, level: u32, name: u32, value: u32, value_len: u32) -> i32, Network;
    /// C's `getsockopt`.
    "getsockopt" = posix::getsockopt(fd, (level, name), (value, value_len)):
        (fd: u32, level: u32, name: u32, value: u32, value_len: u32) -> i32, Network;
});
