//! Graphs of recorded calls.

use axum::Json;
use axum::extract::{Path, State};
use ulid::Ulid;

use super::Gateway;
use super::failure::Failure;
use crate::graph::Graph;
use crate::problem::ProblemType;

/// `GET /v1/namespaces/{ns}/calls/{id}/graph`.
pub(super) async fn get(
    State(gateway): State<Gateway>,
    Path((namespace, call)): Path<(String, String)>,
) -> Result<Json<Graph>, Failure> {
    let bad = || {
        let detail = format!("`{call}` is no identifier of a call.");
        Failure::new(ProblemType::InvalidRequest, detail)
    };
    let id = Ulid::from_string(&call).map_err(|_| bad())?;
    let missing = || {
        let detail = format!("No call {id} of `{namespace}` was recorded, or it is long ago.");
        let hint = "Send the header `faas-graph: record` with the call.";
        Failure::new(ProblemType::NotFound, detail).hint(Some(hint.to_owned()))
    };
    gateway.host.graph(&namespace, id).map(Json).ok_or_else(missing)
}
