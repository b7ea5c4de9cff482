//! Running other programs, with a line that says so.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.to_path_buf(), Path::to_path_buf)
}

/// Says what is being done.
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// A cargo command in the workspace.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Runs a command to its end and fails if it does.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    let start = Instant::now();
    let status = command.status().with_context(|| format!("{what}: cannot start {command:?}"))?;
    if !status.success() {
        bail!("{what}: {status}");
    }
    say(&format!("{what}: done in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(())
}

/// Runs a command and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} printed no UTF-8"))
}

/// Whether a command can be started and succeeds.
pub(crate) fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// Makes a cargo subcommand available: the machine's own, or one installed below `target/tools`.
///
/// Returns the directory to put on the path, if it is ours.
pub(crate) fn cargo_tool(name: &str) -> Result<Option<PathBuf>> {
    let verb = name.trim_start_matches("cargo-");
    if answers(cargo([verb, "--version"]).arg("")) || answers(&mut cargo([verb, "--version"])) {
        return Ok(None);
    }
    let tools = root().join("target/tools");
    if !tools.join("bin").join(name).exists() {
        let mut install = cargo(["install", "--locked", name, "--root"]);
        run(&format!("installing {name} into target/tools (once)"), install.arg(&tools))?;
    }
    Ok(Some(tools.join("bin")))
}

/// Puts a directory first on a command's path.
pub(crate) fn with_path<'a>(command: &'a mut Command, directory: Option<&Path>) -> &'a mut Command {
    if let Some(directory) = directory {
        let old = std::env::var_os("PATH").unwrap_or_default();
        let parts = std::iter::once(directory.to_path_buf()).chain(std::env::split_paths(&old));
        if let Ok(path) = std::env::join_paths(parts) {
            command.env("PATH", path);
        }
    }
    command
}
