//! The system's tests: a [`host::TestHost`] in this process, a gateway before it, and servers in processes of their own.
#![forbid(unsafe_code)]

mod chaining;
mod functions;
mod gateway;
mod host;
mod isolation;
mod languages;
mod limits;
mod process;
mod snapshots;
mod stress;
mod tools;
mod uploads;
