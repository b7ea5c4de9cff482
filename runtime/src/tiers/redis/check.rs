//! Whether a server is as a global tier needs it: at start, and for `faasm doctor`.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::redis::{Cmd, RedisError, Value};
use serde::Serialize;

use super::error::{Fault, StoreError};
use super::link::Wire;
use super::script::Args;
use super::settings::{Durability, RedisSettings, Shape};
use super::store::{Request, Store, Via};

/// After what time it is looked again whether the server keeps what it has.
const AGAIN: Duration = Duration::from_secs(60);

/// What to do if it does not.
const KEEP: &str = "set `maxmemory-policy noeviction`";

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Good,
    /// It works, and something can be lost.
    Warning,
    /// It does not work.
    Error,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// What to do about it; nothing if it is good.
    pub advice: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
}

/// Why a tier cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum RedisOpenError {
    /// The settings cannot be used: a certificate's file is not there.
    #[error("the settings cannot be used")]
    Settings(#[source] RedisError),
    /// The server was not reached, or refused.
    #[error("the server was not reached")]
    Unreached(#[source] StoreError),
    /// The server is not as it must be.
    #[error("{}: {}", .0.what, .0.advice)]
    Unfit(Finding),
    /// No threads for it.
    #[error("no threads for the connections")]
    Threads(#[source] io::Error),
    /// It ended while it was opened.
    #[error("the tier ended while it was being opened")]
    Stopped,
}

impl Report {
    /// The worst of all findings.
    #[must_use]
    pub fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Good)
    }

    fn add(
        &mut self,
        check: &'static str,
        severity: Severity,
        what: impl Into<String>,
        advice: &str,
    ) {
        self.findings.push(Finding {
            check,
            severity,
            what: what.into(),
            advice: advice.to_owned(),
        });
    }

    fn good(&mut self, check: &'static str, what: impl Into<String>) {
        self.add(check, Severity::Good, what, "");
    }
}

/// The fields of `INFO`.
struct Info(HashMap<String, String>);

impl Info {
    fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.trim().split_once(':'));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> usize {
        self.text(name).parse().unwrap_or(0)
    }

    /// Whether it is Valkey, and which version: Valkey names the Redis that it is like beside its own.
    fn version(&self) -> (bool, Vec<u32>) {
        let valkey = self.text("server_name") == "valkey";
        let name = if valkey { "valkey_version" } else { "redis_version" };
        (valkey, self.text(name).split('.').filter_map(|part| part.parse().ok()).collect())
    }

    fn has_waitaof(&self) -> bool {
        let (valkey, version) = self.version();
        valkey || version >= vec![7, 2]
    }
}

/// Looks at everything, and notes what the store needs to know.
pub(super) async fn check(store: Arc<Store>) -> Result<Report, RedisOpenError> {
    let unreached = |fault: Fault| RedisOpenError::Unreached(fault.error);
    let mut wire = store.link.connect().await.map_err(unreached)?;
    let infos = infos(&store, &mut wire).await.map_err(unreached)?;
    let appendfsyncs = config(&store, &mut wire, "appendfsync").await;
    let mut report = Report::default();
    for (node, text) in &infos {
        let info = Info::parse(text);
        let mut found = Report::default();
        let appendfsync = appendfsyncs.get(node).map(String::as_str);
        look(&store.settings, &info, appendfsync, &mut found);
        for mut finding in found.findings {
            if infos.len() > 1 {
                finding.what = format!("{node}: {}", finding.what);
            }
            report.findings.push(finding);
        }
        if !info.has_waitaof() {
            store.has_waitaof.store(false, Ordering::Relaxed);
        }
        store.capacity.fetch_add(info.number("maxmemory"), Ordering::Relaxed);
    }
    if store.settings.shape == Shape::Cluster {
        cluster(&store, &mut wire, &mut report).await.map_err(unreached)?;
    }
    rights(&store, &mut report).await;
    Ok(report)
}

async fn infos(store: &Store, wire: &mut Wire) -> Result<Vec<(String, String)>, Fault> {
    let mut command = ::redis::cmd("INFO");
    command.arg("all");
    let sent = tokio::time::timeout(store.link.patience, wire.send_to_masters(command)).await;
    let answers = sent.map_err(|_| Fault::timeout(store.link.patience, false))?;
    let answers = answers.map_err(|error| Fault::answered(&error))?;
    answers.into_iter().map(|(node, value)| Ok((node, text(value)?))).collect()
}

fn text(value: Value) -> Result<String, Fault> {
    match value {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Ok(text),
        other => Err(Fault::odd(&other)),
    }
}

/// A setting of each server that tells it to us.
async fn config(store: &Store, wire: &mut Wire, name: &str) -> HashMap<String, String> {
    let mut command: Cmd = ::redis::cmd("CONFIG");
    command.arg("GET").arg(name);
    let sent = tokio::time::timeout(store.link.patience, wire.send_to_masters(command)).await;
    let Ok(Ok(answers)) = sent else { return HashMap::new() };
    let setting = |answer| match answer {
        Value::Array(pair) => text(pair.into_iter().nth(1)?).ok(),
        Value::Map(pairs) => text(pairs.into_iter().next()?.1).ok(),
        _ => None,
    };
    answers.into_iter().filter_map(|(node, answer)| Some((node, setting(answer)?))).collect()
}

fn look(settings: &RedisSettings, info: &Info, appendfsync: Option<&str>, report: &mut Report) {
    let (valkey, version) = info.version();
    let name = if valkey { "Valkey" } else { "Redis" };
    let shown = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    if valkey || version >= vec![6, 2] {
        report.good("version", format!("{name} {shown}"));
    } else {
        report.add(
            "version",
            Severity::Error,
            format!("{name} {shown}"),
            "use Redis 6.2 or later, or Valkey",
        );
    }
    match eviction(info) {
        Ok(what) => report.good("eviction", what),
        Err(what) => report.add("eviction", Severity::Error, what, KEEP),
    }
    persistence(settings, info, appendfsync, report);
    replicas(settings, info, report);
}

/// Whether the server keeps what it has when it is full; without a limit too, as who sets one later does not think of it.
fn eviction(info: &Info) -> Result<String, String> {
    match info.text("maxmemory_policy") {
        "noeviction" => {
            let limit = info.number("maxmemory");
            Ok(format!("maxmemory-policy is noeviction, maxmemory is {limit}"))
        }
        policy => Err(format!(
            "maxmemory-policy is {policy}: the server throws state away when it is full"
        )),
    }
}

fn persistence(
    settings: &RedisSettings,
    info: &Info,
    appendfsync: Option<&str>,
    report: &mut Report,
) {
    let disk = settings.durability == Durability::Disk;
    if info.text("aof_enabled") != "1" {
        let severity = if disk { Severity::Error } else { Severity::Warning };
        let what =
            "appendonly is no: what was written since the last snapshot is lost with the process";
        return report.add("persistence", severity, what, "set `appendonly yes`");
    }
    let shown = appendfsync.unwrap_or("not told to us");
    if disk && !info.has_waitaof() && appendfsync != Some("always") {
        let what =
            format!("durability=disk on a server without WAITAOF, where appendfsync is {shown}");
        let advice = "use Redis 7.2 or later, or Valkey, or set `appendfsync always`";
        return report.add("persistence", Severity::Error, what, advice);
    }
    if appendfsync == Some("no") {
        let what = "appendfsync is no: what the kernel has not written is lost with the machine";
        return report.add("persistence", Severity::Warning, what, "set `appendfsync everysec`");
    }
    report.good("persistence", format!("appendonly is yes, appendfsync is {shown}"));
}

fn replicas(settings: &RedisSettings, info: &Info, report: &mut Report) {
    if info.text("role") != "master" {
        let what = "the server is a replica: nothing can be written to it";
        return report.add("replicas", Severity::Error, what, "name the master, or the sentinels");
    }
    let count = info.number("connected_slaves");
    let wanted = usize::try_from(settings.replicas).unwrap_or(usize::MAX);
    if settings.durability == Durability::Replicated && count < wanted {
        let what = match count {
            0 => {
                "durability=replicated, and no replica is connected: no write would be acknowledged"
                    .to_owned()
            }
            _ => {
                format!("replicas={wanted}, and {count} connected: no write would be acknowledged")
            }
        };
        return report.add("replicas", Severity::Error, what, "connect a replica");
    }
    if settings.durability == Durability::Replicated && count > wanted {
        let what = format!(
            "replicas={wanted}, and {count} connected: one that lacks a write may become the master"
        );
        let advice =
            format!("say `replicas={count}` in the URL, if no acknowledged write may be lost");
        return report.add("replicas", Severity::Warning, what, &advice);
    }
    match count {
        0 => {
            let what = "no replica is connected: state is gone while this server is";
            let advice = "connect a replica, with sentinels or in a cluster";
            report.add("replicas", Severity::Warning, what, advice);
        }
        count => report.good("replicas", format!("{count} connected")),
    }
}

async fn cluster(store: &Store, wire: &mut Wire, report: &mut Report) -> Result<(), Fault> {
    let mut command = ::redis::cmd("CLUSTER");
    command.arg("INFO");
    let key = format!("{}{{doctor}}", store.settings.prefix);
    let sent = wire.send_to(command, &key).await;
    let answer = text(sent.map_err(|error| Fault::answered(&error))?)?;
    let info = Info::parse(&answer);
    if info.text("cluster_state") == "ok" {
        report
            .good("cluster", format!("{} masters, all slots served", info.number("cluster_size")));
    } else {
        let what = format!("cluster_state is {}", info.text("cluster_state"));
        report.add("cluster", Severity::Error, what, "see `redis-cli --cluster check`");
    }
    Ok(())
}

/// Does what the tier does, at an address that nobody else has.
async fn rights(store: &Store, report: &mut Report) {
    let key = format!("{}{{doctor:{:016x}}}:m", store.settings.prefix, store.nonce());
    let head = |number: u32| {
        Args::new().text("doctor").number(0).number(number).text("").text("").text("")
    };
    let write = head(1).text("set").number(1).number(1).number(0).bytes(b"x");
    let deadline = store.deadline(0);
    let lane = store.control();
    let via = Via::Lane(lane);
    let mut outcome = store.ask(via, (&store.scripts.write, &key), &write, deadline).await;
    if outcome.is_ok() {
        outcome = store.ask(via, (&store.scripts.delete, &key), &head(2), deadline).await;
    }
    let channel = format!("{}i", key.trim_end_matches('m'));
    let mut publish = ::redis::cmd("PUBLISH");
    publish.arg(&channel).arg("");
    let told = store.once(lane, &Request::Command(&publish)).await.map(drop);
    let told = told.and(hears(store, &channel).await);
    let advice = "give the user `~PREFIX*`, `&PREFIX*` and the commands `+@read +@write +@scripting +@pubsub \
                  +@connection +time +info +wait +waitaof +cluster|slots +cluster|info`";
    match outcome.map(drop).and(told) {
        Ok(()) => report.good(
            "rights",
            "scripts run, keys are written and removed, channels are told and heard",
        ),
        Err(fault) => {
            report.add(
                "rights",
                Severity::Error,
                format!("what the store does with a value was refused: {}", fault.error),
                advice,
            );
        }
    }
}

/// Whether we may listen to a channel.
async fn hears(store: &Store, channel: &str) -> Result<(), Fault> {
    let mut connection = store.link.listen(0).await?;
    let patience = store.link.patience;
    match tokio::time::timeout(patience, connection.subscribe(channel)).await {
        Ok(heard) => heard.map_err(|error| Fault::answered(&error)),
        Err(_) => Err(Fault::timeout(patience, false)),
    }
}

/// Looks once in a while whether the server still keeps what it has: its settings can be changed while it runs.
pub(super) async fn watch(store: Arc<Store>) {
    let mut known = None;
    loop {
        tokio::time::sleep(AGAIN).await;
        let Ok(mut wire) = store.link.connect().await else { continue };
        let Ok(infos) = infos(&store, &mut wire).await else { continue };
        let found = infos.iter().find_map(|(_, text)| eviction(&Info::parse(text)).err());
        if let Some(what) = found.as_ref().filter(|_| found != known) {
            tracing::error!(store = %store.settings, advice = KEEP, "{what}");
        }
        known = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(url: &str, info: &str, appendfsync: Option<&str>) -> Vec<(&'static str, Severity)> {
        let mut report = Report::default();
        look(&url.parse().unwrap(), &Info::parse(info), appendfsync, &mut report);
        report.findings.iter().map(|finding| (finding.check, finding.severity)).collect()
    }

    #[test]
    fn a_server_that_loses_state_is_found_out() {
        use Severity::{Error, Good, Warning};
        let sound = "redis_version:7.2.4\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n\
                     aof_enabled:1\r\nrole:master\r\nconnected_slaves:1\r\n";
        let all = |found: Vec<(_, Severity)>| found.into_iter().map(|(_, s)| s).collect::<Vec<_>>();
        assert_eq!(all(report("redis://a", sound, Some("everysec"))), [Good; 4]);
        assert_eq!(all(report("redis://a?durability=disk", sound, None)), [Good; 4]);
        let old = sound.replace("7.2.4", "7.0.15");
        assert_eq!(report("redis://a?durability=disk", &old, Some("everysec"))[2].1, Error);
        assert_eq!(report("redis://a?durability=disk", &old, Some("always"))[2].1, Good);
        assert_eq!(report("redis://a", &sound.replace("7.2.4", "6.0.1"), None)[0].1, Error);
        let bare = "redis_version:7.0.1\nmaxmemory:100\nmaxmemory_policy:allkeys-lru\naof_enabled:0\nrole:master\n";
        assert_eq!(all(report("redis://a", bare, None)), [Good, Error, Warning, Warning]);
        assert_eq!(all(report("redis://a?durability=replicated", bare, None))[3], Error);
        assert_eq!(all(report("redis://a?durability=replicated", sound, None))[3], Good);
        assert_eq!(
            all(report("redis://a?durability=replicated&replicas=2", sound, None))[3],
            Error
        );
        let two = sound.replace("connected_slaves:1", "connected_slaves:2");
        assert_eq!(all(report("redis://a?durability=replicated", &two, None))[3], Warning);
        let valkey = sound.replace(
            "redis_version:7.2.4",
            "server_name:valkey\nvalkey_version:8.0.1\nredis_version:7.2.4",
        );
        assert_eq!(report("redis://a?durability=disk", &valkey, None)[2].1, Good);
    }
}
