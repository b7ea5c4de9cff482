//! Calls of other functions.

use std::ffi::CString;

use crate::error::{Error, Result};
use crate::raw;

/// A call that was begun. It goes on if this is dropped.
#[must_use = "the call's answer comes from `wait`"]
#[derive(Debug)]
pub struct Call {
    id: u32,
}

/// What a chained call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its return code: 0 says that it succeeded.
    pub code: i32,
    /// Its output.
    pub bytes: Vec<u8>,
}

/// Calls another function of the same user.
///
/// # Errors
///
/// The name contains NUL. A function that is not there ends this call.
pub fn chain(name: &str, input: impl AsRef<[u8]>) -> Result<Call> {
    let name = CString::new(name)?;
    let input = input.as_ref();
    // SAFETY: the name ends with NUL, the input has its length; the host copies both before it returns.
    let id = unsafe { raw::__faasm_chain_name(name.as_ptr(), input.as_ptr(), input.len()) };
    Ok(Call { id })
}

/// Calls a function of this module in a Faaslet of its own. For [`chain_fn!`](crate::chain_fn), which makes the entry.
pub fn chain_entry(entry: extern "C" fn() -> i32, input: &[u8]) -> Call {
    // SAFETY: as in `chain`; the entry is a function of this module, which has its table exported.
    let id = unsafe { raw::__faasm_chain_ptr(entry, input.as_ptr(), input.len()) };
    Call { id }
}

impl Call {
    /// Waits for the call to succeed.
    ///
    /// # Errors
    ///
    /// It returned another code than 0, which is the error's code; its output is the error's text.
    pub fn wait(self) -> Result<Output> {
        match self.wait_for_any() {
            output if output.code == 0 => Ok(output),
            failed => {
                let text = String::from_utf8_lossy(&failed.bytes).into_owned();
                Err(Error::with_code(failed.code, text))
            }
        }
    }

    /// Waits for the call to end, with whatever return code.
    #[must_use]
    pub fn wait_for_any(self) -> Output {
        let (mut memory, mut len) = (std::ptr::null_mut(), 0);
        // SAFETY: the host writes to both places, which live on this stack.
        let code =
            unsafe { raw::__faasm_await_call_output(self.id, &raw mut memory, &raw mut len) };
        let len = usize::try_from(len).unwrap_or(0);
        if memory.is_null() {
            return Output { code, bytes: Vec::new() };
        }
        // SAFETY: the host has allocated so many bytes by the exported `malloc` and written them; nobody else knows.
        let bytes = unsafe { std::slice::from_raw_parts(memory, len) }.to_vec();
        // SAFETY: it is from `malloc`, and not used any more.
        unsafe { raw::free(memory) };
        Output { code, bytes }
    }

    /// Waits for the call to end, and returns its return code only.
    #[must_use]
    pub fn code(self) -> i32 {
        raw::__faasm_await_call(self.id)
    }
}

/// Calls a `fn() -> faasm::Result<impl Answer>` of this module in a Faaslet of its own, which starts from the
/// function's snapshot: it sees nothing of this call but through state. The second argument is its input.
#[macro_export]
macro_rules! chain_fn {
    ($function:path, $input:expr) => {{
        extern "C" fn entry() -> i32 {
            $crate::end($function())
        }
        $crate::chain_entry(entry, ::core::convert::AsRef::<[u8]>::as_ref(&$input))
    }};
}
