//! Chained calls.

use std::sync::Arc;

use super::{Argument, bytes, text};
use crate::calls::{Calls, ChainedOutcome, Target};
use crate::error::Problem;
use crate::guest::{Allocation, Guest, Slice, Unfinished};

/// What `__faasm_await_call` answers for a call that is not the guest's own or was lost, as the original does.
const FAILED: i32 = 1;

/// `__faasm_chain_name`: begins a call of another function of the same tenant.
pub(crate) fn chain_name(guest: &mut Guest<'_>, name: u32, input: Slice) -> Result<u32, Problem> {
    let name = text(guest, "name", name)?;
    begin(guest, Target::Name(name), input)
}

/// `__faasm_chain_ptr`: begins a call of a function of this module, in a Faaslet of its own.
pub(crate) fn chain_ptr(
    guest: &mut Guest<'_>,
    function: u32,
    input: Slice,
) -> Result<u32, Problem> {
    let found = guest.function_at(function);
    if !found.is_some_and(|found| guest.is_entry(found)) {
        return Err(Problem::NotAFunction { index: function });
    }
    begin(guest, Target::Pointer(function), input)
}

/// `__faasm_await_call`: waits for a call; what its function returned.
pub(crate) fn await_call(guest: &mut Guest<'_>, call: u32) -> Result<i32, Problem> {
    Ok(outcome(guest, call)?.return_value)
}

/// `__faasm_await_call_output`: the same, and has the guest's `malloc` make room for the call's output. A NUL that is
/// not counted follows it, for those who take it for a C string.
pub(crate) fn await_call_output(
    guest: &mut Guest<'_>,
    call: u32,
    output: u32,
    output_len: u32,
) -> Result<i32, Problem> {
    guest.check(Slice::new(output, 4)).argument("output")?;
    guest.check(Slice::new(output_len, 4)).argument("output_len")?;
    let ChainedOutcome { return_value, output: mut bytes, .. } = outcome(guest, call)?;
    let len = u32::try_from(bytes.len()).map_err(|_| Problem::Allocation { len: u32::MAX })?;
    bytes.push(0);
    let room = len.checked_add(1).ok_or(Problem::Allocation { len })?;
    let buffer = guest.allocate(room).map_err(|error| match error {
        Allocation::NoMalloc => Problem::Allocation { len: room },
        Allocation::Trap(trap) => Problem::Trap(trap),
    })?;
    if buffer == 0 {
        return Err(Problem::Allocation { len: room });
    }
    guest.write(buffer, &bytes).argument("malloc's result")?;
    guest.write_u32(output, buffer).argument("output")?;
    guest.write_u32(output_len, len).argument("output_len")?;
    Ok(return_value)
}

fn begin(guest: &mut Guest<'_>, target: Target, input: Slice) -> Result<u32, Problem> {
    let limits = *guest.host().limits();
    let input = bytes(guest, "input", input, limits.input_bytes)?;
    if !guest.host().may_chain() {
        return Err(Problem::TooManyCalls { max: limits.chained_calls });
    }
    let stamps = guest.host_mut().stamps().snapshot();
    let id = calls(guest)?.chain(guest.host().id(), target, input, stamps)?;
    Ok(guest.host_mut().note_chained(id))
}

fn outcome(guest: &mut Guest<'_>, number: u32) -> Result<ChainedOutcome, Problem> {
    let failed = || ChainedOutcome { return_value: FAILED, ..ChainedOutcome::default() };
    let Some(id) = guest.host().chained(number) else {
        return Ok(failed());
    };
    let pending = calls(guest)?.outcome(id);
    match guest.wait(pending, None) {
        Ok(outcome) => {
            if !outcome.stamps.is_empty() {
                guest.host_mut().stamps().merge(&outcome.stamps);
            }
            Ok(outcome)
        }
        Err(Unfinished::Abandoned | Unfinished::Deadline) => Ok(failed()),
        Err(Unfinished::Ended(trap)) => Err(Problem::Trap(trap)),
    }
}

fn calls(guest: &Guest<'_>) -> Result<Arc<dyn Calls>, Problem> {
    guest.host().calls().ok_or(Problem::NotHere { what: "other functions" })
}
