//! A Redis or Valkey server of its own for each run, and everything that goes wrong with one.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use super::History;
use super::clients::{Clients, read_all};
use super::proxy::{Proxy, Way};
use super::servers::{Engine, Server, free, open};
use crate::client::{Limits, now};

const CLIENTS: u64 = 3;

/// The tier is told to end operations within a second; what is beyond that is the machine's slowness.
const TIMEOUT: &str = "1s";
const LIMITS: Limits = Limits { deadline: Duration::from_secs(8), largest: 600_000 };

/// What was taken for a client that had given up is there again within this, if nothing goes wrong.
const COMES_BACK: Duration = Duration::from_secs(1);

/// Every acknowledged write is in its log, on the disk.
const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// In its log, and on the disk once a second: a write that is to be there waits for it.
const EVERY_SECOND: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "everysec"];

pub(super) fn run(seed: u64) -> Result<History> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir()?;
    let engine = Engine::random(&mut rng);
    let disk = rng.bool();
    // Redis before 7.2 cannot be asked whether a write is on the disk.
    let options = if disk && engine == Engine::Valkey { EVERY_SECOND } else { ALWAYS };
    let mut server = Server::start(engine, (folder.path(), free()?), &options)?;
    let proxies = (0..CLIENTS).map(|_| Proxy::start(server.address)).collect::<Result<Vec<_>>>()?;
    let durability = if disk { "disk" } else { "fast" };
    // Each client is a host of its own, with its own connections.
    let tiers = proxies
        .iter()
        .map(|proxy| open(&format!("{}&timeout={TIMEOUT}", url(proxy.address(), durability))));
    let tiers = tiers.collect::<Result<Vec<_>>>()?;
    let mut faults = vec![format!("{engine:?}, durability={durability}")];
    let mut events = Clients { seed, tiers: &tiers, limits: LIMITS }.work(|| {
        for _ in 0..rng.u8(0..4) {
            thread::sleep(Duration::from_millis(rng.u64(20..250)));
            fault(&mut rng, &mut server, &proxies, &mut faults)?;
        }
        thread::sleep(Duration::from_millis(rng.u64(50..200)));
        Ok(())
    })?;
    // The first line is no fault.
    let well = faults.len() == 1;
    if well {
        thread::sleep(COMES_BACK);
    }
    events.extend(read_all(seed, &url(server.address, "fast"), LIMITS)?);
    Ok(History { events, faults, well, ..History::default() })
}

fn url(address: SocketAddr, durability: &str) -> String {
    format!("redis://{address}?durability={durability}")
}

fn fault(
    rng: &mut fastrand::Rng,
    server: &mut Server,
    proxies: &[Proxy],
    faults: &mut Vec<String>,
) -> Result<()> {
    let some = &proxies[rng.usize(..proxies.len())];
    let (kind, pause) = (rng.u8(..7), Duration::from_millis(rng.u64(..400)));
    let names = ["killed", "stopped", "cut", "deaf", "a hole", "closed", "full"];
    faults.push(format!("{} {} for {pause:?}", now(), names[usize::from(kind)]));
    match kind {
        0 => {
            server.kill()?;
            thread::sleep(pause);
            server.restart()?;
        }
        1 => {
            server.signal(Signal::STOP)?;
            thread::sleep(pause * 4);
            server.signal(Signal::CONT)?;
        }
        2 => some.cut(),
        6 => {
            server.ask("CONFIG SET maxmemory 1mb")?;
            thread::sleep(pause);
            server.ask("CONFIG SET maxmemory 0")?;
        }
        _ => {
            some.set([Way::Deaf, Way::Hole, Way::Closed][usize::from(kind - 3)]);
            if kind == 5 {
                some.cut();
            }
            thread::sleep(pause * 3);
            // What was lost leaves its connections of no use.
            some.set(Way::Open);
            some.cut();
        }
    }
    faults.push(format!("{} is well again", now()));
    Ok(())
}
