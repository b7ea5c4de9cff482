//! `faasm doctor`: whether what a host needs is there and as it must be.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::failure::{Done, Failure};
use crate::problem::EXIT_UNAVAILABLE;
use crate::tiers::durable::{DurableOptions, DurableTier, OpenError};
use crate::tiers::{Finding, RedisTier, Report, Severity, TierError, TierUrl};

/// Options of `faasm doctor`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The global tier of state to look at, as `faasm serve --state` has it.
    #[arg(
        long,
        value_name = "URL",
        default_value = "memory:",
        env = "FAASM_STATE",
        hide_env_values = true
    )]
    state: TierUrl,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn doctor(options: &Options) -> Done {
    let report = match &options.state {
        TierUrl::Memory => Report { findings: vec![in_memory()] },
        TierUrl::File(path) => Report { findings: vec![in_file(path)?] },
        TierUrl::Redis(settings) => RedisTier::inspect(settings).map_err(|error| {
            Failure::state(&TierError::Redis(options.state.clone(), error)).hint("Is it running?")
        })?,
    };
    if options.json {
        let shown = serde_json::to_string_pretty(&report);
        println!("{}", shown.map_err(|error| Failure::internal(&error))?);
    } else {
        print!("{}", text(&options.state, &report));
    }
    let sound = report.worst() < Severity::Error;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(EXIT_UNAVAILABLE) })
}

fn in_memory() -> Finding {
    Finding {
        check: "persistence",
        severity: Severity::Warning,
        what: "state is kept in this process, and is gone with it".to_owned(),
        advice: "name a file or a Redis or Valkey server".to_owned(),
    }
}

/// The file, if no server has it, is read and checked entirely.
fn in_file(path: &Path) -> Result<Finding, Failure> {
    let what = if path.exists() {
        match DurableTier::open(path, DurableOptions::default()) {
            Ok(tier) => format!("the file is sound; {} bytes are kept", tier.used()),
            Err(OpenError::InUse { .. }) => "the file is in use by a server".to_owned(),
            Err(error) => return Err(Failure::state(&TierError::File(error))),
        }
    } else {
        "the file will be made".to_owned()
    };
    let advice = String::new();
    Ok(Finding { check: "persistence", severity: Severity::Good, what, advice })
}

fn text(state: &TierUrl, report: &Report) -> String {
    let mut text = format!("global tier at {state}\n");
    for finding in &report.findings {
        let mark = match finding.severity {
            Severity::Good => "ok     ",
            Severity::Warning => "warning",
            Severity::Error => "error  ",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {mark}  {:<12} {}", finding.check, finding.what);
        if !finding.advice.is_empty() {
            let _ = writeln!(text, "  {:22} {}", "", finding.advice);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_shown_with_what_to_do() {
        let shown = text(&TierUrl::Memory, &Report { findings: vec![in_memory()] });
        assert_eq!(
            shown,
            "global tier at memory:\n  warning  persistence  state is kept in this process, and is gone with it\n\
             \x20                         name a file or a Redis or Valkey server\n"
        );
    }
}
