//! `faasm doctor`: whether what a host needs is there and as it must be.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::failure::{Done, Failure};
use crate::problem::EXIT_UNAVAILABLE;
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
        advice: "name a Redis or Valkey server".to_owned(),
    }
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
             \x20                         name a Redis or Valkey server\n"
        );
    }
}
