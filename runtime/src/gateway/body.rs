//! Bodies of requests: whole, bounded, in time.

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Gateway;
use super::failure::Failure;
use crate::problem::ProblemType;

/// The unit in which bodies are counted, in bytes: semaphores count to 2³².
const UNIT: usize = 1024;

/// How many bytes of bodies the gateway still takes.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// A body's share of the budget, given back when it is dropped.
pub(super) struct Share {
    _permit: OwnedSemaphorePermit,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// A share of `bytes`, or the news that there is too much work.
    fn share(&self, bytes: usize) -> Result<Share, Failure> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        match Arc::clone(&self.0).try_acquire_many_owned(units) {
            Ok(permit) => Ok(Share { _permit: permit }),
            Err(_) => {
                let detail =
                    "The bodies of the requests under way take all the memory there is for them.";
                Err(Failure::new(ProblemType::Overloaded, detail))
            }
        }
    }
}

/// Reads the whole body, of at most `limit` bytes. The share is to be kept for as long as the body is.
///
/// A body that says that it is too long is refused before it is read; one that does not say how long it is counts as
/// the longest.
pub(super) async fn read(
    gateway: &Gateway,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<(Bytes, Share), Failure> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let share = gateway.bodies.share(announced.unwrap_or(limit))?;
    let time = gateway.limits.body_time;
    match tokio::time::timeout(time, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok((bytes, share)),
        Ok(Err(error)) if is_length(&error) => Err(too_large(limit)),
        Ok(Err(error)) => {
            let detail = format!("The body cannot be read: {error}.");
            Err(Failure::new(ProblemType::InvalidRequest, detail))
        }
        Err(_) => {
            let detail = format!("The body did not arrive within {time:?}.");
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
