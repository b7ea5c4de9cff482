//! Health and version.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Gateway;
use super::failure::Failure;
use crate::problem::ProblemType;

/// Whether the process is alive.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Whether calls are taken.
pub(super) async fn ready(State(gateway): State<Gateway>) -> Response {
    if gateway.host.is_draining() {
        return Failure::new(
            ProblemType::Draining,
            "The host finishes its calls and takes no new ones.",
        )
        .into_response();
    }
    let checks = json!({"executors": "ok", "registry": "ok"});
    Json(json!({"status": "ok", "queued": gateway.host.queued(), "faaslets": gateway.host.live(), "checks": checks})).into_response()
}

/// What runs here.
pub(super) async fn version() -> Json<Value> {
    Json(json!({"name": "faasm", "version": env!("CARGO_PKG_VERSION"), "api": "v1"}))
}
