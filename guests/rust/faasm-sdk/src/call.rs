//! The present call: its input, its output, its end.

use std::io::Write;

use crate::error::{Error, Result};
use crate::raw;

/// The call's input.
#[must_use]
pub fn input() -> Vec<u8> {
    // SAFETY: with length 0 the host only tells the size.
    let size = unsafe { raw::__faasm_read_input(std::ptr::null_mut(), 0) };
    let mut input = vec![0; size];
    if size > 0 {
        // SAFETY: the host writes at most `size` bytes to the buffer, which has so many.
        let read = unsafe { raw::__faasm_read_input(input.as_mut_ptr(), size) };
        input.truncate(read);
    }
    input
}

/// Sets the call's output. A later one replaces it.
pub fn output(bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    // SAFETY: the host reads so many bytes of the slice before it returns.
    unsafe { raw::__faasm_write_output(bytes.as_ptr(), bytes.len()) };
}

/// What a function may answer: something that becomes its output.
pub trait Answer {
    /// Sets the output.
    fn answer(self);
}

/// The output that was set before, or none.
impl Answer for () {
    fn answer(self) {}
}

impl Answer for Vec<u8> {
    fn answer(self) {
        output(self);
    }
}

impl Answer for String {
    fn answer(self) {
        output(self);
    }
}

impl Answer for &str {
    fn answer(self) {
        output(self);
    }
}

/// Ends a call with this result: the output is set, and the return code is the result. For [`main!`](crate::main) and
/// [`chain_fn!`](crate::chain_fn).
pub fn end<T: Answer>(result: Result<T>) -> i32 {
    let code = match result {
        Ok(answer) => {
            answer.answer();
            0
        }
        Err(error) => fail(&error),
    };
    // What was printed goes to the host's log. If that is not there, the call is still what it is.
    let _ = std::io::stdout().flush();
    code
}

fn fail(error: &Error) -> i32 {
    output(error.to_string());
    error.code()
}

/// Makes a function `fn() -> faasm::Result<impl Answer>` the program's `main`.
#[macro_export]
macro_rules! main {
    ($function:path) => {
        fn main() {
            let code = $crate::end($function());
            if code != 0 {
                ::std::process::exit(code);
            }
        }
    };
}
