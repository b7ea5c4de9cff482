//! The part of a store that does not depend on the embedder's data type.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use faasm_abi::layout::{funcref, memory, table};
use faasm_sfi::activation::{Activation, Landing, Suspension};
use faasm_sfi::dirty::Known;
use faasm_sfi::fault::{Fault, FaultKind};
use faasm_sfi::interrupt::Interrupt;
use faasm_sfi::shared::SharedRegion;
use faasm_sfi::slot::Slot;
use faasm_sfi::walls::{Spans, Walls};

use crate::backtrace::Addresses;
use crate::capture::Origin;
use crate::engine::Engine;
use crate::externs::AccessError;
use crate::func::Func;
use crate::heap::Roots;
use crate::mappings::{Mappings, OF_PIECE};
use crate::module::Module;
use crate::place;
use crate::shared_memory::SharedMemory;
use crate::store::contents::{Contents, MemoryRecord, TableRecord};
use crate::store::creation::Room;
use crate::store::plan::{STACK_GUARD, SlotPlan, memory_bytes, pages, table_bytes};
use crate::store::{StoreError, StoreLimits};
use crate::trap::Trap;
use crate::value::Val;

/// A pointer to the core of the store that a handle is used with.
#[derive(Clone, Copy, Debug)]
pub struct CorePtr(NonNull<StoreCore>);

impl CorePtr {
    pub(crate) fn new(core: NonNull<StoreCore>) -> Self {
        Self(core)
    }

    /// The core, for as long as the store or caller that gave this pointer is borrowed.
    pub(crate) fn core<'a>(self) -> &'a StoreCore {
        // SAFETY: the pointer came from `AsStore::core_ptr` of a store or caller that is alive and borrowed for as
        // long as the caller of this crate-private function uses the answer (each does so within one call).
        unsafe { self.0.as_ref() }
    }

    /// The core, mutably.
    pub(crate) fn core_mut<'a>(self) -> &'a mut StoreCore {
        let mut core = self.0;
        // SAFETY: as above; the callers hold the store or caller mutably and drop the answer before a guest runs.
        unsafe { core.as_mut() }
    }

    pub(crate) fn as_ptr(self) -> *mut StoreCore {
        self.0.as_ptr()
    }
}

/// A part of a region that is mapped into the slot.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// The shared memory.
    pub(crate) memory: u32,
    /// Where, in the slot.
    pub(crate) at: usize,
    pub(crate) region: SharedRegion,
    /// Which part, in whole pages of the host.
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// Everything of a store but the embedder's data; alone in what processors exchange.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct StoreCore {
    /// As in the contents: one load less in the checks of handles.
    pub(crate) id: u64,
    pub(crate) slot: Slot,
    pub(crate) mappings: Mappings,
    /// Its written pages; whoever writes, or lets a guest run, touches it first.
    pub(crate) known: Known,
    /// Changed only while no call runs.
    pub(crate) walls: Walls,
    pub(crate) contents: Arc<Contents>,
    /// The record of calls that do not nest and may not suspend; made at birth, when the core has its place.
    pub(crate) activation: Activation,
    /// `Box<T>` made raw; null while a slot waits for its next birth.
    pub(crate) data: *mut (),
    pub(crate) interrupt: Interrupt,
    /// Whether somebody may hold the interrupt: then the next life gets another.
    interrupt_shared: Cell<bool>,
    pub(crate) deadline: Option<Instant>,
    /// Recorded by a host function or builtin, until the raise arrives.
    pub(crate) trap: Option<Trap>,
    /// The reference of what was thrown, until the raise looks for who catches it.
    pub(crate) thrown: Option<u32>,
    /// Where the raise goes on, written and read by it.
    pub(crate) landing: Landing,
    pub(crate) limits: StoreLimits,
    /// Of the limits, without shared memories.
    pub(crate) memory_used: u64,
    /// Of the limits.
    pub(crate) elements_used: u64,
    pub(crate) poisoned: bool,
    /// Something grew since birth.
    pub(crate) grown: bool,
    /// A growth of a memory was refused since birth.
    pub(crate) refused: bool,
    /// The slot has had an earlier life.
    pub(crate) reused: bool,
    /// References to objects that the host holds.
    pub(crate) roots: RefCell<Roots>,
    /// The context with which the guest called the host function or builtin that uses the store now; 0 when no call
    /// runs.
    pub(crate) host_context: Cell<usize>,
    /// For each host function that has entered the guest again, outermost first: the frame pointer of its stub.
    pub(crate) exits: Vec<usize>,
    /// Mapped into memory 0 of some instance.
    pub(crate) regions: Vec<SharedRegion>,
    /// Of those, what is mapped into a shared memory.
    pub(crate) placed: Vec<Placed>,
    /// The shared memories of the store, by index.
    pub(crate) shared: Vec<(u32, SharedMemory)>,
    /// It was born as a thread of a guest: at rest it has no shared memory.
    pub(crate) is_thread: bool,
    /// Where it was born.
    pub(crate) origin: Option<Origin>,
}

// SAFETY: `data` belongs to the store that owns this core, which is `Send` only if the data is; a core at rest in a
// captured store has none. The interrupt flag is a `Cell`, but a core is never shared between threads.
unsafe impl Send for StoreCore {}

impl StoreCore {
    /// An empty store with this room, which is for the first of `modules` if it is for one, and for data of this type.
    pub(crate) fn with_room(
        engine: &Engine,
        room: Room,
        modules: Vec<Module>,
        limits: StoreLimits,
        data_type: TypeId,
    ) -> Result<Box<Self>, StoreError> {
        let plan = SlotPlan::of(room, modules.first(), &limits)?;
        let core = engine.with_room(StoreError::is_want_of_room, || {
            let plan = (room, plan.clone());
            let contents = Contents::new(engine, plan, modules.clone(), data_type);
            Self::new(contents, limits)
        })?;
        Ok(Box::new(core))
    }

    /// An empty store: its slot reserved, stack and null descriptor accessible.
    pub(crate) fn new(contents: Contents, limits: StoreLimits) -> Result<Self, StoreError> {
        let mut core = Self::on_slot(Arc::new(contents), limits)?;
        let plan = &core.contents.plan;
        let (stack, funcrefs) = (plan.stack.clone(), plan.funcrefs);
        let (context, many) = (plan.context, plan.many);
        let descriptors = pages(funcrefs + 1);
        place::commit(&mut core, stack.start, context.unwrap_or(stack.end) - stack.start)?;
        if many {
            place::commit(&mut core, funcrefs, descriptors - funcrefs)?;
        }
        core.put(funcrefs + funcref::TYPE as usize, funcref::NO_TYPE);
        Ok(core)
    }

    /// A core around a fresh slot in which nothing is accessible.
    pub(crate) fn on_slot(
        contents: Arc<Contents>,
        limits: StoreLimits,
    ) -> Result<Self, StoreError> {
        let plan = &contents.plan;
        let mappings = contents.engine.inner.mappings.take(OF_PIECE)?;
        let slot = Slot::reserve(plan.len)?;
        let at = slot.address();
        let walls = Walls {
            code: Spans::default(),
            slot: at..at + slot.len(),
            stack: at + plan.stack.start..at + plan.stack.end,
            stack_guard: at + plan.stack.start - STACK_GUARD..at + plan.stack.start,
        };
        let interrupt = Interrupt::new(&contents.engine.inner.watchdog);
        let payload = std::ptr::null_mut();
        let activation = Activation::new(&walls, payload, &interrupt, Suspension::Refused);
        Ok(Self {
            id: contents.id,
            slot,
            mappings,
            known: Known::default(),
            walls,
            contents,
            activation,
            data: std::ptr::null_mut(),
            interrupt,
            interrupt_shared: Cell::new(false),
            deadline: None,
            trap: None,
            thrown: None,
            landing: Landing::default(),
            limits,
            memory_used: 0,
            elements_used: 0,
            poisoned: false,
            grown: false,
            refused: false,
            reused: false,
            roots: RefCell::default(),
            host_context: Cell::new(0),
            exits: Vec::new(),
            regions: Vec::new(),
            placed: Vec::new(),
            shared: Vec::new(),
            is_thread: false,
            origin: None,
        })
    }

    /// The store that is innermost on this thread.
    ///
    /// # Safety
    ///
    /// The caller was called by compiled code, and nothing else uses the core while the answer is used.
    pub(crate) unsafe fn current<'a>() -> &'a mut Self {
        let payload: *mut Self = faasm_sfi::activation::current_payload().cast();
        debug_assert!(!payload.is_null());
        // SAFETY: every activation's payload is its store's core (`call::enter`), alive during the activation; unique
        // by the caller's promise.
        unsafe { &mut *payload }
    }

    /// The contents, to add to them.
    pub(crate) fn contents_mut(&mut self) -> Result<&mut Contents, StoreError> {
        match Arc::get_mut(&mut self.contents) {
            Some(contents) if !contents.sealed => Ok(contents),
            _ => Err(StoreError::Sealed),
        }
    }

    /// Makes the contents this store's alone, so that something can be added to them: what was captured, and what else was
    /// born from it, does not change.
    pub(crate) fn own_contents(&mut self) {
        if self.contents.sealed || Arc::get_mut(&mut self.contents).is_none() {
            let own = Contents { sealed: false, ..Contents::clone(&self.contents) };
            self.contents = Arc::new(own);
        }
    }

    pub(crate) fn share_interrupt(&self) -> crate::store::Interrupt {
        self.interrupt_shared.set(true);
        crate::store::Interrupt(self.interrupt.clone())
    }

    /// Makes the record of calls; the core must not move from here on.
    pub(crate) fn settle(&mut self) {
        let payload: *mut Self = self;
        self.activation =
            Activation::new(&self.walls, payload.cast(), &self.interrupt, Suspension::Refused);
    }

    /// Forgets what belonged to one life, for the next.
    pub(crate) fn forget_life(&mut self) {
        if self.interrupt_shared.replace(false) {
            self.interrupt = Interrupt::new(&self.contents.engine.inner.watchdog);
        } else if self.deadline.is_some() {
            self.interrupt.set_deadline(None);
        }
        self.deadline = None;
        self.trap = None;
        self.thrown = None;
        self.poisoned = false;
        self.grown = false;
        self.refused = false;
        self.reused = true;
        self.roots.get_mut().truncate(0);
        self.placed.clear();
    }

    /// The address of `offset` in the slot.
    pub(crate) fn address(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.slot.len(), "an offset outside the slot");
        self.known.touch();
        (self.slot.address() + offset) as *mut u8
    }

    /// Reads a plain value from the slot; `offset` is of an accessible part by the contents' records.
    pub(crate) fn get<V: Plain>(&self, offset: usize) -> V {
        // SAFETY: inside the slot (`address`), accessible by the records that offsets come from; any bits are a `V`;
        // no guest runs while the host looks, or it is this thread's own.
        unsafe { self.address(offset).cast::<V>().read_unaligned() }
    }

    /// Writes a plain value to the slot, as [`Self::get`] reads it.
    pub(crate) fn put<V: Plain>(&mut self, offset: usize, value: V) {
        // SAFETY: as in `get`; `&mut` keeps other host code away.
        unsafe { self.address(offset).cast::<V>().write_unaligned(value) }
    }

    /// Copies bytes inside the slot; the ranges may overlap, and both are accessible by the contents' records.
    pub(crate) fn copy(&mut self, from: usize, to: usize, len: usize) {
        let ends = from.max(to).checked_add(len).is_some_and(|end| end <= self.slot.len());
        assert!(ends, "a range outside the slot");
        // SAFETY: inside the slot, and accessible by the caller's records; no guest runs while the host looks.
        unsafe { std::ptr::copy(self.address(from), self.address(to), len) };
    }

    /// The number of bytes of a memory.
    pub(crate) fn memory_len(&self, record: &MemoryRecord) -> u64 {
        let at = record.definition + memory::LENGTH as usize;
        if !record.ty.shared {
            return self.get(at);
        }
        // SAFETY: inside the slot (`address`), readable and aligned as the head of a shared memory; everybody who
        // writes it does so atomically.
        unsafe { AtomicU64::from_ptr(self.address(at).cast()) }.load(Ordering::SeqCst)
    }

    /// Memory `index`, if it is shared.
    pub(crate) fn shared_memory(&self, index: u32) -> Option<&SharedMemory> {
        self.shared.iter().find(|(at, _)| *at == index).map(|(_, memory)| memory)
    }

    /// How many bytes memories may take beside those that there are.
    pub(crate) fn memory_room(&self) -> u64 {
        let shared: u64 = self.shared.iter().map(|(_, memory)| memory.byte_len()).sum();
        self.limits.memory_bytes.saturating_sub(self.memory_used.saturating_add(shared))
    }

    /// The number of elements of a table.
    pub(crate) fn table_len(&self, record: &TableRecord) -> u64 {
        self.get(record.definition + table::LENGTH as usize)
    }

    /// Grows memory `index` and returns its size before, in pages. New bytes are zero.
    pub(crate) fn grow_memory(&mut self, index: u32, delta: u64) -> Result<u64, AccessError> {
        self.try_grow_memory(index, delta).inspect_err(|_| self.refused = true)
    }

    fn try_grow_memory(&mut self, index: u32, delta: u64) -> Result<u64, AccessError> {
        if let Some(shared) = self.shared_memory(index) {
            return shared.grow_within(delta, self.memory_room());
        }
        let record = self.contents.memories[index as usize].clone();
        let len = self.memory_len(&record);
        let old = len >> record.ty.page_size_log2;
        let wanted = old.checked_add(delta).filter(|&pages| pages <= record.ty.most_pages());
        let bytes = wanted.and_then(|pages| memory_bytes(&record.ty, pages));
        let bytes = bytes.ok_or(AccessError::Limit)?;
        let more = bytes - len;
        if bytes > record.reserved as u64 || more > self.memory_room() {
            return Err(AccessError::Limit);
        }
        self.commit_up(record.base, len, bytes)?;
        self.memory_used += more;
        self.put(record.definition + memory::LENGTH as usize, bytes);
        Ok(old)
    }

    /// Grows table `index` and returns its size before. New elements are `element`.
    pub(crate) fn grow_table(
        &mut self,
        index: u32,
        element: u32,
        delta: u64,
    ) -> Result<u64, AccessError> {
        let record = self.contents.tables[index as usize].clone();
        let old = self.table_len(&record);
        let new = old.checked_add(delta).filter(|&new| {
            new <= record.capacity && delta <= self.limits.table_elements - self.elements_used
        });
        let new = new.ok_or(AccessError::Limit)?;
        if !record.inline {
            let bytes = |elements| table_bytes(elements).map_err(|_| AccessError::Limit);
            self.commit_up(record.base, bytes(old)? as u64, bytes(new)? as u64)?;
        }
        self.elements_used += delta;
        self.put(record.definition + table::LENGTH as usize, new);
        // Behind a table's end all is zero: null, already.
        if element != 0 {
            (old..new).for_each(|at| self.put_element(&record, at, element));
        }
        Ok(old)
    }

    /// Makes the pages between two sizes of something at `base` accessible.
    fn commit_up(&mut self, base: usize, old: u64, new: u64) -> Result<(), AccessError> {
        let to_pages = |bytes| usize::try_from(bytes).map(pages).map_err(|_| AccessError::Limit);
        let (old, new) = (to_pages(old)?, to_pages(new)?);
        if new > old {
            self.commit_more(base + old, new - old).map_err(|_| AccessError::Limit)?;
        }
        Ok(())
    }

    /// Makes more of the slot accessible. In a life the first growth takes the mappings that all of the store's can
    /// need: one for each thing that can grow.
    pub(crate) fn commit_more(&mut self, offset: usize, len: usize) -> Result<(), StoreError> {
        if !self.grown {
            let Contents { memories, tables, .. } = &*self.contents;
            let heap = usize::from(self.contents.plan.gc_heap.is_some());
            let count = memories.len() + tables.len() + heap;
            let engine = self.contents.engine.clone();
            engine.with_room(|_| true, || self.mappings.more(count))?;
            self.grown = true;
        }
        Ok(self.slot.commit(offset, len)?)
    }

    /// Element `at`, which is below the length.
    pub(crate) fn element(&self, record: &TableRecord, at: u64) -> u32 {
        self.get(element_offset(record, at))
    }

    /// Sets element `at`, which is below the length.
    pub(crate) fn put_element(&mut self, record: &TableRecord, at: u64, element: u32) {
        self.put(element_offset(record, at), element);
    }

    /// The function with this reference.
    pub(crate) fn func_handle(&self, reference: u32) -> Option<Func> {
        self.contents.func(reference).map(|_| Func { store: self.id, index: reference })
    }

    /// A value of `ty` from its bits.
    pub(crate) fn val(&self, ty: faasm_abi::types::ValType, bits: u128) -> Val {
        crate::value::from_bits(self, ty, bits)
    }

    /// Whether the deadline has passed while the host makes something for a guest that does not run; the store is
    /// poisoned then.
    pub(crate) fn is_over(&mut self) -> bool {
        let over = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        self.poisoned |= over;
        over
    }

    /// What the end of an activation by `fault` means.
    pub(crate) fn trap_of(&mut self, fault: &Fault) -> Trap {
        use faasm_abi::trap::TrapCode;
        // First of all: the abandoned frames may lie right below this one.
        let addresses = Addresses::of(fault, &self.walls.stack, |pc| self.walls.span(pc).is_some());
        let mut trap = match fault.kind {
            FaultKind::Site(code) => {
                Trap::code(TrapCode::from_u8(code).unwrap_or(TrapCode::Unreachable))
            }
            FaultKind::StackOverflow => Trap::code(TrapCode::StackOverflow),
            FaultKind::Interrupted => Trap::code(TrapCode::Interrupted),
            FaultKind::Raised => {
                self.trap.take().unwrap_or_else(|| Trap::code(TrapCode::Unreachable))
            }
        };
        if trap.trap_code() == Some(TrapCode::Interrupted) {
            self.poisoned = true;
        }
        let contents = &self.contents;
        trap.backtrace_mut()
            .extend(&addresses, |pc| contents.module_at(pc).map(|module| &*module.inner));
        trap
    }
}

pub(crate) fn element_offset(record: &TableRecord, at: u64) -> usize {
    assert!(at < record.capacity, "an element outside its table");
    #[expect(clippy::cast_possible_truncation, reason = "the capacity fits an address (plan)")]
    let at = at as usize;
    record.base + at * table::ELEMENT_SIZE as usize
}

/// Types that any bits are a value of.
pub(crate) trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for u64 {}
impl Plain for i64 {}
impl Plain for u128 {}
