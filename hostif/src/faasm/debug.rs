//! Configuration and debugging.

use super::{Argument, MAX_NAME};
use crate::error::Problem;
use crate::guest::Guest;

/// `__faasm_conf_flag`: whether the host's configuration sets a flag.
pub(crate) fn conf_flag(guest: &mut Guest<'_>, key: u32) -> Result<u32, Problem> {
    let key = guest.read_cstr(key, MAX_NAME).argument("key")?;
    Ok(u32::from(guest.host().has_flag(&key)))
}

/// `__faasm_backtrace`: notes in the host's log that the guest asks for its stack.
pub(crate) fn backtrace(guest: &mut Guest<'_>, depth: u32) -> Result<(), Problem> {
    tracing::info!(call = guest.host().id().0, depth, "the guest asks for a backtrace");
    Ok(())
}
