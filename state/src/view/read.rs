//! Reads: copies, sizes, pointers and pulls.

use faasm_sfi::pending::Pending;

use super::{Kept, View, refused};
use crate::consistency::{Consistency, MergeKind, PointerWrites};
use crate::{Combine, Mapping, Number, Op, StateError, Value, Version};

/// What a pointer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read. The guest promises not to write; what it writes all the same is seen on this host and not pushed.
    Read,
    /// To read and write.
    Write,
}

impl View {
    /// The value's size in bytes, `None` if there is no value.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`].
    pub fn size(&self, key: &[u8]) -> Op<Option<usize>> {
        let kept = match self.look(key) {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        match (kept.consistency, kept.holding) {
            (Consistency::Eventual | Consistency::Merge(_), _) => self.namespace.size(key),
            (Consistency::Strong, None) => {
                self.namespace.stat(key).map(|stat| Ok(stat?.map(|stat| stat.size)))
            }
            (Consistency::Session | Consistency::Strong, _) => {
                self.opened(&kept).map(|opened| Ok(opened?.map(|value| value.size())))
            }
        }
    }

    /// A copy of the value's first bytes, at most `room`; `None` if there is no value.
    ///
    /// # Errors
    ///
    /// As of [`View::size`] and [`Value::read`].
    pub fn read_whole(&self, key: &[u8], room: usize) -> Op<Option<Vec<u8>>> {
        let kept = match self.look(key) {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let view = self.clone();
        self.opened(&kept).then(move |opened| match opened {
            Ok(Some(value)) if is_unlocked(&kept) => view.read_pushed(value, 0, None, room),
            Ok(Some(value)) => value.read(0, value.size().min(room)).map(|read| read.map(Some)),
            Ok(None) => Pending::ready(Ok(None)),
            Err(error) => refused(error),
        })
    }

    /// A copy of `len` bytes from `offset` on of a value that has at least `size`.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`]; as of [`crate::Namespace::value`] and [`Value::read`].
    pub fn read(&self, key: &[u8], size: usize, offset: usize, len: usize) -> Op<Vec<u8>> {
        let kept = match self.look(key) {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let view = self.clone();
        self.made(&kept, size).then(move |made| match made {
            Ok(value) if is_unlocked(&kept) => view
                .read_pushed(value, offset, Some(size), len)
                .map(|read| read.map(Option::unwrap_or_default)),
            Ok(value) => value.read(offset, len),
            Err(error) => refused(error),
        })
    }

    /// Pages of the value for the guest's memory: those of `len` bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// As of [`View::read`] and [`Value::map`]; [`StateError::NeedsLock`] for a `strong` value, [`StateError::NotUnder`]
    /// for a set or a list.
    pub fn map(
        &self,
        key: &[u8],
        size: usize,
        (offset, len): (usize, usize),
        access: Access,
    ) -> Op<Mapping> {
        let looked = self.look(key).and_then(|kept| {
            may_map(&kept, access)?;
            Ok(kept)
        });
        let kept = match looked {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let found = access == Access::Write
            && (kept.pointer_writes == PointerWrites::Found || has_base(&kept).is_some());
        self.made(&kept, size).then(move |made| match made {
            Ok(value) => {
                value.merge_as(has_base(&kept));
                if found { value.map(offset, len) } else { value.map_unwatched(offset, len) }
            }
            Err(error) => refused(error),
        })
    }

    /// Fetches the whole value, of which there are at least `size` bytes; see [`Value::pull`].
    ///
    /// Nothing that would be lost is overwritten under a consistency that promises more than `eventual`: a value that is
    /// merged is pushed first, and a `strong` one that a writer on this host has at work stays as it is for everybody
    /// else.
    ///
    /// # Errors
    ///
    /// As of [`View::read`] and [`Value::pull`].
    pub fn pull(&self, key: &[u8], size: usize) -> Op<Option<Version>> {
        let kept = match self.look(key) {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let view = self.clone();
        self.made(&kept, size).then(move |made| {
            let value = match made {
                Ok(value) => value,
                Err(error) => return refused(error),
            };
            match kept.consistency {
                Consistency::Strong if kept.writes().is_none() && value.is_dirty() => {
                    Pending::ready(Ok(None))
                }
                Consistency::Merge(MergeKind::Numbers(..) | MergeKind::Set) => {
                    let pushed = view.push_kept(&kept, &value, super::Extent::Dirty);
                    pushed.then(move |pushed| match pushed {
                        Ok(_) => value.pull(),
                        Err(error) => refused(error),
                    })
                }
                _ => value.pull(),
            }
        })
    }

    /// What a `strong` value has pushed, for a call that holds no lock of it. With a `size`, bytes past the value's end
    /// and before that one are zero, and others are out of bounds; without, the answer ends with the value.
    fn read_pushed(
        &self,
        value: Value,
        offset: usize,
        size: Option<usize>,
        len: usize,
    ) -> Op<Option<Vec<u8>>> {
        let view = self.clone();
        let direct = move |value: &Value| view.read_global(value, offset, size, len);
        if value.is_dirty() {
            return direct(&value);
        }
        self.catch_up(value.clone(), None).then(move |there| {
            match there {
                Ok(Some(_)) => {}
                Ok(None) if size.is_none() => return Pending::ready(Ok(None)),
                Ok(None) => return direct(&value),
                Err(error) => return refused(error),
            }
            let n = if size.is_some() { len } else { len.min(value.size()) };
            value.read_clean(offset, n).then(move |read| match read {
                Ok(Some(bytes)) => Pending::ready(Ok(Some(bytes))),
                Ok(None) => direct(&value),
                Err(error) => refused(error),
            })
        })
    }

    fn read_global(
        &self,
        value: &Value,
        offset: usize,
        size: Option<usize>,
        len: usize,
    ) -> Op<Option<Vec<u8>>> {
        let key = value.key().clone();
        let out_of = |size| StateError::OutOfBounds { key: key.clone(), offset, len, size };
        let Some(end) = offset.checked_add(len) else { return refused(out_of(value.size())) };
        let key = key.clone();
        self.namespace.fetch(&key, offset..end).map(move |fetched| {
            let there = fetched?.map(|fetched| fetched.patch);
            let Some(wanted) = size else { return Ok(there.map(crate::Patch::into_bytes)) };
            let has = there.as_ref().map_or(0, crate::Patch::size).max(wanted);
            if end > has {
                return Err(StateError::OutOfBounds { key, offset, len, size: has });
            }
            let mut bytes = there.map(crate::Patch::into_bytes).unwrap_or_default();
            bytes.resize(len, 0);
            Ok(Some(bytes))
        })
    }
}

/// Whether reads must not see what is not pushed.
fn is_unlocked(kept: &Kept) -> bool {
    kept.consistency == Consistency::Strong && kept.holding.is_none()
}

/// How numbers are merged whose pushes send differences to what was pulled.
pub(super) fn has_base(kept: &Kept) -> Option<(Combine, Number)> {
    match kept.consistency {
        Consistency::Merge(MergeKind::Numbers(combine, number)) => Some((combine, number)),
        _ => None,
    }
}

fn may_map(kept: &Kept, access: Access) -> Result<(), StateError> {
    kept.has_bytes("a pointer into it")?;
    match access {
        Access::Write => kept.may_write("a pointer to write through"),
        Access::Read if is_unlocked(kept) => Err(StateError::NeedsLock {
            key: kept.key.clone(),
            what: "a pointer to read through",
            lock: "read",
        }),
        Access::Read => Ok(()),
    }
}
