//! Arguments, environment and the end of the program.

use faasm_vm::Trap;

use super::Refusal;
use super::errno::Errno;
use crate::error::Problem;
use crate::guest::Guest;
use crate::host::Strings;

/// `args_sizes_get`: how many arguments there are, and how many bytes they take with their NULs.
pub(crate) fn args_sizes_get(guest: &mut Guest<'_>, count: u32, bytes: u32) -> Result<(), Refusal> {
    let args = guest.host().args();
    sizes_get(guest, &args, count, bytes)
}

/// `args_get`: the arguments.
pub(crate) fn args_get(guest: &mut Guest<'_>, argv: u32, buffer: u32) -> Result<(), Refusal> {
    let args = guest.host().args();
    strings_get(guest, &args, argv, buffer)
}

/// `environ_sizes_get`: how many variables there are, and how many bytes they take with their NULs.
pub(crate) fn environ_sizes_get(
    guest: &mut Guest<'_>,
    count: u32,
    bytes: u32,
) -> Result<(), Refusal> {
    let env = guest.host().env();
    sizes_get(guest, &env, count, bytes)
}

/// `environ_get`: the environment, as `NAME=VALUE`.
pub(crate) fn environ_get(guest: &mut Guest<'_>, environ: u32, buffer: u32) -> Result<(), Refusal> {
    let env = guest.host().env();
    strings_get(guest, &env, environ, buffer)
}

/// `proc_exit`: ends the call with an exit code.
pub(crate) fn proc_exit(_: &mut Guest<'_>, code: u32) -> Result<(), Problem> {
    Err(Problem::Trap(Trap::exit(code.cast_signed())))
}

/// `sched_yield`: lets other threads of the call go first. A guest holds up no other one, except where it waits.
pub(crate) fn sched_yield(guest: &mut Guest<'_>) -> Result<(), Refusal> {
    guest.pass();
    Ok(())
}

/// `proc_raise`: there are no signals.
pub(crate) fn proc_raise(_: &mut Guest<'_>) -> Result<(), Refusal> {
    Err(Errno::NotSup.into())
}

fn sizes_get(
    guest: &mut Guest<'_>,
    strings: &Strings,
    count: u32,
    bytes: u32,
) -> Result<(), Refusal> {
    guest.write_u32(count, strings.count())?;
    guest.write_u32(bytes, strings.bytes().len_u32())?;
    Ok(())
}

/// One copy for the bytes and one for the pointers to them.
fn strings_get(
    guest: &mut Guest<'_>,
    strings: &Strings,
    pointers: u32,
    buffer: u32,
) -> Result<(), Refusal> {
    let mut table = Vec::with_capacity(strings.offsets().len() * 4);
    for offset in strings.offsets() {
        let pointer = buffer.checked_add(*offset).ok_or(Errno::Fault)?;
        table.extend_from_slice(&pointer.to_le_bytes());
    }
    guest.write(buffer, strings.bytes())?;
    guest.write(pointers, &table)?;
    Ok(())
}

trait LenU32 {
    fn len_u32(&self) -> u32;
}

impl LenU32 for [u8] {
    /// Strings are checked to fit when they are given.
    fn len_u32(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }
}
