//! The binary `faasm`.

use std::process::ExitCode;

fn main() -> ExitCode {
    faasm_runtime::cli::main()
}
