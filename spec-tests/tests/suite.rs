//! One test per script of the suite and mode: optimised or not, on fresh instances or on restored ones.

use std::cmp::Ordering;
use std::sync::Arc;

use faasm_compiler::OptLevel;
use faasm_spec_tests::script::{self, Mode, Tally};
use faasm_spec_tests::suite::Script;
use faasm_spec_tests::{must_fail, suite};
use libtest_mimic::{Arguments, Failed, Trial};

const COLUMNS: [(&str, Mode); 4] = [
    ("optimised", Mode { opt: OptLevel::Speed, restored: false }),
    ("optimised_restored", Mode { opt: OptLevel::Speed, restored: true }),
    ("unoptimised", Mode { opt: OptLevel::None, restored: false }),
    ("unoptimised_restored", Mode { opt: OptLevel::None, restored: true }),
];

fn main() {
    let arguments = Arguments::from_args();
    let scripts = suite::scripts().expect("the suite can be read");
    let trials = scripts.into_iter().map(Arc::new).flat_map(trials).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(script: Arc<Script>) -> impl Iterator<Item = Trial> {
    COLUMNS.into_iter().map(move |(column, mode)| {
        let script = Arc::clone(&script);
        Trial::test(format!("{column}::{}", script.name), move || check(&script, mode))
    })
}

fn check(script: &Script, mode: Mode) -> Result<(), Failed> {
    let tally = script::run(&script.text, mode).map_err(|error| format!("{error:#}"))?;
    if tally.passed == 0 && must_fail::of(&script.name).is_none() {
        return Err("no directive passed".into());
    }
    let expected = must_fail::of(&script.name).map_or(0, |entry| entry.directives);
    match tally.failures.len().cmp(&expected) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(failures(script, &tally).into()),
        Ordering::Less => Err(format!(
            "only {} directives fail, and {expected} are listed: correct the list",
            tally.failures.len()
        )
        .into()),
    }
}

fn failures(script: &Script, tally: &Tally) -> String {
    let mut text = format!("{} passed, {} failed", tally.passed, tally.failures.len());
    for failure in &tally.failures {
        text += &format!("\n{}:{}: {}", script.name, failure.line, failure.reason);
    }
    text
}
