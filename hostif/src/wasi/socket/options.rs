//! Options of sockets: a small list that can do others no harm.

use std::time::Duration;

use super::Held;
use crate::guest::{Guest, Slice};
use crate::net::{SocketOption, Value};
use crate::wasi::Refusal;
use crate::wasi::errno::Errno;
use crate::wasi::rights::Rights;

/// The option of a level and a name. Level 0 is that of all sockets; 6 and 41 are TCP's and IPv6's own, with Linux's
/// numbers.
fn option(level: u32, name: u32) -> Result<SocketOption, Errno> {
    Ok(match (level, name) {
        (0, 0) => SocketOption::ReuseAddress,
        (0, 1) => SocketOption::Type,
        (0, 2) => SocketOption::Error,
        (0, 4) => SocketOption::Broadcast,
        (0, 5) => SocketOption::SendBuffer,
        (0, 6) => SocketOption::ReceiveBuffer,
        (0, 7) => SocketOption::KeepAlive,
        (0, 11) => SocketOption::ReceiveTimeout,
        (0, 12) => SocketOption::SendTimeout,
        (0, 13) => SocketOption::AcceptsConnections,
        (6, 1) => SocketOption::NoDelay,
        (41, 26) => SocketOption::OnlyV6,
        _ => return Err(Errno::NoProtoOpt),
    })
}

/// The level and name that stand for those of wasi-libc.
pub(crate) fn from_libc(level: u32, name: u32) -> (u32, u32) {
    const SOL_SOCKET: u32 = 0x7fff_ffff;
    /// A name that no level has.
    const NONE: u32 = u32::MAX;
    if level != SOL_SOCKET {
        return (level, name);
    }
    let name = match name {
        2 => 0,
        3 => 1,
        4 => 2,
        6 => 4,
        7 => 5,
        8 => 6,
        9 => 7,
        30 => 13,
        66 => 11,
        67 => 12,
        _ => NONE,
    };
    (0, name)
}

/// A `timeval`: seconds and microseconds, of 8 bytes each.
const TIME_BYTES: u32 = 16;

fn is_time(option: SocketOption) -> bool {
    matches!(option, SocketOption::ReceiveTimeout | SocketOption::SendTimeout)
}

/// `sock_getsockopt`: `size` is the room for the value, and then the value's size.
pub(crate) fn sock_getsockopt(
    guest: &mut Guest<'_>,
    fd: u32,
    (level, name): (u32, u32),
    value: u32,
    size: u32,
) -> Result<(), Refusal> {
    let mut room = [0; 4];
    guest.read_into(size, &mut room)?;
    let held = Held::find(guest, fd, Rights::NONE)?;
    let option = option(level, name)?;
    let needed = if is_time(option) { TIME_BYTES } else { 4 };
    if u32::from_le_bytes(room) < needed {
        return Err(Errno::Inval.into());
    }
    guest.check(Slice::new(value, needed))?;
    match held.socket.option(option)? {
        Value::Number(number) => guest.write_u32(value, number)?,
        Value::Time(time) => {
            let mut bytes = [0; TIME_BYTES as usize];
            bytes[..8].copy_from_slice(&time.as_secs().to_le_bytes());
            bytes[8..].copy_from_slice(&u64::from(time.subsec_micros()).to_le_bytes());
            guest.write(value, &bytes)?;
        }
    }
    Ok(guest.write_u32(size, needed)?)
}

/// `sock_setsockopt`.
pub(crate) fn sock_setsockopt(
    guest: &mut Guest<'_>,
    fd: u32,
    (level, name): (u32, u32),
    value: Slice,
) -> Result<(), Refusal> {
    let held = Held::find(guest, fd, Rights::NONE)?;
    let option = option(level, name)?;
    let needed = if is_time(option) { TIME_BYTES } else { 4 };
    if value.len < needed {
        return Err(Errno::Inval.into());
    }
    let bytes = guest.read(Slice::new(value.ptr, needed))?;
    let value = match *bytes {
        [a, b, c, d] => Value::Number(u32::from_le_bytes([a, b, c, d])),
        _ => Value::Time(time(&bytes)?),
    };
    Ok(held.socket.set_option(option, value)?)
}

/// What time a `timeval` says. A year is as good as for ever.
fn time(bytes: &[u8]) -> Result<Duration, Errno> {
    let [seconds, micros] = bytes.as_chunks::<8>().0 else { return Err(Errno::Inval) };
    let seconds = u64::try_from(i64::from_le_bytes(*seconds)).map_err(|_| Errno::Inval)?;
    let micros = u32::try_from(i64::from_le_bytes(*micros)).map_err(|_| Errno::Inval)?;
    if micros >= 1_000_000 {
        return Err(Errno::Inval);
    }
    const YEAR: u64 = 365 * 24 * 60 * 60;
    Ok(Duration::new(seconds.min(YEAR), micros * 1000))
}
