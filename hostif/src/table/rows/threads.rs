//! Threads: `wasi-threads`, and what a runtime of threads in the guest asks for.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::faasm;
use crate::guest::Guest;
use crate::host::HostState;
use crate::table::{FAASM, HostFunction, ROOM, THREADS, Touches};
use crate::threads;

functions!(THREAD_FUNCTIONS, THREADS, faasm::answer, {
    /// Begins a thread of the call at the export `wasi_thread_start`; its number, or the negative number of an error.
    "thread-spawn" = threads::thread_spawn(start_arg):
        (start_arg: i32) -> i32, Threads;
});

functions!(THREAD_FACTS, FAASM, faasm::answer, {
    /// How many threads can run at one time.
    "__faasm_processors" = threads::processors():
        () -> u32, Host;
    /// Ends the calling thread, and the call if that is its main one.
    "__faasm_thread_exit" = threads::thread_exit():
        () -> (), Exit;
});
