//! The chain of a value's versions, and what was read of it.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::{Violation, may_have_happened};
use crate::client::version;
use crate::history::{Event, Op, Outcome, Seen, Time, digest};

/// How many ways are tried at once.
const MOST: usize = 20_000;

/// How many bytes they may be.
const MOST_BYTES: usize = 256 << 20;

/// A version that somebody saw.
#[derive(Debug, Default)]
struct Milestone<'a> {
    /// The write that says that it made it.
    made_by: Option<&'a Event>,
    /// The deletion that says that it ended it.
    ended_by: Option<&'a Event>,
    seen: Vec<(&'a Event, Seen)>,
    sizes: Vec<(&'a Event, usize)>,
    /// When somebody first knew it.
    known: Time,
}

/// One way in which it can have been: the value, and which of the unknown writes have happened.
#[derive(Clone, Debug)]
struct Way {
    value: Option<Rc<Vec<u8>>>,
    used: Vec<usize>,
}

/// Whether all could be tried.
///
/// # Errors
///
/// The violation.
pub(super) fn check(events: &[&Event]) -> Result<bool, Violation> {
    let milestones = milestones(events)?;
    let unknown: Vec<&Event> = events
        .iter()
        .filter(|event| event.op.when().is_some() && may_have_happened(event))
        .copied()
        .collect();
    let mut ways = vec![Way { value: None, used: Vec::new() }];
    let mut last = 0;
    for (&now, milestone) in &milestones {
        ways = match milestone.made_by {
            Some(write) => acknowledged(ways, (last, now), write, &unknown)?,
            None => {
                let gap = Gap { last, milestone, milestones: &milestones };
                let Some(ways) = made_by_nobody(ways, &gap, &unknown) else { return Ok(false) };
                ways
            }
        };
        let tried = ways.len();
        ways.retain(|way| fits(way, milestone));
        if ways.is_empty() {
            return Err(Violation(wrong(last, now, milestone, &unknown, tried)));
        }
        if ways.len() > MOST {
            return Ok(false);
        }
        last = now;
        if milestone.ended_by.is_some() {
            ways.iter_mut().for_each(|way| way.value = None);
            last = 0;
        }
    }
    Ok(true)
}

fn milestones<'a>(events: &[&'a Event]) -> Result<BTreeMap<u64, Milestone<'a>>, Violation> {
    let mut milestones: BTreeMap<u64, Milestone<'a>> = BTreeMap::new();
    let mut see = |version: u64, event: &'a Event, note: &mut dyn FnMut(&mut Milestone<'a>)| {
        if version != 0 {
            let milestone = milestones.entry(version).or_default();
            let known = milestone.known;
            milestone.known = if known == 0 { event.ended } else { known.min(event.ended) };
            note(milestone);
        }
    };
    let mut twice = None;
    for event in events.iter().copied() {
        match &event.outcome {
            Outcome::Written { before, after } => {
                see(*before, event, &mut |_| ());
                see(*after, event, &mut |it| {
                    if let Some(other) = it.made_by.replace(event) {
                        twice = Some((other, event));
                    }
                });
            }
            Outcome::Deleted(true) => {
                if let Op::Delete { at, .. } = event.op {
                    see(at, event, &mut |it| {
                        if let Some(other) = it.ended_by.replace(event) {
                            twice = Some((other, event));
                        }
                    });
                }
            }
            Outcome::Fetched(Some(seen)) => {
                see(seen.version, event, &mut |it| it.seen.push((event, *seen)));
            }
            Outcome::Stat(Some((version, size))) => {
                see(*version, event, &mut |it| it.sizes.push((event, *size)));
            }
            outcome => {
                if let Some(version) = version(outcome) {
                    see(version, event, &mut |_| ());
                }
            }
        }
    }
    match twice {
        Some((a, b)) => Err(Violation(format!("one version was made or ended twice: {a:?} {b:?}"))),
        None => Ok(milestones),
    }
}

/// After a write that was acknowledged.
fn acknowledged(
    ways: Vec<Way>,
    (last, now): (u64, u64),
    write: &Event,
    unknown: &[&Event],
) -> Result<Vec<Way>, Violation> {
    let Outcome::Written { before, .. } = write.outcome else { return Ok(ways) };
    let wanted = write.op.when().and_then(|when| when.at);
    if wanted.is_some_and(|wanted| wanted != before) {
        return Err(Violation(format!("its condition did not hold: {write:?}")));
    }
    let after = |way: &Way| {
        let value = write.op.apply(write.id, way.value.as_ref().map(|value| &value[..]));
        Way { value: value.map(Rc::new), used: way.used.clone() }
    };
    if before == last {
        return Ok(ways.iter().map(after).collect());
    }
    if before != 0 {
        return Err(Violation(format!(
            "version {now} was made over {before}, though {last} came between: {write:?}"
        )));
    }
    // Somebody has deleted it, and was not told.
    let ways = ways.iter().flat_map(|way| {
        let deletions = unused(way, unknown).filter(|(_, event)| deletes(event, last..now));
        deletions.map(|(index, _)| after(&Way { value: None, used: with(&way.used, index) }))
    });
    let ways: Vec<_> = ways.collect();
    if ways.is_empty() {
        return Err(Violation(format!("version {last} was lost before {write:?}")));
    }
    Ok(ways)
}

/// What is between a version and one that nobody says to have made.
struct Gap<'a> {
    /// The version before (0: nothing).
    last: u64,
    milestone: &'a Milestone<'a>,
    milestones: &'a BTreeMap<u64, Milestone<'a>>,
}

impl Gap<'_> {
    /// Whether the condition of a write holds over this version; `None` is one that nobody saw. Nobody can have asked for
    /// such a one either, but where a failover has had us leave out what was read.
    fn holds(&self, wanted: Option<u64>, version: Option<u64>) -> bool {
        match (wanted, version) {
            (None, _) => true,
            (Some(wanted), Some(version)) => wanted == version,
            (Some(wanted), None) => wanted != 0 && !self.milestones.contains_key(&wanted),
        }
    }
}

/// All ways over the gap by writes whose ends nobody knows; `None` if there are too many to try.
fn made_by_nobody(ways: Vec<Way>, gap: &Gap<'_>, unknown: &[&Event]) -> Option<Vec<Way>> {
    // Each with the version that is there, where it is known.
    let mut front: Vec<(Way, Option<u64>)> =
        ways.into_iter().map(|way| (way, Some(gap.last))).collect();
    let mut arrived = Vec::new();
    while !front.is_empty() {
        if arrived.len() > MOST || front.len() > MOST {
            return None;
        }
        let (mut next, mut bytes) = (Vec::new(), 0);
        for (way, version) in &front {
            for (index, event) in unused(way, unknown) {
                let wanted = event.op.when().and_then(|when| when.at);
                if !gap.holds(wanted, *version) || event.invoked > gap.milestone.known {
                    continue;
                }
                let gone = matches!(event.op, Op::Delete { .. });
                let value = event.op.apply(event.id, way.value.as_ref().map(|value| &value[..]));
                if value.is_none() && !gone {
                    continue;
                }
                bytes += value.as_ref().map_or(0, Vec::len);
                if bytes > MOST_BYTES {
                    return None;
                }
                let way = Way { value: value.map(Rc::new), used: with(&way.used, index) };
                if fits(&way, gap.milestone) && way.value.is_some() {
                    arrived.push(way.clone());
                }
                next.push((way, gone.then_some(0)));
            }
        }
        // The shortest ways that fit what was read are enough, if something was.
        if !arrived.is_empty() && !gap.milestone.seen.is_empty() {
            break;
        }
        front = next;
    }
    Some(arrived)
}

fn unused<'a>(
    way: &'a Way,
    unknown: &'a [&'a Event],
) -> impl Iterator<Item = (usize, &'a Event)> + 'a {
    let fresh = |(index, _): &(usize, &Event)| !way.used.contains(index);
    unknown.iter().copied().enumerate().filter(fresh)
}

fn with(used: &[usize], index: usize) -> Vec<usize> {
    used.iter().copied().chain([index]).collect()
}

/// Whether it deletes one of these versions.
fn deletes(event: &Event, versions: Range<u64>) -> bool {
    matches!(event.op, Op::Delete { at, .. } if versions.contains(&at))
}

fn fits(way: &Way, milestone: &Milestone<'_>) -> bool {
    let Some(value) = &way.value else { return false };
    let reads = milestone.seen.iter().map(|(_, seen)| *seen).collect::<Vec<_>>();
    if milestone.sizes.iter().any(|(_, size)| *size != value.len()) {
        return false;
    }
    reads.is_empty() || {
        let found = digest(value);
        reads.iter().all(|seen| seen.size == value.len() && seen.digest == found)
    }
}

fn wrong(
    last: u64,
    now: u64,
    milestone: &Milestone<'_>,
    unknown: &[&Event],
    tried: usize,
) -> String {
    let how = match (milestone.made_by, tried) {
        (Some(write), _) => format!("is not what was read of it after {write:?}"),
        (None, 0) => format!("was made by nobody; unknown are {unknown:?}"),
        (None, _) => format!("is not what any of these could have made: {unknown:?}"),
    };
    format!("version {now} (after {last}) {how}; read: {:?}, {:?}", milestone.seen, milestone.sizes)
}

/// What begins after something has ended sees it.
pub(super) fn in_time(events: &[&Event]) -> Result<(), Violation> {
    let deletions: HashSet<u64> = events
        .iter()
        .filter(|it| it.outcome == Outcome::Deleted(true) || may_have_happened(it))
        .filter_map(|it| if let Op::Delete { at, .. } = it.op { Some(at) } else { None })
        .collect();
    // The largest version that was known at each time, in the order of the ends.
    let mut known: Vec<(Time, u64)> = events
        .iter()
        .filter_map(|event| Some((event.ended, version(&event.outcome).filter(|it| *it != 0)?)))
        .collect();
    known.sort_unstable();
    let mut largest = 0;
    for (_, version) in &mut known {
        largest = largest.max(*version);
        *version = largest;
    }
    for event in events {
        let before = known.partition_point(|(ended, _)| *ended < event.invoked);
        let Some(before) = before.checked_sub(1).map(|index| known[index].1) else { continue };
        let seen = match &event.outcome {
            // What it was written over is the version before it, and may be none.
            Outcome::Written { after, .. } => *after,
            outcome => match version(outcome) {
                Some(version) => version,
                None => continue,
            },
        };
        let deleted = seen == 0 && deletions.iter().any(|deleted| *deleted >= before);
        if seen < before && !deleted {
            return Err(Violation(format!(
                "version {before} was known before this, and is not seen any more: {event:?}"
            )));
        }
        if let (Op::Watch { seen: old }, Outcome::Stat(_)) = (&event.op, &event.outcome)
            && *old == seen
        {
            return Err(Violation(format!("nothing had changed: {event:?}")));
        }
    }
    Ok(())
}
