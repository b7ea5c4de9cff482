//! What a host function sees of the guest that calls it.

use std::marker::PhantomData;
use std::time::Instant;

use faasm_sfi::pending::Pending;
use faasm_sfi::shared::SharedRegion;

use crate::externs::{AccessError, Extern};
use crate::func::Func;
use crate::guest_memory::GuestMemory;
use crate::instance::Instance;
use crate::store::{AsStore, Interrupt};

/// The guest that calls a host function, for the time of the call.
#[derive(Debug)]
pub struct Caller<'a, T: 'static> {
    store: PhantomData<&'a mut T>,
}

/// Why a wait gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The deadline came first; the operation may still happen.
    #[error("the deadline passed before the operation was done")]
    Deadline,
    /// The waiting call was cancelled.
    #[error("the waiting call was cancelled")]
    Cancelled,
    /// The operation was lost by the one who did it.
    #[error("the operation was abandoned by the one who did it")]
    Abandoned,
}

/// Why a shared region cannot be mapped into a guest.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The guest has no memory.
    #[error("the guest has no 32-bit memory of its own")]
    NoMemory,
    /// Offset or length are not whole pages inside the region.
    #[error("offset and length are not whole pages inside the region")]
    Range,
    /// The memory cannot grow so far.
    #[error("the guest's memory cannot grow by the region's size")]
    Limit,
    /// The system refused.
    #[error("the region cannot be mapped")]
    Os(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl<T: 'static> AsStore for Caller<'_, T> {
    type Data = T;
}

impl<T: 'static> Caller<'_, T> {
    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        let _ = self.store;
        unimplemented!()
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        unimplemented!()
    }

    /// The calling instance's memory 0.
    #[must_use]
    pub fn memory(&self) -> Option<GuestMemory<'_>> {
        unimplemented!()
    }

    /// Memory 0 and the data at once.
    pub fn memory_and_data(&mut self) -> (Option<GuestMemory<'_>>, &mut T) {
        unimplemented!()
    }

    /// The calling instance.
    #[must_use]
    pub fn instance(&self) -> Instance {
        unimplemented!()
    }

    /// An export of the calling instance.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<Extern> {
        self.instance().export(self, name)
    }

    /// The function at `index` in the calling instance's table 0: what C calls a function pointer.
    #[must_use]
    pub fn table_func(&self, index: u32) -> Option<Func> {
        let _ = index;
        unimplemented!()
    }

    /// Waits for `pending`. In a call that was begun with [`Func::start`] the guest is suspended and the thread goes
    /// on with other work; else the thread blocks.
    ///
    /// # Errors
    ///
    /// [`WaitError`].
    pub fn wait<V: Send + 'static>(
        &mut self,
        pending: Pending<V>,
        deadline: Option<Instant>,
    ) -> Result<V, WaitError> {
        let _ = (pending, deadline);
        unimplemented!()
    }

    /// Maps `len` bytes of `region` from `offset` on into the guest: memory 0 grows by as many pages of 64 KiB, which
    /// are the region's own. Returns their guest address.
    ///
    /// # Errors
    ///
    /// [`MapError`].
    pub fn map_region(
        &mut self,
        region: &SharedRegion,
        offset: usize,
        len: usize,
    ) -> Result<u32, MapError> {
        let _ = (region, offset, len);
        unimplemented!()
    }

    /// Grows the calling instance's memory 0 by `pages` and returns the size before, in pages.
    ///
    /// # Errors
    ///
    /// [`AccessError::Limit`].
    pub fn grow_memory(&mut self, pages: u32) -> Result<u32, AccessError> {
        let _ = pages;
        unimplemented!()
    }

    /// A handle that ends the running call.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        unimplemented!()
    }

    /// The store's deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        unimplemented!()
    }
}
