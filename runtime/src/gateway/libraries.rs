//! Libraries as resources: upload, describe, list, remove.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::failure::Failure;
use super::functions::{name, upload_failure};
use super::{Gateway, body};
use crate::libraries::Library;
use crate::name::FunctionName;
use crate::problem::ProblemType;

fn description(library: &Library) -> Value {
    let (name, record) = (library.name(), library.record());
    json!({
        "name": name.to_string(),
        "namespace": name.namespace(),
        "library": name.function(),
        "wasm_digest": record.wasm.to_string(),
        "wasm_bytes": record.wasm_bytes,
        "uploaded": record.uploaded,
    })
}

/// `PUT /v1/namespaces/{ns}/libraries/{library}`.
pub(super) async fn upload(
    State(gateway): State<Gateway>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let name = name(&path)?;
    let (wasm, _share) = body::read(&gateway, &headers, body, gateway.limits.module_bytes).await?;
    let lost = |_| Failure::new(ProblemType::Internal, "The upload was lost.");
    let permit = gateway.uploads.turn(wasm.len()).await.map_err(|_| lost(()))?;
    let host = Arc::clone(&gateway.host);
    let upload = tokio::task::spawn_blocking(move || {
        let uploaded = host.upload_library(&name, &wasm);
        drop(permit);
        uploaded
    });
    let (library, replaced) =
        upload.await.map_err(|_| lost(()))?.map_err(|error| upload_failure(&error))?;
    let status = if replaced { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(description(&library))).into_response())
}

/// `GET /v1/namespaces/{ns}/libraries/{library}`.
pub(super) async fn describe(
    State(gateway): State<Gateway>,
    Path(path): Path<(String, String)>,
) -> Result<Response, Failure> {
    let name = name(&path)?;
    let library = gateway.host.library(&name).ok_or_else(|| not_found(&name))?;
    Ok(Json(description(&library)).into_response())
}

/// `DELETE /v1/namespaces/{ns}/libraries/{library}`.
pub(super) async fn remove(
    State(gateway): State<Gateway>,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let name = name(&path)?;
    let (host, removed) = (Arc::clone(&gateway.host), name.clone());
    match tokio::task::spawn_blocking(move || host.remove_library(&removed)).await {
        Ok(Ok(true)) => Ok(StatusCode::NO_CONTENT),
        Ok(Ok(false)) => Err(not_found(&name)),
        Ok(Err(error)) => Err(Failure::from(&error)),
        Err(_) => Err(Failure::new(ProblemType::Internal, "The removal was lost.")),
    }
}

/// `GET /v1/namespaces/{ns}/libraries`.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, Failure> {
    let any = name(&(namespace, "x".to_owned()))?;
    let libraries = gateway.host.libraries(&any);
    let found: Vec<Value> = libraries.iter().map(|library| description(library)).collect();
    Ok(Json(json!({ "libraries": found })))
}

fn not_found(name: &FunctionName) -> Failure {
    Failure::new(ProblemType::NotFound, format!("There is no library `{name}`."))
}
