//! `cargo xtask check` and `doc`: what every change must pass besides the tests.

use anyhow::Result;

use crate::shell::{answers, cargo, cargo_tool, run, say, with_path};
use crate::tidy;

/// Format, clippy, dependencies, tidy.
pub(crate) fn run_all() -> Result<()> {
    run("format", &mut cargo(["fmt", "--all", "--check"]))?;
    run("clippy", &mut cargo(["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]))?;
    if answers(&mut cargo(["deny", "--version"])) {
        deny()?;
    } else {
        say("dependencies: cargo-deny is not here, skipped (`cargo xtask deny` installs it)");
    }
    say("tidy");
    tidy::check()?;
    say("all checks passed");
    Ok(())
}

/// Licences, sources and duplicates of what we depend on.
pub(crate) fn deny() -> Result<()> {
    let tools = cargo_tool("cargo-deny")?;
    let mut deny = cargo(["deny", "--offline", "check", "bans", "licenses", "sources"]);
    run("dependencies (deny.toml)", with_path(&mut deny, tools.as_deref()))
}

/// API documentation of our own packages.
pub(crate) fn doc() -> Result<()> {
    let mut doc = cargo(["doc", "--no-deps"]);
    run("documentation", doc.env("RUSTDOCFLAGS", "-D warnings"))
}
