//! What of a socket the safe libraries do not offer.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Has whoever waits for the socket to be readable woken only when so many bytes have come, or its end, or an error
/// (`SO_RCVLOWAT`, socket(7)). A new socket wakes from one byte on.
///
/// # Errors
///
/// What the system says.
pub fn wake_from(socket: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes.max(1)).unwrap_or(libc::c_int::MAX);
    // SAFETY: the descriptor is open, and the option's value is an `int` of this length, which the system only reads.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            INT,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[allow(clippy::cast_possible_truncation, reason = "an `int` has a few bytes")]
const INT: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    fn is_readable(socket: &TcpStream, millis: i32) -> bool {
        let mut polled = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one `pollfd`, which is ours alone.
        let found = unsafe { libc::poll(&raw mut polled, 1, millis) };
        assert!(found >= 0);
        found == 1
    }

    #[test]
    fn few_bytes_wake_nobody_and_as_many_as_were_said_do() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        // Who waited would wait for three bytes too.
        socket.set_nonblocking(true).unwrap();
        wake_from(socket.as_fd(), 3).unwrap();
        peer.write_all(&[1; 2]).unwrap();
        let mut seen = [0; 4];
        while socket.peek(&mut seen).unwrap_or(0) < 2 {}
        assert!(!is_readable(&socket, 0));
        peer.write_all(&[1]).unwrap();
        assert!(is_readable(&socket, 60_000));
        wake_from(socket.as_fd(), 100).unwrap();
        assert!(!is_readable(&socket, 0));
        drop(peer);
        assert!(is_readable(&socket, 60_000), "its end");
    }
}
