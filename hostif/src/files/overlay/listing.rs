//! What is in a directory: the call's own names, and the shared ones that it has neither removed nor replaced.

use std::sync::Arc;

use super::node::Node;
use super::quota::Charge;
use super::resolve::join;
use super::{Tree, number_of};
use crate::files::directory::Entry;
use crate::files::filestat::FileType;
use crate::files::port::Shared;
use crate::wasi::errno::Errno;

/// The entries of a directory, charged to the call as long as they are kept.
#[derive(Debug)]
pub(in crate::files) struct Listing {
    pub(in crate::files) entries: Vec<Entry>,
    charge: Charge,
}

impl Listing {
    pub(super) fn of(tree: &Tree, directory: &Arc<Node>) -> Result<Self, Errno> {
        let names = directory.names()?;
        let mut own = Self { entries: Vec::new(), charge: tree.quota.charge(0)? };
        let dot = |name: &[u8]| Entry {
            name: name.to_vec(),
            ino: directory.ino,
            file_type: FileType::Directory,
        };
        own.push(dot(b"."))?;
        // The parent's number is not told, as below directories of the host.
        own.push(dot(b".."))?;
        for (name, node) in names.iter() {
            if let Some(node) = node {
                own.push(Entry {
                    name: name.as_bytes().to_vec(),
                    ino: node.ino,
                    file_type: node.file_type(),
                })?;
            }
        }
        let Some(below) = names.below.as_deref() else { return Ok(own) };
        let mut shared = tree.shared.list(below);
        shared.retain(|(name, _)| !names.knows(name));
        shared.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (name, what) in shared {
            let file_type = match what {
                Shared::File { .. } => FileType::RegularFile,
                Shared::Directory { .. } => FileType::Directory,
            };
            let ino = number_of(&join(below, &name));
            own.push(Entry { name: name.into_string().into_bytes(), ino, file_type })?;
        }
        Ok(own)
    }

    fn push(&mut self, entry: Entry) -> Result<(), Errno> {
        self.charge.grow((size_of::<Entry>() + entry.name.len()) as u64)?;
        self.entries.push(entry);
        Ok(())
    }
}
