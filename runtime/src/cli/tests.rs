//! The command line's grammar.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parse(args: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(args.split_whitespace())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_guests_arguments_may_follow_the_file_or_two_dashes() {
    for args in [
        "faasm run --dir /tmp::/data --env A=B app.wasm --flag x",
        "faasm run --dir /tmp::/data --env A=B app.wasm -- --flag x",
    ] {
        let Ok(Cli { command: Command::Run(options), .. }) = parse(args) else { panic!("{args}") };
        assert!(format!("{options:?}").contains(r#"args: ["--flag", "x"]"#), "{options:?}");
    }
}

#[test]
fn wrong_names_durations_and_commands_are_wrong_usage() {
    for args in
        ["faasm invoke echo", "faasm invoke a/../b", "faasm upload a/b", "faasm serve --timeout 5"]
    {
        let kind = parse(args).unwrap_err().kind();
        assert!(
            matches!(kind, ErrorKind::ValueValidation | ErrorKind::MissingRequiredArgument),
            "{args}: {kind:?}"
        );
    }
    let error = parse("faasm uplaod a/b c.wasm").unwrap_err();
    assert!(error.to_string().contains("'upload'"), "{error}");
}

#[test]
fn the_states_limits_are_sizes_and_durations() {
    let parse = |args: &str| parse(&format!("faasm serve {args}"));
    let shown = |args: &str| match parse(args) {
        Ok(Cli { command: Command::Serve(options), .. }) => format!("{options:?}"),
        _ => panic!("{args}"),
    };
    assert!(shown("").contains("state_memory: 4294967296, state_lease: 5s"), "{}", shown(""));
    let both = shown("--state-memory 64MiB --state-lease 1.5s");
    assert!(both.contains("state_memory: 67108864, state_lease: 1.5s"), "{both}");
    for args in ["--state-memory 1GB", "--state-lease 5", "--state-lease 99ms"] {
        assert_eq!(parse(args).unwrap_err().kind(), ErrorKind::ValueValidation, "{args}");
    }
}

#[test]
fn data_may_begin_with_a_dash() {
    assert!(parse("faasm invoke demo/echo -d -").is_ok());
    assert!(parse("faasm invoke demo/echo -d -1").is_ok());
}
