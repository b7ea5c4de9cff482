//! The Faasm calls, with the names and signatures of the original (module `env`).
//!
//! A wrong argument is the guest's error and ends it, with a text that names function and argument.

pub(crate) mod chain;
pub(crate) mod data;
pub(crate) mod debug;
pub(crate) mod objects;
pub(crate) mod posix;
pub(crate) mod state;
pub(crate) mod tiers;

use faasm_vm::{GuestMemoryError, Trap};

use crate::error::{HostError, Problem};
use crate::guest::{Guest, Slice};

/// Names of functions and files have at most this many bytes.
const MAX_NAME: u32 = 4096;

/// What compiled code gets.
pub(crate) fn answer<T>(function: &'static str, result: Result<T, Problem>) -> Result<T, Trap> {
    result.map_err(|problem| match problem {
        Problem::Trap(trap) => trap,
        problem => Trap::host(HostError { function, problem }),
    })
}

/// Says which argument a bad pointer was.
pub(crate) trait Argument<T> {
    fn argument(self, argument: &'static str) -> Result<T, Problem>;
}

impl<T> Argument<T> for Result<T, GuestMemoryError> {
    fn argument(self, argument: &'static str) -> Result<T, Problem> {
        self.map_err(|source| Problem::Memory { argument, source })
    }
}

/// A copy of at most `max` bytes.
fn bytes(
    guest: &Guest<'_>,
    argument: &'static str,
    slice: Slice,
    max: u32,
) -> Result<Vec<u8>, Problem> {
    guest.check(slice).argument(argument)?;
    if slice.len > max {
        return Err(Problem::TooLong { argument, len: slice.len, max });
    }
    guest.read(slice).argument(argument)
}

/// A C string that is UTF-8.
pub(crate) fn text(guest: &Guest<'_>, argument: &'static str, ptr: u32) -> Result<String, Problem> {
    let bytes = guest.read_cstr(ptr, MAX_NAME).argument(argument)?;
    String::from_utf8(bytes).map_err(|_| Problem::NotText { argument })
}
