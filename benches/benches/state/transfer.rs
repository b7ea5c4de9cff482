//! Pull and push over Redis, against a plain client in pipelines on the same server.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use faasm_benches::Bench;
use faasm_state::{Limits, LocalTier, Op, StateError, Value};

use super::redis::Server;

const SIZES: [(&str, usize); 5] = [
    ("4KiB", 4 << 10),
    ("64KiB", 64 << 10),
    ("1MiB", 1 << 20),
    ("16MiB", 16 << 20),
    ("256MiB", 256 << 20),
];
const LARGEST: usize = 256 << 20;
const PLAIN: &str = "GETRANGE and SETRANGE in a pipeline";

/// So often everything is made anew, servers and buffers: some frames of memory are better than others, and whoever has
/// drawn them has them until its end.
const DRAWS: usize = 7;

pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    for (name, size) in SIZES {
        let [mut pushes, mut pulls] = [(); 2].map(|()| Samples::default());
        for _ in 0..DRAWS {
            draw((name, size), &mut pushes, &mut pulls)?;
        }
        for (what, samples) in [("push", pushes), ("pull", pulls)] {
            let [ours, plain] = samples.medians();
            bench.push(&format!("{what}/{name}"), PLAIN, ours, plain);
        }
    }
    let server = Server::start()?;
    let here = LocalTier::new(server.tier()?, Limits::default()).namespace("bench");
    let large = here.value(b"256MiB", LARGEST)?;
    let small = here.value(b"64KiB", 64 << 10)?;
    for value in [&large, &small] {
        fill(value, 7)?;
        end(value.push())?;
    }
    one_page(bench, &large, &small)?;
    limit(&server)
}

/// Over the same server: what one pushes the other pulls.
fn draw((name, size): (&str, usize), pushes: &mut Samples, pulls: &mut Samples) -> Result<()> {
    let server = Server::start()?;
    let tier = server.tier()?;
    let [here, there] =
        [(); 2].map(|()| LocalTier::new(Arc::clone(&tier), Limits::default()).namespace("bench"));
    let mut plain = server.client()?;
    let (ours, mut theirs) = (here.value(name.as_bytes(), size)?, vec![7_u8; size]);
    let mut fetched = vec![0_u8; size];
    // What is there only once it was touched is there; the server has the memory for what comes beside what there is too.
    for byte in [6, 7] {
        fill(&ours, byte)?;
        end(ours.push())?;
        plain.set_ranges(name, &theirs)?;
    }
    let pulled = there.value(name.as_bytes(), size)?;
    end(pulled.pull())?;
    plain.get_ranges(name, &mut fetched)?;
    let rounds = (8 * LARGEST / size).div_ceil(DRAWS).clamp(3, 200);
    let mut byte = 0_u8;
    pushes.alternate(rounds, |mine| {
        byte = byte.wrapping_add(1);
        if mine {
            fill(&ours, byte)?;
            timed(|| end(ours.push()).map(drop))
        } else {
            // Both have written what they send.
            theirs.fill(byte);
            timed(|| plain.set_ranges(name, &theirs))
        }
    })?;
    pulls.alternate(rounds, |mine| {
        if mine {
            timed(|| end(pulled.pull()).map(drop))
        } else {
            timed(|| plain.get_ranges(name, &mut fetched))
        }
    })?;
    let mut last = [0];
    pulled.read_local(size - 1, &mut last)?;
    ensure!(last == [byte] || last == [byte.wrapping_sub(1)], "{last:?} was pulled");
    ensure!(fetched == theirs, "the plain client lost something");
    Ok(())
}

/// One flagged page of the largest value, against one of a small value.
fn one_page(bench: &mut Bench, large: &Value, small: &Value) -> Result<()> {
    let mut byte = 0_u8;
    let mut pushes = Samples::default();
    pushes.alternate(200, |is_large| {
        byte = byte.wrapping_add(1);
        let value = if is_large { large } else { small };
        let page = value.size() / 2 / 4096 * 4096;
        value.write(page, &[byte; 4096])?;
        timed(|| end(value.push_partial()).map(drop))
    })?;
    let [of_large, of_small] = pushes.medians();
    bench.push("push_one_page/256MiB", "one page of 64 KiB", of_large, of_small);
    Ok(())
}

/// What the server's own tool gets out of it, for comparison.
fn limit(server: &Server) -> Result<()> {
    let said = Command::new("redis-benchmark")
        .args(["-p", &server.port.to_string(), "-t", "get,set", "-d", "262144", "-n", "4000"])
        .args(["-P", "16", "-c", "4", "-q"])
        .output()
        .context("redis-benchmark cannot be started")?;
    let said = String::from_utf8_lossy(&said.stdout).replace('\r', "\n");
    for line in said.lines().filter(|line| line.contains("per second")) {
        println!("  redis-benchmark, 256 KiB: {line}");
    }
    Ok(())
}

fn fill(value: &Value, byte: u8) -> Result<()> {
    Ok(value.set(&vec![byte; value.size()])?)
}

fn end<T>(op: Op<T>) -> Result<T> {
    op.block(None)?.map_err(|error: StateError| error.into())
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64() * 1e9)
}

/// Times of both sides: ours with `true`.
#[derive(Default)]
struct Samples([Vec<f64>; 2]);

impl Samples {
    fn alternate(
        &mut self,
        rounds: usize,
        mut side: impl FnMut(bool) -> Result<f64>,
    ) -> Result<()> {
        for round in 0..rounds {
            for mine in [round % 2 == 0, round % 2 != 0] {
                self.0[usize::from(!mine)].push(side(mine)?);
            }
        }
        Ok(())
    }

    fn medians(self) -> [f64; 2] {
        self.0.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
    }
}
