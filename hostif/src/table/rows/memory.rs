//! Memory calls.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::faasm;
use crate::guest::{Guest, Slice};
use crate::host::HostState;
use crate::memory::{self, Wanted};
use crate::table::{FAASM, HostFunction, ROOM, Touches};

functions!(MEMORY_FUNCTIONS, FAASM, faasm::answer, {
    /// Memory of its own for the guest, of whole pages of 64 KiB: zero, or a copy of a part of a file. -1 with a reason for `__faasm_errno`. Without `MAP_FIXED` the address is the host's choice; no memory holds code, and a file that is shared is not writable.
    "mmap" = memory::mmap(Wanted { addr, len, prot, flags }, fd, offset):
        (addr: u32, len: u32, prot: u32, flags: u32, fd: u32, offset: u64) -> u32, Memory;
    /// Gives pages back: they read zero, and their addresses serve the next mapping.
    "munmap" = memory::munmap(addr, len):
        (addr: u32, len: u32) -> i32, Memory;
    /// Makes a mapping longer or shorter, in its place if there is room, else elsewhere with `MREMAP_MAYMOVE`.
    "mremap" = memory::mremap(Slice::new(addr, len), new_len, flags):
        (addr: u32, len: u32, new_len: u32, flags: u32) -> u32, Memory;
    /// `MADV_DONTNEED` makes pages zero and gives them back; other advice does nothing.
    "madvise" = memory::madvise(addr, len, advice):
        (addr: u32, len: u32, advice: u32) -> i32, Memory;
    /// Looks at its arguments: memory stays readable and writable, and `PROT_EXEC` is refused.
    "mprotect" = memory::mprotect(addr, len, prot):
        (addr: u32, len: u32, prot: u32) -> i32, Memory;
    /// Moves the end of the heap that it has given, up or down; where it was, or -1.
    "__sbrk" = memory::sbrk(increment):
        (increment: u32) -> u32, Memory;
    /// Sets the end of that heap.
    "brk" = memory::brk(end):
        (end: u32) -> i32, Memory;
    /// WASI's number of the reason for which the last memory call failed.
    "__faasm_errno" = memory::errno():
        () -> i32, Memory;
});
