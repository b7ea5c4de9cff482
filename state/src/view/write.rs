//! Writes on this host, and those that go to the global tier at once.

use faasm_sfi::pending::Pending;

use super::read::has_base;
use super::{View, refused};
use crate::consistency::{Consistency, MergeKind};
use crate::stamps::Stamp;
use crate::{Combine, Condition, Merge, Merged, Number, Op, StateError, Value, Version, Written};

impl View {
    /// Makes `bytes` the whole value, on this host.
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`]; as of [`Value::set`]; [`StateError::NeedsLock`] for a
    /// `strong` value; for one that is merged, [`StateError::NotUnder`] where numbers would become fewer or the value is
    /// a list, and [`StateError::Unmergeable`] where the bytes are no set.
    pub fn set(&self, key: &[u8], bytes: Vec<u8>) -> Op<()> {
        let kept = match self.look(key) {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        if let Err(error) = kept.may_write("a write") {
            return refused(error);
        }
        match kept.consistency {
            Consistency::Eventual | Consistency::Session => {
                let value = self.namespace.value(key, 0);
                Pending::ready(value.and_then(|value| value.set(&bytes)))
            }
            Consistency::Strong => {
                self.made(&kept, 0).map(move |value| value.and_then(|value| value.set(&bytes)))
            }
            Consistency::Merge(MergeKind::Append) => {
                refused(kept.not_under("a value beside its list"))
            }
            Consistency::Merge(MergeKind::Set) => {
                let is_set = crate::members(&bytes).map(drop);
                let is_set =
                    is_set.map_err(|source| StateError::Unmergeable { key: kept.key, source });
                Pending::ready(is_set.and_then(|()| self.namespace.value(key, 0)?.set(&bytes)))
            }
            Consistency::Merge(MergeKind::Numbers(..)) => {
                let view = self.clone();
                self.opened(&kept).then(move |opened| match opened {
                    Ok(Some(value)) if value.size() > bytes.len() => {
                        refused(kept.not_under("making it shorter"))
                    }
                    Ok(_) => view.write(kept.key.as_bytes(), bytes.len(), 0, bytes),
                    Err(error) => refused(error),
                })
            }
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

    /// Makes `bytes` the whole value in the global tier, and here if it is here, where the value there is at this
    /// version; [`Version::ABSENT`]: where there is none.
    ///
    /// # Errors
    ///
    /// As of [`View::set`]; [`StateError::Global`] with [`crate::GlobalError::Conflict`] where it is at another version.
    pub fn set_if(&self, key: &[u8], bytes: Vec<u8>, at: Version) -> Op<Version> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("a write")?;
            match kept.consistency {
                Consistency::Merge(_) => Err(kept.not_under("a conditional write")),
                _ => Ok(kept),
            }
        });
        let kept = match looked {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let when = Condition::at(at).under(kept.writes());
        let view = self.clone();
        self.namespace.put(key, bytes, when).map(move |written| {
            let Written { after, .. } = view.told(&kept, written)?;
            view.stamp(&kept, Stamp::AtLeast(after));
            Ok(after)
        })
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

    /// Deletes the value and the list; see [`crate::Namespace::delete`].
    ///
    /// # Errors
    ///
    /// What [`crate::Key::new`] says; [`StateError::LockLost`], [`StateError::Global`]; [`StateError::NeedsLock`] for a
    /// `strong` value.
    pub fn delete(&self, key: &[u8]) -> Op<bool> {
        let looked = self.look(key).and_then(|kept| {
            kept.may_write("deleting it")?;
            Ok(kept)
        });
        let kept = match looked {
            Ok(kept) => kept,
            Err(error) => return refused(error),
        };
        let view = self.clone();
        let when = Condition::ALWAYS.under(kept.writes());
        self.namespace.delete_if(key, when).map(move |deleted| {
            let deleted = view.told(&kept, deleted)?;
            view.stamp(&kept, Stamp::Newest);
            Ok(deleted)
        })
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
