//! What is known of a file: WASI's `filestat` and `filetype`.

use std::time::SystemTime;

use cap_fs_ext::SystemTimeSpec;
use cap_std::fs::{FileTypeExt, Metadata, MetadataExt};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use crate::wasi::errno::Errno;
use crate::wasi::rights::FstFlags;

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDatagram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl From<cap_std::fs::FileType> for FileType {
    fn from(kind: cap_std::fs::FileType) -> Self {
        if kind.is_dir() {
            Self::Directory
        } else if kind.is_file() {
            Self::RegularFile
        } else if kind.is_symlink() {
            Self::SymbolicLink
        } else if kind.is_char_device() {
            Self::CharacterDevice
        } else if kind.is_block_device() {
            Self::BlockDevice
        } else if kind.is_socket() {
            Self::SocketStream
        } else {
            Self::Unknown
        }
    }
}

/// Attributes of a file; times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filestat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) file_type: FileType,
    pub(crate) links: u64,
    pub(crate) size: u64,
    pub(crate) accessed: u64,
    pub(crate) modified: u64,
    pub(crate) changed: u64,
}

impl Filestat {
    /// A standard stream has a kind and nothing else.
    pub(crate) fn stream(file_type: FileType) -> Self {
        Self { dev: 0, ino: 0, file_type, links: 1, size: 0, accessed: 0, modified: 0, changed: 0 }
    }
}

impl From<Metadata> for Filestat {
    fn from(metadata: Metadata) -> Self {
        Self {
            dev: metadata.dev(),
            ino: metadata.ino(),
            file_type: metadata.file_type().into(),
            links: metadata.nlink(),
            size: metadata.len(),
            accessed: nanoseconds(metadata.atime(), metadata.atime_nsec()),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// WASI has no time before 1970 and none after 2554: those are clamped.
fn nanoseconds(seconds: i64, nanos: i64) -> u64 {
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u64::try_from(nanos)) else {
        return 0;
    };
    seconds.saturating_mul(NANOS).saturating_add(nanos)
}

const NANOS: u64 = 1_000_000_000;

/// One of the two times that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewTime {
    Keep,
    Now,
    At(u64),
}

/// The times to set, access and modification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewTimes {
    pub(super) accessed: NewTime,
    pub(super) modified: NewTime,
}

impl NewTimes {
    /// From what `fd_filestat_set_times` and `path_filestat_set_times` are given.
    pub(crate) fn new(accessed: u64, modified: u64, flags: u32) -> Result<Self, Errno> {
        let flags = FstFlags::from_bits(flags.into()).ok_or(Errno::Inval)?;
        let one = |at: u64, given: FstFlags, now: FstFlags| match (flags.has(given), flags.has(now))
        {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(NewTime::At(at)),
            (false, true) => Ok(NewTime::Now),
            (false, false) => Ok(NewTime::Keep),
        };
        Ok(Self {
            accessed: one(accessed, FstFlags::ATIM, FstFlags::ATIM_NOW)?,
            modified: one(modified, FstFlags::MTIM, FstFlags::MTIM_NOW)?,
        })
    }

    /// As `futimens` takes them.
    pub(crate) fn timestamps(self) -> Result<Timestamps, Errno> {
        Ok(Timestamps {
            last_access: self.accessed.timespec()?,
            last_modification: self.modified.timespec()?,
        })
    }

    /// As cap-fs-ext takes them: access and modification.
    pub(crate) fn specs(self) -> Result<[Option<SystemTimeSpec>; 2], Errno> {
        Ok([self.accessed.spec()?, self.modified.spec()?])
    }
}

impl NewTime {
    fn timespec(self) -> Result<Timespec, Errno> {
        let (tv_sec, tv_nsec) = match self {
            Self::Keep => (0, UTIME_OMIT),
            Self::Now => (0, UTIME_NOW),
            Self::At(at) => (
                i64::try_from(at / NANOS).map_err(|_| Errno::Overflow)?,
                i64::try_from(at % NANOS).map_err(|_| Errno::Overflow)?,
            ),
        };
        Ok(Timespec { tv_sec, tv_nsec })
    }

    fn spec(self) -> Result<Option<SystemTimeSpec>, Errno> {
        Ok(match self {
            Self::Keep => None,
            Self::Now => Some(SystemTimeSpec::SymbolicNow),
            Self::At(at) => {
                let at = SystemTime::UNIX_EPOCH
                    .checked_add(std::time::Duration::from_nanos(at))
                    .ok_or(Errno::Overflow)?;
                let at = cap_std::time::SystemTime::from_std(at);
                Some(SystemTimeSpec::Absolute(at))
            }
        })
    }
}
