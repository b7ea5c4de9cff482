//! The options that say what a function may do beside computing: a manifest, and single rules that are added to it.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use faasm_hostif::{EgressRule, ListenRule};

use super::failure::Failure;
use crate::manifest::{Manifest, Text};

/// What a function may do.
#[derive(Args, Clone, Debug)]
pub(super) struct ManifestOptions {
    /// What the function may do: a JSON file, as in `{"network": {"allow": ["api.example.org:443"]}}`.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Let the function connect and send to this, as in `api.example.org:443`, `10.0.0.0/8:5432` or `*:443` (the public
    /// internet); may be given several times.
    #[arg(long = "allow-net", value_name = "HOST:PORTS")]
    allow: Vec<EgressRule>,
    /// Let the function listen on this, as in `127.0.0.1:8000-8010`; may be given several times.
    #[arg(long = "allow-listen", value_name = "ADDRESS:PORTS")]
    listen: Vec<ListenRule>,
}

impl ManifestOptions {
    /// The manifest that they make together.
    pub(super) fn manifest(&self) -> Result<Manifest, Failure> {
        let mut manifest = match &self.manifest {
            None => Manifest::default(),
            Some(path) => {
                let text = fs::read(path).map_err(|error| Failure::file(path, &error))?;
                Manifest::parse(&text)
                    .map_err(|error| Failure::usage(error.to_string()).at(path))?
            }
        };
        manifest.network.allow.extend(self.allow.iter().cloned().map(Text));
        manifest.network.listen.extend(self.listen.iter().cloned().map(Text));
        Ok(manifest)
    }
}
