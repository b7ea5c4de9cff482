//! Rights and flags of descriptors (`rights`, `fdflags`, `oflags`, `lookupflags`, `fstflags` in WASI's `typenames.witx`).

/// Defines a set of bits with the operations that this crate uses.
macro_rules! bits {
    ($(#[$doc:meta])* $set:ident: $int:ty { $($(#[$bit_doc:meta])* $name:ident = $bit:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $set($int);

        #[allow(dead_code, reason = "the sets are WASI's, whole; not every operation is needed of each")]
        impl $set {
            /// The empty set.
            pub(crate) const NONE: Self = Self(0);
            $($(#[$bit_doc])* pub(crate) const $name: Self = Self(1 << $bit);)*
            /// Every bit that WASI defines.
            pub(crate) const ALL: Self = Self(0 $(| 1 << $bit)*);

            /// The set with these bits, or nothing if WASI does not define one of them.
            #[must_use]
            pub(crate) const fn from_bits(bits: $int) -> Option<Self> {
                if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
            }

            /// The bits that WASI defines out of these.
            #[must_use]
            pub(crate) const fn from_bits_truncated(bits: $int) -> Self {
                Self(bits & Self::ALL.0)
            }

            /// The bits.
            #[must_use]
            pub(crate) const fn bits(self) -> $int {
                self.0
            }

            /// Whether every bit of `other` is here.
            #[must_use]
            pub(crate) const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether some bit of `other` is here.
            #[must_use]
            pub(crate) const fn has_any(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Bits that are in either.
            #[must_use]
            pub(crate) const fn or(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Bits that are in both.
            #[must_use]
            pub(crate) const fn and(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// Bits that are here and not in `other`.
            #[must_use]
            pub(crate) const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }
    };
}

bits! {
    /// What may be done with a descriptor.
    Rights: u64 {
        /// `fd_datasync`.
        FD_DATASYNC = 0;
        /// `fd_read`, and with `FD_SEEK` `fd_pread`.
        FD_READ = 1;
        /// `fd_seek`.
        FD_SEEK = 2;
        /// `fd_fdstat_set_flags`.
        FD_FDSTAT_SET_FLAGS = 3;
        /// `fd_sync`.
        FD_SYNC = 4;
        /// `fd_tell`.
        FD_TELL = 5;
        /// `fd_write`, and with `FD_SEEK` `fd_pwrite`.
        FD_WRITE = 6;
        /// `fd_advise`.
        FD_ADVISE = 7;
        /// `fd_allocate`.
        FD_ALLOCATE = 8;
        /// `path_create_directory`.
        PATH_CREATE_DIRECTORY = 9;
        /// `path_open` with `OFlags::CREAT`.
        PATH_CREATE_FILE = 10;
        /// `path_link`, from here.
        PATH_LINK_SOURCE = 11;
        /// `path_link`, to here.
        PATH_LINK_TARGET = 12;
        /// `path_open`.
        PATH_OPEN = 13;
        /// `fd_readdir`.
        FD_READDIR = 14;
        /// `path_readlink`.
        PATH_READLINK = 15;
        /// `path_rename`, from here.
        PATH_RENAME_SOURCE = 16;
        /// `path_rename`, to here.
        PATH_RENAME_TARGET = 17;
        /// `path_filestat_get`.
        PATH_FILESTAT_GET = 18;
        /// `path_open` with `OFlags::TRUNC`.
        PATH_FILESTAT_SET_SIZE = 19;
        /// `path_filestat_set_times`.
        PATH_FILESTAT_SET_TIMES = 20;
        /// `fd_filestat_get`.
        FD_FILESTAT_GET = 21;
        /// `fd_filestat_set_size`.
        FD_FILESTAT_SET_SIZE = 22;
        /// `fd_filestat_set_times`.
        FD_FILESTAT_SET_TIMES = 23;
        /// `path_symlink`.
        PATH_SYMLINK = 24;
        /// `path_remove_directory`.
        PATH_REMOVE_DIRECTORY = 25;
        /// `path_unlink_file`.
        PATH_UNLINK_FILE = 26;
        /// `poll_oneoff` on the descriptor.
        POLL_FD_READWRITE = 27;
        /// `sock_shutdown`.
        SOCK_SHUTDOWN = 28;
        /// `sock_accept`.
        SOCK_ACCEPT = 29;
    }
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

bits! {
    /// Flags of a descriptor.
    FdFlags: u16 {
        /// Each write goes to the end.
        APPEND = 0;
        /// Writes wait for the data.
        DSYNC = 1;
        /// Nothing blocks.
        NONBLOCK = 2;
        /// Reads wait like writes do.
        RSYNC = 3;
        /// Writes wait for data and metadata.
        SYNC = 4;
    }
}

bits! {
    /// How `path_open` opens.
    OFlags: u16 {
        /// Make the file if it is not there.
        CREAT = 0;
        /// It must be a directory.
        DIRECTORY = 1;
        /// It must not be there.
        EXCL = 2;
        /// Cut it to nothing.
        TRUNC = 3;
    }
}

bits! {
    /// How paths are resolved.
    LookupFlags: u32 {
        /// Follow a symbolic link in the last component.
        SYMLINK_FOLLOW = 0;
    }
}

bits! {
    /// Which times to set.
    FstFlags: u16 {
        /// The access time given.
        ATIM = 0;
        /// Access time: now.
        ATIM_NOW = 1;
        /// The modification time given.
        MTIM = 2;
        /// Modification time: now.
        MTIM_NOW = 3;
    }
}
