//! The system's tests: a [`host::TestHost`] in this process, a gateway before it, and servers in processes of their own.
#![forbid(unsafe_code)]

mod behaviours;
mod chaining;
mod data_objects;
mod files;
mod functions;
mod gateway;
mod host;
mod isolation;
mod languages;
mod libraries;
mod limits;
mod manifests;
mod network;
mod process;
mod scripts;
mod snapshots;
mod state;
mod stress;
mod threads;
mod tools;
mod uploads;
mod wasi;
