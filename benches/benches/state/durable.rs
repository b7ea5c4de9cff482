//! The tier in a file: what a write costs, alone and among many, and what opening costs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::Result;
use faasm_benches::Bench;
use faasm_runtime::tiers::durable::{DurableOptions, DurableTier};
use faasm_state::{Address, Condition, GlobalTier, Key};

const BYTES: usize = 4096;
const RIVAL: &str = "pwrite and fdatasync for each";
/// Writes of each side, and how many threads write in the second row.
const WRITES: usize = 200;
const THREADS: usize = 64;

pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    let folder = tempfile::tempdir_in(faasm_benches::target())?;
    let path = folder.path().join("state");
    let tier = DurableTier::open(&path, DurableOptions::default())?;
    let plain = File::create(folder.path().join("plain"))?;
    for (name, threads) in [("durable_set/1", 1), ("durable_set/64", THREADS)] {
        let ours = many(threads, |number, round| {
            let at = address(number)?;
            tier.set(&at, vec![round; BYTES], Condition::ALWAYS).block(None)??;
            Ok(())
        })?;
        let theirs = many(threads, |number, round| {
            plain.write_all_at(&[round; BYTES], (number * BYTES) as u64)?;
            Ok(plain.sync_data()?)
        })?;
        bench.push(name, RIVAL, ours, theirs);
    }
    tier.set(&address(1000)?, vec![7; 1 << 30], Condition::ALWAYS).block(None)??;
    drop(tier);
    let begun = Instant::now();
    let tier = DurableTier::open(&path, DurableOptions::default())?;
    println!("  opening a file with 1 GiB of state, checked: {:?}", begun.elapsed());
    let size = path.metadata()?.len();
    println!("  it has {} MiB for {} MiB", size >> 20, tier.used() >> 20);
    Ok(())
}

fn address(number: usize) -> Result<Address> {
    Ok(Address { namespace: Arc::from("bench"), key: Key::new(number.to_string().as_bytes())? })
}

/// Nanoseconds from one write to the next, of all threads together.
fn many(threads: usize, write: impl Fn(usize, u8) -> Result<()> + Sync) -> Result<f64> {
    let begun = Instant::now();
    let each = WRITES.div_ceil(threads).max(8);
    thread::scope(|scope| -> Result<()> {
        let writer = |number| {
            let write = &write;
            move || (0..each).try_for_each(|round| write(number, u8::try_from(round % 251)?))
        };
        let all: Vec<_> = (0..threads).map(|number| scope.spawn(writer(number))).collect();
        for writer in all {
            writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        Ok(())
    })?;
    Ok(begun.elapsed().as_secs_f64() * 1e9 / (threads * each) as f64)
}
