//! Where two runs differ, in a line.

use faasm_abi::trap::TrapCode;

use crate::case::Call;
use crate::outcome::{Outcome, Ran, State};

/// The first difference between ours and a rival's run; `None` when all that can be seen is the same.
pub(crate) fn difference(ours: &Ran, theirs: &Ran, calls: &[Call]) -> Option<String> {
    let outcomes = ours.outcomes.iter().zip(&theirs.outcomes);
    for (at, (our, their)) in outcomes.enumerate() {
        if !alike(our, their) {
            let what = match at.checked_sub(1).and_then(|at| calls.get(at)) {
                None => "the instantiation".to_owned(),
                Some(call) => format!("call {at} of {:?} with {:?}", call.export, call.args),
            };
            return Some(format!("{what}: ours {}, theirs {}", short(our), short(their)));
        }
    }
    if ours.outcomes.len() != theirs.outcomes.len() {
        return Some("the number of calls".to_owned());
    }
    // An engine may not be able to show everything: what both show is compared.
    ours.state.iter().find_map(|(name, our)| {
        let (_, their) = theirs.state.iter().find(|(other, _)| other == name)?;
        (our != their).then(|| match (our, their) {
            (State::Table { elements: our }, State::Table { elements: their }) => {
                let first = our.iter().zip(their).position(|(our, their)| our != their);
                let (our, their) = (our.len(), their.len());
                format!("table {name:?}: ours {our} elements, theirs {their}, first at {first:?}")
            }
            _ => format!("export {name:?} at the end: ours {our:?}, theirs {their:?}"),
        })
    })
}

/// Whether both end in the same way. Where an atomic access is both unaligned and out of bounds, the threads proposal
/// asks for the alignment first; wasmtime finds an address of `wait` or `notify` over 4 GiB out of bounds before that.
fn alike(our: &Outcome, their: &Outcome) -> bool {
    let first_check = (
        &Outcome::Trapped(TrapCode::UnalignedAtomic),
        &Outcome::Trapped(TrapCode::MemoryOutOfBounds),
    );
    our == their || (our, their) == first_check
}

fn short(outcome: &Outcome) -> String {
    format!("{outcome:?}").chars().take(400).collect()
}
