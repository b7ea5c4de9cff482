//! Elements: each is taken once, in order, or still there, or was there when the list was emptied.

use std::collections::{HashMap, HashSet};

use super::{Violation, may_have_happened};
use crate::history::{Event, Op, Outcome, Time};

/// `may_lose` says whether a take may have had elements that nobody was given.
pub(super) fn check(events: &[&Event], may_lose: &dyn Fn(&Event) -> bool) -> Result<(), Violation> {
    let mut possible: HashMap<u64, &Event> = HashMap::new();
    let mut missing: HashSet<u64> = HashSet::new();
    for event in events.iter().filter(|event| matches!(event.op, Op::Append { .. })) {
        if matches!(event.outcome, Outcome::Appended(_)) {
            missing.insert(event.id);
        }
        if matches!(event.outcome, Outcome::Appended(_)) || may_have_happened(event) {
            possible.insert(event.id, event);
        }
    }
    let mut takes: Vec<(&Event, &[u64])> = Vec::new();
    for event in events.iter().copied() {
        let Outcome::Elements(elements) = &event.outcome else { continue };
        order(event, elements, &possible, events)?;
        if matches!(event.op, Op::Take { .. }) {
            takes.push((event, elements));
        }
    }
    let last = events.iter().copied().filter(|event| matches!(event.op, Op::ReadList));
    let last = last.max_by_key(|event| event.invoked);
    let Some((last, Outcome::Elements(rest))) = last.map(|last| (last, &last.outcome)) else {
        return Err(Violation("the list was not read in the end".into()));
    };
    takes.sort_by_key(|(event, _)| event.ended);
    let mut gone: HashMap<u64, &Event> = HashMap::new();
    for (event, elements) in takes.iter().copied().chain([(last, &rest[..])]) {
        for id in elements {
            if let Some(other) = gone.insert(*id, event) {
                return Err(Violation(format!("{id:x} was taken twice: {other:?} {event:?}")));
            }
            missing.remove(id);
        }
    }
    first_come(&takes, &possible, events)?;
    emptied(events, &possible)?;
    missing.retain(|id| !may_be_emptied(possible[id], events));
    let most = |event: &&Event| if let Op::Take { most, .. } = event.op { most } else { 0 };
    let lost: usize = events.iter().filter(|it| may_lose(it)).map(most).sum();
    if missing.len() > lost {
        return Err(Violation(format!(
            "acknowledged, never taken and not there any more: {missing:x?}; {lost} can have been taken unseen"
        )));
    }
    Ok(())
}

/// All were appended, and none before one that had been appended before it.
fn order(
    event: &Event,
    elements: &[u64],
    possible: &HashMap<u64, &Event>,
    events: &[&Event],
) -> Result<(), Violation> {
    let mut appended = Vec::new();
    for id in elements {
        match possible.get(id) {
            Some(append) => appended.push(*append),
            None => {
                return Err(Violation(format!("nobody can have appended {id:x}: {event:?}")));
            }
        }
    }
    for (index, late) in appended.iter().enumerate() {
        let wrong =
            |early: &&&Event| ended(late) < early.invoked && !given_back(late, event, events);
        if let Some(early) = appended[..index].iter().find(wrong) {
            return Err(Violation(format!("{early:?} is before {late:?} in {event:?}")));
        }
    }
    Ok(())
}

/// When it had happened at the latest.
fn ended(append: &Event) -> u64 {
    if may_have_happened(append) { u64::MAX } else { append.ended }
}

/// How long a tier may go on with a take that was given up.
const LINGERS: Time = 2_000_000_000;

/// Whether a take that was given up may have had the element meanwhile, and have given it back to the list's front: then
/// others came before it. A tier that could not reach its store may notice later that nobody wants the element.
fn given_back(append: &Event, seen: &Event, events: &[&Event]) -> bool {
    events.iter().any(|take| {
        matches!(take.op, Op::Take { .. })
            && may_have_happened(take)
            && take.ended + LINGERS > append.invoked
            && take.invoked < seen.ended
    })
}

fn has_emptied(event: &Event) -> bool {
    event.op.empties() && matches!(event.outcome, Outcome::Done | Outcome::Deleted(_))
}

/// Whether the list was, or may have been, emptied after this was appended.
fn may_be_emptied(append: &Event, events: &[&Event]) -> bool {
    let emptied = |it: &&Event| has_emptied(it) || it.op.empties() && may_have_happened(it);
    events.iter().copied().filter(|it| emptied(it)).any(|it| ended(it) > append.invoked)
}

/// Nothing that was there when the list was emptied is there afterwards.
fn emptied(events: &[&Event], possible: &HashMap<u64, &Event>) -> Result<(), Violation> {
    for emptied in events.iter().copied().filter(|event| has_emptied(event)) {
        for seen in events.iter().copied().filter(|seen| seen.invoked > emptied.ended) {
            let Outcome::Elements(elements) = &seen.outcome else { continue };
            let left = elements.iter().map(|id| possible[id]).find(|append| {
                ended(append) < emptied.invoked && !given_back(append, seen, events)
            });
            if let Some(append) = left {
                let wrong = format!("{append:?} outlasted {emptied:?}: {seen:?}");
                return Err(Violation(wrong));
            }
        }
    }
    Ok(())
}

/// Nothing that was there before something else is taken after it.
fn first_come(
    takes: &[(&Event, &[u64])],
    possible: &HashMap<u64, &Event>,
    events: &[&Event],
) -> Result<(), Violation> {
    for (index, (late, last)) in takes.iter().enumerate() {
        for (early, first) in takes[..index].iter().filter(|(it, _)| it.ended < late.invoked) {
            for (old, new) in last.iter().flat_map(|old| first.iter().map(move |new| (old, new))) {
                let before = ended(possible[old]) < possible[new].invoked;
                if before && !given_back(possible[old], late, events) {
                    let wrong = format!("{new:x} overtook {old:x}: {early:?} {late:?}");
                    return Err(Violation(wrong));
                }
            }
        }
    }
    Ok(())
}
