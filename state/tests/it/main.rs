//! The state crate from outside, on one and two hosts, with a global tier that can be held up and broken.

#![forbid(unsafe_code)]
#![allow(clippy::single_range_in_vec_init, reason = "a list of one range is what is meant")]

mod concurrency;
mod conformance;
mod consistency;
mod faults;
mod flows;
mod hosts;
mod limits;
mod model;
mod semantics;
mod support;
