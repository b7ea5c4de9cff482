//! State in two tiers: values that are mapped, pulled and pushed, and many Faaslets on one of them.
//!
//! | part | against |
//! |---|---|
//! | [`pointer`] | reads and writes through a value's pointer, against the same C natively on an array of its own |
//! | [`transfer`] | pull and push over Redis, against GETRANGE and SETRANGE in a pipeline on the same server |
//! | [`hogwild`] | 64 Faaslets that update one vector, against 64 processes each with a copy through Redis |
//!
//! `cargo xtask bench state` runs all; `redis-server` and `clang-22` (`guests/toolchain.sh`) must be there.

mod guest;
mod hogwild;
mod pointer;
mod redis;
mod transfer;

use anyhow::Result;
use faasm_benches::Bench;

fn main() -> Result<()> {
    let mut bench = Bench::new("state", "native");
    pointer::measure(&mut bench)?;
    transfer::measure(&mut bench)?;
    hogwild::measure(&mut bench)?;
    bench.finish()
}
