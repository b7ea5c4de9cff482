//! Writes on this host, and those that go to the global tier at once.

use faasm_sfi::pending::Pending;

use super::read::has_base;
use super::{Kept, View, refused};
use crate::consistency::{Consistency, MergeKind};
use crate::stamps::Stamp;
use crate::{
    Combine, Condition, GlobalError, Merge, MergeError, Merged, Number, Op, StateError, Value,
    Version, Written,
};

impl View {
    /// Makes `bytes` the whole value, on this host.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`]; as of [`Value::set`]; [`StateError::NeedsLock`] for a
    /// `strong` value; for one that is merged, [`StateError::NotUnder`] where numbers would become fewer or the value is
    /// a list, and [`StateError::Unmergeable`] where the bytes are no set.
    pub fn set(&self, key: &[u8], bytes: Vec<u8>) -> Op<()> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("a write")?;
            kept.may_be(&bytes)?;
            Ok(kept)
        });
        let kept = match looked {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        match kept.consistency {
            Consistency::Strong => {
                self.made(&kept, 0).map(move |value| value.and_then(|value| value.set(&bytes)))
            }
            Consistency::Merge(MergeKind::Numbers(..)) => {
                let view = self.clone();
                self.opened(&kept).then(move |opened| {
                    let had = opened.map(|value| value.map_or(0, |value| value.size()));
                    match had.and_then(|had| kept.may_become(bytes.len(), had)) {
                        Ok(()) => view.write(kept.key.as_bytes(), bytes.len(), 0, bytes),
                        Err(error) => refused(error),
                    }
                })
            }
            _ => Pending::ready(self.namespace.value(key, 0).and_then(|value| value.set(&bytes))),
        }
    }

    /// Writes `bytes` at `offset`, inside a value that has at least `size` bytes, on this host.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`]; as of [`crate::Namespace::value`] and [`Value::write`];
    /// [`StateError::NeedsLock`] for a `strong` value, [`StateError::NotUnder`] for a set or a list; where the value is
    /// merged as numbers, also as of [`Value::ensure`].
    pub fn write(&self, key: &[u8], size: usize, offset: usize, bytes: Vec<u8>) -> Op<()> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("a write")?;
            kept.has_bytes("a write to a part of it")?;
            Ok(kept)
        });
        let kept = match looked {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        if let Some(how) = has_base(&kept) {
            return self.made(&kept, size).then(move |made| match made {
                Ok(value) => write_over_base(value, how, offset, bytes),
                Err(error) => refused(error),
            });
        }
        self.made(&kept, size).map(move |value| value?.write(offset, &bytes))
    }

    /// Says that `len` bytes from `offset` on were written through a pointer; see [`Value::flag_dirty`].
    ///
    /// # Errors
    ///
    /// As of [`View::write`].
    pub fn flag(&self, key: &[u8], size: usize, offset: usize, len: usize) -> Op<()> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("a write")?;
            kept.has_bytes("a write to a part of it")?;
            Ok(kept)
        });
        match looked {
            Ok(kept) => self.made(&kept, size).map(move |value| value?.flag_dirty(offset, len)),
            Err(error) => refused(error),
        }
    }

    /// Makes `bytes` the whole value in the global tier, and here if it is here; with `at`, where the value there is at
    /// this version; [`Version::ABSENT`]: where there is none.
    ///
    /// # Errors
    ///
    /// As of [`View::set`]; [`StateError::Unmergeable`] also for numbers that are no whole ones; [`StateError::NotUnder`]
    /// for a value that is merged, with `at`; [`StateError::Global`] with [`GlobalError::Conflict`] where it is at
    /// another version.
    pub fn put(&self, key: &[u8], bytes: Vec<u8>, at: Option<Version>) -> Op<Written> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("a write")?;
            if at.is_some() {
                kept.is_not_merged("a conditional write")?;
            }
            kept.may_be(&bytes)?;
            Ok(kept)
        });
        match looked {
            Ok(kept) => match kept.consistency {
                Consistency::Merge(MergeKind::Numbers(_, number)) => {
                    self.put_numbers(kept, number, bytes)
                }
                _ => self.put_kept(&kept, bytes, at),
            },
            Err(error) => refused(error),
        }
    }

    /// Over the version that was found not to be longer, whichever that is.
    fn put_numbers(&self, kept: Kept, number: Number, bytes: Vec<u8>) -> Op<Written> {
        let (len, width) = (bytes.len(), number.width());
        if !len.is_multiple_of(width) {
            return refused(kept.unmergeable(MergeError::Ragged { len, width }));
        }
        let view = self.clone();
        self.namespace.stat(kept.key.as_bytes()).then(move |stat| {
            let found = stat.and_then(|stat| {
                let (at, size) =
                    stat.map_or((Version::ABSENT, 0), |stat| (stat.version, stat.size));
                kept.may_become(len, size)?;
                Ok(at)
            });
            let at = match found {
                Ok(at) => at,
                Err(error) => return refused(error),
            };
            let put = view.put_kept(&kept, bytes.clone(), Some(at));
            put.then(move |written| match written {
                Err(StateError::Global { source: GlobalError::Conflict { .. }, .. }) => {
                    view.put_numbers(kept, number, bytes)
                }
                written => Pending::ready(written),
            })
        })
    }

    fn put_kept(&self, kept: &Kept, bytes: Vec<u8>, at: Option<Version>) -> Op<Written> {
        let when = Condition { at, under: kept.writes() };
        let (view, kept) = (self.clone(), kept.clone());
        self.namespace.put(kept.key.as_bytes(), bytes, when).map(move |written| {
            let written = view.told(&kept, written)?;
            view.stamp(&kept, Stamp::AtLeast(written.after));
            Ok(written)
        })
    }

    /// The same, over this version alone; the version that it has then.
    ///
    /// # Errors
    ///
    /// As of [`View::put`].
    pub fn set_if(&self, key: &[u8], bytes: Vec<u8>, at: Version) -> Op<Version> {
        self.put(key, bytes, Some(at)).map(|written| Ok(written?.after))
    }

    /// Merges `change` into the value in the global tier, whatever its consistency; with the merged numbers or set, if
    /// they are `wanted`. A replica that is here and has nothing to push takes the result.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`]; [`StateError::NeedsLock`] for a
    /// `strong` value.
    pub fn merge(&self, key: &[u8], change: Merge, wanted: bool) -> Op<Merged> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("a merge")?;
            Ok(kept)
        });
        let kept = match looked {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let when = Condition::ALWAYS.under(kept.writes());
        let view = self.clone();
        self.namespace.merge(key, change, when, wanted).map(move |merged| {
            let merged = view.told(&kept, merged)?;
            view.stamp(&kept, Stamp::AtLeast(merged.written.after));
            Ok(merged)
        })
    }

    /// Deletes the value and the list, with `at` where the value is at this version; see [`crate::Namespace::delete_if`].
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`]; [`StateError::NeedsLock`] for a
    /// `strong` value; [`StateError::NotUnder`] for one that is merged, with `at`.
    pub fn delete_at(&self, key: &[u8], at: Option<Version>) -> Op<bool> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("deleting it")?;
            if at.is_some() {
                kept.is_not_merged("a conditional deletion")?;
            }
            Ok(kept)
        });
        let kept = match looked {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let view = self.clone();
        let when = Condition { at, under: kept.writes() };
        self.namespace.delete_if(key, when).map(move |deleted| {
            let deleted = view.told(&kept, deleted)?;
            view.stamp(&kept, Stamp::Newest);
            Ok(deleted)
        })
    }

    /// The same, whatever is there.
    ///
    /// # Errors
    ///
    /// As of [`View::delete_at`].
    pub fn delete(&self, key: &[u8]) -> Op<bool> {
        self.delete_at(key, None)
    }
}

fn write_over_base(value: Value, how: (Combine, Number), offset: usize, bytes: Vec<u8>) -> Op<()> {
    value.ensure(offset, bytes.len()).then(move |ensured| {
        match ensured.and_then(|()| value.write_over_base(how, offset, &bytes)) {
            Ok(true) => Pending::ready(Ok(())),
            // It had to make room for others in between.
            Ok(false) => write_over_base(value, how, offset, bytes),
            Err(error) => refused(error),
        }
    })
}
