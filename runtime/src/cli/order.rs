//! The order of `faasm run`'s arguments: our options may stand before the file, as with other runners, or behind it.
//!
//! # Protocol
//!
//! Behind the file, options of `faasm run` are ours up to the first other argument or `--`; what follows is the
//! guest's. So a guest whose first argument looks like one of our options is given it behind `--`.

use std::ffi::{OsStr, OsString};

/// The options of `faasm run`; each has a value.
const OPTIONS: [&str; 11] = [
    "--allow-listen",
    "--allow-net",
    "--debug",
    "--dir",
    "--env",
    "--invoke",
    "--key",
    "--log",
    "--manifest",
    "--memory",
    "--profile",
];

/// The arguments with our options before the file.
pub(super) fn options_first(args: Vec<OsString>) -> Vec<OsString> {
    let Some(run) = args.iter().position(|arg| arg == "run") else { return args };
    // Another subcommand may have an argument of this name.
    if run != skip_options(&args, 1) {
        return args;
    }
    let file = skip_options(&args, run + 1);
    let behind = file + 1;
    if args.get(file).is_none_or(|arg| arg.as_encoded_bytes().starts_with(b"-")) {
        return args;
    }
    let end = skip_options(&args, behind);
    let parts = [&args[..file], &args[behind..end], &args[file..behind], &args[end..]];
    parts.concat()
}

/// The position of the first argument from `at` on that is no option of ours nor the value of one.
fn skip_options(args: &[OsString], mut at: usize) -> usize {
    while let Some(width) = args.get(at).and_then(|arg| width(arg)) {
        if at + width > args.len() {
            break;
        }
        at += width;
    }
    at
}

/// How many arguments an option of ours takes, itself included.
fn width(arg: &OsStr) -> Option<usize> {
    let arg = arg.to_str()?;
    match arg.split_once('=') {
        Some((name, _)) => OPTIONS.contains(&name).then_some(1),
        None => OPTIONS.contains(&arg).then_some(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(args: &str) -> String {
        let args = options_first(args.split_whitespace().map(OsString::from).collect());
        args.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn our_options_go_before_the_file_and_the_guests_stay() {
        for (given, expected) in [
            ("faasm run a.wasm --dir .::/x -- y", "faasm run --dir .::/x a.wasm -- y"),
            (
                "faasm run --env A=1 a.wasm --env=B=2 --dir .",
                "faasm run --env A=1 --env=B=2 --dir . a.wasm",
            ),
            ("faasm run a.wasm y --dir .", "faasm run a.wasm y --dir ."),
            ("faasm run a.wasm -- --dir .", "faasm run a.wasm -- --dir ."),
            ("faasm run a.wasm --other --dir .", "faasm run a.wasm --other --dir ."),
            (
                "faasm --log debug run a.wasm --invoke f 1",
                "faasm --log debug run --invoke f a.wasm 1",
            ),
            ("faasm run a.wasm --dir", "faasm run a.wasm --dir"),
            ("faasm run --help", "faasm run --help"),
            ("faasm run", "faasm run"),
            ("faasm compile run --dir x", "faasm compile run --dir x"),
        ] {
            assert_eq!(ordered(given), expected);
        }
    }
}
