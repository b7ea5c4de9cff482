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
    /// Resource unavailable, or the operation would block.
    Again = 6 from AGAIN;
    /// Bad file descriptor.
    BadF = 8 from BADF;
    /// Device or resource busy.
    Busy = 10 from BUSY;
    /// Operation cancelled.
    Canceled = 11 from CANCELED;
    /// Storage quota exceeded.
    Dquot = 19 from DQUOT;
    /// File exists.
    Exist = 20 from EXIST;
    /// Bad address.
    Fault = 21 from FAULT;
    /// File too large.
    FBig = 22 from FBIG;
    /// Illegal byte sequence.
    IlSeq = 25 from ILSEQ;
    /// Interrupted.
    Intr = 27 from INTR;
    /// Invalid argument.
    Inval = 28 from INVAL;
    /// Input or output error.
    Io = 29 from IO;
    /// Is a directory.
    IsDir = 31 from ISDIR;
    /// Too many levels of symbolic links.
    Loop = 32 from LOOP;
    /// Too many open files.
    MFile = 33 from MFILE;
    /// Too many links.
    MLink = 34 from MLINK;
    /// File name too long.
    NameTooLong = 37 from NAMETOOLONG;
    /// Too many files open in the system.
    NFile = 41 from NFILE;
    /// No such device.
    NoDev = 43 from NODEV;
    /// No such file or directory.
    NoEnt = 44 from NOENT;
    /// Not enough space.
    NoMem = 48 from NOMEM;
    /// No space left on the device.
    NoSpc = 51 from NOSPC;
    /// Function not supported.
    NoSys = 52 from NOSYS;
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
    /// Read-only file system.
    RoFs = 69 from ROFS;
    /// Invalid seek.
    SPipe = 70 from SPIPE;
    /// Text file busy.
    TxtBsy = 74 from TXTBSY;
    /// Link across devices.
    XDev = 75 from XDEV;
    /// The descriptor's rights do not allow it.
    NotCapable = 76;
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
