//! The options that say what a function is given and may do beside computing: a manifest, and what is added to it.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use faasm_hostif::{EgressRule, ListenRule};

use super::failure::Failure;
use crate::manifest::{Argument, Manifest, Text, UnfitText, Variable};

/// What a function's program is given.
#[derive(Args, Clone, Debug)]
pub(super) struct ProgramOptions {
    /// An argument of the function's program, behind its name; may be given several times.
    #[arg(long = "arg", value_name = "TEXT", allow_hyphen_values = true)]
    args: Vec<Argument>,
    /// A variable of the function's environment; may be given several times.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(Variable, Argument)>,
    /// A flag that the function asks for (`faasmGetConfFlag`); may be given several times.
    #[arg(long = "flag", value_name = "NAME")]
    flags: Vec<Argument>,
}

impl ProgramOptions {
    /// Adds them to a manifest.
    pub(super) fn add_to(&self, manifest: &mut Manifest) {
        manifest.args.extend(self.args.iter().cloned());
        manifest.env.extend(self.env.iter().cloned());
        manifest.flags.extend(self.flags.iter().cloned());
    }
}

fn variable(text: &str) -> Result<(Variable, Argument), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    let name = name.to_owned().try_into().map_err(|error: UnfitText| error.to_string())?;
    let value = value.to_owned().try_into().map_err(|error: UnfitText| error.to_string())?;
    Ok((name, value))
}

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
