//! The runtime: functions, their registry, Protos and Faaslets, the executors that run calls, the HTTP gateway and the
//! command line of the one binary `faasm`.
//!
//! ```text
//! cli ─→ client ─HTTP→ gateway ─→ Host ─→ executors ─→ Faaslet
//!                                  └─→ forge ─→ Proto     └─→ born from the function's Proto
//!                                  └─→ directory ─→ registry (disk)
//! ```
#![forbid(unsafe_code)]

pub mod call;
pub mod chunk_folder;
pub mod cli;
pub mod client;
pub mod digest;
mod directory;
pub mod duration;
mod executors;
mod faaslet;
pub mod files;
mod forge;
pub mod function;
pub mod gateway;
pub mod graph;
pub mod host;
pub mod invocation;
pub mod key;
pub mod libraries;
pub mod manifest;
pub mod name;
pub mod problem;
pub mod registry;
pub mod size;
pub mod snapshots;
pub mod state_rules;
pub mod suggest;
mod threads;
pub mod tiers;
mod whole_file;

pub use executors::ExecutorLimits;
pub use forge::{ForgeError, ForgeSetupError, ForgeTimings, MissingImports};
