//! Connections: how they are made, and what is done with one that broke.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use ::redis::cluster::{ClusterClient, ClusterClientBuilder};
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::{
    MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr,
};
use ::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use ::redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, IntoConnectionInfo,
    Pipeline, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode, Value,
};
use futures_util::future::select_ok;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::error::Fault;
use super::script::Keys;
use super::settings::{Credentials, RedisSettings, Shape};

/// How much is put together before it is sent.
const WRITE_BUFFER: usize = 256 << 10;

/// Where connections come from.
pub(super) struct Link {
    source: Source,
    /// Each node that the URL names.
    seeds: Vec<Client>,
    /// How long connecting, or one try, may take.
    pub(super) patience: Duration,
}

enum Source {
    Standalone(Box<Client>),
    /// A client of each, for one that does not answer is not to keep the others from it.
    Sentinel(Vec<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

/// A connection to the server, or one to each node of a cluster. A clone is the same one; requests on it go side by
/// side, so none that blocks may be sent by one that is shared.
#[derive(Clone)]
pub(super) enum Wire {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) fn new(settings: &RedisSettings) -> RedisResult<Self> {
        let certificates = certificates(settings)?;
        let seeds = settings
            .nodes
            .iter()
            .map(|node| client(settings, node, certificates.as_ref()))
            .collect::<RedisResult<Vec<_>>>()?;
        let patience = settings.timeout / 3;
        let source = match &settings.shape {
            Shape::Standalone => Source::Standalone(Box::new(seeds[0].clone())),
            Shape::Sentinel { master } => {
                let clients = settings.nodes.iter().map(|node| {
                    sentinel(settings, (node, master), certificates.clone()).map(Mutex::new)
                });
                Source::Sentinel(clients.collect::<RedisResult<_>>()?)
            }
            Shape::Cluster => {
                let nodes = seeds.iter().map(|seed| seed.get_connection_info().clone());
                let mut builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(patience)
                    .response_timeout(patience)
                    .overall_response_timeout(None)
                    .write_backpressure_boundary(WRITE_BUFFER)
                    // Changes say who makes them, so the server sees that one comes twice.
                    .retries(4);
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates);
                }
                Source::Cluster(Box::new(builder.build()?))
            }
        };
        Ok(Self { source, seeds, patience })
    }

    pub(super) async fn connect(&self) -> Result<Wire, Fault> {
        let connecting = async {
            match &self.source {
                Source::Standalone(client) => self.to(client).await,
                Source::Sentinel(sentinels) => self.to(&master(sentinels).await?).await,
                Source::Cluster(client) => client.get_async_connection().await.map(Wire::Cluster),
            }
        };
        self.in_time(connecting).await
    }

    /// Whether the server is one, and is talked to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        let is_tcp =
            |seed: &Client| matches!(seed.get_connection_info().addr(), ConnectionAddr::Tcp(..));
        !matches!(self.source, Source::Cluster(_)) && self.seeds.iter().all(is_tcp)
    }

    /// The server, where it is one.
    pub(super) async fn client(&self) -> Result<Client, Fault> {
        match &self.source {
            Source::Sentinel(sentinels) => self.in_time(master(sentinels)).await,
            Source::Standalone(_) | Source::Cluster(_) => Ok(self.seeds[0].clone()),
        }
    }

    async fn to(&self, client: &Client) -> RedisResult<Wire> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(None)
            .set_write_backpressure_boundary(WRITE_BUFFER);
        client.get_multiplexed_async_connection_with_config(&config).await.map(Wire::Node)
    }

    /// A connection to be told things by: of a cluster, to the `n`th node that the URL names, for every node tells all.
    pub(super) async fn listen(&self, n: usize) -> Result<PubSub, Fault> {
        let connecting = async {
            match &self.source {
                Source::Sentinel(sentinels) => master(sentinels).await?.get_async_pubsub().await,
                Source::Standalone(_) | Source::Cluster(_) => {
                    self.seeds[n % self.seeds.len()].get_async_pubsub().await
                }
            }
        };
        self.in_time(connecting).await
    }

    async fn in_time<T>(
        &self,
        connecting: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Fault> {
        match timeout(self.patience, connecting).await {
            Ok(connected) => connected.map_err(Fault::unreachable),
            Err(_) => Err(Fault::timeout(self.patience, false)),
        }
    }
}

/// The master that the first sentinel names that answers.
async fn master(sentinels: &[Mutex<SentinelClient>]) -> RedisResult<Client> {
    let asked = sentinels
        .iter()
        .map(|sentinel| Box::pin(async { sentinel.lock().await.async_get_client().await }));
    select_ok(asked).await.map(|(client, _)| client)
}

impl Wire {
    /// What came of a request that was sent. A cluster's client sends by itself again what was lost on its way, and tells
    /// what came of the last time only.
    pub(super) fn answered(&self, error: &RedisError) -> Fault {
        let fault = Fault::answered(error);
        let resent = matches!(self, Self::Cluster(_)) && fault.again;
        Fault { unsure: fault.unsure || resent, ..fault }
    }

    /// What a script that uses this key is said to use.
    pub(super) fn keys<'a>(&self, key: &'a str) -> Keys<'a> {
        match self {
            Self::Node(_) => Keys::One(key),
            Self::Cluster(_) => Keys::AndNone(key),
        }
    }

    /// Two commands, one behind the other at one node: what it says to each, which may be errors.
    pub(super) async fn send_both(&mut self, first: Cmd, then: &Cmd) -> RedisResult<[Value; 2]> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(first).add_command(then.clone());
        let values = match self {
            Self::Node(node) => node.req_packed_commands(&both, 0, 2).await?,
            Self::Cluster(cluster) => cluster.req_packed_commands(&both, 0, 2).await?,
        };
        <[Value; 2]>::try_from(values).map_err(|values| {
            let text = format!("{} answers to two commands", values.len());
            RedisError::from((::redis::ErrorKind::UnexpectedReturnType, "a pipeline", text))
        })
    }

    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let value = match self {
            Self::Node(node) => node.req_packed_command(command).await?,
            Self::Cluster(cluster) => cluster.req_packed_command(command).await?,
        };
        value.extract_error()
    }

    /// To the node that has this key.
    pub(super) async fn send_to(&mut self, command: Cmd, key: &str) -> RedisResult<Value> {
        match self {
            Self::Node(_) => self.send(&command).await,
            Self::Cluster(cluster) => {
                let route = Route::with_key(key, SlotAddr::Master);
                let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
                cluster.route_command(command, routing).await?.extract_error()
            }
        }
    }

    /// To each master: what they answer, by their names.
    pub(super) async fn send_to_masters(
        &mut self,
        command: Cmd,
    ) -> RedisResult<Vec<(String, Value)>> {
        match self {
            Self::Node(_) => Ok(vec![(String::new(), self.send(&command).await?)]),
            Self::Cluster(cluster) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match cluster.route_command(command, all).await?.extract_error()? {
                    Value::Map(answers) => {
                        let name = |value| match value {
                            Value::BulkString(name) => String::from_utf8_lossy(&name).into_owned(),
                            Value::SimpleString(name) => name,
                            other => format!("{other:?}"),
                        };
                        Ok(answers.into_iter().map(|(node, value)| (name(node), value)).collect())
                    }
                    other => Ok(vec![(String::new(), other)]),
                }
            }
        }
    }

    pub(super) async fn send_all(
        &mut self,
        pipeline: &Pipeline,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let values = match self {
            Self::Node(node) => node.req_packed_commands(pipeline, 0, count).await?,
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, 0, count).await?,
        };
        values.into_iter().map(Value::extract_error).collect()
    }
}

/// A place for one connection, which is made when it is needed.
#[derive(Default)]
pub(super) struct Lane {
    state: Mutex<(u64, Option<Wire>)>,
}

impl Lane {
    /// The connection, and which one it is.
    pub(super) async fn wire(&self, link: &Link) -> Result<(u64, Wire), Fault> {
        let mut state = self.state.lock().await;
        if let (number, Some(wire)) = &*state {
            return Ok((*number, wire.clone()));
        }
        let wire = link.connect().await?;
        *state = (state.0 + 1, Some(wire.clone()));
        Ok((state.0, wire))
    }

    /// Whichever there is, there may be a better one.
    pub(super) async fn forget(&self) {
        self.state.lock().await.1 = None;
    }

    /// The `number`th one is of no more use.
    pub(super) async fn broke(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.0 == number {
            state.1 = None;
        }
    }
}

fn info(credentials: &Credentials, db: i64) -> RedisConnectionInfo {
    let mut info =
        RedisConnectionInfo::default().set_db(db).set_lib_name("faasm", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &credentials.user {
        info = info.set_username(user);
    }
    if let Some(password) = &credentials.password {
        info = info.set_password(password);
    }
    info
}

fn address(settings: &RedisSettings, (host, port): &(String, u16)) -> ConnectionAddr {
    match settings.tls {
        None => ConnectionAddr::Tcp(host.clone(), *port),
        Some(_) => ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: false,
            tls_params: None,
        },
    }
}

fn client(
    settings: &RedisSettings,
    node: &(String, u16),
    certificates: Option<&TlsCertificates>,
) -> RedisResult<Client> {
    let info = address(settings, node)
        .into_connection_info()?
        .set_redis_settings(info(&settings.credentials, settings.db));
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates.clone()),
        None => Client::open(info),
    }
}

fn sentinel(
    settings: &RedisSettings,
    (node, master): (&(String, u16), &str),
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClient> {
    let sentinels = [address(settings, node)];
    let mut builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?
        .set_client_to_redis_db(settings.db);
    if let Some(user) = &settings.credentials.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &settings.credentials.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = &settings.sentinel_credentials.user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = &settings.sentinel_credentials.password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build()
}

/// The files of TLS, read; `None` if there is to be no TLS.
fn certificates(settings: &RedisSettings) -> RedisResult<Option<TlsCertificates>> {
    let Some(tls) = &settings.tls else {
        return Ok(None);
    };
    let read = |path: &Path| {
        fs::read(path).map_err(|error| {
            let text = format!("{}: {error}", path.display());
            RedisError::from((::redis::ErrorKind::InvalidClientConfig, "a file of TLS", text))
        })
    };
    let client_tls = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => {
            Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
        }
        (None, None) => None,
        _ => {
            let text = "`cert` and `key` go together in the URL";
            return Err((::redis::ErrorKind::InvalidClientConfig, text).into());
        }
    };
    let root_cert = tls.ca.as_deref().map(read).transpose()?;
    Ok(Some(TlsCertificates { client_tls, root_cert }))
}
