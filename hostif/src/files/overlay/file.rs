//! An open file of a call's tree.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use faasm_sfi::pending::Pending;

use super::node::{Kind, Node};
use crate::files::filestat::{Filestat, NewTimes};
use crate::files::port::{Content, FetchError, Files};
use crate::wasi::errno::Errno;

/// A file and a position in it; a clone has the same position.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    shared: Arc<dyn Files>,
    node: Arc<Node>,
    position: Arc<AtomicU64>,
}

impl OpenFile {
    pub(super) fn new(shared: Arc<dyn Files>, node: Arc<Node>) -> Self {
        Self { shared, node, position: Arc::default() }
    }

    /// The shared bytes below, if they have to be [supplied](Self::supply) before anything is read or written.
    pub(in crate::files) fn missing(&self) -> Option<Pending<Result<Content, FetchError>>> {
        let digest = self.node.data().ok()?.missing()?;
        Some(self.shared.fetch(digest))
    }

    pub(in crate::files) fn supply(&self, content: Content) {
        if let Ok(mut data) = self.node.data() {
            data.supply(content);
        }
    }

    pub(in crate::files) fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        let position = self.position.load(Ordering::Relaxed);
        let n = self.read_at(position, into)?;
        self.position.store(position + n as u64, Ordering::Relaxed);
        Ok(n)
    }

    /// Writes on from the present position, or at the end.
    pub(in crate::files) fn write(&self, bytes: &[u8], at_end: bool) -> Result<usize, Errno> {
        let mut data = self.node.data()?;
        let position = if at_end { data.size() } else { self.position.load(Ordering::Relaxed) };
        let n = data.write_at(position, bytes)?;
        drop(data);
        self.position.store(position + n as u64, Ordering::Relaxed);
        self.node.touch();
        Ok(n)
    }

    pub(in crate::files) fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.node.data()?.read_at(offset, into)
    }

    pub(in crate::files) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let n = self.node.data()?.write_at(offset, bytes)?;
        self.node.touch();
        Ok(n)
    }

    pub(in crate::files) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(in crate::files) fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    pub(in crate::files) fn size(&self) -> u64 {
        match &self.node.kind {
            Kind::File(_) => self.node.data().map_or(0, |data| data.size()),
            Kind::Directory(_) | Kind::Link(_) => 0,
        }
    }

    pub(in crate::files) fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.node.data()?.set_size(size)?;
        self.node.touch();
        Ok(())
    }

    pub(in crate::files) fn allocate(&self, offset: u64, len: u64) -> Result<(), Errno> {
        self.node.data()?.allocate(offset, len)
    }

    pub(in crate::files) fn filestat(&self) -> Filestat {
        self.node.filestat()
    }

    pub(in crate::files) fn set_times(&self, times: NewTimes) {
        self.node.set_times(times);
    }
}
