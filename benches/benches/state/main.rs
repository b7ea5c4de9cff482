//! State in two tiers: values that are mapped, pulled and pushed, and many Faaslets on one of them.
//!
//! | part | against |
//! |---|---|
//! | [`pointer`] | reads and writes through a value's pointer, against the same C natively on an array of its own |
//! | [`durable`] | writes to the tier in a file, against `pwrite` and `fdatasync` for each |
//! | [`transfer`] | pull and push over Redis, against GETRANGE and SETRANGE in a pipeline on the same server |
//! | [`hogwild`] | 64 Faaslets that update one vector, against 64 processes each with a copy through Redis |
//!
//! `cargo xtask bench state` runs all; `redis-server` and `clang-22` (`guests/toolchain.sh`) must be there.

mod durable;
mod guest;
mod hogwild;
mod pointer;
mod redis;
mod transfer;

use anyhow::Result;
use faasm_benches::Bench;

type Part = (&'static str, fn(&mut Bench) -> Result<()>);

/// By the words that choose them: `cargo bench -p faasm-benches --bench state -- pointer hogwild`.
const PARTS: [Part; 4] = [
    ("pointer", pointer::measure),
    ("durable", durable::measure),
    ("transfer", transfer::measure),
    ("hogwild", hogwild::measure),
];

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    if let Some((pointer::CHILD, input)) = words.split_first().map(|it| (it.0.as_str(), it.1)) {
        return pointer::child(input);
    }
    let mut bench = Bench::new("state", "native");
    for (name, measure) in PARTS {
        if words.is_empty() || words.iter().any(|word| word == name) {
            measure(&mut bench)?;
        }
    }
    bench.finish()
}
