//! The HTTP gateway: `/v1`, and the health of the process.
//!
//! | request | what it does |
//! |---|---|
//! | `PUT /v1/namespaces/{ns}/functions/{fn}` | uploads a module (the body); answers its description |
//! | `GET`, `DELETE` of the same | describes, removes |
//! | `POST …/{fn}/invoke` | calls it with the body as input; answers its output |
//! | `GET /v1/namespaces/{ns}/calls/{id}/graph` | whom a recorded call has chained |
//! | `GET /v1/functions`, `GET /v1/namespaces`, `GET /v1/namespaces/{ns}/functions` | lists |
//! | `PUT`, `GET`, `DELETE /v1/namespaces/{ns}/files/{path}` | a file that the namespace's functions read |
//! | `GET`, `POST /v1/namespaces/{ns}/files` | lists them; puts those of a tar archive |
//! | `GET`, `PUT`, `POST`, `DELETE /v1/namespaces/{ns}/state/{key}` | a value that the namespace's functions share, and its list |
//! | `GET /v1/namespaces/{ns}/state` | lists the keys |
//! | `GET`, `PUT /v1/namespaces/{ns}/state-rules` | how values are kept together |
//! | `GET /healthz` | the process is alive; touches nothing |
//! | `GET /readyz` | calls are taken |
//! | `GET /version` | name and version |
//!
//! Clients read `docs/http-api.md`. Errors are problem documents (RFC 9457), see [`crate::problem`]. A function's own answer has the header
//! `faas-origin: function`, everything else `faas-origin: platform`.
//!
//! # Invariants
//!
//! The gateway is asynchronous and one thread serves all connections: nothing here computes or touches the disk.
//! Uploads run on threads of their own: one of a large module at a time, and beside it one of another.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post, put};
use tokio::net::TcpListener;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::host::Host;

mod body;
mod connections;
mod failure;
mod files;
mod functions;
mod graphs;
mod health;
mod invoke;
mod libraries;
mod state;

pub(crate) use state::{decoded, encoded};

/// Limits of what clients may send.
#[derive(Clone, Copy, Debug)]
pub struct GatewayLimits {
    /// Bytes of a call's input.
    pub input_bytes: usize,
    /// Bytes of an uploaded module.
    pub module_bytes: usize,
    /// Bytes of a shared file, or of an archive of them.
    pub file_bytes: usize,
    /// Bytes of a state value that are sent or answered at once.
    pub state_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// How long the head of a request may take to arrive, and how long a connection may be idle.
    pub head_time: Duration,
    /// How many connections there are at one time; more wait to be accepted.
    pub connections: usize,
    /// Bytes of all bodies that are being received or answered at one time.
    pub bodies_bytes: usize,
}

impl Default for GatewayLimits {
    /// 16 MiB of input, 64 MiB of module, 256 MiB of files, 60 seconds, 30 seconds, 10,000 connections, 1 GiB in all.
    fn default() -> Self {
        Self {
            input_bytes: 16 << 20,
            module_bytes: 64 << 20,
            file_bytes: 256 << 20,
            state_bytes: 256 << 20,
            body_time: Duration::from_mins(1),
            head_time: Duration::from_secs(30),
            connections: 10_000,
            bodies_bytes: 1 << 30,
        }
    }
}

/// What all handlers share.
#[derive(Clone)]
struct Gateway {
    host: Arc<Host>,
    limits: GatewayLimits,
    bodies: body::Budget,
    uploads: Uploads,
}

/// From how many bytes on a module is large: it may take minutes to compile.
const LARGE: usize = 8 << 20;

/// One upload at a time, as compilation is parallel in itself; but nobody waits for another's large module.
#[derive(Clone)]
struct Uploads {
    large: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Uploads {
    fn new() -> Self {
        Self { large: Arc::new(Semaphore::new(1)), others: Arc::new(Semaphore::new(1)) }
    }

    /// The turn of an upload of a module with so many bytes.
    async fn turn(&self, bytes: usize) -> Result<OwnedSemaphorePermit, AcquireError> {
        let lane = if bytes < LARGE { &self.others } else { &self.large };
        Arc::clone(lane).acquire_owned().await
    }
}

/// Serves `host` on `listener` until `shutdown` is done, then finishes the requests that are being answered.
pub async fn serve(
    listener: TcpListener,
    host: Arc<Host>,
    limits: GatewayLimits,
    shutdown: impl Future<Output = ()>,
) {
    let gateway = Gateway {
        host,
        limits,
        bodies: body::Budget::new(limits.bodies_bytes),
        uploads: Uploads::new(),
    };
    connections::serve(listener, router(gateway), limits, shutdown).await;
}

fn router(gateway: Gateway) -> Router {
    let time = gateway.limits.body_time;
    let function = put(functions::upload).get(functions::describe).delete(functions::remove);
    let library = put(libraries::upload).get(libraries::describe).delete(libraries::remove);
    Router::new()
        .route("/v1/functions", get(functions::list_all))
        .route("/v1/namespaces", get(functions::namespaces))
        .route("/v1/namespaces/{namespace}/functions", get(functions::list))
        .route("/v1/namespaces/{namespace}/functions/{function}", function)
        .route("/v1/namespaces/{namespace}/functions/{function}/invoke", post(invoke::invoke))
        .route("/v1/namespaces/{namespace}/files", get(files::list).post(files::put_archive))
        .route(
            "/v1/namespaces/{namespace}/files/{*path}",
            put(files::put).get(files::get).delete(files::remove),
        )
        .route("/v1/namespaces/{namespace}/state", get(state::list))
        .route(
            "/v1/namespaces/{namespace}/state/{*key}",
            put(state::put).get(state::get).post(state::append).delete(state::remove),
        )
        .route("/v1/namespaces/{namespace}/state-rules", get(state::rules).put(state::set_rules))
        .route("/v1/namespaces/{namespace}/libraries", get(libraries::list))
        .route("/v1/namespaces/{namespace}/libraries/{library}", library)
        .route("/v1/namespaces/{namespace}/calls/{call}/graph", get(graphs::get))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/version", get(health::version))
        .fallback(failure::not_found)
        .method_not_allowed_fallback(failure::method_not_allowed)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(finish))
        .layer(middleware::map_request(move |request: Request| async move {
            body::read_to_the_end(request, time)
        }))
        .with_state(gateway)
}

/// Marks every answer that is not a function's own, and forbids guessing of types.
async fn finish(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry("faas-origin").or_insert(HeaderValue::from_static("platform"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
