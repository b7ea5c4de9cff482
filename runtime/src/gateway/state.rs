//! State as resources: the values and lists of a namespace in the global tier.
//!
//! Keys are bytes, and stand percent-encoded in the path; a version is the value's `etag`. What is written here is in
//! the global tier, and in a replica on this host; another host's replica has it when it pulls.

mod conditions;
mod elements;
mod read;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use faasm_sfi::pending::Pending;
use faasm_state::{
    Blame, CallId, Consistency, Entry, GlobalError, Key, LockError, Mode, Namespace, Op, Rule,
    Stamps, Stat, StateError, Version, View, Written,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::conditions::{Conditions, Over};
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
    let most = number(&query, "limit")?.unwrap_or(PAGE).clamp(1, MOST);
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

/// `GET /v1/namespaces/{ns}/state/{key}`: the value, or a range of it; with `?list`, elements of the key's list; with
/// `?watch={version}`, when there is another version.
pub(super) async fn get(
    State(gateway): State<Gateway>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let place = place(&gateway, &uri)?;
    let asked = ["watch", "timeout", "list", "after", "limit"];
    let query = Query::parse(query.as_deref(), &asked)?;
    let most = gateway.limits.state_bytes;
    if query.bytes("list").is_some() {
        Conditions::refuse(&headers, "A list")?;
        return elements::page(&place, gateway.host.mint(), &query, most).await;
    }
    if let Some(seen) = query.text("watch")? {
        Conditions::refuse(&headers, "A watch")?;
        return watch(place, version(&seen)?, query.text("timeout")?).await;
    }
    read::value(place, headers, most).await
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

/// `PUT /v1/namespaces/{ns}/state/{key}`: makes the body the whole value; with `if-match`, over that version alone; with
/// `if-none-match: *`, where there is none.
pub(super) async fn put(
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let place = place(&gateway, &uri)?;
    let conditions = Conditions::of_write(&headers)?;
    if headers.contains_key(header::CONTENT_RANGE) {
        return Err(invalid("A value is put whole: `content-range` is not taken.".to_owned()));
    }
    let limit = gateway.limits.state_bytes;
    let (bytes, share) = body::read(&gateway, &headers, body, limit).await?;
    let share = Arc::new(share);
    let writer = Writer::enter(&gateway, &place).await?;
    let put = move |view: &View, key: &[u8], at| {
        let bytes = bytes.to_vec();
        drop(share);
        view.put(key, bytes, at)
    };
    let Written { before, after } = writer.write_over(&conditions, put).await?;
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
    Conditions::refuse(&headers, "Adding to a list")?;
    let limit = gateway.limits.state_bytes;
    let (bytes, _share) = body::read(&gateway, &headers, body, limit).await?;
    let writer = Writer::enter(&gateway, &place).await?;
    let appended = writer.write(move |view, key| view.append(key, &bytes)).await?;
    Ok(Json(json!({"appended": appended})))
}

/// `DELETE /v1/namespaces/{ns}/state/{key}`: the value and the list.
pub(super) async fn remove(
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let place = place(&gateway, &uri)?;
    let conditions = Conditions::of_write(&headers)?;
    let writer = Writer::enter(&gateway, &place).await?;
    let delete = |view: &View, key: &[u8], at| view.delete_at(key, at);
    let removed = writer.write_over(&conditions, delete).await?;
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

/// Who writes for a request, as a call of the host's own does it: what functions are refused is refused here too. It has
/// the value's global lock for as long as it is there, if the value's consistency wants that.
struct Writer {
    view: View,
    key: Vec<u8>,
    /// Dropped, it is given up.
    _lock: Option<Lock>,
}

impl Writer {
    async fn enter(gateway: &Gateway, place: &Place) -> Result<Self, Failure> {
        let (namespace, key) = (place.namespace.clone(), place.key.clone());
        let call = gateway.host.mint();
        let view = namespace.view(call, Stamps::default());
        let strong = |rule: &Rule| rule.consistency == Consistency::Strong;
        if !namespace.rules().of(&key).is_some_and(strong) {
            return Ok(Self { view, key, _lock: None });
        }
        let lock = Lock { namespace, call };
        let (at, asked) = (key.clone(), view.clone());
        match outcome(move || asked.lock_global(&at, Mode::Write, Some(WAIT))).await? {
            Ok(()) => Ok(Self { view, key, _lock: Some(lock) }),
            Err(StateError::Lock { source: LockError::Taken, .. }) => {
                let detail = format!("The lock of the value was not given within {WAIT:?}.");
                Err(Failure::new(ProblemType::StateUnavailable, detail))
            }
            Err(error) => Err(failure(&error)),
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&View, &[u8]) -> Op<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.try_write(write).await?.map_err(|error| failure(&error))
    }

    /// Writes over a version that fulfils the conditions. Where more than one can, that is the one that is found, and if
    /// another is there by then, that one.
    async fn write_over<T: Send + 'static>(
        &self,
        conditions: &Conditions,
        write: impl FnOnce(&View, &[u8], Option<Version>) -> Op<T> + Clone + Send + 'static,
    ) -> Result<T, Failure> {
        let mut found = match conditions.over() {
            Over::Anything => return self.write(move |view, key| write(view, key, None)).await,
            Over::Only(at) => return self.write(move |view, key| write(view, key, Some(at))).await,
            Over::Found => {
                let stat = self.write(|view, key| view.stat(key)).await?;
                stat.map_or(Version::ABSENT, |stat| stat.version)
            }
        };
        loop {
            conditions.hold(found)?;
            let write = write.clone();
            match self.try_write(move |view, key| write(view, key, Some(found))).await? {
                Err(StateError::Global {
                    source: GlobalError::Conflict { found: another, .. },
                    ..
                }) => found = another,
                written => return written.map_err(|error| failure(&error)),
            }
        }
    }

    async fn try_write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&View, &[u8]) -> Op<T> + Send + 'static,
    ) -> Result<Result<T, StateError>, Failure> {
        let (view, key) = (self.view.clone(), self.key.clone());
        outcome(move || write(&view, &key)).await
    }
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
    let key = decode(key)?;
    Key::new(&key).map_err(|error| failure(&error))?;
    Ok(Place { namespace: open(gateway, namespace)?, key })
}

/// Begins an operation on a thread that may be kept, as a value can be large, and waits for it.
async fn begin<T: Send + 'static>(
    operation: impl FnOnce() -> Op<T> + Send + 'static,
) -> Result<T, Failure> {
    outcome(operation).await?.map_err(|error| failure(&error))
}

/// The same, and how it ended.
async fn outcome<T: Send + 'static>(
    operation: impl FnOnce() -> Op<T> + Send + 'static,
) -> Result<Result<T, StateError>, Failure> {
    let pending = on_thread(operation).await?;
    settled(pending).await.ok_or_else(lost)
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

fn conflict(found: Version) -> Failure {
    let detail = match found {
        Version::ABSENT => "There is no value.".to_owned(),
        Version(number) => format!("The value is at version {number}."),
    };
    let failure = Failure::new(ProblemType::VersionConflict, detail);
    failure.with("version", found.0).header(header::ETAG, etag(found))
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
            pairs.push((name.to_owned(), decode(value)?));
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

/// A number of the query.
fn number(query: &Query, name: &str) -> Result<Option<usize>, Failure> {
    let parse = |text: String| text.parse().map_err(|_| text);
    let number = query.text(name)?.map(parse).transpose();
    number.map_err(|text| invalid(format!("{name} is `{text}`, no number")))
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

/// The bytes of what is percent-encoded; `None`: a `%` has not two digits behind it.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &after[2..];
    }
    Some(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    decoded(text).ok_or_else(|| invalid(format!("`{text}` has a `%` without two digits")))
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
        for bad in ["%", "%a", "%gg", "a%2", "%+1"] {
            assert!(decoded(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_version_is_a_number_with_or_without_quotes() {
        assert_eq!(version("\"7\"").unwrap(), Version(7));
        assert_eq!(version("7").unwrap(), Version(7));
        assert!(version("W/\"7\"").is_err() && version("").is_err() && version("*").is_err());
    }
}
