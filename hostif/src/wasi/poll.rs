//! `poll_oneoff`: waiting for clocks. Descriptors are always ready, as those of regular files are.

use std::time::Instant;

use super::Refusal;
use super::clock::Clock;
use super::errno::Errno;
use super::layout::{Event, SUBSCRIPTION_BYTES, Subscription, Wanted};
use super::rights::Rights;
use crate::guest::{Guest, Slice};

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
    let mut bytes = Vec::new();
    let waits: Vec<Wait> =
        subscriptions.iter().map(|subscription| Wait::begin(guest, subscription)).collect();
    wait_for_first(guest, &waits)?;
    let now = Instant::now();
    for (subscription, wait) in subscriptions.iter().zip(&waits) {
        if let Some(event) = wait.event(subscription, now) {
            event.encode(&mut bytes);
        }
    }
    guest.write(events, &bytes)?;
    let n = bytes.len() / Event::BYTES;
    guest.write_u32(happened, u32::try_from(n).map_err(|_| Errno::Overflow)?)?;
    Ok(())
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
            Wanted::Read(fd) => match guest.files().find_with(fd, Rights::POLL_FD_READWRITE) {
                Ok(descriptor) => Self::Done { error: None, bytes: descriptor.available() },
                Err(error) => failed(error),
            },
            Wanted::Write(fd) => match guest.files().find_with(fd, Rights::POLL_FD_READWRITE) {
                Ok(_) => Self::Done { error: None, bytes: 0 },
                Err(error) => failed(error),
            },
        }
    }

    fn event(&self, subscription: &Subscription, now: Instant) -> Option<Event> {
        let (error, bytes) = match self {
            Self::Done { error, bytes } => (*error, *bytes),
            Self::Until(Some(deadline)) if *deadline <= now => (None, 0),
            Self::Until(_) => return None,
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

fn wait_for_first(guest: &mut Guest<'_>, waits: &[Wait]) -> Result<(), Refusal> {
    let mut first = None;
    for wait in waits {
        match wait {
            Wait::Done { .. } => return Ok(()),
            Wait::Until(Some(deadline)) => {
                first = Some(first.map_or(*deadline, |first: Instant| first.min(*deadline)));
            }
            Wait::Until(None) => {}
        }
    }
    guest.sleep(first)?;
    Ok(())
}
