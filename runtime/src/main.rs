//! The binary `faasm`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    faasm_runtime::cli::main()
}
