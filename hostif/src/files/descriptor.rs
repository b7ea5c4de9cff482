//! An open file, directory or stream, with the rights that its descriptor carries.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cap_std::fs::{File, FileExt};
use faasm_sfi::pending::Pending;
use rustix::fs::{Advice, FallocateFlags, OFlags as HostFlags};

use crate::net::{Socket, Transport};
use crate::stream::{Input, Output};
use crate::wasi::errno::Errno;
use crate::wasi::rights::{FdFlags, Rights};

use super::directory::{Base, Directory};
use super::filestat::{FileType, Filestat, NewTimes};
use super::overlay::{OpenFile, Opened};
use super::port::{Content, FetchError};

/// What a descriptor's number stands for.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) node: Node,
    pub(crate) rights: Rights,
    /// What a file that is opened below it can have at most.
    pub(crate) inheriting: Rights,
    pub(crate) flags: FdFlags,
    /// What the guest opened, as it named it; nothing, if the call began with the descriptor.
    pub(crate) path: Option<Box<str>>,
}

/// What is open.
#[derive(Debug)]
pub(crate) enum Node {
    /// Standard input, read up to `position`.
    Input {
        input: Input,
        /// The same in all that were opened from one another.
        position: Arc<AtomicUsize>,
    },
    Output(Output),
    File {
        file: File,
        file_type: FileType,
    },
    /// A file of the call's own tree.
    Own(OpenFile),
    Directory(Directory),
    /// What it does is in [`crate::wasi::socket`], since it may have to wait.
    Socket(Socket),
}

/// What `fd_fdstat_get` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fdstat {
    pub(crate) file_type: FileType,
    pub(crate) flags: FdFlags,
    pub(crate) rights: Rights,
    pub(crate) inheriting: Rights,
}

/// From where a seek counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whence {
    Set,
    Current,
    End,
}

impl Descriptor {
    pub(crate) fn stdin(input: Input) -> Self {
        Self::new(Node::Input { input, position: Arc::default() }, Rights::STREAM_IN)
    }

    pub(crate) fn output(output: Output) -> Self {
        Self::new(Node::Output(output), Rights::STREAM_OUT)
    }

    pub(crate) fn directory(directory: Directory, rights: Rights, inheriting: Rights) -> Self {
        Self { inheriting, ..Self::new(Node::Directory(directory), rights) }
    }

    /// A socket, which no initialisation may leave behind.
    pub(crate) fn socket(socket: Socket, flags: FdFlags) -> Self {
        let path = Some("a socket".into());
        Self { flags, path, ..Self::new(Node::Socket(socket), Rights::SOCKET) }
    }

    pub(crate) fn new(node: Node, rights: Rights) -> Self {
        Self { node, rights, inheriting: Rights::NONE, flags: FdFlags::NONE, path: None }
    }

    /// Another descriptor of what is open, with its position and rights. Of a directory that was open when the call
    /// began, it is one that was not.
    pub(crate) fn duplicate(&self) -> Result<Self, Errno> {
        let node = match &self.node {
            Node::Input { input, position } => {
                Node::Input { input: input.clone(), position: Arc::clone(position) }
            }
            Node::Output(output) => Node::Output(output.clone()),
            Node::File { file, file_type } => {
                Node::File { file: file.try_clone()?, file_type: *file_type }
            }
            Node::Own(file) => Node::Own(file.clone()),
            Node::Socket(socket) => Node::Socket(socket.clone()),
            Node::Directory(directory) => Node::Directory(Directory::opened(directory.at.clone())),
        };
        let path = self.path.clone().or_else(|| Some(self.name_of("")));
        Ok(Self { node, path, ..*self })
    }

    /// Reads on from the present position; 0 bytes at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, Errno> {
        self.check_readable()?;
        match &mut self.node {
            Node::Input { input, position } => {
                let n = input.read(position.load(Ordering::Relaxed), into)?;
                position.fetch_add(n, Ordering::Relaxed);
                Ok(n)
            }
            Node::File { file, .. } => Ok(file.read(into)?),
            Node::Own(file) => file.read(into),
            Node::Output(_) | Node::Socket(_) => Err(Errno::BadF),
            Node::Directory(_) => Err(Errno::IsDir),
        }
    }

    /// Writes on from the present position, or at the end of a file that is open for appending.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        self.check_writable()?;
        match &mut self.node {
            Node::Output(output) => Ok(output.write(bytes)?),
            Node::File { file, .. } => Ok(file.write(bytes)?),
            Node::Own(file) => file.write(bytes, self.flags.has(FdFlags::APPEND)),
            Node::Input { .. } | Node::Socket(_) => Err(Errno::BadF),
            Node::Directory(_) => Err(Errno::IsDir),
        }
    }

    /// Reads at an offset; the position stays.
    pub(crate) fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.check_readable()?;
        match self.positioned()? {
            Positioned::Host(file) => Ok(file.read_at(into, offset)?),
            Positioned::Own(file) => file.read_at(offset, into),
        }
    }

    /// Writes at an offset; the position stays.
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        self.check_writable()?;
        match self.positioned()? {
            Positioned::Host(file) => Ok(file.write_at(bytes, offset)?),
            Positioned::Own(file) => file.write_at(offset, bytes),
        }
    }

    /// Moves the position and returns it.
    pub(crate) fn seek(&mut self, offset: i64, whence: Whence) -> Result<u64, Errno> {
        let asks_only = offset == 0 && whence == Whence::Current;
        let right = if asks_only { Rights::FD_TELL } else { Rights::FD_SEEK };
        let file = self.positioned()?;
        if !self.rights.has_any(right.or(Rights::FD_SEEK)) {
            return Err(Errno::NotCapable);
        }
        let target = match whence {
            Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
            Whence::Current => SeekFrom::Current(offset),
            Whence::End => SeekFrom::End(offset),
        };
        match file {
            Positioned::Host(mut file) => Ok(file.seek(target)?),
            Positioned::Own(file) => {
                let position = match target {
                    SeekFrom::Start(position) => Some(position),
                    SeekFrom::Current(offset) => file.position().checked_add_signed(offset),
                    SeekFrom::End(offset) => file.size().checked_add_signed(offset),
                };
                let fits = |position: &u64| i64::try_from(*position).is_ok();
                let position = position.filter(fits).ok_or(Errno::Inval)?;
                file.set_position(position);
                Ok(position)
            }
        }
    }

    /// Sets the length; bytes that are added are zero.
    pub(crate) fn set_size(&mut self, size: u64) -> Result<(), Errno> {
        match self.positioned()? {
            Positioned::Host(file) => Ok(file.set_len(size)?),
            Positioned::Own(file) => file.set_size(size),
        }
    }

    /// Makes sure that the range has space on the device, growing the file where needed.
    pub(crate) fn allocate(&mut self, offset: u64, len: u64) -> Result<(), Errno> {
        let file = self.positioned()?;
        if len == 0 {
            return Err(Errno::Inval);
        }
        match file {
            Positioned::Host(file) => {
                Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), offset, len)?)
            }
            Positioned::Own(file) => file.allocate(offset, len),
        }
    }

    /// Tells the operating system what will be read; it may do nothing about it.
    pub(crate) fn advise(&mut self, offset: u64, len: u64, advice: u32) -> Result<(), Errno> {
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::Inval),
        };
        match self.positioned()? {
            Positioned::Host(file) => {
                let len = std::num::NonZeroU64::new(len);
                Ok(rustix::fs::fadvise(file, offset, len, advice)?)
            }
            // It is in memory.
            Positioned::Own(_) => Ok(()),
        }
    }

    /// Waits until what was written is on the device; `metadata` too, or only what is needed to read it.
    pub(crate) fn sync(&mut self, what: Sync) -> Result<(), Errno> {
        match &self.node {
            Node::Input { .. } | Node::Output(_) | Node::Own(_) => Ok(()),
            Node::Socket(_) => Err(Errno::Inval),
            Node::File { file, .. } => Ok(match what {
                Sync::All => file.sync_all(),
                Sync::Data => file.sync_data(),
            }?),
            Node::Directory(directory) => directory.sync(),
        }
    }

    pub(crate) fn set_times(&mut self, times: NewTimes) -> Result<(), Errno> {
        match &self.node {
            Node::Input { .. } | Node::Output(_) | Node::Socket(_) => Err(Errno::Inval),
            Node::File { file, .. } => Ok(rustix::fs::futimens(file, &times.timestamps()?)?),
            Node::Own(file) => {
                file.set_times(times);
                Ok(())
            }
            Node::Directory(directory) => directory.set_own_times(times),
        }
    }

    /// Sets append and non-blocking mode. The synchronous modes are fixed when a file is opened.
    pub(crate) fn set_flags(&mut self, flags: FdFlags) -> Result<(), Errno> {
        const SETTABLE: FdFlags = FdFlags::APPEND.or(FdFlags::NONBLOCK);
        if self.flags.differing(flags).without(SETTABLE) != FdFlags::NONE {
            return Err(Errno::NotSup);
        }
        if let Node::File { file, .. } = &self.node {
            let mut host = rustix::fs::fcntl_getfl(file)?;
            host.set(HostFlags::APPEND, flags.has(FdFlags::APPEND));
            host.set(HostFlags::NONBLOCK, flags.has(FdFlags::NONBLOCK));
            rustix::fs::fcntl_setfl(file, host)?;
        }
        self.flags = flags;
        Ok(())
    }

    /// Gives up rights; none can be added.
    pub(crate) fn narrow(&mut self, rights: Rights, inheriting: Rights) -> Result<(), Errno> {
        if !self.rights.has(rights) || !self.inheriting.has(inheriting) {
            return Err(Errno::NotCapable);
        }
        (self.rights, self.inheriting) = (rights, inheriting);
        Ok(())
    }

    /// The name of something below this directory, as far as the guest has told.
    pub(super) fn name_of(&self, below: &str) -> Box<str> {
        let own = match (&self.path, &self.node) {
            (Some(path), _) => path,
            (None, Node::Directory(directory)) => {
                directory.guest_path().map_or("", |path| path.trim_end_matches('/'))
            }
            (None, _) => "",
        };
        format!("{own}/{below}").into()
    }

    pub(crate) fn fdstat(&self) -> Fdstat {
        Fdstat {
            file_type: self.file_type(),
            flags: self.flags,
            rights: self.rights,
            inheriting: self.inheriting,
        }
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        match &self.node {
            Node::Input { .. } | Node::Output(_) | Node::Socket(_) => {
                Ok(Filestat::stream(self.file_type()))
            }
            Node::File { file, .. } => Ok(file.metadata()?.into()),
            Node::Own(file) => Ok(file.filestat()),
            Node::Directory(directory) => directory.filestat(),
        }
    }

    pub(crate) fn is_socket(&self) -> bool {
        matches!(self.node, Node::Socket(_))
    }

    /// Whether a read may have to wait for somebody to write.
    pub(crate) fn may_wait(&self) -> bool {
        match &self.node {
            Node::Input { input, .. } => input.may_wait(),
            Node::File { file_type, .. } => *file_type != FileType::RegularFile,
            Node::Socket(_) => true,
            Node::Output(_) | Node::Own(_) | Node::Directory(_) => false,
        }
    }

    /// What is ready when reading, or writing, does not have to wait; nothing, if it never has to, or is a socket, which
    /// is waited for in another way.
    pub(crate) fn source(&self) -> Result<Option<OwnedFd>, Errno> {
        match &self.node {
            Node::Input { input, .. } => Ok(input.source()?),
            Node::File { file, .. } if self.may_wait() => {
                Ok(Some(file.as_fd().try_clone_to_owned()?))
            }
            Node::File { .. }
            | Node::Output(_)
            | Node::Own(_)
            | Node::Directory(_)
            | Node::Socket(_) => Ok(None),
        }
    }

    /// Bytes that can be read at once, for `poll_oneoff`.
    pub(crate) fn available(&mut self) -> u64 {
        match &mut self.node {
            Node::Input { input, position } => {
                let position = position.load(Ordering::Relaxed);
                u64::try_from(input.available(position)).unwrap_or(u64::MAX)
            }
            Node::File { file, .. } => {
                let end = file.metadata().map_or(0, |metadata| metadata.len());
                end.saturating_sub(file.stream_position().unwrap_or(end))
            }
            Node::Own(file) => file.size().saturating_sub(file.position()),
            Node::Socket(socket) => socket.available(),
            Node::Output(_) | Node::Directory(_) => 0,
        }
    }

    /// A stream that is no terminal has no kind that WASI could name: a C library takes a character device without
    /// the right to seek for a terminal.
    fn file_type(&self) -> FileType {
        let is_terminal = match &self.node {
            Node::File { file_type, .. } => return *file_type,
            Node::Own(_) => return FileType::RegularFile,
            Node::Directory(_) => return FileType::Directory,
            Node::Socket(socket) => {
                return match socket.transport {
                    Transport::Tcp => FileType::SocketStream,
                    Transport::Udp => FileType::SocketDatagram,
                };
            }
            Node::Input { input, .. } => input.is_terminal(),
            Node::Output(output) => output.is_terminal(),
        };
        if is_terminal { FileType::CharacterDevice } else { FileType::Unknown }
    }

    /// The shared bytes of a file, if they must be [supplied](Self::supply) before anything is read or written.
    pub(crate) fn missing(&self) -> Option<Pending<Result<Content, FetchError>>> {
        match &self.node {
            Node::Own(file) => file.missing(),
            _ => None,
        }
    }

    pub(crate) fn supply(&self, content: Content) {
        if let Node::Own(file) = &self.node {
            file.supply(content);
        }
    }

    fn positioned(&self) -> Result<Positioned<'_>, Errno> {
        match &self.node {
            Node::File { file, .. } => Ok(Positioned::Host(file)),
            Node::Own(file) => Ok(Positioned::Own(file)),
            Node::Input { .. } | Node::Output(_) | Node::Socket(_) => Err(Errno::SPipe),
            Node::Directory(_) => Err(Errno::IsDir),
        }
    }

    /// Programs know `EBADF` for a descriptor that was opened the other way, as POSIX has it.
    fn check_readable(&self) -> Result<(), Errno> {
        self.check(Rights::FD_READ)
    }

    fn check_writable(&self) -> Result<(), Errno> {
        self.check(Rights::FD_WRITE)
    }

    fn check(&self, right: Rights) -> Result<(), Errno> {
        match &self.node {
            Node::Directory(_) => Err(Errno::IsDir),
            _ if self.rights.has(right) => Ok(()),
            _ => Err(Errno::BadF),
        }
    }
}

/// What has a position.
enum Positioned<'a> {
    Host(&'a File),
    Own(&'a OpenFile),
}

/// What [`Descriptor::sync`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    All,
    Data,
}

impl From<Opened> for Node {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::File(file) => Self::Own(file),
            Opened::Directory(dir) => Self::Directory(Directory::opened(Base::Own(dir))),
        }
    }
}

impl Node {
    /// An open file of whatever kind.
    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        let file_type = FileType::from(file.metadata()?.file_type());
        if file_type == FileType::Directory {
            return Ok(Self::Directory(Directory::from_file(file)));
        }
        Ok(Self::File { file, file_type })
    }
}
