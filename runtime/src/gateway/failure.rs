//! Problem documents (RFC 9457): how every error leaves the gateway.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use ulid::Ulid;

use crate::problem::{Blame, Problem, ProblemType, Retry, explain};

/// An error on its way out.
#[derive(Debug)]
pub(super) struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: ProblemType,
    detail: String,
    hint: Option<String>,
    invocation: Option<Ulid>,
    /// Further members of the document.
    members: Map<String, Value>,
    /// Further headers of the answer.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    pub(super) fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            detail: detail.into(),
            hint: None,
            invocation: None,
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    pub(super) fn hint(mut self, hint: Option<String>) -> Self {
        self.0.hint = hint.or(self.0.hint);
        self
    }

    pub(super) fn invocation(mut self, id: Ulid) -> Self {
        self.0.invocation = Some(id);
        self
    }

    /// Adds a member to the document.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }
}

impl Parts {
    fn document(self) -> Value {
        let origin = if self.kind.blame() == Blame::Guest { "function" } else { "platform" };
        let mut document = json!({
            "type": self.kind.uri(),
            "title": self.kind.title(),
            "status": self.kind.status(),
            "detail": self.detail,
            "code": self.kind.slug(),
            "retryable": self.kind.retry() != Retry::Never && !self.kind.is_overload(),
            "overloaded": self.kind.is_overload(),
            "origin": origin,
        });
        if let Some(hint) = self.hint {
            document["hint"] = hint.into();
        }
        if let Some(id) = self.invocation {
            document["instance"] = format!("/v1/invocations/{id}").into();
            document["invocation_id"] = id.to_string().into();
        }
        for (name, value) in self.members {
            document[name] = value;
        }
        document
    }
}

impl<P: Problem> From<&P> for Failure {
    fn from(problem: &P) -> Self {
        Self::new(problem.problem_type(), explain(problem)).hint(problem.hint())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut parts = self.0;
        let kind = parts.kind;
        let headers = std::mem::take(&mut parts.headers);
        if kind.blame() == Blame::Host {
            tracing::warn!(problem = kind.slug(), detail = %parts.detail, "request failed");
        }
        let status =
            StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, parts.document().to_string()).into_response();
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if kind.blame() == Blame::Guest {
            fields.insert("faas-origin", HeaderValue::from_static("function"));
        }
        if kind.status() == 503 {
            fields.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        fields.extend(headers);
        response
    }
}

pub(super) async fn not_found(uri: Uri) -> Failure {
    Failure::new(ProblemType::NotFound, format!("There is nothing at `{}`.", uri.path())).hint(
        Some("The API is under `/v1`, as in `/v1/namespaces/demo/functions/echo/invoke`.".into()),
    )
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Failure {
    Failure::new(ProblemType::MethodNotAllowed, format!("`{}` does not take {method}.", uri.path()))
}
