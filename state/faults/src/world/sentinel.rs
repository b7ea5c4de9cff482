//! A master with one or two replicas and three sentinels, which put a replica in its place when it is killed or stopped,
//! or when they are told to.
//!
//! A master that is only stopped goes on as one when it is let: until somebody tells it that it was replaced, there are two.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::clients::{Clients, read_all};
use super::servers::{self, Engine, PATIENCE, Server, eventually, free, open, signal_child};
use super::{Failover, History};
use crate::client::{Limits, now};

const CLIENTS: usize = 3;
const TIMEOUT: &str = "1s";
const LIMITS: Limits = Limits { deadline: Duration::from_secs(8), largest: 600_000 };
const FILES: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "everysec"];

/// For how long a master must be silent, and within which time a failover is over.
const DOWN: &str = "1000";
const OVER: &str = "8000";

pub(super) fn run(seed: u64) -> Result<History> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir()?;
    let (engine, replicas, replicated) = (Engine::random(&mut rng), rng.usize(1..3), rng.bool());
    let mut group = Group::start(engine, folder.path(), replicas)?;
    let durability = if replicated {
        format!("durability=replicated&replicas={replicas}")
    } else {
        "durability=fast".to_owned()
    };
    let url = format!("{}&timeout={TIMEOUT}", group.url(&durability));
    let tiers = (0..CLIENTS).map(|_| open(&url)).collect::<Result<Vec<_>>>()?;
    let mut history = History { replicated, ..History::default() };
    history.faults.push(format!("{engine:?}, {replicas} replicas, {durability}"));
    let events = Clients { seed, tiers: &tiers, limits: LIMITS }.work(|| {
        for _ in 0..rng.u8(..3) {
            thread::sleep(Duration::from_millis(rng.u64(50..400)));
            group.disturb(&mut rng, &mut history)?;
        }
        thread::sleep(Duration::from_millis(rng.u64(200..800)));
        group.fail_over(&mut rng, &mut history)?;
        thread::sleep(Duration::from_millis(rng.u64(300..900)));
        Ok(())
    })?;
    drop(tiers);
    group.settle(&mut history)?;
    history.events = events;
    history.events.extend(read_all(seed, &group.url("durability=fast"), LIMITS)?);
    Ok(history)
}

struct Group {
    /// The master is one of them.
    servers: Vec<Server>,
    master: usize,
    sentinels: Vec<(Child, SocketAddr)>,
    /// Whether there was a failover that nobody had asked for.
    unwanted: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        for (sentinel, _) in &mut self.sentinels {
            let _ = sentinel.kill();
            let _ = sentinel.wait();
        }
    }
}

impl Group {
    fn start(engine: Engine, folder: &Path, replicas: usize) -> Result<Self> {
        let mut servers = vec![Server::start(engine, (folder, free()?), &FILES)?];
        let port = servers[0].address.port().to_string();
        for _ in 0..replicas {
            let options = [&FILES[..], &["--replicaof", "127.0.0.1", &port]].concat();
            servers.push(Server::start(engine, (folder, free()?), &options)?);
        }
        let mut group = Self { servers, master: 0, sentinels: Vec::new(), unwanted: false };
        group.await_replicas()?;
        let addresses = (0..3).map(|_| free()).collect::<Result<Vec<_>>>()?;
        for (n, address) in addresses.iter().enumerate() {
            let config = folder.join(format!("sentinel-{n}.conf"));
            std::fs::write(&config, group.config(folder, &addresses, n))?;
            group.sentinels.push((servers::sentinel(engine, &config)?, *address));
        }
        for address in addresses {
            eventually("the sentinels know one another", || {
                servers::ask(address, "SENTINEL CKQUORUM main")
                    .is_ok_and(|it| it.starts_with("+OK 3"))
            })?;
            let known = format!("num-slaves\r\n$1\r\n{replicas}\r\n");
            eventually("the sentinels know the replicas", || {
                servers::ask(address, "SENTINEL MASTER main").is_ok_and(|it| it.contains(&known))
            })?;
        }
        Ok(group)
    }

    /// What a sentinel is told: all that it would find out.
    fn config(&self, folder: &Path, sentinels: &[SocketAddr], this: usize) -> String {
        let id = |n: usize| format!("{:040x}", n + 1);
        let master = self.servers[0].address.port();
        let mut config = format!(
            "port {}\nbind 127.0.0.1\ndir {}\nloglevel warning\nsentinel monitor main 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds main {DOWN}\nsentinel failover-timeout main {OVER}\nsentinel myid {}\n",
            sentinels[this].port(),
            folder.display(),
            id(this)
        );
        for replica in &self.servers[1..] {
            let port = replica.address.port();
            config += &format!("sentinel known-replica main 127.0.0.1 {port}\n");
        }
        for (n, other) in sentinels.iter().enumerate().filter(|(n, _)| *n != this) {
            config +=
                &format!("sentinel known-sentinel main 127.0.0.1 {} {}\n", other.port(), id(n));
        }
        config
    }

    fn url(&self, durability: &str) -> String {
        let sentinels: Vec<_> = self.sentinels.iter().map(|(_, at)| at.to_string()).collect();
        format!("redis+sentinel://{}/main?{durability}", sentinels.join(","))
    }

    /// Waits until all servers are the master's replicas. Where that takes long, it may not be the master any more: on a
    /// machine that is too slow, one is taken for dead that is not.
    fn await_replicas(&mut self) -> Result<()> {
        let begun = Instant::now();
        let mut looked = begun;
        while !self.is_whole() {
            if begun.elapsed() > PATIENCE {
                bail!("the master has not its replicas: not within {PATIENCE:?}");
            }
            if looked.elapsed() > Duration::from_secs(3) {
                looked = Instant::now();
                self.follow_the_sentinels();
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        let connected = format!("connected_slaves:{}", self.servers.len() - 1);
        self.servers.iter().enumerate().all(|(n, server)| {
            let wanted = if n == self.master { &connected } else { "master_link_status:up" };
            server.replicates(wanted)
        })
    }

    fn follow_the_sentinels(&mut self) {
        let Some(named) = self.named() else { return };
        if named != self.master {
            self.master = named;
            self.unwanted = true;
        }
        for other in (0..self.servers.len()).filter(|n| *n != named) {
            // One that does not answer is told the next time.
            let _ = self.demote(other);
        }
    }

    /// The master that the sentinels name, once most of them name the same.
    fn named(&self) -> Option<usize> {
        let names = |n: &usize| {
            let port = format!("\r\n{}\r\n", self.servers[*n].address.port());
            let asked = self.sentinels.iter().map(|(_, at)| {
                servers::ask(*at, "SENTINEL GET-MASTER-ADDR-BY-NAME main").unwrap_or_default()
            });
            asked.filter(|answer| answer.contains(&port)).count() >= 2
        };
        (0..self.servers.len()).find(names)
    }

    /// Something after which the master is the same, if the machine is quick enough.
    fn disturb(&mut self, rng: &mut fastrand::Rng, history: &mut History) -> Result<()> {
        let (kind, pause) = (rng.u8(..4), Duration::from_millis(rng.u64(..300)));
        let from = now();
        let names = ["clients cut off", "a replica stopped", "the master stopped", "full"];
        history.faults.push(format!("{from} {} for {pause:?}", names[usize::from(kind)]));
        let master = &self.servers[self.master];
        let replica = &self.servers[(self.master + 1) % self.servers.len()];
        match kind {
            0 => drop(master.tell("CLIENT KILL TYPE normal")?),
            1 => {
                replica.signal(Signal::STOP)?;
                thread::sleep(pause * 2);
                replica.signal(Signal::CONT)?;
            }
            2 => {
                master.signal(Signal::STOP)?;
                thread::sleep(pause);
                master.signal(Signal::CONT)?;
            }
            _ => {
                master.tell("CONFIG SET maxmemory 1mb")?;
                thread::sleep(pause);
                master.tell("CONFIG SET maxmemory 0")?;
            }
        }
        history.faults.push(format!("{} is well again", now()));
        Ok(())
    }

    fn fail_over(&mut self, rng: &mut fastrand::Rng, history: &mut History) -> Result<()> {
        let (kind, old) = (rng.u8(..3), self.master);
        let replicas = self.servers.iter().enumerate().filter(|(n, _)| *n != old);
        let from = self.servers[old].in_step_with(replicas.map(|(_, server)| server))?;
        // The first that the URL names.
        let mute = rng.u8(..3) == 0;
        if mute && kind != 2 {
            signal_child(&self.sentinels[0].0, Signal::STOP)?;
        }
        let names = ["the master killed", "the master stopped", "a failover asked for"];
        history.faults.push(format!(
            "{} {}; a sentinel mute: {mute}",
            now(),
            names[usize::from(kind)]
        ));
        match kind {
            0 => self.servers[old].kill()?,
            1 => self.servers[old].signal(Signal::STOP)?,
            _ => {
                let asked = servers::ask(self.sentinels[1].1, "SENTINEL FAILOVER main")?;
                history.faults.push(format!("{} {}", now(), asked.trim_end()));
            }
        }
        let live: Vec<_> = self.sentinels[usize::from(mute)..].iter().map(|it| it.1).collect();
        self.master = self.await_successor(&live, old)?;
        history.faults.push(format!("{} the master is number {}", now(), self.master));
        if mute && kind != 2 {
            signal_child(&self.sentinels[0].0, Signal::CONT)?;
        }
        let port = self.servers[self.master].address.port().to_string();
        if kind == 0 {
            let follow = [&FILES[..], &["--replicaof", "127.0.0.1", &port]].concat();
            self.servers[old].restart_with(&follow)?;
        } else {
            if kind == 1 {
                self.servers[old].signal(Signal::CONT)?;
            }
            // For a while there are two masters.
            thread::sleep(Duration::from_millis(rng.u64(..1500)));
            self.demote(old)?;
        }
        // The other replica, if there is one, was told by the sentinels, unless the one that should have was mute.
        let behind = |n: &usize| ![self.master, old].contains(n);
        for other in (0..self.servers.len()).filter(behind) {
            self.demote(other)?;
        }
        self.await_replicas()?;
        history.failovers.push(Failover { from, to: now(), loses: true });
        history.faults.push(format!("{} is well again", now()));
        Ok(())
    }

    /// What sentinels do to a master that they have replaced, some time later.
    fn demote(&self, old: usize) -> Result<()> {
        let port = self.servers[self.master].address.port();
        self.servers[old].tell(&format!("REPLICAOF 127.0.0.1 {port}"))?;
        self.servers[old].tell("CLIENT KILL TYPE normal")?;
        Ok(())
    }

    /// The master that these sentinels have put in the place of the old one.
    fn await_successor(&self, sentinels: &[SocketAddr], old: usize) -> Result<usize> {
        let mut found = None;
        eventually("a replica takes over", || {
            let named = |n: &usize| {
                let port = format!("\r\n{}\r\n", self.servers[*n].address.port());
                sentinels.iter().all(|at| {
                    let asked = servers::ask(*at, "SENTINEL GET-MASTER-ADDR-BY-NAME main");
                    asked.is_ok_and(|answer| answer.contains(&port))
                })
            };
            found = (0..self.servers.len()).filter(|n| *n != old).find(named);
            found.is_some_and(|new| self.servers[new].replicates("role:master"))
        })?;
        found.context("there is none")
    }

    /// When all is over: a failover that nobody wanted is one all the same.
    fn settle(&mut self, history: &mut History) -> Result<()> {
        eventually("the sentinels agree", || self.named().is_some())?;
        if self.named() != Some(self.master) {
            self.follow_the_sentinels();
        }
        self.await_replicas()?;
        if self.unwanted {
            history.faults.push(format!("{} there was a failover that nobody wanted", now()));
            history.failovers.push(Failover { from: 0, to: now(), loses: true });
        }
        Ok(())
    }
}
