//! Calls on descriptors that the original has beside WASI.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::guest::Guest;
use crate::host::HostState;
use crate::table::{FAASM, HostFunction, ROOM, Touches};
use crate::{faasm, wasi};

functions!(FILE_FUNCTIONS, FAASM, wasi::answer, {
    /// Opens a descriptor once more, under the lowest free number: both have one position.
    "__wasi_fd_dup" = wasi::fd::fd_dup(fd, opened_fd):
        (fd: u32, opened_fd: u32) -> u32, Descriptors;
});

functions!(DUP, FAASM, faasm::answer, {
    /// The same; the number, or -1.
    "dup" = wasi::fd::dup(fd):
        (fd: u32) -> i32, Descriptors;
});
