//! Tiers, and what goes wrong with them.

mod clients;
mod cluster;
mod file;
pub(crate) mod memory;
mod proxy;
mod redis;
mod sentinel;
mod servers;

use std::collections::HashMap;
use std::fmt;

use anyhow::Result;
use clap::ValueEnum;

use crate::history::{Event, Time};

pub(crate) use file::{ChildOptions, child};

/// A tier and its faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum World {
    /// The tier in memory: leases that end, and operations that are given up.
    Memory,
    /// The tier in a file: its process is killed and stopped.
    File,
    /// A Redis or Valkey server: it is killed, stopped and full, and connections to it are cut, lose answers, or lead
    /// nowhere.
    Redis,
    /// A master with replicas and sentinels: they put another in the place of the master.
    Sentinel,
    /// A cluster of three masters with a replica each: replicas take over, and slots move.
    Cluster,
}

/// What a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) seed: u64,
}

/// What a run has shown.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    /// Clients that were killed, and when.
    pub(crate) deaths: HashMap<u64, Time>,
    /// Whether the tier was well for as long as it was there: who gave up has left nothing behind.
    pub(crate) well: bool,
    /// Times in which one master took the place of another.
    pub(crate) failovers: Vec<Failover>,
    /// Whether what is acknowledged is at the replicas, and so outlasts failovers.
    pub(crate) replicated: bool,
    /// What was done to the tier, for those who look at a failure.
    pub(crate) faults: Vec<String>,
}

/// From when on a master may have what its replicas have not, to when nobody took the old one for the master any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failover {
    pub(crate) from: Time,
    pub(crate) to: Time,
    /// Whether what only the old master had is lost.
    pub(crate) loses: bool,
}

impl World {
    pub(crate) const ALL: [Self; 5] =
        [Self::Memory, Self::File, Self::Redis, Self::Sentinel, Self::Cluster];
}

impl Run {
    pub(crate) fn perform(&self) -> Result<History> {
        match self.world {
            World::Memory => memory::run(self.seed),
            World::File => file::run(self.seed),
            World::Redis => redis::run(self.seed),
            World::Sentinel => sentinel::run(self.seed),
            World::Cluster => cluster::run(self.seed),
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::File => "file",
            Self::Redis => "redis",
            Self::Sentinel => "sentinel",
            Self::Cluster => "cluster",
        })
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with seed {}", self.world, self.seed)
    }
}
