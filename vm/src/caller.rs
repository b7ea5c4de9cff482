//! What a host function sees of the guest that calls it.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Instant;

use faasm_abi::layout::header;
use faasm_abi::types::ValType;
use faasm_sfi::HOST_PAGE;
use faasm_sfi::pending::Pending;
use faasm_sfi::shared::SharedRegion;
use faasm_sfi::slot::SlotError;
pub use faasm_sfi::wait::WaitError;

use crate::engine::Engine;
use crate::externs::{AccessError, Extern, Tag};
use crate::func::Func;
use crate::gc_ref::GcRef;
use crate::guest_memory::GuestMemory;
use crate::instance::Instance;
use crate::mappings::OF_REGION;
use crate::store::core::{CorePtr, Placed, StoreCore};
use crate::store::{AsStore, Interrupt};
use crate::threads::ThreadSeed;
use crate::trap::Trap;
use crate::value::Val;

/// The guest that calls a host function, for the time of the call.
pub struct Caller<'a, T: 'static> {
    core: NonNull<StoreCore>,
    instance: u32,
    /// Address of the guest's context.
    context: usize,
    data: PhantomData<&'a mut T>,
}

/// Why a shared region cannot be mapped into a guest.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The guest has no memory.
    #[error("the guest has no 32-bit memory")]
    NoMemory,
    /// Other threads have the guest's memory, and would not see the region.
    #[error(
        "other threads have the guest's memory already: map what they are to see before the call's first thread begins"
    )]
    SharedMemory,
    /// Offset or length are not inside the region, or the offset is not at a whole page.
    #[error("offset and length are not whole pages inside the region")]
    Range,
    /// The memory cannot grow so far.
    #[error("the guest's memory cannot grow by the region's size")]
    Limit,
    /// The system refused.
    #[error("the region cannot be mapped")]
    Os(#[from] SlotError),
}

impl<T: 'static> AsStore for Caller<'_, T> {
    type Data = T;
    fn core_ptr(&self) -> CorePtr {
        // Whoever makes objects or enters the guest again comes here first; the others need not pay for it.
        self.core().host_context.set(self.context);
        CorePtr::new(self.core)
    }
}

impl<T: 'static> Caller<'_, T> {
    /// The caller with this context.
    ///
    /// # Safety
    ///
    /// Compiled code of the thread's innermost activation passed the context, and that store's data is a `T`. No other
    /// caller of the same activation is used while this one is.
    pub(crate) unsafe fn new(context: *const u8) -> Self {
        let payload: *mut StoreCore = faasm_sfi::activation::current_payload().cast();
        // SAFETY: by the caller's promise there is an activation, so its payload is its store's core.
        let core = unsafe { NonNull::new_unchecked(payload) };
        // SAFETY: the context is an instance's, whose header is accessible.
        let instance =
            unsafe { context.offset(header::INSTANCE as isize).cast::<u32>().read_unaligned() };
        Self { core, instance, context: context.addr(), data: PhantomData }
    }

    fn core(&self) -> &StoreCore {
        // SAFETY: the core outlives the activation, which outlives this value; host code of one activation uses one
        // caller at a time.
        unsafe { self.core.as_ref() }
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        // SAFETY: as above, and the borrow is unique.
        unsafe { self.core.as_mut() }
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        // SAFETY: the store's data is a `T` (`new`), alive as long as the store.
        unsafe { &*self.core().data.cast() }
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the borrow is unique.
        unsafe { &mut *self.core_mut().data.cast() }
    }

    /// The calling instance's memory 0.
    #[must_use]
    pub fn memory(&self) -> Option<GuestMemory<'_>> {
        let index = self.memory_index()?;
        Some(GuestMemory::new(self.core(), &self.core().contents.memories[index as usize]))
    }

    /// Memory 0 and the data at once.
    pub fn memory_and_data(&mut self) -> (Option<GuestMemory<'_>>, &mut T) {
        let data: *mut T = self.core().data.cast();
        // SAFETY: as in `data_mut`; the memory's view does not reach the data.
        (self.memory(), unsafe { &mut *data })
    }

    pub(crate) fn memory_index(&self) -> Option<u32> {
        self.core().contents.instances[self.instance as usize].memories.first().copied()
    }

    /// The calling instance.
    #[must_use]
    pub fn instance(&self) -> Instance {
        Instance { store: self.core().id, index: self.instance }
    }

    /// An export of the calling instance.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<Extern> {
        self.instance().export(self, name)
    }

    /// The function at `index` in the calling instance's table 0: what C calls a function pointer.
    #[must_use]
    pub fn table_func(&self, index: u32) -> Option<Func> {
        let core = self.core();
        let table = *core.contents.instances[self.instance as usize].tables.first()?;
        let record = &core.contents.tables[table as usize];
        if u64::from(index) >= core.table_len(record) {
            return None;
        }
        match core.val(ValType::Ref(record.ty.element), core.element(record, index.into()).into()) {
            Val::FuncRef(func) => func,
            // The guest's table 0 may hold anything.
            _ => None,
        }
    }

    /// Waits for `pending`, no longer than until `deadline`; the store's own deadline cancels the wait. In a call that
    /// was begun with [`Func::start`] the guest is suspended and the thread goes on with other work; else the thread
    /// blocks.
    ///
    /// # Errors
    ///
    /// [`WaitError`].
    pub fn wait<V: Send + 'static>(
        &mut self,
        pending: Pending<V>,
        deadline: Option<Instant>,
    ) -> Result<V, WaitError> {
        let outcome = faasm_sfi::wait::wait(pending, deadline);
        if matches!(outcome, Err(WaitError::Cancelled)) {
            let core = self.core();
            if core.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                // The watchdog may not have looked yet; the guest must not go on.
                core.interrupt.request();
            }
        }
        outcome
    }

    /// Maps `len` bytes of `region` from `offset` (whole host pages) on into the guest: memory 0 grows by as many
    /// pages of 64 KiB as they need, and the first bytes of those are the region's own. Returns their guest address.
    /// Of a shared memory, the guest's threads that begin later see the region, too.
    ///
    /// # Errors
    ///
    /// [`MapError`]; except for [`MapError::Os`] nothing has changed then.
    pub fn map_region(
        &mut self,
        region: &SharedRegion,
        offset: usize,
        len: usize,
    ) -> Result<u32, MapError> {
        let end = offset.checked_add(len).filter(|&end| end <= region.len());
        let mapped = len.checked_next_multiple_of(HOST_PAGE).ok_or(MapError::Range)?;
        if end.is_none() || len == 0 || !offset.is_multiple_of(HOST_PAGE) {
            return Err(MapError::Range);
        }
        let index = self.memory_index().ok_or(MapError::NoMemory)?;
        let core = self.core_mut();
        let record = core.contents.memories[index as usize].clone();
        if record.ty.memory64 || record.ty.page_size_log2 != 16 {
            return Err(MapError::NoMemory);
        }
        let mut shared = core.shared.iter_mut().filter(|(at, _)| *at == index);
        if !shared.all(|(_, memory)| memory.is_alone()) {
            return Err(MapError::SharedMemory);
        }
        let pages = (len as u64).div_ceil(1 << record.ty.page_size_log2);
        core.mappings.more(OF_REGION).map_err(|_| MapError::Limit)?;
        let old = core.grow_memory(index, pages).map_err(|_| MapError::Limit)?;
        let at = old << record.ty.page_size_log2;
        let guest = u32::try_from(at).map_err(|_| MapError::Limit)?;
        let at = record.base + guest as usize;
        core.slot.map_region(at, region, offset, mapped)?;
        core.regions.push(region.clone());
        if record.ty.shared {
            // Threads that begin later map it, too.
            let region = region.clone();
            core.placed.push(Placed { memory: index, at, region, offset, len: mapped });
        }
        Ok(guest)
    }

    /// Grows the calling instance's memory 0 by `pages` and returns the size before, in pages.
    ///
    /// # Errors
    ///
    /// [`AccessError::Limit`], also when there is no memory.
    pub fn grow_memory(&mut self, pages: u32) -> Result<u32, AccessError> {
        let index = self.memory_index().ok_or(AccessError::Limit)?;
        let old = self.core_mut().grow_memory(index, pages.into())?;
        u32::try_from(old).map_err(|_| AccessError::Limit)
    }

    /// Makes an exception with this tag and payload: as the host function's error it is thrown in the guest. If it cannot
    /// be made the trap says why.
    #[must_use]
    pub fn throw(&mut self, tag: Tag, payload: &[Val]) -> Trap {
        match GcRef::new_exception(self, tag, payload) {
            Ok(exception) => Trap::uncaught(exception, None),
            Err(error) => Trap::host(error),
        }
    }

    /// The engine of the guest's store.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.core().contents.engine.clone()
    }

    /// What a thread of this guest is born from: the captured store of the guest, and the guest's shared memories. `None`
    /// for a guest that was not born from a captured store, or has no shared memory.
    #[must_use]
    pub fn thread_seed(&self) -> Option<ThreadSeed> {
        ThreadSeed::of(self.core(), self.instance())
    }

    /// A handle that ends the running call.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        self.core().share_interrupt()
    }

    /// The store's deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.core().deadline
    }
}

impl<T: 'static> fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("instance", &self.instance).finish_non_exhaustive()
    }
}
