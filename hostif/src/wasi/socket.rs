//! The calls on sockets, so that programs link. No descriptor is a socket.

use super::Refusal;
use super::errno::Errno;
use crate::guest::Guest;

/// `sock_accept`, `sock_recv`, `sock_send` and `sock_shutdown`.
pub(crate) fn not_a_socket(guest: &mut Guest<'_>, fd: u32) -> Result<(), Refusal> {
    guest.files().find(fd)?;
    Err(Errno::NotSock.into())
}
