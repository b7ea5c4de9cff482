//! Clocks, and random bytes.

use std::time::{Duration, Instant, SystemTime};

use rustix::rand::{GetRandomFlags, getrandom};

use super::Refusal;
use super::errno::Errno;
use crate::guest::{Guest, Slice};
use crate::host::HostState;

/// A clock that a guest can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Time since 1970.
    Realtime,
    /// Time since an origin that is the host's choice; never goes back.
    Monotonic,
    /// Time since this clock was first asked: from then on no less than the processor time that the call has had. The
    /// thread's own time would show what others did on it while this call waited.
    CpuTime,
}

impl TryFrom<u32> for Clock {
    type Error = Errno;

    fn try_from(id: u32) -> Result<Self, Errno> {
        match id {
            0 => Ok(Self::Realtime),
            1 => Ok(Self::Monotonic),
            2 | 3 => Ok(Self::CpuTime),
            _ => Err(Errno::Inval),
        }
    }
}

impl Clock {
    /// The time in nanoseconds.
    pub(crate) fn now(self, host: &HostState) -> u64 {
        let time = match self {
            Self::Realtime => {
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
            }
            Self::Monotonic => host.monotonic_origin().elapsed(),
            Self::CpuTime => host.cpu_origin().elapsed(),
        };
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
    }

    /// When this clock will show `time`, or nothing if that is too far away to be told from never.
    pub(crate) fn instant_of(self, time: u64, host: &HostState) -> Option<Instant> {
        let left = Duration::from_nanos(time.saturating_sub(self.now(host)));
        Instant::now().checked_add(left)
    }
}

/// `clock_res_get`: the smallest step that a clock shows.
pub(crate) fn clock_res_get(
    guest: &mut Guest<'_>,
    id: u32,
    resolution: u32,
) -> Result<(), Refusal> {
    Clock::try_from(id)?;
    guest.write_u64(resolution, 1)?;
    Ok(())
}

/// `clock_time_get`: the time; its precision is always the best.
pub(crate) fn clock_time_get(guest: &mut Guest<'_>, id: u32, time: u32) -> Result<(), Refusal> {
    let now = Clock::try_from(id)?.now(guest.host());
    guest.write_u64(time, now)?;
    Ok(())
}

/// Bytes that are made at once.
const PIECE: usize = 64 * 1024;

/// `random_get`: bytes from the operating system's generator.
pub(crate) fn random_get(guest: &mut Guest<'_>, buffer: Slice) -> Result<(), Refusal> {
    guest.check(buffer)?;
    let mut piece = vec![0; PIECE.min(buffer.len as usize)];
    let mut done = 0;
    while done < buffer.len {
        let n = piece.len().min((buffer.len - done) as usize);
        let got = getrandom(&mut piece[..n], GetRandomFlags::empty()).map_err(Errno::from)?;
        guest.write(buffer.ptr + done, &piece[..got])?;
        done += u32::try_from(got).map_err(|_| Errno::Io)?;
        guest.check_deadline()?;
    }
    Ok(())
}
