//! The table of descriptors: small numbers, each open at most once.

use crate::leftover::Leftover;
use crate::net::Socket;
use crate::stream::{Input, Output};
use crate::wasi::errno::Errno;
use crate::wasi::rights::{FdFlags, Rights};

use super::descriptor::{Descriptor, Node};
use super::directory::Directory;
use super::open::Opening;
use super::preopen::{Given, relative};

/// The descriptors of one call.
#[derive(Debug)]
pub(crate) struct Descriptors {
    /// The index is the descriptor's number.
    slots: Vec<Option<Descriptor>>,
    limit: usize,
    /// How many the call began with.
    given: usize,
    /// One of those, if it was closed or replaced.
    lost: Option<usize>,
}

impl Descriptors {
    /// Standard input, output and error as 0, 1 and 2, then the directories.
    pub(crate) fn new(
        stdin: Input,
        [stdout, stderr]: [Output; 2],
        given: &Given<'_>,
        limit: usize,
    ) -> Self {
        let streams =
            [Descriptor::stdin(stdin), Descriptor::output(stdout), Descriptor::output(stderr)];
        let slots: Vec<_> = streams.into_iter().chain(given.descriptors()).map(Some).collect();
        Self { given: slots.len(), slots, limit, lost: None }
    }

    /// Whether all is as it was when the call began; with the directories of then.
    pub(crate) fn check_leftovers(&self, given: &Given<'_>) -> Result<(), Leftover> {
        if let Some(fd) = self.lost {
            return Err(Leftover::Changed { fd });
        }
        let streams = [Rights::STREAM_IN, Rights::STREAM_OUT, Rights::STREAM_OUT];
        let streams = streams.map(|rights| [rights, Rights::NONE]);
        let mut given = streams.into_iter().chain(given.rights());
        for (fd, descriptor) in self.slots.iter().enumerate() {
            let (Some(descriptor), rights) = (descriptor, given.next()) else { continue };
            if let Some(path) = &descriptor.path {
                return Err(Leftover::Open { fd, path: path.to_string() });
            }
            let now = [descriptor.rights, descriptor.inheriting];
            if rights != Some(now) || descriptor.flags != FdFlags::NONE {
                return Err(Leftover::Changed { fd });
            }
        }
        Ok(())
    }

    /// The descriptor with this number.
    pub(crate) fn find(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::BadF)?;
        let slot = self.slots.get_mut(index).ok_or(Errno::BadF)?;
        slot.as_mut().ok_or(Errno::BadF)
    }

    /// The descriptor with this number, if it has all of these rights.
    pub(crate) fn find_with(&mut self, fd: u32, rights: Rights) -> Result<&mut Descriptor, Errno> {
        let descriptor = self.find(fd)?;
        if descriptor.rights.has(rights) { Ok(descriptor) } else { Err(Errno::NotCapable) }
    }

    /// The directory with this number, if it has all of these rights.
    pub(crate) fn directory(&mut self, fd: u32, rights: Rights) -> Result<&mut Directory, Errno> {
        let descriptor = self.find(fd)?;
        let allowed = descriptor.rights.has(rights);
        match &mut descriptor.node {
            Node::Directory(directory) if allowed => Ok(directory),
            Node::Directory(_) => Err(Errno::NotCapable),
            _ => Err(Errno::NotDir),
        }
    }

    /// Opens the file that a guest calls `path`, for reading and without a number: below the directory that was open
    /// when the call began and whose name is the longest that the path begins with.
    pub(crate) fn open_below(&self, path: &str) -> Result<Descriptor, Errno> {
        let inside = |descriptor: &'_ Option<Descriptor>| match descriptor.as_ref()?.node {
            Node::Directory(ref directory) => relative(directory.guest_path()?, path),
            _ => None,
        };
        let found = self.slots.iter().filter_map(|slot| Some((slot.as_ref()?, inside(slot)?)));
        let found = found.min_by_key(|(_, rest)| rest.len());
        let (directory, rest) = found.ok_or(Errno::NoEnt)?;
        Opening::READING.open(directory, rest)
    }

    /// The socket with this number, if it has all of these rights, and whether it is in non-blocking mode.
    pub(crate) fn socket(&mut self, fd: u32, rights: Rights) -> Result<(Socket, bool), Errno> {
        let descriptor = self.find(fd)?;
        let Node::Socket(socket) = &descriptor.node else { return Err(Errno::NotSock) };
        if !descriptor.rights.has(rights) {
            return Err(Errno::NotCapable);
        }
        Ok((socket.clone(), descriptor.flags.has(FdFlags::NONBLOCK)))
    }

    /// How many sockets are open.
    pub(crate) fn sockets(&self) -> usize {
        let open = self.slots.iter().flatten();
        open.filter(|descriptor| matches!(descriptor.node, Node::Socket(_))).count()
    }

    /// Whether another descriptor can be opened; asked before a file is made for it.
    pub(crate) fn check_room(&self) -> Result<(), Errno> {
        let full = self.slots.len() >= self.limit && self.slots.iter().all(Option::is_some);
        if full { Err(Errno::MFile) } else { Ok(()) }
    }

    /// Gives the descriptor the lowest free number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        self.check_room()?;
        let free = self.slots.iter().position(Option::is_none);
        let index = free.unwrap_or(self.slots.len());
        let fd = u32::try_from(index).map_err(|_| Errno::MFile)?;
        match self.slots.get_mut(index) {
            Some(slot) => *slot = Some(descriptor),
            None => self.slots.push(Some(descriptor)),
        }
        Ok(fd)
    }

    /// Opens a descriptor once more, under the lowest free number.
    pub(crate) fn duplicate(&mut self, fd: u32) -> Result<u32, Errno> {
        self.check_room()?;
        let duplicate = self.find(fd)?.duplicate()?;
        self.insert(duplicate)
    }

    /// Closes a descriptor.
    pub(crate) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.find(fd)?;
        self.take(fd);
        Ok(())
    }

    /// Closes `to` and gives its number to `from`; both must be open.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.find(from)?;
        self.find(to)?;
        if from != to {
            self.note_lost(to);
            let moved = self.take(from);
            *self.find(to)? = moved.ok_or(Errno::BadF)?;
        }
        Ok(())
    }

    fn take(&mut self, fd: u32) -> Option<Descriptor> {
        self.note_lost(fd);
        let index = usize::try_from(fd).ok()?;
        self.slots.get_mut(index)?.take()
    }

    fn note_lost(&mut self, fd: u32) {
        let fd = usize::try_from(fd).ok().filter(|fd| *fd < self.given);
        self.lost = self.lost.or(fd);
    }
}
