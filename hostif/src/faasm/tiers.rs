//! State calls that the original has not: versions, conditions, merges, notices, keys, lists to take from, leases.

use std::time::{Duration, Instant};

use faasm_state::{
    Access, Combine, GlobalError, GlobalOp, Key, LockError, Merge, Mode, Number, StateError,
    Version, Wait, members,
};

use super::state::{map_part, read_key, settle, view};
use super::{Argument, bytes};
use crate::error::Problem;
use crate::guest::{Guest, Slice, Unfinished};

/// What a conditional write answers where its condition did not hold, and a wait whose time passed.
const NOT_DONE: i64 = -1;

/// What a take answers.
const NONE: i32 = -1;
const NO_ROOM: i32 = -2;

/// The kind of a merge that adds to a set; below it, three numbers for each way to combine them.
const SET: u32 = 9;

/// Bytes of a listed key before its name.
const ENTRY: usize = 24;

/// `__faasm_state_version`.
pub(crate) fn version(guest: &mut Guest<'_>, key: u32) -> Result<i64, Problem> {
    let key = read_key(guest, "key", key)?;
    let stat = view(guest)?.stat(&key);
    Ok(settle(guest, stat)?.map_or(0, |stat| number(stat.version)))
}

/// `__faasm_state_write_if`.
pub(crate) fn write_if(
    guest: &mut Guest<'_>,
    key: u32,
    data: Slice,
    version: i64,
) -> Result<i64, Problem> {
    let key = read_key(guest, "key", key)?;
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    let written = view(guest)?.set_if(&key, data, Version(version.cast_unsigned()));
    Ok(unless_conflict(settle(guest, written))?.map_or(NOT_DONE, number))
}

/// `__faasm_state_push_if`.
pub(crate) fn push_if(guest: &mut Guest<'_>, key: u32, version: i64) -> Result<i64, Problem> {
    let key = read_key(guest, "key", key)?;
    let pushed = view(guest)?.push_if(&key, Version(version.cast_unsigned()));
    let pushed = unless_conflict(settle(guest, pushed))?;
    Ok(pushed.map_or(NOT_DONE, |pushed| pushed.version.map_or(0, number)))
}

/// `__faasm_state_merge`.
pub(crate) fn merge(
    guest: &mut Guest<'_>,
    key: u32,
    (kind, offset): (u32, u32),
    data: Slice,
    wanted: u32,
) -> Result<i64, Problem> {
    let key = read_key(guest, "key", key)?;
    let max = guest.host().limits().state_bytes;
    let given = bytes(guest, "data", data, max)?;
    let (change, wanted) = change(kind, offset, given, wanted != 0)?;
    let merged = view(guest)?.merge(&key, change, wanted);
    let merged = settle(guest, merged)?;
    let result = merged.result.filter(|result| wanted && result.len() == data.len as usize);
    if let Some(result) = result {
        guest.write(data.ptr, &result).argument("data")?;
    }
    Ok(number(merged.written.after))
}

/// A set is not given back: it can be larger than what was added to it.
fn change(kind: u32, offset: u32, bytes: Vec<u8>, wanted: bool) -> Result<(Merge, bool), Problem> {
    let combine = match kind / 3 {
        0 => Combine::Sum,
        1 => Combine::Max,
        2 => Combine::Min,
        _ if kind == SET => {
            let added = members(&bytes).map_err(Problem::NotASet)?;
            return Ok((Merge::Union(added.into_iter().map(<[u8]>::to_vec).collect()), false));
        }
        _ => return Err(Problem::Number { argument: "kind", is: kind, most: SET }),
    };
    let number = match kind % 3 {
        0 => Number::I64,
        1 => Number::F32,
        _ => Number::F64,
    };
    Ok((Merge::Numbers { combine, number, offset: offset as usize, bytes }, wanted))
}

/// `__faasm_state_map`.
pub(crate) fn map(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
    part: (u32, u32),
    access: u32,
) -> Result<u32, Problem> {
    let access = match access {
        0 => Access::Read,
        1 => Access::Write,
        is => return Err(Problem::Number { argument: "access", is, most: 1 }),
    };
    map_part(guest, key, total_len, part, access)
}

/// `__faasm_state_watch`.
pub(crate) fn watch(
    guest: &mut Guest<'_>,
    key: u32,
    version: i64,
    timeout: i32,
) -> Result<i64, Problem> {
    if timeout == 0 {
        let now = self::version(guest, key)?;
        return Ok(if now == version { NOT_DONE } else { now });
    }
    let key = read_key(guest, "key", key)?;
    let watched = view(guest)?.watch(&key, Version(version.cast_unsigned()))?;
    let changed = within(guest, &key, watched, timeout)?;
    Ok(changed.map_or(NOT_DONE, |stat| stat.map_or(0, |stat| number(stat.version))))
}

/// `__faasm_state_list`.
pub(crate) fn list(
    guest: &mut Guest<'_>,
    prefix: Slice,
    after: Slice,
    buffer: Slice,
) -> Result<i32, Problem> {
    guest.check(buffer).argument("buffer")?;
    let max = u32::try_from(Key::MAX_LEN).unwrap_or(u32::MAX);
    let prefix = bytes(guest, "prefix", prefix, max)?;
    let after = bytes(guest, "after", after, max)?;
    let room = buffer.len as usize;
    let most = (room / (ENTRY + 1)).clamp(1, 4096);
    let listed = view(guest)?.namespace().list(&prefix, Some(&after), most);
    let mut written = Vec::new();
    for entry in settle(guest, listed)? {
        let key = entry.key.as_bytes();
        if written.len() + ENTRY + key.len() > room {
            if written.is_empty() {
                return Ok(NONE);
            }
            break;
        }
        let (version, size) = entry.stat.map_or((0, 0), |stat| (stat.version.0, stat.size as u64));
        written.extend_from_slice(&version.to_le_bytes());
        written.extend_from_slice(&size.to_le_bytes());
        written.extend_from_slice(&small(entry.appended).to_le_bytes());
        written.extend_from_slice(&small(key.len()).to_le_bytes());
        written.extend_from_slice(key);
    }
    guest.write(buffer.ptr, &written).argument("buffer")?;
    Ok(i32::try_from(written.len()).unwrap_or(i32::MAX))
}

/// `__faasm_state_delete`.
pub(crate) fn delete(guest: &mut Guest<'_>, key: u32) -> Result<u32, Problem> {
    let key = read_key(guest, "key", key)?;
    let deleted = view(guest)?.delete(&key);
    Ok(u32::from(settle(guest, deleted)?))
}

/// `__faasm_state_delete_if`.
pub(crate) fn delete_if(guest: &mut Guest<'_>, key: u32, version: i64) -> Result<i32, Problem> {
    let key = read_key(guest, "key", key)?;
    let deleted = view(guest)?.delete_at(&key, Some(Version(version.cast_unsigned())));
    Ok(unless_conflict(settle(guest, deleted))?.map_or(-1, i32::from))
}

/// `__faasm_state_append`.
pub(crate) fn append(guest: &mut Guest<'_>, key: u32, data: Slice) -> Result<u32, Problem> {
    let key = read_key(guest, "key", key)?;
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    let appended = view(guest)?.append(&key, &data);
    Ok(small(settle(guest, appended)?))
}

/// `__faasm_state_appended`.
pub(crate) fn appended(guest: &mut Guest<'_>, key: u32) -> Result<u32, Problem> {
    let key = read_key(guest, "key", key)?;
    let count = view(guest)?.count_appended(&key);
    Ok(small(settle(guest, count)?))
}

/// `__faasm_state_take`.
pub(crate) fn take(
    guest: &mut Guest<'_>,
    key: u32,
    buffer: Slice,
    timeout: i32,
) -> Result<i32, Problem> {
    let key = read_key(guest, "key", key)?;
    guest.check(buffer).argument("buffer")?;
    let wait = if timeout == 0 { Wait::Not } else { Wait::UntilThere };
    let room = buffer.len as usize;
    let taken = view(guest)?.take_appended(&key, (1, room), wait)?;
    // Who does not wait for an element waits for the tier's answer.
    let patience = if timeout == 0 { FOR_EVER } else { timeout };
    let Some(taken) = within(guest, &key, taken, patience)? else { return Ok(NONE) };
    let Some(element) = taken.first() else {
        let there = view(guest)?.count_appended(&key);
        return Ok(if settle(guest, there)? > 0 { NO_ROOM } else { NONE });
    };
    guest.write(buffer.ptr, element).argument("buffer")?;
    Ok(i32::try_from(element.len()).unwrap_or(i32::MAX))
}

/// `__faasm_state_lock`.
pub(crate) fn lock(
    guest: &mut Guest<'_>,
    key: u32,
    mode: u32,
    timeout: i32,
) -> Result<u32, Problem> {
    let mode = match mode {
        0 => Mode::Read,
        1 => Mode::Write,
        is => return Err(Problem::Number { argument: "mode", is, most: 1 }),
    };
    let key = read_key(guest, "key", key)?;
    let view = view(guest)?;
    guest.host_mut().will_lock();
    let patience = u64::try_from(timeout).ok().map(Duration::from_millis);
    // However little patience there is, the tier's answer is waited for: who gives up has left the queue then.
    match guest.wait(view.lock_global(&key, mode, patience), None)? {
        Err(StateError::Lock { source: LockError::Taken, .. }) => Ok(0),
        given => Ok(given.map(|()| 1)?),
    }
}

/// `__faasm_state_unlock`.
pub(crate) fn unlock(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let unlocked = view(guest)?.unlock_global(&key);
    settle(guest, unlocked)
}

/// `__faasm_state_token`.
pub(crate) fn token(guest: &mut Guest<'_>, key: u32) -> Result<i64, Problem> {
    let key = read_key(guest, "key", key)?;
    let token = view(guest)?.token(&key)?;
    Ok(token.map_or(0, |token| token.epoch.cast_signed()))
}

/// `__faasm_state_resident`.
pub(crate) fn resident(guest: &mut Guest<'_>) -> Result<i64, Problem> {
    let held = view(guest)?.namespace().usage().held;
    Ok(i64::try_from(held).unwrap_or(i64::MAX))
}

/// Waits for an operation of the tier, which is given up with the wait; nothing if the time passed.
fn within<T: Send + 'static>(
    guest: &mut Guest<'_>,
    key: &[u8],
    operation: GlobalOp<T>,
    timeout: i32,
) -> Result<Option<T>, Problem> {
    match guest.wait(operation, deadline(timeout)) {
        Ok(Ok(done)) => Ok(Some(done)),
        Ok(Err(source)) => {
            let key = Key::new(key)?;
            Err(match source {
                GlobalError::Fenced => StateError::LockLost { key },
                source => StateError::Global { key, source },
            }
            .into())
        }
        Err(Unfinished::Deadline) => Ok(None),
        Err(unfinished) => Err(unfinished.into()),
    }
}

/// A time without end.
const FOR_EVER: i32 = -1;

/// A negative time has no end.
fn deadline(timeout: i32) -> Option<Instant> {
    let timeout = u64::try_from(timeout).ok()?;
    Some(Instant::now() + Duration::from_millis(timeout))
}

fn unless_conflict<T>(done: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Problem::State(StateError::Global {
            source: GlobalError::Conflict { .. }, ..
        })) => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Versions begin at 0 and grow by one at a time.
fn number(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
