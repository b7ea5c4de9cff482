//! A cluster of three masters with a replica each: masters are killed and stopped, replicas take over, also because they
//! are told to, and the slots of values move to other nodes while they are written.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::clients::{Clients, read_all};
use super::servers::{Engine, Server, eventually, free, open};
use super::{Failover, History};
use crate::client::{Limits, now};
use crate::history::VALUES;

const CLIENTS: usize = 3;
const TIMEOUT: &str = "1s";
const LIMITS: Limits = Limits { deadline: Duration::from_secs(8), largest: 600_000 };

const SHARDS: usize = 3;

/// For how long a node must be silent to be taken for dead, in milliseconds.
const SILENT: &str = "1500";

/// How long a replica tries to take over when it is told to, and more (`CLUSTER FAILOVER`).
const GIVEN_UP: Duration = Duration::from_secs(6);

/// What the names of the keys have in braces, for each address of the history.
const TAGS: [&str; VALUES + 1] =
    ["faults:one", "faults:t%7Bw%7Do", "faults:three/%00%FF", "faults:set", "faults:list"];

pub(super) fn run(seed: u64) -> Result<History> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir()?;
    let (engine, replicated) = (Engine::random(&mut rng), rng.bool());
    let mut cluster = Cluster::start(engine, folder.path())?;
    let durability = if replicated { "replicated" } else { "fast" };
    let url = format!("{}&timeout={TIMEOUT}", cluster.url(durability));
    let tiers = (0..CLIENTS).map(|_| open(&url)).collect::<Result<Vec<_>>>()?;
    let mut history = History { replicated, ..History::default() };
    history.faults.push(format!("{engine:?}, durability={durability}"));
    let events = Clients { seed, tiers: &tiers, limits: LIMITS }.work(|| {
        for _ in 0..rng.u8(1..4) {
            thread::sleep(Duration::from_millis(rng.u64(200..800)));
            cluster.fault(&mut rng, &mut history)?;
        }
        thread::sleep(Duration::from_millis(rng.u64(300..900)));
        Ok(())
    })?;
    drop(tiers);
    cluster.settle(&mut history)?;
    history.events = events;
    history.events.extend(read_all(seed, &cluster.url("fast"), LIMITS)?);
    Ok(history)
}

struct Cluster {
    /// Those of one shard are `SHARDS` apart.
    servers: Vec<Server>,
    masters: [usize; SHARDS],
    slots: [Slot; TAGS.len()],
    /// Whether there was a failover that nobody had asked for.
    unwanted: bool,
}

/// Where the keys of an address are.
#[derive(Clone, Copy)]
struct Slot {
    number: usize,
    shard: usize,
}

fn id(server: usize) -> String {
    format!("{:040x}", server + 1)
}

impl Cluster {
    /// Starts all nodes with what they would have agreed upon.
    fn start(engine: Engine, folder: &Path) -> Result<Self> {
        let ports = (0..4 * SHARDS).map(|_| free()).collect::<Result<Vec<_>>>()?;
        let (addresses, buses) = ports.split_at(2 * SHARDS);
        let mut servers = Vec::new();
        for (n, address) in addresses.iter().enumerate() {
            let lines: Vec<String> = (0..2 * SHARDS)
                .map(|other| {
                    let (port, bus) = (addresses[other].port(), buses[other].port());
                    line(engine, (n, other), (port, bus))
                })
                .collect();
            let last = format!("vars currentEpoch {SHARDS} lastVoteEpoch 0\n");
            let own = folder.join(address.port().to_string());
            std::fs::create_dir_all(&own)?;
            std::fs::write(own.join("nodes.conf"), lines.concat() + &last)?;
            let bus = buses[n].port().to_string();
            let options = [
                ["--cluster-enabled", "yes"],
                ["--cluster-config-file", "nodes.conf"],
                ["--cluster-node-timeout", SILENT],
                ["--cluster-port", &bus],
                ["--appendonly", "yes"],
                ["--appendfsync", "everysec"],
            ];
            servers.push(Server::start(engine, (folder, *address), options.as_flattened())?);
        }
        let slot = Slot { number: 0, shard: 0 };
        let mut cluster =
            Self { servers, masters: [0, 1, 2], slots: [slot; TAGS.len()], unwanted: false };
        cluster.await_health()?;
        for (slot, tag) in cluster.slots.iter_mut().zip(TAGS) {
            let answer = cluster.servers[0].tell(&format!("CLUSTER KEYSLOT {tag}"))?;
            let number = answer.trim_start_matches(':').trim_end().parse()?;
            let shard = (0..SHARDS).find(|shard| slots(*shard).contains(&number));
            *slot = Slot { number, shard: shard.context("no shard has it")? };
        }
        Ok(cluster)
    }

    fn url(&self, durability: &str) -> String {
        let nodes: Vec<_> =
            self.servers[..SHARDS].iter().map(|it| it.address.to_string()).collect();
        let nodes = nodes.join(",");
        format!("redis+cluster://{nodes}?durability={durability}")
    }

    fn replica(&self, shard: usize) -> usize {
        (self.masters[shard] + SHARDS) % (2 * SHARDS)
    }

    fn await_health(&mut self) -> Result<()> {
        for server in &self.servers {
            eventually("the cluster is there", || {
                server.ask("CLUSTER INFO").is_ok_and(|info| info.contains("cluster_state:ok"))
            })?;
        }
        for shard in 0..SHARDS {
            let (master, replica) = (self.masters[shard], self.replica(shard));
            let follows = |(master, replica): &(usize, usize)| {
                self.servers[*master].replicates("connected_slaves:1")
                    && self.servers[*replica].replicates("master_link_status:up")
            };
            let mut found = None;
            eventually("a master has its replica", || {
                found = [(master, replica), (replica, master)].into_iter().find(follows);
                found.is_some()
            })?;
            // On a machine that is too slow, one is taken for dead that is not.
            if let Some((other, _)) = found.filter(|(found, _)| *found != master) {
                self.masters[shard] = other;
                self.unwanted = true;
            }
        }
        Ok(())
    }

    fn fault(&mut self, rng: &mut fastrand::Rng, history: &mut History) -> Result<()> {
        let address = rng.usize(..TAGS.len());
        let shard = self.slots[address].shard;
        match rng.u8(..5) {
            kind @ 0..2 => self.lose_master(shard, kind == 0, history)?,
            2 => self.swap(shard, history)?,
            3 => {
                history.faults.push(format!("{} clients of shard {shard} cut off", now()));
                self.servers[self.masters[shard]].tell("CLIENT KILL TYPE normal")?;
            }
            _ => self.migrate(address, rng, history)?,
        }
        self.await_health()?;
        history.faults.push(format!("{} is well again", now()));
        Ok(())
    }

    /// A master is gone or silent until its replica has taken over, and comes back.
    fn lose_master(&mut self, shard: usize, killed: bool, history: &mut History) -> Result<()> {
        let (old, new) = (self.masters[shard], self.replica(shard));
        let from = self.servers[old].in_step_with([&self.servers[new]])?;
        let what = if killed { "killed" } else { "stopped" };
        history.faults.push(format!("{} master {old} of shard {shard} {what}", now()));
        if killed {
            self.servers[old].kill()?;
        } else {
            self.servers[old].signal(Signal::STOP)?;
        }
        eventually("the replica takes over", || self.servers[new].replicates("role:master"))?;
        self.masters[shard] = new;
        history.faults.push(format!("{} it is {new} now", now()));
        if killed {
            self.servers[old].restart()?;
        } else {
            self.servers[old].signal(Signal::CONT)?;
        }
        eventually("the old master follows", || self.servers[old].replicates("role:slave"))?;
        self.await_health()?;
        history.failovers.push(Failover { from, to: now(), loses: true });
        Ok(())
    }

    /// Master and replica change places, and nothing is lost by it.
    fn swap(&mut self, shard: usize, history: &mut History) -> Result<()> {
        let (old, new, from) = (self.masters[shard], self.replica(shard), now());
        history.faults.push(format!("{from} {new} is to be master of shard {shard}"));
        // A server gives it up after some seconds, on a machine that is too slow for it.
        let mut asked: Option<Instant> = None;
        eventually("they have changed places", || {
            if asked.is_none_or(|asked| asked.elapsed() > GIVEN_UP) {
                asked = Some(Instant::now());
                // One that is the master by now refuses.
                let _ = self.servers[new].tell("CLUSTER FAILOVER");
            }
            self.servers[new].replicates("role:master")
                && self.servers[old].replicates("role:slave")
        })?;
        self.masters[shard] = new;
        self.await_health()?;
        history.failovers.push(Failover { from, to: now(), loses: false });
        Ok(())
    }

    /// Moves the slot of an address to another shard, key by key.
    fn migrate(
        &mut self,
        address: usize,
        rng: &mut fastrand::Rng,
        history: &mut History,
    ) -> Result<()> {
        let Slot { number: slot, shard } = self.slots[address];
        let to = (shard + rng.usize(1..SHARDS)) % SHARDS;
        let [source, target] = [shard, to].map(|shard| self.masters[shard]);
        history.faults.push(format!("{} slot {slot} moves from {source} to {target}", now()));
        let (from, into) = (&self.servers[source], &self.servers[target]);
        into.tell(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(source)))?;
        from.tell(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(target)))?;
        let port = into.address.port();
        let mut moved = 0;
        loop {
            let answer = from.tell(&format!("CLUSTER GETKEYSINSLOT {slot} 5"))?;
            let keys: Vec<_> = answer.lines().filter(|line| line.starts_with("faasm")).collect();
            if keys.is_empty() {
                break;
            }
            for key in keys {
                from.tell(&format!("MIGRATE 127.0.0.1 {port} {key} 0 5000"))?;
                moved += 1;
                thread::sleep(Duration::from_millis(rng.u64(..40)));
            }
        }
        let others = (0..SHARDS).map(|shard| self.masters[shard]);
        let others = others.filter(|other| ![source, target].contains(other));
        for server in [target, source].into_iter().chain(others) {
            self.servers[server].tell(&format!("CLUSTER SETSLOT {slot} NODE {}", id(target)))?;
        }
        self.slots[address].shard = to;
        history.faults.push(format!("{} {moved} keys are there", now()));
        Ok(())
    }

    /// When all is over: a failover that nobody wanted is one all the same.
    fn settle(&mut self, history: &mut History) -> Result<()> {
        self.await_health()?;
        if self.unwanted {
            history.faults.push(format!("{} there was a failover that nobody wanted", now()));
            history.failovers.push(Failover { from: 0, to: now(), loses: true });
        }
        Ok(())
    }
}

/// The slots that a shard has at first.
fn slots(shard: usize) -> std::ops::Range<usize> {
    let bound = |n: usize| n * 16384 / SHARDS;
    bound(shard)..bound(shard + 1)
}

/// What the file of node `n` says of another.
fn line(engine: Engine, (n, other): (usize, usize), (port, bus): (u16, u16)) -> String {
    let shard = other % SHARDS;
    let more = match engine {
        Engine::Redis => String::new(),
        Engine::Valkey => format!(",,tls-port=0,shard-id={:040x}", shard + 100),
    };
    let me = if n == other { "myself," } else { "" };
    let role = if other < SHARDS { "master -".to_owned() } else { format!("slave {}", id(shard)) };
    let range = slots(shard);
    let served =
        if other < SHARDS { format!(" {}-{}", range.start, range.end - 1) } else { String::new() };
    let epoch = shard + 1;
    format!("{} 127.0.0.1:{port}@{bus}{more} {me}{role} 0 0 {epoch} connected{served}\n", id(other))
}
