//! placeholder

pub mod pending;
pub mod shared;
