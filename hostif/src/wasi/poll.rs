//! `poll_oneoff`: waiting for clocks, and for descriptors that the system opened. Files are always ready.

use std::time::Instant;

use rustix::event::PollFlags;

use super::Refusal;
use super::clock::Clock;
use super::errno::Errno;
use super::layout::{Event, SUBSCRIPTION_BYTES, Subscription, Wanted};
use super::rights::Rights;
use crate::files::readiness::{self, Source};
use crate::guest::{Guest, Slice, Unfinished};

/// More subscriptions than this are an invalid argument.
const MAX_SUBSCRIPTIONS: u32 = 4096;

/// `poll_oneoff`: returns when at least one of the subscriptions has happened, with an event for each that has.
pub(crate) fn poll_oneoff(
    guest: &mut Guest<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    happened: u32,
) -> Result<(), Refusal> {
    let subscriptions = read_subscriptions(guest, subscriptions, count)?;
    guest.check(Slice::new(happened, 4))?;
    let waits: Vec<Wait> =
        subscriptions.iter().map(|subscription| Wait::begin(guest, subscription)).collect();
    let bytes = loop {
        let bytes = what_happened(&subscriptions, &waits)?;
        if !bytes.is_empty() {
            break bytes;
        }
        wait_for_first(guest, &waits)?;
    };
    guest.write(events, &bytes)?;
    let n = bytes.len() / Event::BYTES;
    guest.write_u32(happened, u32::try_from(n).map_err(|_| Errno::Overflow)?)?;
    Ok(())
}

/// The events of those that have happened.
fn what_happened(subscriptions: &[Subscription], waits: &[Wait]) -> Result<Vec<u8>, Errno> {
    let sources: Vec<_> = waits.iter().filter_map(Wait::source).collect();
    let mut states = readiness::look(&sources)?.into_iter();
    let (mut bytes, now) = (Vec::new(), Instant::now());
    for (subscription, wait) in subscriptions.iter().zip(waits) {
        let is_ready =
            wait.source().is_some() && states.next().is_some_and(|state| !state.is_empty());
        if let Some(event) = wait.event(subscription, now, is_ready) {
            event.encode(&mut bytes);
        }
    }
    Ok(bytes)
}

fn read_subscriptions(
    guest: &Guest<'_>,
    at: u32,
    count: u32,
) -> Result<Vec<Subscription>, Refusal> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::Inval.into());
    }
    let bytes = guest.read(Slice::new(at, count * SUBSCRIPTION_BYTES))?;
    let chunks = bytes.as_chunks::<{ SUBSCRIPTION_BYTES as usize }>().0;
    Ok(chunks.iter().map(Subscription::decode).collect::<Result<_, Errno>>()?)
}

/// What a subscription waits for.
enum Wait {
    /// It has happened, or failed.
    Done { error: Option<Errno>, bytes: u64 },
    /// Until then; without an instant, for ever.
    Until(Option<Instant>),
    /// Until the system says that it is ready.
    Source(Source),
}

impl Wait {
    fn begin(guest: &mut Guest<'_>, subscription: &Subscription) -> Self {
        let failed = |error| Self::Done { error: Some(error), bytes: 0 };
        match subscription.wanted {
            Wanted::Clock { id, timeout, absolute } => match Clock::try_from(id) {
                Ok(Clock::CpuTime) => failed(Errno::NotSup),
                Ok(clock) => Self::Until(deadline(guest, clock, timeout, absolute)),
                Err(error) => failed(error),
            },
            Wanted::Read(fd) => Self::descriptor(guest, fd, PollFlags::IN).unwrap_or_else(failed),
            Wanted::Write(fd) => Self::descriptor(guest, fd, PollFlags::OUT).unwrap_or_else(failed),
        }
    }

    fn descriptor(guest: &mut Guest<'_>, fd: u32, flags: PollFlags) -> Result<Self, Errno> {
        let descriptor = guest.files().find_with(fd, Rights::POLL_FD_READWRITE)?;
        if let Some(source) = descriptor.source()? {
            return Ok(Self::Source((source, flags)));
        }
        let bytes = if flags == PollFlags::IN { descriptor.available() } else { 0 };
        Ok(Self::Done { error: None, bytes })
    }

    fn source(&self) -> Option<&Source> {
        match self {
            Self::Source(source) => Some(source),
            Self::Done { .. } | Self::Until(_) => None,
        }
    }

    fn event(&self, subscription: &Subscription, now: Instant, is_ready: bool) -> Option<Event> {
        let (error, bytes) = match self {
            Self::Done { error, bytes } => (*error, *bytes),
            Self::Until(Some(deadline)) if *deadline <= now => (None, 0),
            Self::Source(source) if is_ready && source.1 == PollFlags::IN => {
                (None, readiness::available(source))
            }
            Self::Source(_) if is_ready => (None, 0),
            Self::Until(_) | Self::Source(_) => return None,
        };
        Some(Event {
            userdata: subscription.userdata,
            error,
            kind: subscription.wanted.kind(),
            bytes,
        })
    }
}

fn deadline(guest: &Guest<'_>, clock: Clock, timeout: u64, absolute: bool) -> Option<Instant> {
    let host = guest.host();
    let at = if absolute { timeout } else { clock.now(host).saturating_add(timeout) };
    clock.instant_of(at, host)
}

/// Waits until one of them may have happened.
fn wait_for_first(guest: &mut Guest<'_>, waits: &[Wait]) -> Result<(), Refusal> {
    let until = |wait: &Wait| match wait {
        Wait::Until(until) => *until,
        Wait::Done { .. } | Wait::Source(_) => None,
    };
    let first = waits.iter().filter_map(until).min();
    let sources: Vec<_> = waits.iter().filter_map(Wait::source).collect();
    if sources.is_empty() {
        return Ok(guest.sleep(first)?);
    }
    let (ready, _waiting) = readiness::any(&sources).map_err(Errno::from)?;
    match guest.wait(ready, first) {
        Ok(()) | Err(Unfinished::Deadline) => Ok(()),
        Err(Unfinished::Abandoned) => Err(Errno::Io.into()),
        Err(Unfinished::Ended(trap)) => Err(trap.into()),
    }
}
