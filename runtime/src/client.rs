//! The command line's side of HTTP: one request, one answer, on hyper.

mod stream;

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use self::stream::Patient;
use crate::problem::{EXIT_INTERNAL, EXIT_UNAVAILABLE, EXIT_USAGE, ProblemType};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A server's address, to send requests to.
#[derive(Clone, Debug)]
pub struct Client {
    /// `host:port`.
    authority: String,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// Status, 100 to 599.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap<HeaderValue>,
    /// The body, whole.
    pub body: Bytes,
}

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("`{0}` is not the address of a server: write it as `http://127.0.0.1:8080`")]
    Url(String),
    /// No connection.
    #[error("cannot connect to the server at {authority}")]
    Connect {
        /// The address.
        authority: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the connection to the server broke")]
    Broken(#[source] hyper::Error),
    /// The request cannot be made of what was given.
    #[error("the request cannot be made")]
    Request(#[source] hyper::http::Error),
    /// The system gives no event loop.
    #[error("the system gives no event loop")]
    Runtime(#[source] std::io::Error),
    /// The server says that something went wrong.
    #[error("{}", .0.detail)]
    Problem(Box<Reported>),
}

/// A problem document, as the client reads it.
#[derive(Clone, Debug, Default)]
pub struct Reported {
    /// Status of the answer.
    pub status: u16,
    /// The type, if it is one that this version knows.
    pub kind: Option<ProblemType>,
    /// What went wrong.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The guest's active functions, innermost first.
    pub backtrace: Vec<String>,
    /// What a function that failed had put out.
    pub output: Option<String>,
    /// The call's identifier.
    pub invocation_id: Option<String>,
}

impl ClientError {
    /// The exit code of a command that ends with this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Url(_) | Self::Request(_) => EXIT_USAGE,
            Self::Connect { .. } | Self::Broken(_) => EXIT_UNAVAILABLE,
            Self::Runtime(_) => EXIT_INTERNAL,
            Self::Problem(reported) => reported.kind.map_or(EXIT_INTERNAL, ProblemType::exit_code),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect { .. } => {
                Some("Start one with `faasm serve`, or name another with `--url`.".to_owned())
            }
            Self::Problem(reported) => reported.hint.clone(),
            _ => None,
        }
    }
}

impl Client {
    /// A client for the server at `url`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Url`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let error = || ClientError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| error())?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if uri.scheme_str() != Some("http") || !bare {
            return Err(error());
        }
        let authority = uri.authority().ok_or_else(error)?;
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { authority: format!("{}:{port}", authority.host()) })
    }

    /// The server's address, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// Sends one request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; an answer with a status of 400 or more is a [`ClientError::Problem`].
    pub fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ClientError::Runtime)?;
        let answer = runtime.block_on(self.exchange(method, path, headers, body))?;
        if answer.status < 400 {
            return Ok(answer);
        }
        Err(ClientError::Problem(Box::new(Reported::read(&answer))))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(Patient::new(stream)))
                .await
                .map_err(ClientError::Broken)?;
        // The connection ends with the sender; its error, if any, is the request's too.
        let driver = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(CONTENT_LENGTH, body.len())
            .body(Full::new(Bytes::from(body)))
            .map_err(ClientError::Request)?;
        request.headers_mut().extend(headers);
        let response = sender.send_request(request).await.map_err(ClientError::Broken)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(ClientError::Broken)?.to_bytes();
        drop(sender);
        driver.abort();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn connect(&self) -> Result<TcpStream, ClientError> {
        let failed = |source| ClientError::Connect { authority: self.authority.clone(), source };
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect(&self.authority))
            .await
            .map_err(|_| failed(std::io::ErrorKind::TimedOut.into()))?
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }
}

impl Reported {
    /// What an answer reports; of one that is not a problem document, its status and text.
    fn read(answer: &Answer) -> Self {
        let Ok(document) = serde_json::from_slice::<Value>(&answer.body) else {
            let text = String::from_utf8_lossy(&answer.body);
            let detail = format!("the server answered {}: {}", answer.status, text.trim());
            return Self { status: answer.status, detail, ..Self::default() };
        };
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let lines = document["backtrace"].as_array().into_iter().flatten();
        Self {
            status: answer.status,
            kind: document["code"].as_str().and_then(ProblemType::from_slug),
            detail: text("detail")
                .or_else(|| text("title"))
                .unwrap_or_else(|| format!("status {}", answer.status)),
            hint: text("hint"),
            backtrace: lines.filter_map(|line| line.as_str().map(str::to_owned)).collect(),
            output: text("output"),
            invocation_id: text("invocation_id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_servers_are_taken() {
        assert_eq!(Client::new("http://127.0.0.1:8080").unwrap().url(), "http://127.0.0.1:8080");
        assert_eq!(Client::new("http://[::1]:99/").unwrap().url(), "http://[::1]:99");
        assert_eq!(Client::new("http://example").unwrap().url(), "http://example:80");
        for bad in
            ["", "127.0.0.1:8080", "https://a", "http://", "http://a/b", "ftp://a", "http://a?b"]
        {
            assert!(matches!(Client::new(bad), Err(ClientError::Url(_))), "{bad:?}");
        }
    }

    /// A server that answers when it has read the head, and closes.
    #[test]
    fn an_answer_is_read_also_where_the_server_closes_before_it_has_read_the_request() {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 16];
            stream.read_exact(&mut head).unwrap();
            let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nfull";
            stream.write_all(answer).unwrap();
        });
        let sent = client.send(Method::PUT, "/", HeaderMap::new(), vec![1; 32 << 20]);
        server.join().unwrap();
        assert_eq!(sent.unwrap_err().to_string(), "the server answered 413: full");
    }

    #[test]
    fn a_problem_decides_the_exit_code() {
        let body = r#"{"code":"deadline-exceeded","detail":"too late","hint":"wait","backtrace":["a","b"]}"#;
        let answer = Answer { status: 504, headers: HeaderMap::new(), body: Bytes::from(body) };
        let error = ClientError::Problem(Box::new(Reported::read(&answer)));
        assert_eq!(
            (error.exit_code(), error.to_string(), error.hint()),
            (6, "too late".into(), Some("wait".into()))
        );
        let answer =
            Answer { status: 502, headers: HeaderMap::new(), body: Bytes::from("a proxy's page") };
        let error = ClientError::Problem(Box::new(Reported::read(&answer)));
        assert_eq!(
            (error.exit_code(), error.to_string().as_str()),
            (70, "the server answered 502: a proxy's page")
        );
    }
}
