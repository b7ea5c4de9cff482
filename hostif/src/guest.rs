//! The guest that calls, as the host functions see it: its memory in checked copies, its call's state, and waiting.

use std::sync::Arc;
use std::time::Instant;

use faasm_sfi::pending::{Pending, pending};
use faasm_vm::{
    Caller, Extern, Func, GuestMemory, GuestMemoryError, Linker, MapError, SharedRegion, Table,
    ThreadSeed, Trap, TrapCode, WaitError,
};

use crate::files::{Descriptor, Descriptors};
use crate::host::HostState;
use crate::table::Phase;
use crate::threads::Team;
use crate::wasi::Refusal;
use crate::wasi::errno::Errno;

/// A range of memory as a guest names it: two numbers, until they are checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    pub(crate) ptr: u32,
    pub(crate) len: u32,
}

impl Slice {
    pub(crate) const fn new(ptr: u32, len: u32) -> Self {
        Self { ptr, len }
    }
}

/// The calling guest, for the time of one host call.
pub(crate) struct Guest<'a> {
    caller: Caller<'a, HostState>,
    /// What the thread's store holds when the call's state is not in it; only in a call with threads.
    stand_in: Option<Box<HostState>>,
    /// Of the host function.
    phase: Phase,
}

/// Why a wait gave no value.
#[derive(Debug)]
pub(crate) enum Unfinished {
    /// The deadline that was asked for came first.
    Deadline,
    /// The work was lost by the one who did it.
    Abandoned,
    /// The call is over: cancelled, or its own deadline has come.
    Ended(Trap),
}

impl<'a> Guest<'a> {
    /// For a host function of this phase, which is held to it in tests.
    pub(crate) fn new(caller: Caller<'a, HostState>, phase: Phase) -> Self {
        let mut guest = Self { caller, stand_in: None, phase };
        guest.take_up();
        guest
    }

    /// Gets the call's state, if it goes from thread to thread.
    fn take_up(&mut self) {
        let split = self.caller.data().team().filter(|team| team.is_split()).cloned();
        let Some(team) = split else { return };
        let mut state = team.take();
        state.set_team(Some(team));
        std::mem::swap(&mut *state, self.caller.data_mut());
        self.stand_in = Some(state);
    }

    /// Lets other threads have the call's state.
    fn put_down(&mut self) {
        let Some(mut state) = self.stand_in.take() else { return };
        let team = self.caller.data().team().cloned();
        std::mem::swap(&mut *state, self.caller.data_mut());
        state.set_team(None);
        if let Some(team) = team {
            team.put(state);
        }
    }

    /// From here on the call's state goes from thread to thread.
    pub(crate) fn split(&mut self) {
        if self.stand_in.is_none() {
            let mut stand_in = self.caller.data().stand_in();
            stand_in.set_is_thread(false);
            self.stand_in = Some(Box::new(stand_in));
            self.caller.data().team().into_iter().for_each(Team::split);
        }
    }

    /// What a thread of this guest is born from, if it can have some.
    pub(crate) fn thread_seed(&self) -> Option<ThreadSeed> {
        self.caller.thread_seed()
    }

    /// Whether this is not the call's main thread.
    pub(crate) fn is_thread(&self) -> bool {
        self.stand_in.as_ref().is_some_and(|stand_in| stand_in.is_thread())
    }

    /// Lets other threads of the call go first.
    pub(crate) fn pass(&mut self) {
        if self.stand_in.is_some() {
            self.put_down();
            std::thread::yield_now();
            self.take_up();
        }
    }

    pub(crate) fn host(&self) -> &HostState {
        debug_assert!(self.phase >= Phase::Prepare, "what is linked asks for the host");
        self.caller.data()
    }

    pub(crate) fn host_mut(&mut self) -> &mut HostState {
        debug_assert!(self.phase == Phase::Build, "what was prepared changes the call");
        self.caller.data_mut()
    }

    pub(crate) fn files(&mut self) -> &mut Descriptors {
        debug_assert!(self.phase == Phase::Build, "what was prepared changes the call");
        self.caller.data_mut().files()
    }

    /// Checks that a range is in guest memory, so that a call can fail before it does anything.
    pub(crate) fn check(&self, slice: Slice) -> Result<(), GuestMemoryError> {
        self.memory(slice)?.check(slice.ptr, slice.len)
    }

    /// A copy; nothing is allocated for a range that is not in memory.
    pub(crate) fn read(&self, slice: Slice) -> Result<Vec<u8>, GuestMemoryError> {
        self.memory(slice)?.read(slice.ptr, slice.len)
    }

    pub(crate) fn read_into(&self, ptr: u32, into: &mut [u8]) -> Result<(), GuestMemoryError> {
        self.memory(Slice::new(ptr, 0))?.read_into(ptr, into)
    }

    /// The bytes at `ptr` up to the first NUL, which must come within `max` bytes.
    pub(crate) fn read_cstr(&self, ptr: u32, max: u32) -> Result<Vec<u8>, GuestMemoryError> {
        self.memory(Slice::new(ptr, 1))?.read_cstr(ptr, max)
    }

    pub(crate) fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), GuestMemoryError> {
        self.memory(Slice::new(ptr, 0))?.write(ptr, bytes)
    }

    pub(crate) fn write_u32(&mut self, ptr: u32, value: u32) -> Result<(), GuestMemoryError> {
        self.write(ptr, &value.to_le_bytes())
    }

    pub(crate) fn write_u64(&mut self, ptr: u32, value: u64) -> Result<(), GuestMemoryError> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes the first `len` bytes of the call's input.
    pub(crate) fn write_input(&mut self, ptr: u32, len: usize) -> Result<(), GuestMemoryError> {
        let (memory, host) = self.caller.memory_and_data();
        let input = host.input().get(..len).unwrap_or_default();
        memory.map_or(Ok(()), |memory| memory.write(ptr, input))
    }

    /// A guest without memory has no byte at any address.
    fn memory(&self, slice: Slice) -> Result<GuestMemory<'_>, GuestMemoryError> {
        self.caller.memory().ok_or(GuestMemoryError::OutOfBounds {
            ptr: slice.ptr.into(),
            len: slice.len.into(),
            memory: 0,
        })
    }

    /// Waits for `pending`, but no longer than the call may last.
    pub(crate) fn wait<T: Send + 'static>(
        &mut self,
        pending: Pending<T>,
        deadline: Option<Instant>,
    ) -> Result<T, Unfinished> {
        let end = self.caller.deadline();
        let first = [deadline, end].into_iter().flatten().min();
        self.put_down();
        let outcome = self.caller.wait(pending, first);
        self.take_up();
        outcome.map_err(|error| match error {
            WaitError::Deadline if end.is_some_and(|end| end <= Instant::now()) => over(),
            WaitError::Deadline => Unfinished::Deadline,
            WaitError::Cancelled => over(),
            WaitError::Abandoned(_) => Unfinished::Abandoned,
        })
    }

    /// Waits until the bytes of a file that was opened are here.
    pub(crate) fn fetch(&mut self, opened: &Descriptor) -> Result<(), Refusal> {
        let Some(pending) = opened.missing() else { return Ok(()) };
        match self.wait(pending, None) {
            Ok(Ok(content)) => {
                opened.supply(content);
                Ok(())
            }
            Ok(Err(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a shared file cannot be read"
                );
                Err(Errno::Io.into())
            }
            Err(Unfinished::Ended(trap)) => Err(trap.into()),
            Err(Unfinished::Abandoned | Unfinished::Deadline) => Err(Errno::Io.into()),
        }
    }

    /// Waits until then, or until the call ends.
    pub(crate) fn sleep(&mut self, until: Option<Instant>) -> Result<(), Trap> {
        let (completer, never) = pending::<()>();
        let result = self.wait(never, until);
        drop(completer);
        match result {
            Ok(()) | Err(Unfinished::Deadline | Unfinished::Abandoned) => Ok(()),
            Err(Unfinished::Ended(trap)) => Err(trap),
        }
    }

    /// Ends a long host call between two pieces of its work when the guest's time is up.
    pub(crate) fn check_deadline(&self) -> Result<(), Trap> {
        match self.caller.deadline() {
            Some(end) if end <= Instant::now() => Err(Trap::code(TrapCode::Interrupted)),
            _ => Ok(()),
        }
    }

    /// Maps whole pages of a region into guest memory; their guest address.
    pub(crate) fn map(
        &mut self,
        region: &SharedRegion,
        offset: usize,
        len: usize,
    ) -> Result<u32, MapError> {
        self.caller.map_region(region, offset, len)
    }

    /// The guest as the VM sees it.
    pub(crate) fn caller(&mut self) -> &mut Caller<'a, HostState> {
        &mut self.caller
    }

    /// What libraries can import of the host.
    pub(crate) fn linker(&self) -> Option<Arc<Linker<HostState>>> {
        self.host().linker(&self.caller.engine())
    }

    /// The table that C's function pointers are indices of, if it is exported.
    pub(crate) fn table(&self) -> Option<Table> {
        let program = faasm_vm::dynlink::program(&self.caller)?;
        match program.export(&self.caller, "__indirect_function_table")? {
            Extern::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Grows memory 0; whether it could.
    pub(crate) fn grow(&mut self, pages: u64) -> bool {
        u32::try_from(pages).is_ok_and(|pages| self.caller.grow_memory(pages).is_ok())
    }

    /// Makes a range of memory zero, and gives back what it took.
    pub(crate) fn discard(&mut self, slice: Slice) -> Result<(), GuestMemoryError> {
        self.caller.discard(slice.ptr, slice.len)
    }

    /// Bytes of memory 0.
    pub(crate) fn memory_len(&self) -> u64 {
        self.caller.memory().map_or(0, |memory| memory.len())
    }

    /// The function that C calls by this pointer.
    pub(crate) fn function_at(&self, index: u32) -> Option<Func> {
        self.caller.table_func(index)
    }

    /// Whether a function takes nothing and returns an `i32`.
    pub(crate) fn is_entry(&self, func: Func) -> bool {
        let ty = func.ty(&self.caller);
        ty.params.is_empty() && *ty.results == [faasm_vm::ValType::I32]
    }

    /// Memory from the guest's own allocator: what its exported `malloc` gives for `len`; 0 if it has none left.
    pub(crate) fn allocate(&mut self, len: u32) -> Result<u32, Allocation> {
        // A library has the program's.
        let program = faasm_vm::dynlink::program(&self.caller);
        let malloc =
            self.caller.export("malloc").or_else(|| program?.export(&self.caller, "malloc"));
        let Some(Extern::Func(malloc)) = malloc else {
            return Err(Allocation::NoMalloc);
        };
        let malloc = malloc.typed::<u32, u32>(&self.caller).map_err(|_| Allocation::NoMalloc)?;
        // It may wait for a lock that a thread holds which needs the call's state.
        self.put_down();
        let allocated = malloc.call(&mut self.caller, len);
        self.take_up();
        allocated.map_err(Allocation::Trap)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.put_down();
    }
}

/// Why the guest's allocator gave nothing.
#[derive(Debug)]
pub(crate) enum Allocation {
    NoMalloc,
    Trap(Trap),
}

fn over() -> Unfinished {
    Unfinished::Ended(Trap::code(TrapCode::Interrupted))
}
