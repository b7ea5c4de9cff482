//! Functions as resources: upload, describe, list, remove.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Gateway, body};
use crate::function::Function;
use crate::host::{NotFound, UploadError, Uploaded};
use crate::manifest::Manifest;
use crate::name::{FunctionName, NameError};
use crate::problem::ProblemType;

pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The description of a function, as JSON.
#[derive(Debug, Serialize)]
struct Description {
    name: String,
    namespace: String,
    function: String,
    wasm_digest: String,
    wasm_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_digest: Option<String>,
    uploaded: u64,
    #[serde(skip_serializing_if = "Manifest::is_empty")]
    manifest: Manifest,
}

impl From<&Arc<Function>> for Description {
    fn from(function: &Arc<Function>) -> Self {
        let (name, record) = (function.name(), function.record());
        Self {
            name: name.to_string(),
            namespace: name.namespace().to_owned(),
            function: name.function().to_owned(),
            wasm_digest: record.wasm.to_string(),
            wasm_bytes: record.wasm_bytes,
            script_digest: record.script.map(|digest| digest.to_string()),
            uploaded: record.uploaded,
            manifest: record.manifest.clone(),
        }
    }
}

/// Names the runtime that an uploaded script is for: `NAMESPACE/FUNCTION`.
const RUNTIME: HeaderName = HeaderName::from_static("faasm-runtime");

/// The runtime of the request's script, if its body is one.
fn runtime(headers: &HeaderMap) -> Result<Option<FunctionName>, Failure> {
    let Some(value) = headers.get(RUNTIME) else { return Ok(None) };
    let bad =
        |what: String| Failure::new(ProblemType::InvalidRequest, format!("{RUNTIME}: {what}"));
    let text = value.to_str().map_err(|error| bad(error.to_string()))?;
    Ok(Some(text.parse().map_err(|error: NameError| bad(error.to_string()))?))
}

/// The function's name in a path.
pub(super) fn name((namespace, function): &(String, String)) -> Result<FunctionName, Failure> {
    FunctionName::new(namespace, function).map_err(|error| bad_name(&error))
}

fn bad_name(error: &NameError) -> Failure {
    Failure::new(ProblemType::InvalidRequest, error.to_string())
}

/// `PUT /v1/namespaces/{ns}/functions/{fn}`, of a module or of a script for a runtime.
pub(super) async fn upload(
    State(gateway): State<Gateway>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let name = name(&path)?;
    let runtime = runtime(&headers)?;
    let manifest = manifest(&headers)?;
    let (wasm, _share) = body::read(&gateway, &headers, body, gateway.limits.module_bytes).await?;
    let lost = |_| Failure::new(ProblemType::Internal, "The upload was lost.");
    let permit = gateway.uploads.turn(wasm.len()).await.map_err(|_| lost(()))?;
    let host = Arc::clone(&gateway.host);
    let upload = tokio::task::spawn_blocking(move || {
        let uploaded = match &runtime {
            Some(runtime) => host.upload_script(&name, runtime, &wasm, manifest),
            None => host.upload_with(&name, &wasm, manifest),
        };
        drop(permit);
        uploaded
    });
    match upload.await.map_err(|_| lost(()))? {
        Ok(uploaded) => Ok(uploaded_response(&uploaded)),
        Err(error) => Err(upload_failure(&error)),
    }
}

/// The header that says what a function may do beside computing.
const MANIFEST: HeaderName = HeaderName::from_static("faas-manifest");

fn manifest(headers: &HeaderMap) -> Result<Manifest, Failure> {
    let mut given = headers.get_all(MANIFEST).iter();
    let Some(text) = given.next() else { return Ok(Manifest::default()) };
    let refused = |why: &str| {
        let detail = format!("The header `{MANIFEST}` is no manifest: {why}");
        let hint =
            "It is a JSON object, as in `{\"network\": {\"allow\": [\"api.example.org:443\"]}}`.";
        Failure::new(ProblemType::InvalidRequest, detail).hint(Some(hint.to_owned()))
    };
    if given.next().is_some() {
        return Err(refused("it is there twice."));
    }
    Manifest::parse(text.as_bytes()).map_err(|error| refused(&format!("{error}.")))
}

fn uploaded_response(uploaded: &Uploaded) -> Response {
    let status = if uploaded.replaced { StatusCode::OK } else { StatusCode::CREATED };
    let timings = uploaded.timings;
    let mut document = json!(Description::from(&uploaded.function));
    document["timings_ms"] = json!({
        "validate": timings.validate.as_secs_f64() * 1e3,
        "compile": timings.compile.as_secs_f64() * 1e3,
        "init": timings.init.as_secs_f64() * 1e3,
    });
    document["compiled"] = uploaded.compiled.into();
    let mut response = (status, Json(document)).into_response();
    let record = uploaded.function.record();
    let etag = format!("\"{}\"", record.script.unwrap_or(record.wasm));
    let timing = format!(
        "validate;dur={:.3}, compile;dur={:.3}, init;dur={:.3}",
        timings.validate.as_secs_f64() * 1e3,
        timings.compile.as_secs_f64() * 1e3,
        timings.init.as_secs_f64() * 1e3,
    );
    for (name, value) in [(header::ETAG, etag), (SERVER_TIMING, timing)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

pub(super) fn upload_failure(error: &UploadError) -> Failure {
    let failure = Failure::from(error);
    match error {
        UploadError::Imports(missing) => {
            let imports: Vec<Value> =
                missing.0.iter().map(|import| import.to_string().into()).collect();
            failure.with("imports", imports)
        }
        _ => match error.printed() {
            Some(printed) => failure.with("output", printed),
            None => failure,
        },
    }
}

/// `GET /v1/namespaces/{ns}/functions/{fn}`.
pub(super) async fn describe(
    State(gateway): State<Gateway>,
    Path(path): Path<(String, String)>,
) -> Result<Response, Failure> {
    let name = name(&path)?;
    let function = gateway.host.function(&name).ok_or_else(|| not_found(&gateway, &name))?;
    Ok(Json(json!(Description::from(&function))).into_response())
}

/// `DELETE /v1/namespaces/{ns}/functions/{fn}`.
pub(super) async fn remove(
    State(gateway): State<Gateway>,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let name = name(&path)?;
    let (host, removed) = (Arc::clone(&gateway.host), name.clone());
    let task = tokio::task::spawn_blocking(move || host.remove(&removed));
    match task.await {
        Ok(Ok(true)) => Ok(StatusCode::NO_CONTENT),
        Ok(Ok(false)) => Err(not_found(&gateway, &name)),
        Ok(Err(error)) => Err(Failure::from(&error)),
        Err(_) => Err(Failure::new(ProblemType::Internal, "The removal was lost.")),
    }
}

/// `GET /v1/functions`.
pub(super) async fn list_all(State(gateway): State<Gateway>) -> Json<Value> {
    listing(&gateway, |_| true)
}

/// `GET /v1/namespaces/{ns}/functions`.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, Failure> {
    FunctionName::new(&namespace, "x").map_err(|error| bad_name(&error))?;
    Ok(listing(&gateway, |function| function.name().namespace() == namespace))
}

/// `GET /v1/namespaces`.
pub(super) async fn namespaces(State(gateway): State<Gateway>) -> Json<Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for function in gateway.host.functions() {
        *counts.entry(function.name().namespace().to_owned()).or_default() += 1;
    }
    let namespaces: Vec<Value> = counts
        .into_iter()
        .map(|(name, functions)| json!({"name": name, "functions": functions}))
        .collect();
    Json(json!({"namespaces": namespaces}))
}

fn listing(gateway: &Gateway, wanted: impl Fn(&Function) -> bool) -> Json<Value> {
    let functions = gateway.host.functions();
    let found: Vec<_> =
        functions.iter().filter(|function| wanted(function)).map(Description::from).collect();
    Json(json!({"functions": found}))
}

pub(super) fn not_found(gateway: &Gateway, name: &FunctionName) -> Failure {
    Failure::from(&NotFound::new(&gateway.host, name))
}
