//! Making a diff of 1 MiB and merging one, against plain loops: byte by byte for the diff, and value by value for the
//! merge, as one writes them first.

use std::hint::black_box;
use std::ops::Range;

use anyhow::Result;
use faasm_benches::{Bench, Clock};
use faasm_snapshot::merge::{
    Diff, Gaps, Merge, Operation, Plan, Region, Stamp, ValueType, Window, WrittenPages,
};

const BYTES: usize = 1 << 20;
const STAMP: Stamp = Stamp { base: 0, author: 0 };

/// A memory in which nothing is 0, and every number is odd.
fn base() -> Vec<u8> {
    (0..BYTES).map(|at| [1, 3, 5, 7, 9, 11, 0x40, 0x40][at % 8]).collect()
}

/// The memory with every `step`th byte changed.
fn written(base: &[u8], step: usize) -> Vec<u8> {
    let mut now = base.to_vec();
    now.iter_mut().step_by(step).for_each(|byte| *byte ^= 2);
    now
}

fn plan(ty: ValueType, operation: Operation) -> Result<Plan> {
    let region = Region { offset: 0, length: BYTES as u64, ty, operation };
    Ok(Plan::new(BYTES as u64, &[region], Gaps::Overwrite)?)
}

fn our_diff(plan: &Plan, base: &[u8], now: &[u8]) -> Result<Diff> {
    Ok(Diff::of(plan, STAMP, [WrittenPages { offset: 0, base, now }])?)
}

/// The runs of changed bytes, found byte by byte.
fn plain_diff(base: &[u8], now: &[u8]) -> Vec<(Range<usize>, Vec<u8>)> {
    let mut runs: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
    for at in 0..base.len() {
        if base[at] != now[at] {
            match runs.last_mut() {
                Some((range, bytes)) if range.end == at => {
                    range.end += 1;
                    bytes.push(now[at]);
                }
                _ => runs.push((at..at + 1, vec![now[at]])),
            }
        }
    }
    runs
}

/// Merges value by value.
fn plain_merge<const N: usize>(
    [base, new]: [&[u8]; 2],
    target: &mut [u8],
    combine: impl Fn([u8; N], [u8; N], [u8; N]) -> [u8; N],
) {
    for at in (0..target.len()).step_by(N) {
        let value = |bytes: &[u8]| std::array::from_fn(|byte| bytes[at + byte]);
        let combined = combine(value(base), value(new), value(target));
        for (byte, merged) in combined.into_iter().enumerate() {
            target[at + byte] = merged;
        }
    }
}

fn diffs(bench: &mut Bench) -> Result<()> {
    let base = base();
    let plan = plan(ValueType::Raw, Operation::Overwrite)?;
    for (name, step) in [("diff/equal", BYTES), ("diff/sparse", 512), ("diff/dense", 1)] {
        let now = written(&base, step);
        bench.row(
            name,
            Clock::Thread,
            || drop(black_box(our_diff(&plan, black_box(&base), black_box(&now)))),
            || drop(black_box(plain_diff(black_box(&base), black_box(&now)))),
        );
    }
    Ok(())
}

fn merge<const N: usize>(
    bench: &mut Bench,
    name: &str,
    what: (ValueType, Operation),
    combine: impl Fn([u8; N], [u8; N], [u8; N]) -> [u8; N],
) -> Result<()> {
    let base = base();
    let now = written(&base, 4);
    let plan = plan(what.0, what.1)?;
    let diff = our_diff(&plan, &base, &now)?;
    let merge = Merge::new(&plan, STAMP.base, [&diff])?;
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    bench.row(
        name,
        Clock::Thread,
        || {
            let window = Window { offset: 0, base: black_box(&base), target: &mut ours };
            merge.apply(window).unwrap_or_else(|error| panic!("{error}"));
        },
        || plain_merge([black_box(&base), black_box(&now)], &mut theirs, &combine),
    );
    Ok(())
}

fn main() -> Result<()> {
    let mut bench = Bench::new("merge", "a plain loop");
    diffs(&mut bench)?;
    merge(&mut bench, "sum/i32", (ValueType::I32, Operation::Sum), |base, new, so_far| {
        let [base, new, so_far] = [base, new, so_far].map(i32::from_le_bytes);
        so_far.wrapping_add(new.wrapping_sub(base)).to_le_bytes()
    })?;
    merge(&mut bench, "sum/f64", (ValueType::F64, Operation::Sum), |base, new, so_far| {
        let [base, new, so_far] = [base, new, so_far].map(f64::from_le_bytes);
        (so_far + (new - base)).to_le_bytes()
    })?;
    merge(&mut bench, "product/i32", (ValueType::I32, Operation::Product), |base, new, so_far| {
        let [base, new, so_far] = [base, new, so_far].map(i32::from_le_bytes);
        so_far.wrapping_mul(new.wrapping_div(base)).to_le_bytes()
    })?;
    merge(&mut bench, "max/i64", (ValueType::I64, Operation::Max), |_, new, so_far| {
        let [new, so_far] = [new, so_far].map(i64::from_le_bytes);
        new.max(so_far).to_le_bytes()
    })?;
    merge(
        &mut bench,
        "overwrite/bytes",
        (ValueType::Raw, Operation::Overwrite),
        |base, new, so_far| {
            if base == new { so_far } else { new as [u8; 1] }
        },
    )?;
    merge(&mut bench, "xor/bytes", (ValueType::Raw, Operation::Xor), |[base], [new], [so_far]| {
        [base ^ new ^ so_far]
    })?;
    bench.finish()
}
