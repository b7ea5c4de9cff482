//! What runs before a function's snapshot is taken, and at the beginning of each call.

use crate::error::Result;

/// Runs an initialiser; 0 where it succeeds. For [`zygote!`](crate::zygote) and [`after_restore!`](crate::after_restore).
pub fn initialise(function: fn() -> Result) -> i32 {
    match function() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            error.code()
        }
    }
}

/// Has a `fn() -> faasm::Result` run once, when the function is uploaded: every call starts from what it leaves in
/// memory. There are no state and no chained calls then.
#[macro_export]
macro_rules! zygote {
    ($function:path) => {
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn _faasm_zygote() -> i32 {
                $crate::initialise($function)
            }
        };
    };
}

/// Has a `fn() -> faasm::Result` run at the beginning of every call, for what must not be the same in two calls.
#[macro_export]
macro_rules! after_restore {
    ($function:path) => {
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn after_restore() -> i32 {
                $crate::initialise($function)
            }
        };
    };
}
