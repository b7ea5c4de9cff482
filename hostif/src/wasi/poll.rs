//! `poll_oneoff`: waiting for clocks, for sockets, and for descriptors that the system opened. Files are always ready.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Refusal;
use super::clock::Clock;
use super::errno::Errno;
use super::layout::{Event, SUBSCRIPTION_BYTES, Subscription, Wanted};
use super::rights::Rights;
use crate::files::readiness::{self, Source};
use crate::guest::{Guest, Slice, Unfinished};
use crate::net::{Direction, Interest, Socket, first_of};

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
    let mut bytes = Vec::new();
    loop {
        let states = look(guest, &waits)?;
        for (subscription, state) in subscriptions.iter().zip(&states) {
            if let State::Happened(what) = state {
                what.event(subscription).encode(&mut bytes);
            }
        }
        if !bytes.is_empty() {
            break;
        }
        wait_for_first(guest, &waits, &states)?;
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
    Done(Happened),
    /// Until then; without an instant, for ever.
    Until(Option<Instant>),
    /// Until the system says that it is ready.
    Source(Source),
    Socket(Socket, Interest),
}

/// What an event tells.
#[derive(Clone, Copy, Default)]
struct Happened {
    error: Option<Errno>,
    /// Bytes that can be read.
    bytes: u64,
    /// Whether the peer has hung up.
    hangup: bool,
}

/// How a subscription stands.
enum State {
    Happened(Happened),
    /// It is to be looked at again then; without an instant, never.
    Until(Option<Instant>),
    /// Its descriptor is not ready.
    Waiting,
}

impl Happened {
    fn event(self, subscription: &Subscription) -> Event {
        Event {
            userdata: subscription.userdata,
            error: self.error,
            kind: subscription.wanted.kind(),
            bytes: self.bytes,
            hangup: self.hangup,
        }
    }
}

impl Wait {
    fn begin(guest: &mut Guest<'_>, subscription: &Subscription) -> Self {
        let failed = |error| Self::Done(Happened { error: Some(error), ..Happened::default() });
        match subscription.wanted {
            Wanted::Clock { id, timeout, absolute } => match Clock::try_from(id) {
                Ok(Clock::CpuTime) => failed(Errno::NotSup),
                Ok(clock) => Self::Until(deadline(guest, clock, timeout, absolute)),
                Err(error) => failed(error),
            },
            Wanted::Read(fd) => Self::descriptor(guest, fd, Interest::Read).unwrap_or_else(failed),
            Wanted::Write(fd) => {
                Self::descriptor(guest, fd, Interest::Write).unwrap_or_else(failed)
            }
        }
    }

    fn descriptor(guest: &mut Guest<'_>, fd: u32, interest: Interest) -> Result<Self, Errno> {
        let descriptor = guest.files().find_with(fd, Rights::POLL_FD_READWRITE)?;
        if descriptor.is_socket() {
            let (socket, _) = guest.files().socket(fd, Rights::POLL_FD_READWRITE)?;
            return Ok(Self::Socket(socket, interest));
        }
        if let Some(source) = descriptor.source()? {
            let flags = match interest {
                Interest::Read => PollFlags::IN,
                Interest::Write => PollFlags::OUT,
            };
            return Ok(Self::Source((source, flags)));
        }
        let bytes = match interest {
            Interest::Read => descriptor.available(),
            Interest::Write => 0,
        };
        Ok(Self::Done(Happened { bytes, ..Happened::default() }))
    }

    /// What to ask the system about it, if it knows.
    fn polled(&self) -> Option<PollFd<'_>> {
        match self {
            Self::Socket(socket, Interest::Read) => {
                Some(PollFd::new(socket.source(), PollFlags::IN | PollFlags::RDHUP))
            }
            Self::Socket(socket, Interest::Write) => {
                Some(PollFd::new(socket.source(), PollFlags::OUT))
            }
            Self::Source((fd, flags)) => Some(PollFd::new(fd, *flags)),
            Self::Done(_) | Self::Until(_) => None,
        }
    }
}

/// How all of them stand now.
fn look(guest: &Guest<'_>, waits: &[Wait]) -> Result<Vec<State>, Refusal> {
    let mut polled: Vec<PollFd<'_>> = waits.iter().filter_map(Wait::polled).collect();
    if !polled.is_empty() {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&at_once)).map_err(Errno::from)?;
    }
    let mut polled = polled.iter();
    let mut answer = || polled.next().map_or(PollFlags::empty(), PollFd::revents);
    let now = Instant::now();
    let state = |wait: &Wait| match wait {
        Wait::Done(happened) => State::Happened(*happened),
        Wait::Until(Some(deadline)) if *deadline <= now => State::Happened(Happened::default()),
        Wait::Until(until) => State::Until(*until),
        Wait::Source(source) => source_state(source, answer()),
        Wait::Socket(socket, interest) => socket_state(guest, (socket, *interest), answer()),
    };
    Ok(waits.iter().map(state).collect())
}

fn source_state(source: &Source, happened: PollFlags) -> State {
    if happened.is_empty() {
        return State::Waiting;
    }
    let bytes = if source.1 == PollFlags::IN { readiness::available(source) } else { 0 };
    State::Happened(Happened { bytes, ..Happened::default() })
}

/// A socket that is ready is not, for a guest that has used up what it may move.
fn socket_state(
    guest: &Guest<'_>,
    (socket, interest): (&Socket, Interest),
    happened: PollFlags,
) -> State {
    if happened.is_empty() {
        return State::Waiting;
    }
    let direction = match interest {
        Interest::Read => Direction::In,
        Interest::Write => Direction::Out,
    };
    let paced = guest.host().network().filter(|_| !socket.is_of_pair());
    if let Some(Err(at)) = paced.map(|network| network.ready(direction)) {
        return State::Until(Some(at));
    }
    let bytes = match interest {
        Interest::Read => socket.available(),
        Interest::Write => 0,
    };
    let hangup = happened.intersects(PollFlags::HUP | PollFlags::RDHUP);
    State::Happened(Happened { error: None, bytes, hangup })
}

fn deadline(guest: &Guest<'_>, clock: Clock, timeout: u64, absolute: bool) -> Option<Instant> {
    let host = guest.host();
    let at = if absolute { timeout } else { clock.now(host).saturating_add(timeout) };
    clock.instant_of(at, host)
}

/// Waits until one of them may have happened.
fn wait_for_first(guest: &mut Guest<'_>, waits: &[Wait], states: &[State]) -> Result<(), Refusal> {
    let first = states
        .iter()
        .filter_map(|state| match state {
            State::Until(until) => *until,
            State::Happened(_) | State::Waiting => None,
        })
        .min();
    let (mut ready, mut sources) = (Vec::new(), Vec::new());
    for (wait, state) in waits.iter().zip(states) {
        match (wait, state) {
            (Wait::Socket(socket, interest), State::Waiting) => {
                ready.push(socket.source().when(*interest).map_err(Errno::from)?);
            }
            (Wait::Source(source), State::Waiting) => sources.push(source),
            _ => {}
        }
    }
    let mut thread = None;
    if !sources.is_empty() {
        let (one_is, waiting) = readiness::any(&sources).map_err(Errno::from)?;
        ready.push(one_is);
        thread = Some(waiting);
    }
    if ready.is_empty() {
        return Ok(guest.sleep(first)?);
    }
    let (ready, kept) = first_of(ready);
    let waited = guest.wait(ready, first);
    drop((kept, thread));
    match waited {
        Ok(()) | Err(Unfinished::Deadline) => Ok(()),
        Err(Unfinished::Abandoned) => Err(Errno::Io.into()),
        Err(Unfinished::Ended(trap)) => Err(trap.into()),
    }
}
