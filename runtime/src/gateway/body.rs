//! Bodies of requests: whole, bounded, in time.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

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

/// Has what is left of the request's body when it is answered be read all the same, until the time for a body is over. A
/// connection that is closed over bytes that nobody has read takes the answer along (RFC 9112, 9.6), and many clients
/// read an answer only when they have sent everything.
///
/// Who asks whether to send the body at all is just not told to.
pub(super) fn read_to_the_end(request: Request, time: Duration) -> Request {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return request;
    }
    let until = Instant::now() + time;
    request.map(|body| Body::new(ReadToTheEnd { rest: Some(body), until }))
}

struct ReadToTheEnd {
    /// `None`: it has ended.
    rest: Option<Body>,
    until: Instant,
}

impl HttpBody for ReadToTheEnd {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(rest).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for ReadToTheEnd {
    fn drop(&mut self) {
        let left = self.rest.take().filter(|rest| !rest.is_end_stream());
        if let (Some(mut rest), Ok(runtime)) = (left, Handle::try_current()) {
            let until = self.until;
            let drain = async move { while let Some(Ok(_)) = rest.frame().await {} };
            runtime.spawn(timeout_at(until, drain));
        }
    }
}
