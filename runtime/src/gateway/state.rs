//! State as resources: the values and lists of a namespace in the global tier.
//!
//! Keys are bytes, and stand percent-encoded in the path; a version is the value's `etag`. What is written here is in
//! the global tier, and in a replica on this host; another host's replica has it when it pulls.

use std::ops::Range;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use faasm_sfi::pending::Pending;
use faasm_state::{
    Blame, CallId, Consistency, Entry, GlobalError, Key, Mode, Namespace, Rule, Stamps, Stat,
    StateError, Version, View, Written,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::failure::Failure;
use super::{Gateway, body};
use crate::duration;
use crate::name::{FunctionName, NameError};
use crate::problem::{ProblemType, explain};
use crate::state_rules;

/// Keys of one page of a listing, unless the request says how many; and at most.
const PAGE: usize = 100;
const MOST: usize = 1000;

/// How long a request waits for a change, unless it says; and at most.
const WAIT: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_mins(10);

/// The size of the whole value, also in the answer about a part of it.
const SIZE: HeaderName = HeaderName::from_static("faas-state-size");

/// A key that a request is about.
struct Place {
    namespace: Namespace,
    key: Vec<u8>,
}

/// `GET /v1/namespaces/{ns}/state?prefix=&after=&limit=`: which keys there are.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    Path(namespace): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Failure> {
    let namespace = open(&gateway, &namespace)?;
    let query = Query::parse(query.as_deref(), &["prefix", "after", "limit"])?;
    let most = match query.text("limit")? {
        Some(text) => text.parse().map_err(|_| invalid(format!("limit is `{text}`, no number")))?,
        None => PAGE,
    };
    let most = most.clamp(1, MOST);
    let (prefix, after) = (query.bytes("prefix").unwrap_or_default(), query.bytes("after"));
    let usage = namespace.usage();
    let listed = begin(move || namespace.list(&prefix, after.as_deref(), most)).await?;
    let next = listed.last().filter(|_| listed.len() == most);
    Ok(Json(json!({
        "keys": listed.iter().map(entry).collect::<Vec<_>>(),
        "next": next.map(|entry| encoded(entry.key.as_bytes())),
        "here": {"bytes": usage.held, "limit": usage.max, "evicted": usage.evicted},
    })))
}

fn entry(entry: &Entry) -> Value {
    json!({
        "key": String::from_utf8_lossy(entry.key.as_bytes()),
        "path": encoded(entry.key.as_bytes()),
        "version": entry.stat.map(|stat| stat.version.0),
        "size": entry.stat.map(|stat| stat.size),
        "appended": entry.appended,
    })
}

/// `GET /v1/namespaces/{ns}/state/{key}`: the value, or a range of it; with `?list`, the key's list; with
/// `?watch={version}`, when there is another version.
pub(super) async fn get(
    State(gateway): State<Gateway>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let place = place(&gateway, &uri)?;
    let query = Query::parse(query.as_deref(), &["watch", "timeout", "list"])?;
    if query.bytes("list").is_some() {
        return elements(place, gateway.limits.state_bytes).await;
    }
    if let Some(seen) = query.text("watch")? {
        return watch(place, version(&seen)?, query.text("timeout")?).await;
    }
    let wanted = match headers.get(header::RANGE) {
        Some(range) => Some(Wanted::parse(range)?),
        None => None,
    };
    let Place { namespace, key } = place;
    let (at, from) = (key.clone(), namespace.clone());
    let stat = begin(move || from.stat(&at)).await?.ok_or_else(|| not_found(&key))?;
    let (tag, size) = (etag(stat.version), stat.size);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|given| *given == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let range = wanted.map(|wanted| wanted.within(size)).transpose()?;
    if range.is_none() && size > gateway.limits.state_bytes {
        let detail = format!(
            "The value has {size} bytes, and {} are answered at once: ask for a range.",
            gateway.limits.state_bytes
        );
        return Err(Failure::new(ProblemType::PayloadTooLarge, detail).with("size_bytes", size));
    }
    let asked = range.clone().unwrap_or(0..usize::MAX);
    if asked.len() > gateway.limits.state_bytes && range.is_some() {
        let limit = gateway.limits.state_bytes;
        let detail = format!("A range of more than {limit} bytes is not answered.");
        return Err(Failure::new(ProblemType::PayloadTooLarge, detail));
    }
    let at = key.clone();
    let fetched = begin(move || namespace.get(&at, asked)).await?.ok_or_else(|| not_found(&key))?;
    // It may have been written in between: the answer is of one version all the same.
    let (tag, size) = (etag(fetched.version), fetched.patch.size());
    let bytes = fetched.patch.into_bytes();
    let part = range.map(|range| {
        let last = (range.start + bytes.len()).saturating_sub(1);
        format!("bytes {}-{last}/{size}", range.start)
    });
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, bytes).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(header::ETAG, tag);
    fields.insert(SIZE, HeaderValue::from(size));
    let part = part.and_then(|part| HeaderValue::from_str(&part).ok());
    fields.extend(part.map(|part| (header::CONTENT_RANGE, part)));
    Ok(response)
}

/// Waits for another version. It is answered with what is known of it, or, where the time passed, with nothing.
async fn watch(place: Place, seen: Version, timeout: Option<String>) -> Result<Response, Failure> {
    let timeout = match timeout {
        Some(text) => {
            duration::parse(&text).map_err(|error| invalid(format!("timeout: {error}")))?
        }
        None => WAIT,
    };
    let Place { namespace, key } = place;
    let at = key.clone();
    let watched = on_thread(move || namespace.watch(&at, seen)).await?;
    let watched = watched.map_err(|error| failure(&error))?;
    match tokio::time::timeout(timeout.min(LONGEST), settled(watched)).await {
        Ok(Some(Ok(stat))) => Ok(Json(described(stat)).into_response()),
        Ok(Some(Err(source))) => {
            let key = Key::new(&key).map_err(|error| failure(&error))?;
            Err(failure(&StateError::Global { key, source }))
        }
        Ok(None) => Err(lost()),
        Err(_) => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

fn described(stat: Option<Stat>) -> Value {
    let (version, size) = stat.map_or((0, None), |stat| (stat.version.0, Some(stat.size)));
    json!({"version": version, "size": size})
}

/// The elements of the key's list: those that are text as such, others in hexadecimal digits.
async fn elements(place: Place, most_bytes: usize) -> Result<Response, Failure> {
    let Place { namespace, key } = place;
    let read = move || namespace.read_appended(&key, MOST, most_bytes);
    let elements = begin(read).await?;
    let elements: Vec<_> = elements.iter().map(|bytes| element(bytes)).collect();
    Ok(Json(json!({"elements": elements})).into_response())
}

fn element(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({"text": text}),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"hex": digits})
        }
    }
}

/// `PUT /v1/namespaces/{ns}/state/{key}`: makes the body the whole value; with `if-match`, over that version alone; with
/// `if-none-match: *`, where there is none.
pub(super) async fn put(
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let place = place(&gateway, &uri)?;
    let at = condition(&headers)?;
    let limit = gateway.limits.state_bytes;
    let (bytes, share) = body::read(&gateway, &headers, body, limit).await?;
    let Written { before, after } = viewed(&gateway, &place, move |view, key| {
        let bytes = bytes.to_vec();
        drop(share);
        view.put(key, bytes, at)
    })
    .await?;
    let status = if before == Version::ABSENT { StatusCode::CREATED } else { StatusCode::OK };
    let answer = Json(json!({"version": after.0}));
    Ok((status, [(header::ETAG, etag(after))], answer).into_response())
}

/// `POST /v1/namespaces/{ns}/state/{key}`: adds the body to the end of the key's list.
pub(super) async fn append(
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let place = place(&gateway, &uri)?;
    let limit = gateway.limits.state_bytes;
    let (bytes, _share) = body::read(&gateway, &headers, body, limit).await?;
    let appended = viewed(&gateway, &place, move |view, key| view.append(key, &bytes)).await?;
    Ok(Json(json!({"appended": appended})))
}

/// `DELETE /v1/namespaces/{ns}/state/{key}`: the value and the list.
pub(super) async fn remove(
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let place = place(&gateway, &uri)?;
    let at = condition(&headers)?;
    let removed = viewed(&gateway, &place, move |view, key| view.delete_at(key, at)).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(not_found(&place.key)) }
}

/// `GET /v1/namespaces/{ns}/state-rules`.
pub(super) async fn rules(
    State(gateway): State<Gateway>,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, Failure> {
    open(&gateway, &namespace)?;
    Ok(Json(json!({"rules": gateway.host.state_rules(&namespace)})))
}

/// `PUT /v1/namespaces/{ns}/state-rules` with a list of rules.
pub(super) async fn set_rules(
    State(gateway): State<Gateway>,
    Path(namespace): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    open(&gateway, &namespace)?;
    let (bytes, _share) = body::read(&gateway, &headers, body, 1 << 20).await?;
    let rules: Vec<state_rules::Written> = serde_json::from_slice(&bytes)
        .map_err(|error| invalid(format!("The body is no list of rules: {error}")))?;
    let set = on_thread(move || {
        let set = gateway.host.set_state_rules(&namespace, rules);
        set.map(|()| gateway.host.state_rules(&namespace))
    });
    let rules = set.await?.map_err(|error| Failure::from(&error))?;
    Ok(Json(json!({"rules": rules})))
}

/// Does a write as a call of the host's own does it, so that what functions are refused is refused here too: under the
/// value's global lock, if its consistency wants that.
async fn viewed<T: Send + 'static>(
    gateway: &Gateway,
    place: &Place,
    write: impl FnOnce(&View, &[u8]) -> Pending<Result<T, StateError>> + Send + 'static,
) -> Result<T, Failure> {
    let (namespace, key) = (place.namespace.clone(), place.key.clone());
    let call = gateway.host.mint();
    let view = namespace.view(call, Stamps::default());
    let strong = |rule: &Rule| rule.consistency == Consistency::Strong;
    if !namespace.rules().of(&key).is_some_and(strong) {
        return begin(move || write(&view, &key)).await;
    }
    let _lock = Lock { namespace, call };
    let (at, asked) = (key.clone(), view.clone());
    let given = begin(move || asked.lock_global(&at, Mode::Write));
    let too_long = |_| {
        let detail = format!("The lock of the value was not given within {WAIT:?}.");
        Failure::new(ProblemType::StateUnavailable, detail)
    };
    tokio::time::timeout(WAIT, given).await.map_err(too_long)??;
    begin(move || write(&view, &key)).await
}

/// A lock of the host's own, given up when this is dropped.
struct Lock {
    namespace: Namespace,
    call: CallId,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.namespace.release_call(self.call);
    }
}

/// The namespace's state, if its name is one.
fn open(gateway: &Gateway, namespace: &str) -> Result<Namespace, Failure> {
    FunctionName::new(namespace, "x").map_err(|error: NameError| invalid(error.to_string()))?;
    Ok(gateway.host.state(namespace))
}

/// The key of a path: what is behind `/v1/namespaces/{ns}/state/`, as it was sent.
fn place(gateway: &Gateway, uri: &Uri) -> Result<Place, Failure> {
    let parts = uri.path().strip_prefix("/v1/namespaces/").and_then(|path| path.split_once('/'));
    let (namespace, key) = parts
        .and_then(|(namespace, rest)| Some((namespace, rest.strip_prefix("state/")?)))
        .ok_or_else(|| invalid("The path names no key.".to_owned()))?;
    let key = decoded(key)?;
    Key::new(&key).map_err(|error| failure(&error))?;
    Ok(Place { namespace: open(gateway, namespace)?, key })
}

/// Begins an operation on a thread that may be kept, as a value can be large, and waits for it.
async fn begin<T: Send + 'static>(
    operation: impl FnOnce() -> Pending<Result<T, StateError>> + Send + 'static,
) -> Result<T, Failure> {
    let pending = on_thread(operation).await?;
    match settled(pending).await {
        Some(done) => done.map_err(|error| failure(&error)),
        None => Err(lost()),
    }
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| lost())
}

/// The value of a `Pending`, or `None` if it was abandoned. Dropped, it drops the operation.
async fn settled<T: Send>(pending: Pending<T>) -> Option<T> {
    let (done, waiting) = oneshot::channel();
    pending.on_done(Box::new(move || done.send(()).unwrap_or_default()));
    waiting.await.ok()?;
    pending.try_take().ok()?.ok()
}

fn failure(error: &StateError) -> Failure {
    let kind = match error {
        StateError::Global { source: GlobalError::Conflict { found, .. }, .. } => {
            let failure = Failure::new(ProblemType::VersionConflict, explain(error));
            return failure.with("version", found.0).header(header::ETAG, etag(*found));
        }
        StateError::Global { source, .. } | StateError::Listing(source) => match source {
            GlobalError::Full { .. } => ProblemType::StateFull,
            GlobalError::Unknown(_) => ProblemType::OutcomeUnknown,
            GlobalError::Unavailable(_) | GlobalError::Fenced => ProblemType::StateUnavailable,
            GlobalError::Conflict { .. } | GlobalError::Unmergeable(_) => {
                ProblemType::InvalidRequest
            }
        },
        StateError::LockLost { .. } => ProblemType::StateUnavailable,
        StateError::TooLarge { .. } => ProblemType::PayloadTooLarge,
        StateError::TooManyValues { .. } | StateError::OverBudget { .. } => ProblemType::StateFull,
        _ if error.blame() == Blame::Host => ProblemType::Internal,
        _ => ProblemType::InvalidRequest,
    };
    Failure::new(kind, explain(error))
}

fn invalid(detail: String) -> Failure {
    Failure::new(ProblemType::InvalidRequest, detail)
}

fn lost() -> Failure {
    Failure::new(ProblemType::Internal, "The request was lost.")
}

fn not_found(key: &[u8]) -> Failure {
    let detail = format!("There is no state value `{}`.", key.escape_ascii());
    let failure = Failure::new(ProblemType::NotFound, detail);
    failure.hint(Some("`faasm state ls USER` shows the keys that there are.".to_owned()))
}

/// What a write may happen over: `if-match: "VERSION"`, `if-none-match: *`, or anything.
fn condition(headers: &HeaderMap) -> Result<Option<Version>, Failure> {
    if let Some(given) = headers.get(header::IF_NONE_MATCH) {
        return match given.as_bytes() {
            b"*" => Ok(Some(Version::ABSENT)),
            _ => Err(invalid("if-none-match of a write can be `*` alone".to_owned())),
        };
    }
    let Some(given) = headers.get(header::IF_MATCH) else { return Ok(None) };
    version(&String::from_utf8_lossy(given.as_bytes())).map(Some)
}

/// A version as it is written: a number, with or without quotes.
fn version(text: &str) -> Result<Version, Failure> {
    let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let number = number.parse();
    number.map(Version).map_err(|_| invalid(format!("`{text}` is no version of a value")))
}

fn etag(version: Version) -> HeaderValue {
    let quoted = format!("\"{}\"", version.0);
    HeaderValue::from_str(&quoted).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// A part of a value as a request asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    FromTo(usize, usize),
    From(usize),
    Last(usize),
}

impl Wanted {
    /// `bytes=FIRST-LAST`, `bytes=FIRST-`, `bytes=-COUNT` (RFC 9110, 14.1.2); one range.
    fn parse(given: &HeaderValue) -> Result<Self, Failure> {
        let text = String::from_utf8_lossy(given.as_bytes()).into_owned();
        let bad = || invalid(format!("range is `{text}`: one range is taken, as in `bytes=0-99`"));
        let (first, last) =
            text.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(bad)?;
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| bad());
        match (first.trim(), last.trim()) {
            ("", last) => Ok(Self::Last(number(last)?)),
            (first, "") => Ok(Self::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if first <= last { Ok(Self::FromTo(first, last)) } else { Err(bad()) }
            }
        }
    }

    /// The bytes that a value of `size` has of it.
    fn within(self, size: usize) -> Result<Range<usize>, Failure> {
        let range = match self {
            Self::FromTo(first, last) => first..last.saturating_add(1).min(size),
            Self::From(first) => first..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        if range.is_empty() {
            let detail = format!("The value has {size} bytes, and none of the range.");
            let all = HeaderValue::from_str(&format!("bytes */{size}"));
            let failure = Failure::new(ProblemType::RangeNotSatisfiable, detail);
            return Err(match all {
                Ok(all) => failure.header(header::CONTENT_RANGE, all),
                Err(_) => failure,
            });
        }
        Ok(range)
    }
}

/// A query of which the values are bytes.
struct Query(Vec<(String, Vec<u8>)>);

impl Query {
    fn parse(text: Option<&str>, known: &[&str]) -> Result<Self, Failure> {
        let mut pairs = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&name) {
                let known = known.join("`, `");
                return Err(invalid(format!("`{name}` is not asked here: there are `{known}`")));
            }
            pairs.push((name.to_owned(), decoded(value)?));
        }
        Ok(Self(pairs))
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        let text = self.bytes(name).map(String::from_utf8).transpose();
        text.map_err(|_| invalid(format!("{name} is not UTF-8")))
    }
}

/// Bytes as a part of a URL (RFC 3986): slashes and unreserved characters as they are.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => text.push((*byte).into()),
            _ if byte.is_ascii_alphanumeric() => text.push((*byte).into()),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn decoded(text: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| invalid(format!("`{text}` has a `%` without two digits")))?);
        rest = &after[2..];
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_key_and_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decoded(&encoded(&all)).unwrap(), all);
        assert_eq!(encoded(b"a/b c"), "a/b%20c");
        assert_eq!(decoded("a%2Fb+").unwrap(), b"a/b+");
        for bad in ["%", "%a", "%gg", "a%2"] {
            assert!(decoded(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_range_is_taken_and_clipped() {
        let parse = |text: &str| Wanted::parse(&HeaderValue::from_str(text).unwrap());
        let within = |text: &str, size| parse(text).unwrap().within(size).ok();
        assert_eq!(within("bytes=0-3", 10), Some(0..4));
        assert_eq!(within("bytes=8-99", 10), Some(8..10));
        assert_eq!(within("bytes=4-", 10), Some(4..10));
        assert_eq!(within("bytes=-3", 10), Some(7..10));
        assert_eq!(within("bytes=-30", 10), Some(0..10));
        assert_eq!(within("bytes=10-", 10), None);
        assert_eq!(within(&format!("bytes=0-{}", usize::MAX), 10), Some(0..10));
        for bad in ["bytes=3-1", "bytes=a-", "bits=0-1", "bytes=0-1,3-4", "bytes=-", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_is_a_number_with_or_without_quotes() {
        assert_eq!(version("\"7\"").unwrap(), Version(7));
        assert_eq!(version("7").unwrap(), Version(7));
        assert!(version("W/\"7\"").is_err() && version("").is_err() && version("*").is_err());
    }
}
