//! What writes do to the tables: all those of one commit, one after the other.
//!
//! # Invariants
//!
//! 1. An operation that is refused has changed nothing: all that can refuse it is looked at first.
//! 2. What goes wrong in the store itself ([`Fault::Storage`]) ends the whole batch: nothing of it is committed.
//! 3. A lock under which something was written does not change hands before the batch has ended ([`Pin`]).

use std::collections::HashMap;

use faasm_state::{
    Address, Arbiter, Condition, GlobalError, Merge, Merged, Patch, Pin, Stat, Token, Version,
    Written,
};
use redb::{ReadableTable, StorageError, Table, WriteTransaction};

use super::tables::{self, ADDRESSES, CHUNK, CHUNKS, ELEMENTS, Fields, META, Record};

/// So many numbers are before elements that were numbered anew: it is not done again soon.
const RENUMBERED: u64 = 1 << 32;

/// Numbers that each commit keeps with what it writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// The last version or id that was given.
    pub(super) version: u64,
    /// Bytes that are kept.
    pub(super) used: u64,
    /// How many commits there were.
    pub(super) commits: u64,
}

impl Counters {
    const NAMES: [&'static str; 3] = ["version", "used", "commits"];

    pub(super) fn load(meta: &impl ReadableTable<&'static str, u64>) -> Result<Self, StorageError> {
        let mut numbers = [0; 3];
        for (number, name) in numbers.iter_mut().zip(Self::NAMES) {
            *number = meta.get(name)?.map_or(0, |found| found.value());
        }
        let [version, used, commits] = numbers;
        Ok(Self { version, used, commits })
    }

    fn store(self, meta: &mut Table<'_, &'static str, u64>) -> Result<(), StorageError> {
        let numbers = [self.version, self.used, self.commits];
        for (name, number) in Self::NAMES.into_iter().zip(numbers) {
            meta.insert(name, number)?;
        }
        Ok(())
    }
}

/// Why an operation was not done.
#[derive(Debug)]
pub(super) enum Fault {
    /// It may not be; the batch goes on.
    Refused(GlobalError),
    /// The store failed.
    Storage(StorageError),
}

impl From<GlobalError> for Fault {
    fn from(error: GlobalError) -> Self {
        Self::Refused(error)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// What has been done since the batch began that others wait for.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Values that are others now.
    pub(super) changed: HashMap<Address, Option<Stat>>,
    /// Lists that something was added to since this was last looked at.
    pub(super) appended: Vec<Address>,
    /// Locks that must not change hands yet.
    pub(super) pins: Vec<Pin>,
}

/// A transaction's tables, and what else a write needs.
pub(super) struct Batch<'a> {
    meta: Table<'a, &'static str, u64>,
    addresses: Table<'a, (&'static str, &'static [u8]), Fields>,
    chunks: Table<'a, (u64, u64), &'static [u8]>,
    elements: Table<'a, (u64, u64), &'static [u8]>,
    arbiter: &'a Arbiter,
    capacity: usize,
    /// Whether there is something to commit.
    dirty: bool,
    counters: Counters,
    pub(super) effects: Effects,
}

impl<'a> Batch<'a> {
    pub(super) fn begin(
        transaction: &'a WriteTransaction,
        arbiter: &'a Arbiter,
        capacity: usize,
        counters: Counters,
    ) -> Result<Self, redb::TableError> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            addresses: transaction.open_table(ADDRESSES)?,
            chunks: transaction.open_table(CHUNKS)?,
            elements: transaction.open_table(ELEMENTS)?,
            arbiter,
            capacity,
            dirty: false,
            counters,
            effects: Effects::default(),
        })
    }

    /// All is done but the commit; `None` if nothing has changed, and there is nothing to commit.
    pub(super) fn end(mut self) -> Result<Option<Counters>, StorageError> {
        if !self.dirty {
            return Ok(None);
        }
        self.counters.commits += 1;
        self.counters.store(&mut self.meta)?;
        Ok(Some(self.counters))
    }

    pub(super) fn set(
        &mut self,
        at: &Address,
        bytes: &[u8],
        when: Condition,
    ) -> Result<Written, Fault> {
        let (record, before) = self.look(at, when)?;
        let record = self.resize(at, record, bytes.len())?;
        let mut count = 0;
        for (index, chunk) in (0_u64..).zip(bytes.chunks(CHUNK)) {
            self.chunks.insert((record.id, index), chunk)?;
            count = index + 1;
        }
        self.chunks.retain_in((record.id, count)..=(record.id, u64::MAX), |_, _| false)?;
        Ok(self.save(at, record, before)?)
    }

    pub(super) fn set_ranges(
        &mut self,
        at: &Address,
        patch: &Patch,
        when: Condition,
    ) -> Result<Written, Fault> {
        let (record, before) = self.look(at, when)?;
        let end = patch.runs().last().map_or(0, |run| run.end).max(patch.size());
        let record = self.resize(at, record, record.size().max(end))?;
        self.put(record.id, patch.chunks())?;
        Ok(self.save(at, record, before)?)
    }

    pub(super) fn merge(
        &mut self,
        at: &Address,
        change: Merge,
        when: Condition,
        wanted: bool,
    ) -> Result<Merged, Fault> {
        let (record, before) = self.look(at, when)?;
        let run = change.check_numbers(record.size()).map_err(GlobalError::from)?;
        // Numbers are merged as if the value began with the first of them.
        let (run, change) = match change {
            Merge::Numbers { combine, number, bytes, .. } => {
                (run, Merge::Numbers { combine, number, offset: 0, bytes })
            }
            union @ Merge::Union(_) => (0..record.size(), union),
        };
        let mut merged = vec![0; run.end.min(record.size()).saturating_sub(run.start)];
        tables::read(&self.chunks, record.id, run.start, &mut merged)?;
        change.apply(&mut merged).map_err(GlobalError::from)?;
        let written = match change {
            Merge::Numbers { .. } => {
                let record = self.resize(at, record, record.size().max(run.end))?;
                self.put(record.id, [(run.start, &merged[..])])?;
                self.save(at, record, before)?
            }
            Merge::Union(_) => self.set(at, &merged, when)?,
        };
        Ok(Merged { written, result: wanted.then_some(merged) })
    }

    pub(super) fn delete(&mut self, at: &Address, when: Condition) -> Result<bool, Fault> {
        self.look(at, when)?;
        let Some(record) = tables::find(&self.addresses, at)? else {
            return Ok(false);
        };
        self.empty(&record)?;
        self.chunks.retain_in((record.id, 0)..=(record.id, u64::MAX), |_, _| false)?;
        self.addresses.remove(tables::name(at))?;
        self.give_room(record.size().saturating_add(tables::overhead(at)));
        if record.stat().is_some() {
            self.effects.changed.insert(at.clone(), None);
        }
        Ok(true)
    }

    pub(super) fn append(
        &mut self,
        at: &Address,
        element: &[u8],
        under: Option<Token>,
    ) -> Result<usize, Fault> {
        self.check(at, under)?;
        let found = tables::find(&self.addresses, at)?;
        let address = if found.is_some() { 0 } else { tables::overhead(at) };
        self.take_room(tables::element_cost(element).saturating_add(address))?;
        let mut record = found.unwrap_or_else(|| self.fresh());
        self.elements.insert((record.id, record.next), element)?;
        record.next += 1;
        self.addresses.insert(tables::name(at), record.fields())?;
        self.effects.appended.push(at.clone());
        Ok(record.appended())
    }

    /// The elements, and how many there were before.
    pub(super) fn take(
        &mut self,
        at: &Address,
        (most, max_bytes): (usize, usize),
        under: Option<Token>,
    ) -> Result<(Vec<Vec<u8>>, usize), Fault> {
        self.check(at, under)?;
        let Some(record) = tables::find(&self.addresses, at)? else {
            return Ok((Vec::new(), 0));
        };
        let taken = tables::elements(&self.elements, &record, most, max_bytes)?;
        let end = record.first + taken.len() as u64;
        self.empty(&Record { next: end, ..record })?;
        self.keep_list(at, Record { first: end, ..record })?;
        Ok((taken, record.appended()))
    }

    /// Puts elements back to the front of the list, whatever room there is: they had it before.
    pub(super) fn give_back(&mut self, at: &Address, given: &[Vec<u8>]) -> Result<(), Fault> {
        let found = tables::find(&self.addresses, at)?;
        let mut bytes = given.iter().map(|element| tables::element_cost(element)).sum::<usize>();
        if found.is_none() {
            bytes = bytes.saturating_add(tables::overhead(at));
        }
        let record = found.unwrap_or_else(|| self.fresh());
        let record = self.leave_room(record, given.len() as u64)?;
        let first = record.first - given.len() as u64;
        for (number, element) in (first..).zip(given) {
            self.elements.insert((record.id, number), &element[..])?;
        }
        self.addresses.insert(tables::name(at), Record { first, ..record }.fields())?;
        self.dirty = true;
        self.counters.used = self.counters.used.saturating_add(bytes as u64);
        self.effects.appended.push(at.clone());
        Ok(())
    }

    /// Numbers the elements anew if there are not so many numbers before them. The list has been made since something was
    /// taken from one at this address, and is short.
    fn leave_room(&mut self, record: Record, before: u64) -> Result<Record, StorageError> {
        if record.first >= before {
            return Ok(record);
        }
        let all = tables::elements(&self.elements, &record, usize::MAX, usize::MAX)?;
        let list = (record.id, record.first)..(record.id, record.next);
        self.elements.retain_in(list, |_, _| false)?;
        let first = record.next + before + RENUMBERED;
        for (number, element) in (first..).zip(&all) {
            self.elements.insert((record.id, number), &element[..])?;
        }
        Ok(Record { first, next: first + all.len() as u64, ..record })
    }

    pub(super) fn clear(&mut self, at: &Address, under: Option<Token>) -> Result<(), Fault> {
        self.check(at, under)?;
        if let Some(record) = tables::find(&self.addresses, at)? {
            self.empty(&record)?;
            self.keep_list(at, Record { first: record.next, ..record })?;
        }
        Ok(())
    }

    /// Removes the record's elements.
    fn empty(&mut self, record: &Record) -> Result<(), StorageError> {
        if record.appended() == 0 {
            return Ok(());
        }
        let mut bytes = 0;
        let list = (record.id, record.first)..(record.id, record.next);
        self.elements.retain_in(list, |_, element| {
            bytes += tables::element_cost(element);
            false
        })?;
        self.give_room(bytes);
        Ok(())
    }

    /// Keeps the record, if there is still something.
    fn keep_list(&mut self, at: &Address, record: Record) -> Result<(), StorageError> {
        if record.stat().is_none() && record.appended() == 0 {
            self.addresses.remove(tables::name(at))?;
            self.give_room(tables::overhead(at));
        } else {
            self.addresses.insert(tables::name(at), record.fields())?;
        }
        Ok(())
    }

    /// What is at the address and its version, if the condition holds.
    fn look(&mut self, at: &Address, when: Condition) -> Result<(Record, Version), Fault> {
        self.check(at, when.under)?;
        let record = tables::find(&self.addresses, at)?.unwrap_or_default();
        let found = Version(record.version);
        match when.at {
            Some(wanted) if wanted != found => Err(GlobalError::Conflict { wanted, found }.into()),
            Some(_) | None => Ok((record, found)),
        }
    }

    fn check(&mut self, at: &Address, under: Option<Token>) -> Result<(), Fault> {
        if let Some(token) = under {
            self.effects.pins.push(self.arbiter.pin(at, token)?);
        }
        Ok(())
    }

    /// The record with the new size, and an id if it had none, if there is room.
    fn resize(&mut self, at: &Address, record: Record, size: usize) -> Result<Record, GlobalError> {
        let address = if record.id == 0 { tables::overhead(at) } else { 0 };
        self.take_room(size.saturating_sub(record.size()).saturating_add(address))?;
        self.give_room(record.size().saturating_sub(size));
        let record = if record.id == 0 { self.fresh() } else { record };
        Ok(Record { size: size as u64, ..record })
    }

    /// A record with an id of its own.
    fn fresh(&mut self) -> Record {
        self.counters.version += 1;
        Record { id: self.counters.version, ..Record::default() }
    }

    /// Keeps the record with the next version.
    fn save(
        &mut self,
        at: &Address,
        mut record: Record,
        before: Version,
    ) -> Result<Written, StorageError> {
        self.dirty = true;
        self.counters.version += 1;
        record.version = self.counters.version;
        self.addresses.insert(tables::name(at), record.fields())?;
        self.effects.changed.insert(at.clone(), record.stat());
        Ok(Written { before, after: Version(record.version) })
    }

    /// Writes runs, which are in ascending order, each chunk once.
    fn put<'b>(
        &mut self,
        id: u64,
        runs: impl IntoIterator<Item = (usize, &'b [u8])>,
    ) -> Result<(), StorageError> {
        let mut open: Option<(u64, Vec<u8>)> = None;
        for (offset, mut bytes) in runs {
            let mut offset = offset;
            while !bytes.is_empty() {
                let (index, within) = ((offset / CHUNK) as u64, offset % CHUNK);
                let (now, later) = bytes.split_at(bytes.len().min(CHUNK - within));
                if now.len() == CHUNK {
                    self.chunks.insert((id, index), now)?;
                } else {
                    let mut chunk = match open.take() {
                        Some((at, chunk)) if at == index => chunk,
                        before => {
                            self.close(id, before)?;
                            let kept = self.chunks.get((id, index))?;
                            kept.map(|kept| kept.value().to_vec()).unwrap_or_default()
                        }
                    };
                    let end = within + now.len();
                    if chunk.len() < end {
                        chunk.resize(end, 0);
                    }
                    chunk[within..end].copy_from_slice(now);
                    open = Some((index, chunk));
                }
                offset += now.len();
                bytes = later;
            }
        }
        self.close(id, open)
    }

    fn close(&mut self, id: u64, open: Option<(u64, Vec<u8>)>) -> Result<(), StorageError> {
        if let Some((index, chunk)) = open {
            self.chunks.insert((id, index), &chunk[..])?;
        }
        Ok(())
    }

    fn take_room(&mut self, asked: usize) -> Result<(), GlobalError> {
        let used = self.counters.used.checked_add(asked as u64);
        match used.filter(|used| *used <= self.capacity as u64) {
            Some(used) => {
                self.dirty = true;
                self.counters.used = used;
                Ok(())
            }
            None => Err(GlobalError::Full { asked, capacity: self.capacity }),
        }
    }

    fn give_room(&mut self, bytes: usize) {
        self.dirty = true;
        self.counters.used = self.counters.used.saturating_sub(bytes as u64);
    }
}
