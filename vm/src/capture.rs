//! Captured stores, and the birth of new ones from them.

use std::sync::Arc;

use crate::store::Store;

/// A store at rest, from which equal stores are born; cheap to clone.
#[derive(Clone, Debug)]
pub struct Captured {
    inner: Arc<()>,
}

/// Why a store cannot be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A call was interrupted half-way.
    #[error("the store is poisoned by an interrupted call")]
    Poisoned,
    /// A shared region is mapped into a memory.
    #[error("a shared region is mapped into the store's memory")]
    MappedRegion,
    /// A table or global holds a reference to something of the host's.
    #[error("the store holds an external reference that is not null")]
    ExternRef,
    /// The system refused memory for the image.
    #[error("the image cannot be made")]
    Image(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a store cannot be born.
#[derive(Debug, thiserror::Error)]
pub enum BirthError {
    /// The data is of another type than the captured store's.
    #[error("the data's type is not that of the captured store")]
    WrongData,
    /// The system has no address space, mappings or memory left.
    #[error("no slot can be had for a birth")]
    Slot(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Captured {
    /// A new store, equal to the captured one at the time of its capture, with this data.
    ///
    /// `T` must be the captured store's, as its host functions expect it.
    ///
    /// # Errors
    ///
    /// [`BirthError`].
    pub fn birth<T: 'static>(&self, data: T) -> Result<Store<T>, BirthError> {
        let _ = (data, &self.inner);
        unimplemented!()
    }
}
