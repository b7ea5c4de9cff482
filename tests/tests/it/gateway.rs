//! The gateway, over HTTP: statuses, headers, problem documents, limits.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use faasm_runtime::client::{Answer, Client, ClientError, Reported};
use faasm_runtime::gateway::{self, GatewayLimits};
use faasm_runtime::problem::ProblemType;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::host::{TestHost, wasm};

/// A gateway before a test host, on a port of its own.
pub(crate) struct Server {
    client: Client,
    pub(crate) address: SocketAddr,
    host: TestHost,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(limits: GatewayLimits, host: TestHost) -> Self {
        let (address, listening) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = std::sync::Arc::clone(&host.host);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address.send(listener.local_addr().unwrap()).unwrap();
                let stop = async { stopped.await.unwrap_or_default() };
                gateway::serve(listener, served, limits, stop).await;
            });
        });
        let address = listening.recv().unwrap();
        let client = Client::new(&format!("http://{address}")).unwrap();
        Self { client, address, host, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
    ) -> Result<Answer, Box<Reported>> {
        self.send_with(method, path, &[], body)
    }

    pub(crate) fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Answer, Box<Reported>> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        match self.client.send(method, path, headers, body.to_vec()) {
            Ok(answer) => Ok(answer),
            Err(ClientError::Problem(reported)) => Err(reported),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Uploads with these headers.
    pub(crate) fn put_with(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Answer, Box<Reported>> {
        self.send_with(Method::PUT, path, headers, body)
    }

    /// Posts with these headers.
    pub(crate) fn post_with(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Answer, Box<Reported>> {
        self.send_with(Method::POST, path, headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, Box<Reported>> {
        self.send(Method::GET, path, b"")
    }

    /// What the server says of a function's manifest.
    pub(crate) fn manifest(&self, guest: &str) -> Value {
        let answer = self.send(Method::GET, &path(guest), b"").unwrap();
        serde_json::from_slice::<Value>(&answer.body).unwrap()["manifest"].take()
    }

    pub(crate) fn upload(&self, guest: &str) -> Answer {
        self.send(Method::PUT, &path(guest), &wasm(guest)).unwrap()
    }

    pub(crate) fn invoke(&self, guest: &str, body: &[u8]) -> Result<Answer, Box<Reported>> {
        self.send(Method::POST, &format!("{}/invoke", path(guest)), body)
    }

    /// Sends bytes as they are; the whole answer.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(std::thread::panicking() || ended.is_ok());
    }
}

pub(crate) fn server() -> Server {
    Server::start(GatewayLimits::default(), TestHost::start())
}

fn path(function: &str) -> String {
    format!("/v1/namespaces/demo/functions/{function}")
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_function_is_uploaded_described_called_and_removed() {
    let server = server();
    let uploaded = server.upload("echo");
    assert_eq!(uploaded.status, 201);
    assert!(header(&uploaded, "server-timing").contains("compile;dur="));
    let digest = json(&uploaded)["wasm_digest"].as_str().unwrap().to_owned();
    assert_eq!(header(&uploaded, "etag"), format!("\"{digest}\""));
    assert_eq!(server.upload("echo").status, 200);

    let described = json(&server.send(Method::GET, &path("echo"), b"").unwrap());
    assert_eq!(described["wasm_digest"], digest.as_str());
    assert_eq!(described["name"], "demo/echo");
    for list in ["/v1/functions", "/v1/namespaces/demo/functions"] {
        let listed = json(&server.send(Method::GET, list, b"").unwrap());
        assert_eq!(listed["functions"].as_array().unwrap().len(), 1);
    }
    let namespaces = json(&server.send(Method::GET, "/v1/namespaces", b"").unwrap());
    assert_eq!(namespaces["namespaces"][0]["name"], "demo");

    let first = server.invoke("echo", b"a\0b").unwrap();
    assert_eq!((first.status, &first.body[..]), (200, &b"a\0b"[..]));
    assert_eq!(header(&first, "faas-origin"), "function");
    assert_eq!(header(&first, "faas-invocation-id").len(), 26);
    let timing = header(&first, "server-timing");
    assert!(
        ["queue;dur=", "init;dur=", "run;dur="].iter().all(|part| timing.contains(part)),
        "{timing}"
    );
    // Another executor may have taken the second call before the first one's slot was back, but not all of these.
    let warm = (0..20).any(|_| header(&server.invoke("echo", b"").unwrap(), "faas-cold") == "0");
    assert!(warm);

    assert_eq!(server.send(Method::DELETE, &path("echo"), b"").unwrap().status, 204);
    assert_eq!(server.invoke("echo", b"").unwrap_err().kind, Some(ProblemType::FunctionNotFound));
}

#[test]
fn unknown_functions_paths_and_methods_are_problems() {
    let server = server();
    server.upload("echo");
    let missing = server.invoke("ehco", b"").unwrap_err();
    assert_eq!((missing.status, missing.kind), (404, Some(ProblemType::FunctionNotFound)));
    assert!(missing.detail.contains("did you mean `demo/echo`"), "{}", missing.detail);
    for (method, path, kind) in [
        (Method::GET, "/nothing", ProblemType::NotFound),
        (Method::POST, "/healthz", ProblemType::MethodNotAllowed),
        (Method::PUT, "/v1/namespaces/demo/functions/-bad", ProblemType::InvalidRequest),
        (Method::PUT, "/v1/namespaces/demo/functions/%2e%2e", ProblemType::InvalidRequest),
        (Method::DELETE, "/v1/namespaces/demo/functions/none", ProblemType::FunctionNotFound),
    ] {
        let problem = server.send(method.clone(), path, b"").unwrap_err();
        assert_eq!(problem.kind, Some(kind), "{method} {path}: {problem:?}");
        assert_eq!(problem.status, kind.status());
    }
    let answer =
        server.raw(b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").to_lowercase();
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(answer.contains("faas-origin: platform"), "{answer}");
    assert!(answer.contains(r#""type":"urn:faasm:problem:not-found""#), "{answer}");
}

#[test]
fn bodies_over_the_limit_are_refused_announced_or_not() {
    let limits =
        GatewayLimits { input_bytes: 1000, module_bytes: 2000, ..GatewayLimits::default() };
    let host = TestHost::having(&["echo"]);
    let server = Server::start(limits, host);
    assert_eq!(server.invoke("echo", &[7; 1000]).unwrap().body.len(), 1000);
    assert_eq!(
        server.invoke("echo", &[7; 1001]).unwrap_err().kind,
        Some(ProblemType::PayloadTooLarge)
    );
    let module = server.send(Method::PUT, &path("echo"), &[0; 2001]).unwrap_err();
    assert_eq!((module.status, module.kind), (413, Some(ProblemType::PayloadTooLarge)));
    let mut chunked = b"POST /v1/namespaces/demo/functions/echo/invoke HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        transfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..3 {
        chunked.extend_from_slice(b"200\r\n");
        chunked.extend_from_slice(&[b'x'; 0x200]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let answer = server.raw(&chunked);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(&server.invoke("echo", b"on").unwrap().body[..], b"on");
}

#[test]
fn half_a_head_is_given_up_and_more_connections_wait() {
    let limits = GatewayLimits {
        head_time: Duration::from_millis(50),
        connections: 1,
        ..GatewayLimits::default()
    };
    let server = Server::start(limits, TestHost::having(&["echo"]));
    let mut half = TcpStream::connect(server.address).unwrap();
    half.write_all(b"POST /v1/namespaces/demo").unwrap();
    // Served when the first connection has been given up.
    assert_eq!(&server.invoke("echo", b"on").unwrap().body[..], b"on");
    let mut rest = Vec::new();
    half.read_to_end(&mut rest).unwrap();
}

#[test]
fn bodies_share_a_budget() {
    let limits =
        GatewayLimits { input_bytes: 8 << 10, bodies_bytes: 10 << 10, ..GatewayLimits::default() };
    let host = TestHost::having(&["echo", "sleep"]);
    let server = Server::start(limits, host);
    // A half body holds its share for as long as it is awaited.
    let mut half = TcpStream::connect(server.address).unwrap();
    let head = "POST /v1/namespaces/demo/functions/echo/invoke HTTP/1.1\r\nhost: x\r\ncontent-length: 8000\r\n\r\n";
    half.write_all(head.as_bytes()).unwrap();
    let refused = loop {
        match server.invoke("echo", &[7; 4000]) {
            Ok(_) => std::thread::yield_now(),
            Err(problem) => break problem,
        }
    };
    assert_eq!((refused.status, refused.kind), (503, Some(ProblemType::Overloaded)));
    drop(half);
    while server.invoke("echo", &[7; 4000]).is_err() {
        std::thread::yield_now();
    }
}

#[test]
fn an_input_is_counted_until_its_call_ends_also_when_the_client_has_gone() {
    let limits = GatewayLimits { bodies_bytes: 1 << 10, ..GatewayLimits::default() };
    let server = Server::start(limits, TestHost::having(&["echo", "sleep"]));
    let begun = Instant::now();
    let mut leaving = TcpStream::connect(server.address).unwrap();
    let request = "POST /v1/namespaces/demo/functions/sleep/invoke HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n1500";
    leaving.write_all(request.as_bytes()).unwrap();
    while server.host.host.live() == 0 {
        std::thread::yield_now();
    }
    drop(leaving);
    while server.invoke("echo", b"x").is_err() {
        std::thread::yield_now();
    }
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
}

#[test]
fn a_body_that_does_not_arrive_is_given_up() {
    let limits = GatewayLimits { body_time: Duration::from_millis(50), ..GatewayLimits::default() };
    let server = Server::start(limits, TestHost::having(&["echo"]));
    let answer = server.raw(
        b"POST /v1/namespaces/demo/functions/echo/invoke HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhalf",
    );
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(&server.invoke("echo", b"on").unwrap().body[..], b"on");
}

#[test]
fn the_ways_to_fail_have_their_own_problems() {
    let server = server();
    for guest in ["loop", "recurse", "trap", "exit", "echo"] {
        server.upload(guest);
    }
    let late = format!("{}/invoke", path("loop"));
    let late =
        server.send_with(Method::POST, &late, &[("faas-timeout", "100ms")], b"").unwrap_err();
    assert_eq!((late.status, late.kind), (504, Some(ProblemType::DeadlineExceeded)));
    let deep = server.invoke("recurse", b"").unwrap_err();
    assert_eq!((deep.status, deep.kind), (500, Some(ProblemType::StackOverflow)));
    let trapped = server.invoke("trap", b"divide").unwrap_err();
    assert_eq!((trapped.status, trapped.kind), (500, Some(ProblemType::FunctionError)));
    assert!(trapped.detail.contains("integer divide by zero"), "{}", trapped.detail);
    assert!(trapped.backtrace.iter().any(|line| line.contains("main")), "{:?}", trapped.backtrace);
    let exited = server.invoke("exit", b"3").unwrap_err();
    assert_eq!((exited.status, exited.kind), (500, Some(ProblemType::FunctionError)));
    assert_eq!(exited.output.as_deref(), Some("leaving"));
    let wrong = format!("{}/invoke", path("echo"));
    for timeout in ["5", "soon", "-1s"] {
        let wrong =
            server.send_with(Method::POST, &wrong, &[("faas-timeout", timeout)], b"").unwrap_err();
        assert_eq!(
            (wrong.status, wrong.kind),
            (400, Some(ProblemType::InvalidRequest)),
            "{timeout}"
        );
    }
    let module = server.send(Method::PUT, &path("bad"), b"\0asm not").unwrap_err();
    assert_eq!((module.status, module.kind), (422, Some(ProblemType::InvalidModule)));
    let module = server.send(Method::PUT, &path("bad"), &wasm("unknown-import")).unwrap_err();
    assert_eq!(module.kind, Some(ProblemType::InvalidModule));
    assert!(module.detail.contains("env.no_such_call"), "{}", module.detail);
    assert_eq!(&server.invoke("echo", b"on").unwrap().body[..], b"on");
}

#[test]
fn a_body_over_the_limit_is_refused_so_that_its_sender_is_told() {
    let limit = 1 << 20;
    let limits = GatewayLimits { state_bytes: limit, ..GatewayLimits::default() };
    let server = Server::start(limits, TestHost::start());
    let key = "/v1/namespaces/demo/state/k";
    server.send(Method::PUT, key, &vec![1; limit]).unwrap();
    for size in [limit + 1, 32 * limit] {
        let refused = server.send(Method::PUT, key, &vec![1; size]).unwrap_err();
        assert_eq!(refused.kind, Some(ProblemType::PayloadTooLarge));
        // Who reads only when all is sent is told too, on a connection that can be used again.
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head = format!("PUT {key} HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![1; size]).unwrap();
        let last = format!("GET {key}x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(last.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert!(answers.starts_with("HTTP/1.1 413 "), "{answers}");
        assert!(answers.contains("HTTP/1.1 404 "), "{answers}");
    }
    // Who asks first is not told to send it.
    let asked = format!(
        "PUT {key} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        limit + 1
    );
    let answer = server.raw(asked.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413 ") && !answer.contains(" 100 "), "{answer}");
}

#[test]
fn the_host_says_how_it_is_and_drains() {
    let server = server();
    server.upload("echo");
    assert_eq!(json(&server.send(Method::GET, "/healthz", b"").unwrap())["status"], "ok");
    assert_eq!(json(&server.send(Method::GET, "/readyz", b"").unwrap())["status"], "ok");
    assert_eq!(json(&server.send(Method::GET, "/version", b"").unwrap())["name"], "faasm");
    server.host.host.drain();
    for answer in [server.send(Method::GET, "/readyz", b""), server.invoke("echo", b"")] {
        let problem = answer.unwrap_err();
        assert_eq!((problem.status, problem.kind), (503, Some(ProblemType::Draining)));
    }
    assert_eq!(server.send(Method::GET, "/healthz", b"").unwrap().status, 200);
}
