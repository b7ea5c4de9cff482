//! A disk in memory that can hang, be full, and lose its power.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use redb::StorageBackend;

/// A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// What would be there after a loss of power, for certain.
    synced: Vec<u8>,
    now: Vec<u8>,
    /// What has been written since.
    unsynced: Vec<Change>,
    written: u64,
    limit: Option<u64>,
    /// Whether syncs wait, and whether one does.
    held: bool,
    waiting: bool,
    /// After so many more accesses there is no power.
    left: Option<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Len(u64),
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let offset = usize::try_from(*offset).unwrap();
                let end = offset + bytes.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[offset..end].copy_from_slice(bytes);
            }
            Self::Len(len) => image.resize(usize::try_from(*len).unwrap(), 0),
        }
    }
}

impl Disk {
    /// A disk with this in it.
    pub(super) fn of(image: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.state().synced.clone_from(&image);
        disk.state().now = image;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    pub(super) fn written(&self) -> u64 {
        self.state().written
    }

    pub(super) fn len(&self) -> u64 {
        self.state().now.len() as u64
    }

    pub(super) fn limit(&self, limit: Option<u64>) {
        self.state().limit = limit;
    }

    pub(super) fn hold(&self) {
        self.state().held = true;
    }

    pub(super) fn wait_until_held(&self) {
        let mut state = self.state();
        while !state.waiting {
            state = self.shared.1.wait(state).unwrap();
        }
    }

    pub(super) fn release(&self) {
        self.state().held = false;
        self.shared.1.notify_all();
    }

    /// Has the power fail after so many more accesses.
    pub(super) fn fail_after(&self, accesses: usize) {
        self.state().left = Some(accesses);
    }

    /// The power does not fail after all.
    pub(super) fn power(&self) {
        self.state().left = None;
    }

    /// What is on it after its power has failed: what was synced, and any part of the rest.
    pub(super) fn remains(&self, rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut state = self.state();
        state.left = Some(0);
        let mut image = state.synced.clone();
        for change in &state.unsynced {
            match change {
                Change::Write(offset, bytes) => {
                    for (sector, bytes) in (0_u64..).zip(bytes.chunks(512)) {
                        if rng.bool() {
                            Change::Write(offset + 512 * sector, bytes.to_vec()).apply(&mut image);
                        }
                    }
                }
                // The file's length is ordered with nothing, but is whole.
                Change::Len(_) => change.apply(&mut image),
            }
        }
        image
    }

    fn access(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        match &mut state.left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(state)
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.access()?;
        let end = match &change {
            Change::Write(offset, bytes) => offset + bytes.len() as u64,
            Change::Len(len) => *len,
        };
        if end > state.now.len() as u64 && state.limit.is_some_and(|limit| end > limit) {
            return Err(ErrorKind::StorageFull.into());
        }
        if let Change::Write(_, bytes) = &change {
            state.written += bytes.len() as u64;
        }
        change.apply(&mut state.now);
        state.unsynced.push(change);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.access()?.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.access()?;
        let offset = usize::try_from(offset).unwrap();
        let bytes = state.now.get(offset..offset + out.len());
        out.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.access()?;
        while state.held {
            state.waiting = true;
            self.shared.1.notify_all();
            state = self.shared.1.wait(state).unwrap();
        }
        state.waiting = false;
        let changes = std::mem::take(&mut state.unsynced);
        changes.iter().for_each(|change| change.apply(&mut state.synced));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset, data.to_vec()))
    }
}
