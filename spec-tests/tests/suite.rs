//! One test per script of the suite and column: optimised or not, in fresh stores or in ones that went through a
//! snapshot file; and one that its modules compile for another machine.

use std::sync::Arc;

use faasm_compiler::{Cpu, OptLevel};
use faasm_spec_tests::script::{self, Mode, Tally};
use faasm_spec_tests::suite::Script;
use faasm_spec_tests::{cross, suite};
use libtest_mimic::{Arguments, Failed, Trial};

/// The optimised columns use all that this processor has, the others only the baseline.
const COLUMNS: [(&str, Mode); 4] = [
    ("optimised/fresh", Mode { opt: OptLevel::Speed, cpu: Cpu::Native, restored: false }),
    ("optimised/restored", Mode { opt: OptLevel::Speed, cpu: Cpu::Native, restored: true }),
    ("unoptimised/fresh", Mode { opt: OptLevel::None, cpu: Cpu::Baseline, restored: false }),
    ("unoptimised/restored", Mode { opt: OptLevel::None, cpu: Cpu::Baseline, restored: true }),
];

/// What is compiled only, as it cannot run here.
const FOREIGN: (&str, &str) = ("optimised/compiled_for_aarch64", "aarch64-unknown-linux-gnu");

fn main() {
    let arguments = Arguments::from_args();
    let scripts = suite::scripts().expect("the suite can be read");
    let trials = scripts.into_iter().map(Arc::new).flat_map(|script| trials(&script)).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(script: &Arc<Script>) -> Vec<Trial> {
    let mut trials: Vec<_> = COLUMNS
        .into_iter()
        .map(|(column, mode)| trial(column, script, move |script| check(script, mode)))
        .collect();
    let (column, triple) = FOREIGN;
    trials.push(trial(column, script, |script| check_compiled(script, triple)));
    trials
}

fn trial(
    column: &str,
    script: &Arc<Script>,
    check: impl FnOnce(&Script) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let script = Arc::clone(script);
    Trial::test(format!("{column}/{}", script.name), move || check(&script))
}

fn check(script: &Script, mode: Mode) -> Result<(), Failed> {
    let tally = script.text().and_then(|text| script::run(&text, mode));
    let tally = tally.map_err(|error| format!("{error:#}"))?;
    if tally.passed == 0 {
        return Err("no directive passed".into());
    }
    if tally.failures.is_empty() { Ok(()) } else { Err(failures(script, &tally).into()) }
}

fn check_compiled(script: &Script, triple: &str) -> Result<(), Failed> {
    let tally = script.text().and_then(|text| cross::compile_modules(&text, triple));
    let tally = tally.map_err(|error| format!("{error:#}"))?;
    if tally.failures.is_empty() { Ok(()) } else { Err(failures(script, &tally).into()) }
}

fn failures(script: &Script, tally: &Tally) -> String {
    let mut text = format!("{} passed, {} failed", tally.passed, tally.failures.len());
    for failure in &tally.failures {
        text += &format!("\n{}:{}: {}", script.name, failure.line, failure.reason);
    }
    text
}
