//! Libraries, and calls by signature.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::dynlink;
use crate::faasm;
use crate::guest::Guest;
use crate::host::HostState;
use crate::table::{FAASM, HostFunction, ROOM, Touches};

functions!(DYNLINK_FUNCTIONS, FAASM, faasm::answer, {
    /// Loads a library and those that it needs; its handle, or 0 with a reason for `dlerror`. The program has a handle too, for a null path. A module that imports this has room for libraries: link it with `--export-all --export-table --growable-table`.
    "dlopen" = dynlink::dlopen(path, flags):
        (path: u32, flags: u32) -> u32, Libraries;
    /// The address of a symbol of a library, or of those that it needs; of the program and all global libraries for the handle 0. 0 with a reason for `dlerror` if there is none.
    "dlsym" = dynlink::dlsym(handle, symbol):
        (handle: u32, symbol: u32) -> u32, Libraries;
    /// 0 if the handle is a library's, which stays loaded.
    "dlclose" = dynlink::dlclose(handle):
        (handle: u32) -> i32, Libraries;
    /// The last error as a C string, once; 0 if there is none.
    "dlerror" = dynlink::dlerror():
        () -> u32, Libraries;
    /// Calls a function pointer with a signature of letters, the result's first (`v`, `i`, `I`, `f`, `d`), arguments and result in cells of 8 bytes; `EINVAL` if the function has another type.
    "__faasm_ffi_call" = dynlink::ffi_call(function, signature, args, result):
        (function: u32, signature: u32, args: u32, result: u32) -> u32, Libraries;
    /// A slot more in the table of functions, for `slot` 0, or puts a function (0 for none) into a slot that it has given: its index, or 0.
    "__faasm_ffi_slot" = dynlink::ffi_slot(slot, function):
        (slot: u32, function: u32) -> u32, Libraries;
});
