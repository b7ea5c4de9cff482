//! Functions on the network, through a whole host: uploaded with a manifest, called, cancelled, many at one time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use faasm_runtime::call::{CallError, Phase};
use faasm_runtime::host::{Host, HostConfig};

use crate::gateway::server;
use crate::host::{PATIENCE, TestHost, end, name, wasm};
use crate::process::{code, faasm, guest, text};

/// A host with one guest, which may talk to everything on this machine.
fn host_with(guest: &str) -> TestHost {
    let host = TestHost::start();
    host.upload_with_net(guest, &["127.0.0.1:*", "[::1]:*", "localhost:*"]);
    host
}

/// A web server that answers one request with these bytes.
fn web_server(address: &str, answer: &'static str) -> Option<(SocketAddr, JoinHandle<String>)> {
    let listener = TcpListener::bind(address).ok()?;
    let address = listener.local_addr().unwrap();
    let thread = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !request.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut request).unwrap(), 0);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    Some((address, thread))
}

#[test]
fn a_function_fetches_a_page() {
    let host = host_with("http-get");
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                   6\r\nchunk \r\n4\r\nmeal\r\n0\r\n\r\n";
    let cases = [
        ("127.0.0.1:0", whole, "hello"),
        ("127.0.0.1:0", chunked, "chunk meal"),
        ("[::1]:0", whole, "hello"),
    ];
    for (listen, answer, body) in cases {
        let Some((address, thread)) = web_server(listen, answer) else {
            eprintln!("no {listen} here");
            continue;
        };
        // The guest's own parser of addresses knows no brackets: IPv6 is reached by name.
        let said = host.text("http-get", &format!("http://localhost:{}/a/page", address.port()));
        assert_eq!(said, body);
        let request = thread.join().unwrap();
        let host = format!("Host: localhost:{}\r\n", address.port());
        assert!(request.starts_with("GET /a/page HTTP/1.1\r\n") && request.contains(&host));
    }
    let (address, _thread) = web_server("127.0.0.1:0", "HTTP/1.1 404 Not Found\r\n\r\nno").unwrap();
    let outcome =
        host.outcome("http-get", format!("http://127.0.0.1:{}", address.port()).as_bytes());
    assert_eq!((outcome.return_code, &outcome.output[..]), (404, &b"no"[..]));
}

#[test]
fn datagrams_are_echoed() {
    let host = host_with("udp-echo");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let echo = spawn(move || {
        let mut bytes = [0; 64];
        loop {
            let (n, from) = socket.recv_from(&mut bytes).unwrap();
            if n == 0 {
                return;
            }
            socket.send_to(&bytes[..n], from).unwrap();
        }
    });
    assert_eq!(host.text("udp-echo", &format!("127.0.0.1 {port} 100")), "100");
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"", ("127.0.0.1", port)).unwrap();
    echo.join().unwrap();
}

#[test]
fn a_function_without_a_manifest_has_no_network() {
    let host = TestHost::having(&["sockets", "http-get"]);
    assert_eq!(host.text("sockets", "tcp4"), "EACCES\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(host.outcome("http-get", url.as_bytes()).return_code, 1);
    assert!(listener.accept().is_err());
}

/// Two executors, and as many guests as the test's descriptors allow, all blocked in `recv`.
#[test]
fn thousands_of_faaslets_wait_for_their_peers() {
    const FAASLETS: usize = 2000;
    let host = host_with("sockets");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("tcp4\nconnect 0 127.0.0.1 {port}\nsend 0 ready\nrecv 0 16\nrecv 0 1");
    let calls: Vec<_> =
        (0..FAASLETS).map(|_| host.begin("sockets", script.as_bytes(), None)).collect();
    let mut peers = Vec::new();
    for _ in 0..FAASLETS {
        let (mut peer, _) = listener.accept().unwrap();
        let mut ready = [0; 5];
        peer.read_exact(&mut ready).unwrap();
        peers.push(peer);
    }
    assert_eq!(host.host.live(), FAASLETS);
    // Others are served meanwhile.
    host.upload("echo");
    assert_eq!(host.text("echo", "still here"), "still here");
    for (number, mut peer) in peers.into_iter().enumerate() {
        peer.write_all(format!("peer {number}").as_bytes()).unwrap();
    }
    let mut said: Vec<String> = calls
        .into_iter()
        .map(|call| String::from_utf8(end(call).result.unwrap().output).unwrap())
        .collect();
    said.sort();
    let mut expected: Vec<String> =
        (0..FAASLETS).map(|number| format!("ok\nok\nok\npeer {number}\neof\n")).collect();
    expected.sort();
    assert_eq!(said, expected);
    host.assert_nobody_is_left();
}

/// The deadline of a call ends its wait, and its end closes its connection.
#[test]
fn a_blocked_call_ends_at_its_deadline() {
    let host = host_with("sockets");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("tcp4\nconnect 0 127.0.0.1 {port}\nrecv 0 1");
    let call = host.begin("sockets", script.as_bytes(), Some(Duration::from_secs(1)));
    let (mut peer, _) = listener.accept().unwrap();
    let error = end(call).result.unwrap_err();
    assert!(matches!(error, CallError::Deadline { phase: Phase::Waiting, .. }), "{error}");
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    // The slot serves another call, which knows nothing of that.
    assert_eq!(host.text("sockets", "recv 0 1\ntcp4\nrecv 0 1"), "EBADF\nok\nENOTCONN\n");
    host.assert_nobody_is_left();
}

/// A connection that nobody accepts: the listener's queue is full, so that the kernel drops what asks for one.
#[test]
fn a_connection_that_is_not_made_ends_at_the_deadline() {
    let host = host_with("sockets");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(stream);
        assert!(queue.len() < 10_000, "the queue has no end");
    }
    let script = format!("tcp4\nconnect 0 127.0.0.1 {}", address.port());
    let call = host.begin("sockets", script.as_bytes(), Some(Duration::from_millis(500)));
    let error = end(call).result.unwrap_err();
    assert!(matches!(error, CallError::Deadline { phase: Phase::Waiting, .. }), "{error}");
    let script = format!("tcp4\ntimeout 0 50\nconnect 0 127.0.0.1 {}", address.port());
    assert_eq!(host.text("sockets", &script), "ok\nok\nEINPROGRESS\n");
    host.assert_nobody_is_left();
}

/// A host that stops ends the calls that wait for a peer.
#[test]
fn a_host_that_stops_closes_connections() {
    let host = host_with("sockets");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let script =
        format!("tcp4\nconnect 0 127.0.0.1 {}\nrecv 0 1", listener.local_addr().unwrap().port());
    let call = host.begin("sockets", script.as_bytes(), None);
    let (mut peer, _) = listener.accept().unwrap();
    host.host.shut_down(Duration::ZERO);
    assert!(end(call).result.is_err());
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    assert_eq!((host.host.live(), host.host.queued()), (0, 0));
}

#[test]
fn a_manifest_is_kept_with_its_function() {
    let dir = tempfile::tempdir().unwrap();
    let config = || HostConfig { timeout: PATIENCE, ..HostConfig::new(dir.path().join("data")) };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = TestHost { host: Host::start(config()).unwrap(), dir: tempfile::tempdir().unwrap() };
    host.upload_with_net("sockets", &["127.0.0.1:*"]);
    drop(host);
    let host = TestHost { host: Host::start(config()).unwrap(), dir: tempfile::tempdir().unwrap() };
    let script = format!("tcp4\nconnect 0 127.0.0.1 {port}");
    assert_eq!(host.text("sockets", &script), "ok\nok\n");
    // An upload says everything anew.
    host.upload("sockets");
    assert_eq!(host.text("sockets", &script), "EACCES\nEBADF\n");
    assert!(host.host.function(&name("sockets")).unwrap().record().manifest.is_empty());
}

#[test]
fn manifests_come_over_http() {
    let server = server();
    let (path, wasm) = ("/v1/namespaces/demo/functions/sockets", wasm("sockets"));
    let good = r#"{"network":{"allow":["127.0.0.1:1-5"],"send_rate":"1MiB"}}"#;
    let answer = server.put_with(path, &[("faas-manifest", good)], &wasm).unwrap();
    let description: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(description["manifest"]["network"]["allow"][0], "127.0.0.1:1-5");
    assert_eq!(description["manifest"]["network"]["send_rate"], 1 << 20);
    for (bad, why) in [
        (r#"{"network":{"allow":["127.0.0.1"]}}"#, "network.allow[0]: `127.0.0.1` names no port"),
        (r#"{"network":{"alow":[]}}"#, "network.alow: unknown field"),
        (r#"{"network":{"allow":["169.254.169.254:80"]}}"#, "open to no function"),
        ("nonsense", "expected"),
    ] {
        let reported = server.put_with(path, &[("faas-manifest", bad)], &wasm).unwrap_err();
        assert_eq!(reported.status, 400);
        assert!(reported.detail.contains(why), "{bad}: {}", reported.detail);
    }
}

/// `faasm run` of a program that knows nothing of us, and `faasm upload` of a function to a server.
#[test]
fn the_command_line_opens_the_network() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port().to_string();
    let echo = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        stream.read_to_string(&mut asked).unwrap();
        stream.write_all(asked.to_uppercase().as_bytes()).unwrap();
    });
    let program = guest("tcp-cat");
    let run = |allow: &[&str]| {
        let args = ["--", "127.0.0.1", &port, "two words", "more"];
        faasm(data.path(), &[&["run"], allow, &[program.as_str()], &args].concat())
    };
    let refused = run(&[]);
    assert_eq!(code(&refused), 1);
    let rule = format!("127.0.0.1:{port}");
    let output = run(&["--allow-net", &rule]);
    assert_eq!((code(&output), text(&output.stdout)), (0, "TWO WORDS\nMORE\n"));
    echo.join().unwrap();
    for (option, why) in [("127.0.0.1", "names no port"), ("fe80::1:1", "is no name")] {
        let output = run(&["--allow-net", option]);
        assert_eq!(code(&output), 2);
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
    let manifest = data.path().join("function.json");
    std::fs::write(&manifest, r#"{"network": {"allow": ["10.0.0.0/8:80", 7]}}"#).unwrap();
    let output = run(&["--manifest", manifest.to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("function.json: network.allow[1]: invalid type"));

    let server = server();
    let url = format!("http://{}", server.address);
    std::fs::write(&manifest, r#"{"network": {"receive_rate": "1MiB"}}"#).unwrap();
    let options = ["--manifest", manifest.to_str().unwrap(), "--allow-net", &rule, "--url", &url];
    let module = guest("sockets");
    let upload = [&["upload", "demo/sockets", module.as_str()], &options[..]].concat();
    let output = faasm(data.path(), &upload);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let kept = server.manifest("sockets");
    assert_eq!(kept["network"]["allow"][0], rule);
    assert_eq!(kept["network"]["receive_rate"], 1 << 20);
}
