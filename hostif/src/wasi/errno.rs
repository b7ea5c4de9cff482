//! Error numbers of WASI preview 1 (`errno` in its `typenames.witx`) and what becomes of the host's errors.

use std::io;

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $number:literal $(from $host:ident)?;)*) => {
        /// An error number of WASI preview 1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Errno {
            $($(#[$doc])* $name = $number,)*
        }

        /// The guest's number for an error number of the operating system.
        fn from_host(host: rustix::io::Errno) -> Option<Errno> {
            $($(if host == rustix::io::Errno::$host {
                return Some(Errno::$name);
            })?)*
            None
        }
    };
}

errnos! {
    /// Argument list too long.
    TooBig = 1 from TOOBIG;
    /// Permission denied.
    Acces = 2 from ACCESS;
    /// Address in use.
    AddrInUse = 3 from ADDRINUSE;
    /// Address not available.
    AddrNotAvail = 4 from ADDRNOTAVAIL;
    /// Address family not supported.
    AfNoSupport = 5 from AFNOSUPPORT;
    /// Resource unavailable, or the operation would block.
    Again = 6 from AGAIN;
    /// Connection already in progress.
    Already = 7 from ALREADY;
    /// Bad file descriptor.
    BadF = 8 from BADF;
    /// Device or resource busy.
    Busy = 10 from BUSY;
    /// Operation cancelled.
    Canceled = 11 from CANCELED;
    /// Connection aborted.
    ConnAborted = 13 from CONNABORTED;
    /// Connection refused.
    ConnRefused = 14 from CONNREFUSED;
    /// Connection reset.
    ConnReset = 15 from CONNRESET;
    /// Destination address required.
    DestAddrReq = 17 from DESTADDRREQ;
    /// Storage quota exceeded.
    Dquot = 19 from DQUOT;
    /// File exists.
    Exist = 20 from EXIST;
    /// Bad address.
    Fault = 21 from FAULT;
    /// File too large.
    FBig = 22 from FBIG;
    /// Host unreachable.
    HostUnreach = 23 from HOSTUNREACH;
    /// Illegal byte sequence.
    IlSeq = 25 from ILSEQ;
    /// Operation in progress.
    InProgress = 26 from INPROGRESS;
    /// Interrupted.
    Intr = 27 from INTR;
    /// Invalid argument.
    Inval = 28 from INVAL;
    /// Input or output error.
    Io = 29 from IO;
    /// Socket is connected.
    IsConn = 30 from ISCONN;
    /// Is a directory.
    IsDir = 31 from ISDIR;
    /// Too many levels of symbolic links.
    Loop = 32 from LOOP;
    /// Too many open files.
    MFile = 33 from MFILE;
    /// Too many links.
    MLink = 34 from MLINK;
    /// Message too large.
    MsgSize = 35 from MSGSIZE;
    /// File name too long.
    NameTooLong = 37 from NAMETOOLONG;
    /// Network is down.
    NetDown = 38 from NETDOWN;
    /// Connection aborted by the network.
    NetReset = 39 from NETRESET;
    /// Network unreachable.
    NetUnreach = 40 from NETUNREACH;
    /// Too many files open in the system.
    NFile = 41 from NFILE;
    /// No buffer space available.
    NoBufs = 42 from NOBUFS;
    /// No such device.
    NoDev = 43 from NODEV;
    /// No such file or directory.
    NoEnt = 44 from NOENT;
    /// Not enough space.
    NoMem = 48 from NOMEM;
    /// Protocol not available.
    NoProtoOpt = 50 from NOPROTOOPT;
    /// No space left on the device.
    NoSpc = 51 from NOSPC;
    /// Function not supported.
    NoSys = 52 from NOSYS;
    /// Socket is not connected.
    NotConn = 53 from NOTCONN;
    /// Not a directory.
    NotDir = 54 from NOTDIR;
    /// Directory not empty.
    NotEmpty = 55 from NOTEMPTY;
    /// Not a socket.
    NotSock = 57 from NOTSOCK;
    /// Not supported, or the operation is not supported on a socket.
    NotSup = 58 from NOTSUP;
    /// Inappropriate control operation.
    NotTty = 59 from NOTTY;
    /// No such device or address.
    NxIo = 60 from NXIO;
    /// Value too large.
    Overflow = 61 from OVERFLOW;
    /// Operation not permitted.
    Perm = 63 from PERM;
    /// Broken pipe.
    Pipe = 64 from PIPE;
    /// Protocol error.
    Proto = 65 from PROTO;
    /// Protocol not supported.
    ProtoNoSupport = 66 from PROTONOSUPPORT;
    /// Protocol of the wrong type for the socket.
    Prototype = 67 from PROTOTYPE;
    /// Read-only file system.
    RoFs = 69 from ROFS;
    /// Invalid seek.
    SPipe = 70 from SPIPE;
    /// Connection timed out.
    TimedOut = 73 from TIMEDOUT;
    /// Text file busy.
    TxtBsy = 74 from TXTBSY;
    /// Link across devices.
    XDev = 75 from XDEV;
    /// The descriptor's rights do not allow it.
    NotCapable = 76;
    /// A name cannot be looked up now (`EAI_AGAIN`; this and those that follow are no numbers of preview 1, but of the
    /// extension for sockets).
    AiAgain = 78;
    /// Looking a name up failed.
    AiFail = 80;
    /// The family of addresses is not known.
    AiFamily = 81;
    /// The name has no such address, or none that the guest could reach.
    AiNoData = 83;
    /// There is no such name.
    AiNoName = 84;
    /// There is no such service.
    AiService = 85;
    /// The type of socket is not known.
    AiSockType = 86;
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        rustix::io::Errno::from_io_error(&error)
            .and_then(from_host)
            .unwrap_or_else(|| from_kind(error.kind()))
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        from_host(error).unwrap_or(Self::Io)
    }
}

/// For errors that no system call gave: cap-std's own refusal of a path that leads out of its directory is one.
fn from_kind(kind: io::ErrorKind) -> Errno {
    match kind {
        io::ErrorKind::NotFound => Errno::NoEnt,
        io::ErrorKind::PermissionDenied => Errno::Perm,
        io::ErrorKind::AlreadyExists => Errno::Exist,
        io::ErrorKind::WouldBlock => Errno::Again,
        io::ErrorKind::InvalidInput => Errno::Inval,
        io::ErrorKind::InvalidData => Errno::IlSeq,
        io::ErrorKind::Interrupted => Errno::Intr,
        io::ErrorKind::Unsupported => Errno::NotSup,
        io::ErrorKind::BrokenPipe => Errno::Pipe,
        io::ErrorKind::NotADirectory => Errno::NotDir,
        io::ErrorKind::IsADirectory => Errno::IsDir,
        io::ErrorKind::OutOfMemory => Errno::NoMem,
        _ => Errno::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_errors_become_the_numbers_of_the_specification() {
        let host = |errno: rustix::io::Errno| Errno::from(io::Error::from(errno)) as u16;
        assert_eq!(host(rustix::io::Errno::NOENT), 44);
        assert_eq!(host(rustix::io::Errno::NOTEMPTY), 55);
        assert_eq!(host(rustix::io::Errno::CHRNG), Errno::Io as u16);
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "outside");
        assert_eq!(Errno::from(escape), Errno::Perm);
    }
}
