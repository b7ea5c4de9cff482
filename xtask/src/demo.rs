//! `cargo xtask demo`: a server, a word count on a real text, and an independent count to compare with.

use anyhow::Result;

/// What to show.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Megabytes of text.
    #[arg(long, default_value_t = 8)]
    megabytes: usize,
}

pub(crate) fn show(options: &Options) -> Result<()> {
    let _ = options;
    Ok(())
}
