//! What a URL says of a Redis or Valkey server.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::duration;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the server has it in memory.
    #[default]
    Fast,
    /// When the server has it on disk.
    Disk,
    /// When replicas have it too: as many as the settings say.
    Replicated,
}

/// How the servers stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Standalone,
    Sentinel { master: String },
    Cluster,
}

/// Whom we are to the server.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// Files of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) ca: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// Where a Redis or Valkey server is, and how to use it: parsed from a URL.
///
/// Behind its `?`: `durability=fast|disk|replicated`; `replicas=1`, how many must have a write for `replicated`; `timeout=10s`, the deadline of an operation; `prefix=faasm`, what the
/// names of all keys and channels begin with; `connections=4`, over how many large values travel at once; with TLS
/// `ca=FILE`, `cert=FILE`, `key=FILE`, by default the system's certificates; for sentinels `sentinel-user`,
/// `sentinel-password`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    pub(super) shape: Shape,
    pub(super) nodes: Vec<(String, u16)>,
    pub(super) tls: Option<Tls>,
    pub(super) credentials: Credentials,
    pub(super) sentinel_credentials: Credentials,
    pub(super) db: i64,
    pub(super) prefix: String,
    pub(super) durability: Durability,
    pub(super) replicas: u32,
    pub(super) timeout: Duration,
    pub(super) connections: usize,
}

/// Why a URL names no global tier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is none that we know.
    #[error(
        "`{0}:` is no kind of global tier: there are `memory:`, `file:PATH`, `redis://`, `rediss://`, `redis+sentinel://` and \
         `redis+cluster://`, and the same with `valkey`"
    )]
    Scheme(String),
    /// A part of it is not as it must be.
    #[error("the URL's {part} is `{found}`: {wanted}")]
    Part {
        /// Which.
        part: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        wanted: &'static str,
    },
}

fn part(part: &'static str, found: &str, wanted: &'static str) -> UrlError {
    UrlError::Part { part, found: found.to_owned(), wanted }
}

impl FromStr for RedisSettings {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| UrlError::Scheme(before_colon(url)))?;
        let (engine, shape) = scheme.split_once('+').unwrap_or((scheme, ""));
        let unknown = || UrlError::Scheme(scheme.to_owned());
        let tls = match engine {
            "redis" | "valkey" => None,
            "rediss" | "valkeys" => Some(Tls::default()),
            _ => return Err(unknown()),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (shape, path) = match shape {
            "" => (Shape::Standalone, path),
            "cluster" => (Shape::Cluster, path),
            "sentinel" => {
                let (master, db) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(part(
                        "path",
                        path,
                        "the name of the master that the sentinels watch",
                    ));
                }
                (Shape::Sentinel { master: decode("path", master)? }, db)
            }
            _ => return Err(unknown()),
        };
        let port = if matches!(shape, Shape::Sentinel { .. }) { 26379 } else { 6379 };
        let nodes = hosts.split(',').map(|host| node(host, port)).collect::<Result<Vec<_>, _>>()?;
        if shape == Shape::Standalone && nodes.len() > 1 {
            return Err(part("host", hosts, "several are for `+sentinel` or `+cluster`"));
        }
        let mut settings = Self {
            shape,
            nodes,
            tls,
            credentials: credentials(user)?,
            sentinel_credentials: Credentials::default(),
            db: 0,
            prefix: "faasm".to_owned(),
            durability: Durability::Fast,
            replicas: 1,
            timeout: Duration::from_secs(10),
            connections: 4,
        };
        settings.database(path)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            settings.option(name, &decode("query", value)?)?;
        }
        if settings.replicas != 1 && settings.durability != Durability::Replicated {
            return Err(part("query", "replicas", "only with `durability=replicated`"));
        }
        Ok(settings)
    }
}

impl RedisSettings {
    fn database(&mut self, path: &str) -> Result<(), UrlError> {
        if path.is_empty() {
            return Ok(());
        }
        let wanted = "the number of a database; a cluster has only number 0";
        let number = path.parse::<u32>().map_err(|_| part("path", path, wanted))?;
        if self.shape == Shape::Cluster && number != 0 {
            return Err(part("path", path, wanted));
        }
        self.db = number.into();
        Ok(())
    }

    fn option(&mut self, name: &str, value: &str) -> Result<(), UrlError> {
        let set = |field: &mut Option<String>| *field = Some(value.to_owned());
        match name {
            "durability" => {
                self.durability = match value {
                    "fast" => Durability::Fast,
                    "disk" => Durability::Disk,
                    "replicated" => Durability::Replicated,
                    _ => return Err(part("durability", value, "`fast`, `disk` or `replicated`")),
                };
            }
            "replicas" => {
                let replicas = value.parse().ok().filter(|n| (1..=16).contains(n));
                self.replicas =
                    replicas.ok_or_else(|| part("replicas", value, "a number from 1 to 16"))?;
            }
            "timeout" => {
                let wanted = "a duration from 100ms on, as in `10s`";
                let error = || part("timeout", value, wanted);
                let timeout = duration::parse(value).map_err(|_| error())?;
                self.timeout =
                    Some(timeout).filter(|timeout| timeout.as_millis() >= 100).ok_or_else(error)?;
            }
            "prefix" => {
                let fits = !value.is_empty() && !value.contains(['{', '}']) && value.len() <= 64;
                self.prefix = fits
                    .then(|| value.to_owned())
                    .ok_or_else(|| part("prefix", value, "1 to 64 bytes without braces"))?;
            }
            "connections" => {
                let connections = value.parse().ok().filter(|n| (1..=64).contains(n));
                self.connections = connections
                    .ok_or_else(|| part("connections", value, "a number from 1 to 64"))?;
            }
            "ca" | "cert" | "key" => {
                let wanted = "only for `rediss://`";
                let tls = self.tls.as_mut().ok_or_else(|| part("query", name, wanted))?;
                *match name {
                    "ca" => &mut tls.ca,
                    "cert" => &mut tls.cert,
                    _ => &mut tls.key,
                } = Some(PathBuf::from(value));
            }
            "sentinel-user" => set(&mut self.sentinel_credentials.user),
            "sentinel-password" => set(&mut self.sentinel_credentials.password),
            _ => {
                let wanted = "durability, replicas, timeout, prefix, connections, ca, cert, key, sentinel-user or \
                              sentinel-password";
                return Err(part("query", name, wanted));
            }
        }
        Ok(())
    }
}

fn before_colon(url: &str) -> String {
    url.split(':').next().unwrap_or_default().to_owned()
}

fn decode(which: &'static str, text: &str) -> Result<String, UrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| part(which, text, "UTF-8 where it is percent-encoded"))
}

fn node(host: &str, port: u16) -> Result<(String, u16), UrlError> {
    let wanted = "HOST or HOST:PORT, IPv6 addresses in brackets";
    let error = || part("host", host, wanted);
    let (name, after) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(error)?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = match after.strip_prefix(':') {
        Some(port) => port.parse().map_err(|_| error())?,
        None if after.is_empty() => port,
        None => return Err(error()),
    };
    if name.is_empty() { Err(error()) } else { Ok((name.to_owned(), port)) }
}

fn credentials(user: &str) -> Result<Credentials, UrlError> {
    let (user, password) = match user.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (user, None),
    };
    // Not named in an error.
    let decode = |text: &str| decode("user", text).map_err(|_| part("user", "…", "UTF-8"));
    let user = Some(user).filter(|user| !user.is_empty()).map(decode).transpose()?;
    Ok(Credentials { user, password: password.map(decode).transpose()? })
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "…");
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("password", &password)
            .finish()
    }
}

/// Without passwords and options.
impl fmt::Display for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls.is_some() { "rediss" } else { "redis" })?;
        f.write_str(match self.shape {
            Shape::Standalone => "://",
            Shape::Sentinel { .. } => "+sentinel://",
            Shape::Cluster => "+cluster://",
        })?;
        for (n, (host, port)) in self.nodes.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            if host.contains(':') {
                write!(f, "{comma}[{host}]:{port}")?;
            } else {
                write!(f, "{comma}{host}:{port}")?;
            }
        }
        match &self.shape {
            Shape::Sentinel { master } => write!(f, "/{master}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("url", &self.to_string())
            .field("credentials", &self.credentials)
            .field("prefix", &self.prefix)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<RedisSettings, UrlError> {
        url.parse()
    }

    #[test]
    fn urls_say_where_and_how() {
        let plain = parse("redis://localhost").unwrap();
        assert_eq!(plain.nodes, [("localhost".to_owned(), 6379)]);
        assert_eq!((plain.shape.clone(), plain.db), (Shape::Standalone, 0));
        let all = parse("valkeys://me:p%40ss%3a@[::1]:7000/3?durability=disk&timeout=1.5s&prefix=a%2Fb&connections=2&ca=/x").unwrap();
        assert_eq!(all.nodes, [("::1".to_owned(), 7000)]);
        assert_eq!(all.credentials.user.as_deref(), Some("me"));
        assert_eq!(all.credentials.password.as_deref(), Some("p@ss:"));
        assert_eq!((all.db, all.durability, all.connections), (3, Durability::Disk, 2));
        assert_eq!((all.timeout, all.prefix.as_str()), (Duration::from_millis(1_500), "a/b"));
        assert_eq!(all.tls.clone().unwrap().ca, Some("/x".into()));
        assert_eq!(all.to_string(), "rediss://[::1]:7000");
        assert!(!format!("{all:?}").contains("p@ss"));
        let sentinel = parse("redis+sentinel://:pw@a,b:7/main/2?sentinel-password=s").unwrap();
        assert_eq!(sentinel.nodes, [("a".to_owned(), 26379), ("b".to_owned(), 7)]);
        assert_eq!(sentinel.shape, Shape::Sentinel { master: "main".to_owned() });
        assert_eq!((sentinel.db, sentinel.credentials.user), (2, None));
        assert_eq!(parse("valkey+cluster://a,b,c").unwrap().shape, Shape::Cluster);
        assert_eq!(parse("redis://a?replicas=2&durability=replicated").unwrap().replicas, 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for url in ["http://a", "redis", "redis:a", "redis+raft://a", "rediss+://+://", ""] {
            assert!(
                matches!(parse(url), Err(UrlError::Scheme(_) | UrlError::Part { .. })),
                "{url}"
            );
        }
        for (url, which) in [
            ("redis://", "host"),
            ("redis://a:b", "host"),
            ("redis://a,b", "host"),
            ("redis://[::1", "host"),
            ("redis://a/x", "path"),
            ("redis+cluster://a/1", "path"),
            ("redis+sentinel://a", "path"),
            ("redis://a?durability=full", "durability"),
            ("redis://a?durability=replicated&replicas=0", "replicas"),
            ("redis://a?replicas=2", "query"),
            ("redis://a?timeout=1ms", "timeout"),
            ("redis://a?prefix={", "prefix"),
            ("redis://a?connections=0", "connections"),
            ("redis://a?ca=/x", "query"),
            ("redis://a?colour=red", "query"),
        ] {
            let found = parse(url).unwrap_err();
            assert!(
                matches!(found, UrlError::Part { part, .. } if part == which),
                "{url}: {found}"
            );
        }
    }
}
