//! `cargo xtask guests`: the guest toolchain and the programs that run inside.

use std::process::Command;

use anyhow::Result;

use crate::shell::{output, root, run, say};

/// Which guests to build.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Guests by name; without one, all small ones.
    names: Vec<String>,
    /// Also build or fetch and run the programs that are too large to commit or to compare at each test.
    #[arg(long)]
    test: bool,
}

/// Programs whose answers are compared with a native build's, or proved; after CPython, whose test builds `faasm`.
const PROGRAMS: &[(&str, &str)] = &[
    ("comparing Lua with Lua on this machine", "lua/test.sh"),
    ("fetching and running Yosys", "yosys/test.sh"),
    ("building and running TensorFlow Lite", "tflite/test.sh"),
];

pub(crate) fn build(options: &Options) -> Result<()> {
    let script = |name: &str| {
        let mut command = Command::new("bash");
        command.current_dir(root()).arg(root().join("guests").join(name));
        command
    };
    run("installing the guest toolchain", &mut script("toolchain.sh"))?;
    run("building the guests", script("build.sh").args(&options.names))?;
    report_drift()?;
    if options.test {
        run("building and running CPython", &mut script("cpython/test.sh"))?;
        run("functions in Python", &mut script("python/test.sh"))?;
        run("NumPy", &mut script("numpy/test.sh"))?;
        for (what, test) in PROGRAMS {
            run(what, &mut script(test))?;
        }
    }
    Ok(())
}

/// Says which committed modules the build has changed: none, as long as sources and toolchain are the same.
fn report_drift() -> Result<()> {
    let mut git = Command::new("git");
    let status = ["status", "--porcelain", "--", "guests/*.wasm", "guests/*.so"];
    let changed = output(git.current_dir(root()).args(status))?;
    if changed.is_empty() {
        say("all modules are byte for byte what is committed");
    } else {
        say(&format!("these modules differ from what is committed:\n{changed}"));
    }
    Ok(())
}
