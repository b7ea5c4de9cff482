//! Synchronous calls over HTTP.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use faasm_sfi::pending::Pending;
use tokio::sync::oneshot;
use ulid::Ulid;

use super::failure::Failure;
use super::functions::{SERVER_TIMING, name, not_found};
use super::{Gateway, body};
use crate::call::{CallError, Finished, Outcome, Phase, Timings};
use crate::duration;
use crate::problem::{Problem, ProblemType};

/// Asks for the call's graph to be recorded.
const GRAPH: HeaderName = HeaderName::from_static("faas-graph");
const TIMEOUT: HeaderName = HeaderName::from_static("faas-timeout");
const INVOCATION: HeaderName = HeaderName::from_static("faas-invocation-id");
const COLD: HeaderName = HeaderName::from_static("faas-cold");
const RETURN_CODE: HeaderName = HeaderName::from_static("faas-return-code");

/// How much longer than the deadline the gateway waits for the host to say that it passed.
const GRACE: Duration = Duration::from_secs(2);

/// How much of a failed function's output a problem document quotes, in bytes.
const QUOTED: usize = 4096;

/// `POST /v1/namespaces/{ns}/functions/{fn}/invoke`.
pub(super) async fn invoke(
    State(gateway): State<Gateway>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let begun = Instant::now();
    let name = name(&path)?;
    let (timeout, recorded) = (timeout(&headers)?, recorded(&headers)?);
    let function = gateway.host.function(&name).ok_or_else(|| not_found(&gateway, &name))?;
    let (input, share) = body::read(&gateway, &headers, body, gateway.limits.input_bytes).await?;
    let call = match recorded {
        false => gateway.host.invoke(function, input.into(), timeout),
        true => gateway.host.invoke_recorded(function, input.into(), timeout),
    };
    let deadline = tokio::time::Instant::from_std(call.info.deadline);
    let finished = tokio::time::timeout_at(deadline + GRACE, value(call.finished, share)).await;
    let finished = match finished {
        Ok(Some(finished)) => finished,
        Ok(None) => Finished::failed(CallError::Lost, Timings::default()),
        Err(_) => late(begun),
    };
    Ok(answer(call.info.id, finished))
}

/// How long the client gives the call.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    match duration::parse(&text) {
        Ok(timeout) => Ok(Some(timeout)),
        Err(error) => {
            Err(Failure::new(ProblemType::InvalidRequest, format!("faas-timeout: {error}")))
        }
    }
}

/// Whether the client wants the call recorded.
fn recorded(headers: &HeaderMap) -> Result<bool, Failure> {
    match headers.get(GRAPH).map(HeaderValue::as_bytes) {
        None => Ok(false),
        Some(b"record") => Ok(true),
        Some(_) => {
            let detail = format!("{GRAPH}: it says `record`, or is not there.");
            Err(Failure::new(ProblemType::InvalidRequest, detail))
        }
    }
}

/// The value of a `Pending`, or `None` if it was abandoned. The call's input is counted until then, also when the client
/// has gone: the call goes on.
async fn value<T: Send>(pending: Pending<T>, share: body::Share) -> Option<T> {
    let (done, waiting) = oneshot::channel();
    pending.on_done(Box::new(move || {
        drop(share);
        // The receiver is gone when the client is.
        done.send(()).unwrap_or_default();
    }));
    waiting.await.ok()?;
    pending.try_take().ok()?.ok()
}

/// The host did not even say that the deadline passed: all executors are stuck in something that takes no interrupt.
fn late(begun: Instant) -> Finished {
    let error = CallError::Deadline { phase: Phase::Queued, allowed: begun.elapsed() };
    Finished::failed(error, Timings::default())
}

fn answer(id: Ulid, finished: Finished) -> Response {
    let timings = finished.timings;
    let mut response = match finished.result {
        Ok(outcome) if outcome.return_code == 0 => output(outcome.output),
        Ok(outcome) => returned(&outcome).invocation(id).into_response(),
        Err(error) => failed(&error).invocation(id).into_response(),
    };
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    let timing = format!(
        "queue;dur={:.4}, init;dur={:.4}, run;dur={:.4}",
        milliseconds(timings.queue),
        milliseconds(timings.init),
        milliseconds(timings.run),
    );
    let cold = if timings.cold { "1" } else { "0" };
    for (name, value) in
        [(INVOCATION, id.to_string()), (SERVER_TIMING, timing), (COLD, cold.to_owned())]
    {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn output(bytes: Vec<u8>) -> Response {
    let kind = if std::str::from_utf8(&bytes).is_ok() {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    };
    let headers =
        [(header::CONTENT_TYPE, kind), (HeaderName::from_static("faas-origin"), "function")];
    (StatusCode::OK, headers, bytes).into_response()
}

fn returned(outcome: &Outcome) -> Failure {
    let quoted =
        String::from_utf8_lossy(&outcome.output[..outcome.output.len().min(QUOTED)]).into_owned();
    Failure::new(
        ProblemType::FunctionError,
        format!("The function returned {}.", outcome.return_code),
    )
    .with("return_code", outcome.return_code)
    .with("output", quoted)
    .header(RETURN_CODE, outcome.return_code.into())
}

fn failed(error: &CallError) -> Failure {
    let failure = Failure::from(error);
    debug_assert!(error.problem_type().status() >= 400);
    match error {
        CallError::Deadline { phase, allowed } => {
            failure.with("phase", phase.word()).with("allowed_ms", allowed.as_secs_f64() * 1e3)
        }
        _ => match error.backtrace() {
            Some(backtrace) => failure.with("backtrace", backtrace.lines().collect::<Vec<_>>()),
            None => failure,
        },
    }
}
