//! Rights and flags of descriptors (`rights`, `fdflags`, `oflags`, `lookupflags`, `fstflags` in WASI's `typenames.witx`).

use std::marker::PhantomData;

/// A set of the bits that WASI defines for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set<K> {
    bits: u64,
    kind: PhantomData<K>,
}

/// For what a [`Set`] is.
pub(crate) trait Kind {
    /// Every bit that WASI defines.
    const ALL: u64;
}

impl<K> Set<K> {
    /// The empty set.
    pub(crate) const NONE: Self = Self { bits: 0, kind: PhantomData };

    const fn bit(bit: u32) -> Self {
        Self { bits: 1 << bit, ..Self::NONE }
    }

    /// The bits.
    pub(crate) const fn bits(self) -> u64 {
        self.bits
    }

    /// Whether every bit of `other` is here.
    pub(crate) const fn has(self, other: Self) -> bool {
        self.bits & other.bits == other.bits
    }

    /// Whether some bit of `other` is here.
    pub(crate) const fn has_any(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }

    /// Bits that are in either.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, kind: PhantomData }
    }

    /// Bits that are in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self { bits: self.bits & other.bits, kind: PhantomData }
    }

    /// Bits that are here and not in `other`.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self { bits: self.bits & !other.bits, kind: PhantomData }
    }

    /// Bits that are in one and not in the other.
    pub(crate) const fn differing(self, other: Self) -> Self {
        Self { bits: self.bits ^ other.bits, kind: PhantomData }
    }
}

impl<K: Kind> Set<K> {
    /// The set with these bits, or nothing if WASI does not define one of them.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        if bits & !K::ALL == 0 { Some(Self { bits, kind: PhantomData }) } else { None }
    }

    /// The bits that WASI defines out of these.
    pub(crate) fn from_bits_truncated(bits: u64) -> Self {
        Self { bits: bits & K::ALL, kind: PhantomData }
    }
}

/// What may be done with a descriptor.
pub(crate) type Rights = Set<RightsKind>;

/// The kind of [`Rights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RightsKind;

impl Kind for RightsKind {
    const ALL: u64 = (1 << 30) - 1;
}

impl Rights {
    /// `fd_datasync`.
    pub(crate) const FD_DATASYNC: Self = Self::bit(0);
    /// `fd_read`, and with `FD_SEEK` `fd_pread`.
    pub(crate) const FD_READ: Self = Self::bit(1);
    /// `fd_seek`.
    pub(crate) const FD_SEEK: Self = Self::bit(2);
    /// `fd_fdstat_set_flags`.
    pub(crate) const FD_FDSTAT_SET_FLAGS: Self = Self::bit(3);
    /// `fd_sync`.
    pub(crate) const FD_SYNC: Self = Self::bit(4);
    /// `fd_tell`.
    pub(crate) const FD_TELL: Self = Self::bit(5);
    /// `fd_write`, and with `FD_SEEK` `fd_pwrite`.
    pub(crate) const FD_WRITE: Self = Self::bit(6);
    /// `fd_advise`.
    pub(crate) const FD_ADVISE: Self = Self::bit(7);
    /// `fd_allocate`.
    pub(crate) const FD_ALLOCATE: Self = Self::bit(8);
    /// `path_create_directory`.
    pub(crate) const PATH_CREATE_DIRECTORY: Self = Self::bit(9);
    /// `path_open` with `OFlags::CREAT`.
    pub(crate) const PATH_CREATE_FILE: Self = Self::bit(10);
    /// `path_link`, from here.
    pub(crate) const PATH_LINK_SOURCE: Self = Self::bit(11);
    /// `path_link`, to here.
    pub(crate) const PATH_LINK_TARGET: Self = Self::bit(12);
    /// `path_open`.
    pub(crate) const PATH_OPEN: Self = Self::bit(13);
    /// `fd_readdir`.
    pub(crate) const FD_READDIR: Self = Self::bit(14);
    /// `path_readlink`.
    pub(crate) const PATH_READLINK: Self = Self::bit(15);
    /// `path_rename`, from here.
    pub(crate) const PATH_RENAME_SOURCE: Self = Self::bit(16);
    /// `path_rename`, to here.
    pub(crate) const PATH_RENAME_TARGET: Self = Self::bit(17);
    /// `path_filestat_get`.
    pub(crate) const PATH_FILESTAT_GET: Self = Self::bit(18);
    /// `path_open` with `OFlags::TRUNC`.
    pub(crate) const PATH_FILESTAT_SET_SIZE: Self = Self::bit(19);
    /// `path_filestat_set_times`.
    pub(crate) const PATH_FILESTAT_SET_TIMES: Self = Self::bit(20);
    /// `fd_filestat_get`.
    pub(crate) const FD_FILESTAT_GET: Self = Self::bit(21);
    /// `fd_filestat_set_size`.
    pub(crate) const FD_FILESTAT_SET_SIZE: Self = Self::bit(22);
    /// `fd_filestat_set_times`.
    pub(crate) const FD_FILESTAT_SET_TIMES: Self = Self::bit(23);
    /// `path_symlink`.
    pub(crate) const PATH_SYMLINK: Self = Self::bit(24);
    /// `path_remove_directory`.
    pub(crate) const PATH_REMOVE_DIRECTORY: Self = Self::bit(25);
    /// `path_unlink_file`.
    pub(crate) const PATH_UNLINK_FILE: Self = Self::bit(26);
    /// `poll_oneoff` on the descriptor.
    pub(crate) const POLL_FD_READWRITE: Self = Self::bit(27);
    /// `sock_shutdown`.
    pub(crate) const SOCK_SHUTDOWN: Self = Self::bit(28);
    /// `sock_accept`.
    pub(crate) const SOCK_ACCEPT: Self = Self::bit(29);
}

/// Flags of a descriptor.
pub(crate) type FdFlags = Set<FdFlagsKind>;

/// The kind of [`FdFlags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FdFlagsKind;

impl Kind for FdFlagsKind {
    const ALL: u64 = 0b1_1111;
}

impl FdFlags {
    /// Each write goes to the end.
    pub(crate) const APPEND: Self = Self::bit(0);
    /// Writes wait for the data.
    pub(crate) const DSYNC: Self = Self::bit(1);
    /// Nothing blocks.
    pub(crate) const NONBLOCK: Self = Self::bit(2);
    /// Reads wait like writes do.
    pub(crate) const RSYNC: Self = Self::bit(3);
    /// Writes wait for data and metadata.
    pub(crate) const SYNC: Self = Self::bit(4);
}

/// How `path_open` opens.
pub(crate) type OFlags = Set<OFlagsKind>;

/// The kind of [`OFlags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OFlagsKind;

impl Kind for OFlagsKind {
    const ALL: u64 = 0b1111;
}

impl OFlags {
    /// Make the file if it is not there.
    pub(crate) const CREAT: Self = Self::bit(0);
    /// It must be a directory.
    pub(crate) const DIRECTORY: Self = Self::bit(1);
    /// It must not be there.
    pub(crate) const EXCL: Self = Self::bit(2);
    /// Cut it to nothing.
    pub(crate) const TRUNC: Self = Self::bit(3);
}

/// How paths are resolved.
pub(crate) type LookupFlags = Set<LookupFlagsKind>;

/// The kind of [`LookupFlags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LookupFlagsKind;

impl Kind for LookupFlagsKind {
    const ALL: u64 = 1;
}

impl LookupFlags {
    /// Follow a symbolic link in the last component.
    pub(crate) const SYMLINK_FOLLOW: Self = Self::bit(0);
}

/// Which times to set.
pub(crate) type FstFlags = Set<FstFlagsKind>;

/// The kind of [`FstFlags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FstFlagsKind;

impl Kind for FstFlagsKind {
    const ALL: u64 = 0b1111;
}

impl FstFlags {
    /// The access time given.
    pub(crate) const ATIM: Self = Self::bit(0);
    /// Access time: now.
    pub(crate) const ATIM_NOW: Self = Self::bit(1);
    /// The modification time given.
    pub(crate) const MTIM: Self = Self::bit(2);
    /// Modification time: now.
    pub(crate) const MTIM_NOW: Self = Self::bit(3);
}

impl Rights {
    /// What makes sense for a file that is neither a directory nor a stream.
    pub(crate) const FILE: Self = Self::FD_DATASYNC
        .or(Self::FD_READ)
        .or(Self::FD_SEEK)
        .or(Self::FD_FDSTAT_SET_FLAGS)
        .or(Self::FD_SYNC)
        .or(Self::FD_TELL)
        .or(Self::FD_WRITE)
        .or(Self::FD_ADVISE)
        .or(Self::FD_ALLOCATE)
        .or(Self::FD_FILESTAT_GET)
        .or(Self::FD_FILESTAT_SET_SIZE)
        .or(Self::FD_FILESTAT_SET_TIMES)
        .or(Self::POLL_FD_READWRITE);

    /// What makes sense for a directory.
    pub(crate) const DIRECTORY: Self = Self::PATH_CREATE_DIRECTORY
        .or(Self::PATH_CREATE_FILE)
        .or(Self::PATH_LINK_SOURCE)
        .or(Self::PATH_LINK_TARGET)
        .or(Self::PATH_OPEN)
        .or(Self::FD_READDIR)
        .or(Self::PATH_READLINK)
        .or(Self::PATH_RENAME_SOURCE)
        .or(Self::PATH_RENAME_TARGET)
        .or(Self::PATH_FILESTAT_GET)
        .or(Self::PATH_FILESTAT_SET_SIZE)
        .or(Self::PATH_FILESTAT_SET_TIMES)
        .or(Self::FD_FILESTAT_GET)
        .or(Self::FD_FILESTAT_SET_TIMES)
        .or(Self::FD_SYNC)
        .or(Self::FD_DATASYNC)
        .or(Self::PATH_SYMLINK)
        .or(Self::PATH_REMOVE_DIRECTORY)
        .or(Self::PATH_UNLINK_FILE)
        .or(Self::POLL_FD_READWRITE);

    /// Everything that changes a file or a directory.
    pub(crate) const CHANGING: Self = Self::FD_WRITE
        .or(Self::FD_ALLOCATE)
        .or(Self::FD_FILESTAT_SET_SIZE)
        .or(Self::FD_FILESTAT_SET_TIMES)
        .or(Self::PATH_CREATE_DIRECTORY)
        .or(Self::PATH_CREATE_FILE)
        .or(Self::PATH_LINK_SOURCE)
        .or(Self::PATH_LINK_TARGET)
        .or(Self::PATH_RENAME_SOURCE)
        .or(Self::PATH_RENAME_TARGET)
        .or(Self::PATH_FILESTAT_SET_SIZE)
        .or(Self::PATH_FILESTAT_SET_TIMES)
        .or(Self::PATH_SYMLINK)
        .or(Self::PATH_REMOVE_DIRECTORY)
        .or(Self::PATH_UNLINK_FILE);

    /// A socket.
    pub(crate) const SOCKET: Self = Self::FD_READ
        .or(Self::FD_WRITE)
        .or(Self::FD_FDSTAT_SET_FLAGS)
        .or(Self::FD_FILESTAT_GET)
        .or(Self::POLL_FD_READWRITE)
        .or(Self::SOCK_SHUTDOWN)
        .or(Self::SOCK_ACCEPT);

    /// A stream that can be read.
    pub(crate) const STREAM_IN: Self =
        Self::FD_READ.or(Self::FD_FILESTAT_GET).or(Self::POLL_FD_READWRITE);

    /// A stream that can be written.
    pub(crate) const STREAM_OUT: Self = Self::FD_WRITE
        .or(Self::FD_FILESTAT_GET)
        .or(Self::FD_SYNC)
        .or(Self::FD_DATASYNC)
        .or(Self::POLL_FD_READWRITE);
}
