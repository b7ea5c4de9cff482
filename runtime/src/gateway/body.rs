//! Bodies of requests: whole, bounded, in time.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};

use super::failure::Failure;
use crate::problem::ProblemType;

/// Reads the whole body, of at most `limit` bytes.
///
/// A body that says that it is too long is refused before it is read.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    time: Duration,
) -> Result<Bytes, Failure> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    match tokio::time::timeout(time, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length(&error) => Err(too_large(limit)),
        Ok(Err(error)) => Err(Failure::new(
            ProblemType::InvalidRequest,
            format!("The body cannot be read: {error}."),
        )),
        Err(_) => {
            let detail = format!("The body did not arrive within {} s.", time.as_secs());
            Err(Failure::new(ProblemType::RequestTimeout, detail))
        }
    }
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        ProblemType::PayloadTooLarge,
        format!("The body is over the limit of {limit} bytes."),
    )
    .with("limit_bytes", limit)
}

fn is_length(error: &axum::Error) -> bool {
    error.source().is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}
