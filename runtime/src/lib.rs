//! The runtime: functions, their registry, Protos and Faaslets, the executors that run calls, the HTTP gateway and the
//! command line of the one binary `faasm`.
#![forbid(unsafe_code)]

pub mod digest;
pub mod duration;
pub mod invocation;
pub mod name;

pub mod problem;
pub mod registry;
pub mod suggest;
