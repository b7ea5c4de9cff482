//! A call's input and output.

use super::{Argument, bytes};
use crate::error::Problem;
use crate::guest::{Guest, Slice};

/// `__faasm_read_input`: with no room, the input's size; else as much of it as there is room for, and how much.
pub(crate) fn read_input(guest: &mut Guest<'_>, buffer: Slice) -> Result<u32, Problem> {
    let input = guest.host().input();
    let size = u32::try_from(input.len()).unwrap_or(u32::MAX);
    if buffer.len == 0 {
        return Ok(size);
    }
    guest.check(buffer).argument("buffer")?;
    let n = size.min(buffer.len);
    guest.write_input(buffer.ptr, n as usize).argument("buffer")?;
    Ok(n)
}

/// `__faasm_write_output`: sets the call's output, in place of an earlier one.
pub(crate) fn write_output(guest: &mut Guest<'_>, output: Slice) -> Result<(), Problem> {
    let max = guest.host().limits().output_bytes;
    let output = bytes(guest, "output", output, max)?;
    guest.host_mut().set_output(output);
    Ok(())
}
