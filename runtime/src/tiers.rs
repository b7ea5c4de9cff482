//! Global tiers: where state is kept that outlives a call.

pub mod durable;
