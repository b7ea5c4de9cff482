//! The calls on sockets, so that programs link. No descriptor is a socket.

use super::Refusal;
use super::errno::Errno;
use crate::guest::Guest;

/// `sock_accept`.
pub(crate) fn sock_accept(
    guest: &mut Guest<'_>,
    fd: u32,
    _flags: u32,
    _accepted: u32,
) -> Result<(), Refusal> {
    not_a_socket(guest, fd)
}

/// `sock_recv`.
pub(crate) fn sock_recv(
    guest: &mut Guest<'_>,
    fd: u32,
    _buffers: u32,
    _count: u32,
    _flags: u32,
    _received: u32,
    _received_flags: u32,
) -> Result<(), Refusal> {
    not_a_socket(guest, fd)
}

/// `sock_send`.
pub(crate) fn sock_send(
    guest: &mut Guest<'_>,
    fd: u32,
    _buffers: u32,
    _count: u32,
    _flags: u32,
    _sent: u32,
) -> Result<(), Refusal> {
    not_a_socket(guest, fd)
}

/// `sock_shutdown`.
pub(crate) fn sock_shutdown(guest: &mut Guest<'_>, fd: u32, _how: u32) -> Result<(), Refusal> {
    not_a_socket(guest, fd)
}

fn not_a_socket(guest: &mut Guest<'_>, fd: u32) -> Result<(), Refusal> {
    guest.files().find(fd)?;
    Err(Errno::NotSock.into())
}
