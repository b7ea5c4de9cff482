//! Sockets from inside a guest, with networks of the test's own making. `guests/c/functions/sockets.c` does what its
//! input says; what goes through a whole host is tested in `faasm-tests`.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU64;
use std::thread::spawn;
use std::time::{Duration, Instant};

use faasm_hostif::{
    Host, HostBuilder, HostLimits, Leftover, NetworkHost, NetworkReach, NetworkRules,
};

use faasm_vm::Val;

use crate::support::{Bench, Ended, program};

fn rules(allow: &[&str]) -> NetworkRules {
    let allow = allow.iter().map(|rule| rule.parse().unwrap()).collect();
    NetworkRules { allow, ..NetworkRules::default() }
}

fn network_host() -> NetworkHost {
    NetworkHost::new(1024).unwrap()
}

fn host(rules: NetworkRules) -> Host {
    HostBuilder::new().network(network_host().network(rules)).build().unwrap()
}

fn run(host: &Host, script: &str) -> Vec<String> {
    let bench = Bench::new();
    said(&bench.place(host, script.as_bytes(), &bench.module(&program("sockets"))).run())
}

fn said(ended: &Ended) -> Vec<String> {
    assert_eq!(ended.code(), 0, "{}", ended.text());
    ended.text().lines().map(str::to_owned).collect()
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Accepts one connection and hands it to `serve`.
fn serve(
    serve: impl FnOnce(TcpStream) + Send + 'static,
) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let (listener, address) = listener();
    (address, spawn(move || serve(listener.accept().unwrap().0)))
}

#[test]
fn without_a_network_there_are_no_sockets() {
    for host in [HostBuilder::new().build().unwrap(), host(NetworkRules::default())] {
        let lines = run(&host, "tcp4\nudp6\nconnect 0 127.0.0.1 80\nresolve localhost");
        assert_eq!(lines[..3], ["EACCES", "EACCES", "EBADF"]);
        assert!(lines[3].contains("not allowed"), "{lines:?}");
    }
}

#[test]
fn a_conversation() {
    let (address, server) = serve(|mut stream| {
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(&asked.map(|byte| byte.to_ascii_uppercase())).unwrap();
        assert_eq!(stream.read(&mut asked).unwrap(), 0);
        stream.write_all(b"bye").unwrap();
    });
    let port = address.port();
    let script = format!(
        "tcp4\ntype 0\npeer 0\nconnect 0 127.0.0.1 {port}\npeer 0\nsend 0 ques\nwrite 0 tion\n\
         peek 0 4\nall 0 8\nshut 0 w\nsend 0 more\nread 0 3\nrecv 0 1\nclose 0\nrecv 0 1"
    );
    let lines = run(&host(rules(&["127.0.0.1:*"])), &script);
    let peer = format!("127.0.0.1 {port}");
    assert_eq!(
        lines,
        [
            "ok", "stream", "ENOTCONN", "ok", &peer, "ok", "ok", "QUES", "QUESTION", "ok", "EPIPE",
            "bye", "eof", "ok", "EBADF"
        ]
    );
    server.join().unwrap();
}

/// Two sockets that lead to each other, which need no rule and cannot be led elsewhere.
#[test]
fn a_pair_is_no_network() {
    let script = "pair stream\ntype 0\nsend 0 hello\nrecv 1 5\nwrite 1 there\npeek 0 3\nread 0 9\n\
        poll 0 r 0\nnonblock 0\nrecv 0 1\npair datagram\ntype 2\nsend 2 one\nsend 2 two\nrecv 3 9\nrecv 3 2\n\
        fill 0 100000\ndrain 1 100000\nclose 0\nrecv 1 1\nsend 1 x";
    let lines = run(&host(NetworkRules::default()), script);
    let wanted = [
        "ok",
        "stream",
        "ok",
        "hello",
        "ok",
        "the",
        "there",
        "timeout",
        "ok",
        "EAGAIN",
        "ok",
        "datagram",
        "ok",
        "ok",
        "one",
        "tw",
        "100000",
        "100000 ok",
        "ok",
        "eof",
        "EPIPE",
    ];
    assert_eq!(lines, wanted);
    // Where everything on this host may be talked to and listened on, still nowhere.
    let listen = vec!["127.0.0.1:*".parse().unwrap()];
    let open = NetworkRules { listen, ..rules(&["127.0.0.1:*"]) };
    for kind in ["stream", "datagram"] {
        let script = format!(
            "pair {kind}\nconnect 0 127.0.0.1 80\nbind 0 127.0.0.1 0\nbind 0 127.0.0.1 8080\nlisten 0\naccept 0\n\
             sendto 0 127.0.0.1 80 x\nname 0\npeer 0\nsend 1 y\nrecv 0 1"
        );
        let lines = run(&host(open.clone()), &script);
        assert!(lines[1..9].iter().all(|line| line != "ok"), "{lines:?}");
        assert_eq!((&*lines[0], &lines[9..]), ("ok", &["ok".to_owned(), "y".to_owned()][..]));
    }
    let host = HostBuilder::new().limits(HostLimits { sockets: 3, ..HostLimits::default() });
    let host = host.network(network_host().network(NetworkRules::default())).build().unwrap();
    assert_eq!(run(&host, "pair stream\npair stream\nsend 0 x"), ["ok", "EMFILE", "ok"]);
}

/// Whatever a rule opens, it does not open these; and nothing arrives at the server that listens on all addresses.
#[test]
fn a_forbidden_address_has_no_disguise() {
    let everything = ["*:*", "0.0.0.0/0:*", "[::/0]:*", "10.0.0.0/8:*", "*.example.org:*"];
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let v4 =
        ["127.0.0.1", "127.1.2.3", "0.0.0.0", "169.254.169.254", "255.255.255.255", "224.0.0.1"];
    let v6 = [
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::1",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
    ];
    let mut script = String::from("tcp4\ntcp6\nudp4\nudp6");
    for (index, family) in [&v4[..], &v6[..]].into_iter().enumerate() {
        for address in family {
            script += &format!("\nconnect {index} {address} {port}");
            script += &format!("\nconnect {} {address} {port}", index + 2);
            script += &format!("\nsendto {} {address} {port} x", index + 2);
        }
    }
    // What C libraries take for 127.0.0.1 is no name to look up.
    for address in ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost."] {
        script += &format!("\nresolve {address}");
    }
    // An address that this host has in some network is this host, too.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
    if let Ok(own) = own {
        script += &format!("\nconnect 0 {} {port}", own.ip());
    }
    let lines = run(&host(rules(&everything)), &script);
    for (line, said) in script.lines().zip(&lines).skip(4) {
        let refused = ["EACCES", "Name does not resolve", "Name has no usable address"];
        assert!(refused.contains(&said.as_str()), "{line}: {said}");
    }
    assert_eq!(lines.len(), script.lines().count());
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_name_that_leads_to_this_host_leads_nowhere() {
    let (listener, address) = listener();
    listener.set_nonblocking(true).unwrap();
    let lookup = |name: &str| -> std::io::Result<Vec<IpAddr>> {
        match name {
            "evil.example.org" => Ok(vec![[127, 0, 0, 1].into(), [169, 254, 169, 254].into()]),
            "good.example.org" => Ok(vec![[127, 0, 0, 1].into(), [10, 9, 8, 7].into()]),
            other => Err(std::io::Error::other(format!("{other} is not known"))),
        }
    };
    let network = network_host().lookup(Box::new(lookup));
    let network = network.network(rules(&["*.example.org:*"]));
    let host = HostBuilder::new().network(network).build().unwrap();
    let port = address.port();
    let lines = run(
        &host,
        &format!(
            "resolve evil.example.org\nresolve good.example.org\nresolve none.example.org\nresolve example.com\n\
             byname GOOD.Example.org.\ntcp4\nconnect 0 127.0.0.1 {port}"
        ),
    );
    assert_eq!(lines[..3], ["Name has no usable address", "10.9.8.7", "Name does not resolve"]);
    assert!(lines[3].contains("not allowed"), "{lines:?}");
    assert_eq!(lines[4..], ["10.9.8.7", "ok", "EACCES"]);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn this_host_has_its_name() {
    let lines = run(&host(rules(&["localhost:*"])), "resolve localhost\nbyname a.localhost");
    assert_eq!(lines[0], "127.0.0.1 ::1");
    assert!(lines[1].contains("not allowed"), "{lines:?}");
}

#[test]
fn the_host_may_close_what_a_rule_opens() {
    let (_listener, address) = listener();
    let network = network_host().reach(NetworkReach::Public).network(rules(&["127.0.0.1:*"]));
    let host = HostBuilder::new().network(network).build().unwrap();
    let lines = run(&host, &format!("tcp4\nconnect 0 127.0.0.1 {}", address.port()));
    assert_eq!(lines, ["ok", "EACCES"]);
}

#[test]
fn errors_are_told_as_they_are() {
    let (listener, address) = listener();
    drop(listener);
    let port = address.port();
    let script = format!(
        "tcp4\nconnect 0 127.0.0.1 {port}\ntcp4\nconnect 1 ::1 {port}\nudp4\nsend 2 x\nsend 0 x\naccept 0\n\
         tcp4\nnonblock 3\nconnect 3 127.0.0.1 {port}\npoll 3 w 30000\npending 3\npending 3\nrecv 7 1"
    );
    let lines = run(&host(rules(&["127.0.0.1:*", "[::1]:*"])), &script);
    assert_eq!(
        lines[..8],
        ["ok", "ECONNREFUSED", "ok", "EAFNOSUPPORT", "ok", "EDESTADDRREQ", "EPIPE", "EINVAL"]
    );
    assert_eq!(lines[8..10], ["ok", "ok"]);
    // Loopback refuses at once, or a moment later.
    match lines[10].as_str() {
        "EINPROGRESS" => assert_eq!(lines[11..14], ["hangup", "ECONNREFUSED", "ok"]),
        other => assert_eq!(other, "ECONNREFUSED"),
    }
    assert_eq!(lines[14], "EBADF");
}

#[test]
fn a_socket_that_does_not_wait_says_so() {
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(move |mut stream| {
        let mut asked = [0];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"late").unwrap();
        let _ = gone.recv();
    });
    let port = address.port();
    let script = format!(
        "tcp4\nconnect 0 127.0.0.1 {port}\nhasty 0 4\npoll 0 r 10\npoll 0 w 10\ntimeout 0 20\nrecv 0 4\ntimeout 0 0\n\
         nonblock 0\nrecv 0 4\nsend 0 x\npoll 0 r 30000\nrecv 0 4\nrecv 0 4"
    );
    let lines = run(&host(rules(&["127.0.0.1:*"])), &script);
    assert_eq!(
        lines,
        [
            "ok", "ok", "EAGAIN", "timeout", "ready", "ok", "EAGAIN", "ok", "ok", "EAGAIN", "ok",
            "ready", "late", "EAGAIN"
        ]
    );
    drop(go);
    server.join().unwrap();
}

#[test]
fn the_end_of_a_peer_is_an_event() {
    let (address, server) = serve(drop);
    let port = address.port();
    let script = format!("tcp4\nconnect 0 127.0.0.1 {port}\npoll 0 r 30000\nrecv 0 1");
    let lines = run(&host(rules(&["127.0.0.1:*"])), &script);
    assert_eq!(lines, ["ok", "ok", "hangup", "eof"]);
    server.join().unwrap();
}

/// The guest asks twice for what is written in two parts; each time its stack is suspended, and its thread free.
#[test]
fn a_blocked_socket_suspends_the_guest() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(move |mut stream| {
        for part in [b"one", b"two"] {
            told.recv().unwrap();
            stream.write_all(part).unwrap();
        }
    });
    let script = format!("tcp4\nconnect 0 127.0.0.1 {}\nall 0 6\nrecv 0 1", address.port());
    let bench = Bench::new();
    let module = bench.module(&program("sockets"));
    let host = host(rules(&["127.0.0.1:*"]));
    let mut waits = 0;
    let ended = bench.place(&host, script.as_bytes(), &module).run_suspending(|| {
        waits += 1;
        let _ = tell.send(());
    });
    assert_eq!(said(&ended), ["ok", "ok", "onetwo", "eof"]);
    assert!(waits >= 2, "{waits}");
    server.join().unwrap();
}

#[test]
fn a_call_that_ends_closes_its_sockets() {
    let (address, server) = serve(|mut stream| {
        stream.write_all(b"x").unwrap();
        let mut rest = Vec::new();
        // An end, or a reset: the guest leaves a byte behind.
        let _ = stream.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    });
    let script = format!("tcp4\nconnect 0 127.0.0.1 {}\npoll 0 r 30000", address.port());
    assert_eq!(run(&host(rules(&["127.0.0.1:*"])), &script), ["ok", "ok", "ready"]);
    server.join().unwrap();
}

#[test]
fn a_blocked_guest_ends_at_its_deadline_and_its_peer_knows() {
    let (address, server) = serve(|mut stream| assert_eq!(stream.read(&mut [0]).unwrap(), 0));
    let script = format!("tcp4\nconnect 0 127.0.0.1 {}\nrecv 0 1", address.port());
    let bench = Bench::new();
    let host = host(rules(&["127.0.0.1:*"]));
    let mut guest = bench.place(&host, script.as_bytes(), &bench.module(&program("sockets")));
    guest.store.set_deadline(Some(Instant::now() + Duration::from_millis(300)));
    let trap = guest.call("_start", &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(faasm_vm::TrapCode::Interrupted));
    drop(guest);
    server.join().unwrap();
}

#[test]
fn datagrams_go_and_come() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let thread = spawn(move || {
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut bytes = [0; 64];
        for _ in 0..2 {
            let (n, from) = server.recv_from(&mut bytes).unwrap();
            // Nobody whom the function may talk to.
            stranger.send_to(b"psst", from).unwrap();
            server.send_to(&bytes[..n], from).unwrap();
        }
    });
    let script = format!(
        "udp4\ntype 0\nsendto 0 127.0.0.1 {port} hello there\nrecvfrom 0 5\nconnect 0 127.0.0.1 {port}\n\
         send 0 again\nrecv 0 64\nnonblock 0\nrecv 0 1\nfill 0 70000\ntcp4\nsendto 1 127.0.0.1 {port} x"
    );
    let lines = run(&host(rules(&[&format!("127.0.0.1:{port}/udp")])), &script);
    let hello = format!("127.0.0.1 {port} hello");
    assert_eq!(
        lines,
        [
            "ok", "datagram", "ok", &hello, "ok", "ok", "again", "ok", "EAGAIN", "EMSGSIZE", "ok",
            "EISCONN"
        ]
    );
    thread.join().unwrap();
}

#[test]
fn ipv6_where_the_machine_has_it() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("no IPv6 here");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let server = spawn(move || listener.accept().unwrap().0.write_all(b"six").unwrap());
    let script = format!(
        "tcp6\nconnect 0 ::1 {port}\npeer 0\nrecv 0 3\nudp6\nbind 1 :: 0\ntcp6\nconnect 2 ::ffff:127.0.0.1 {port}"
    );
    let lines = run(&host(rules(&["[::1]:*"])), &script);
    let peer = format!("::1 {port}");
    assert_eq!(lines, ["ok", "ok", &peer, "six", "ok", "ok", "ok", "EACCES"]);
    server.join().unwrap();
}

#[test]
fn listening_is_refused_unless_it_is_allowed() {
    let outgoing = host(rules(&["127.0.0.1:*"]));
    let script = "tcp4\nbind 0 0.0.0.0 0\nlisten 0\ntcp4\nbind 1 127.0.0.1 8080\nudp4\nbind 2 0.0.0.0 53\n\
                  tcp4\nlisten 3";
    assert_eq!(
        run(&outgoing, script),
        ["ok", "ok", "EACCES", "ok", "EACCES", "ok", "EACCES", "ok", "EACCES"]
    );
    let (free, address) = listener();
    drop(free);
    let port = address.port();
    let listen = vec![format!("127.0.0.1:{port}").parse().unwrap()];
    let listening = host(NetworkRules { listen, ..NetworkRules::default() });
    let client = spawn(move || {
        // The guest may not listen yet.
        let mut stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(_) => std::thread::yield_now(),
            }
        };
        stream.write_all(b"knock").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "who is there");
    });
    let script = format!(
        "tcp4\nbind 0 127.0.0.1 {port}\nlisten 0\nname 0\naccept 0\nall 1 5\nsend 1 who is there\nclose 1\n\
         tcp4\nconnect 2 127.0.0.1 {port}"
    );
    let lines = run(&listening, &script);
    let name = format!("127.0.0.1 {port}");
    assert_eq!(lines, ["ok", "ok", "ok", &name, "ok", "knock", "ok", "ok", "ok", "EACCES"]);
    client.join().unwrap();
}

/// What the rate allows at once goes at once; the rest waits, and goes too.
#[test]
fn a_rate_is_kept() {
    const RATE: u64 = 20_000;
    for (mode, script) in [("hasty", "nonblock 0\nfill 0 200000"), ("patient", "fill 0 25000")] {
        let (address, server) = serve(move |mut stream| {
            let mut came = Vec::new();
            stream.read_to_end(&mut came).unwrap();
            assert!(mode == "hasty" || came.len() == 25_000, "{mode}: {}", came.len());
        });
        let rates = NetworkRules {
            bytes_out: NonZeroU64::new(RATE),
            ..rules(&[&format!("127.0.0.1:{}", address.port())])
        };
        let script = format!("tcp4\nconnect 0 127.0.0.1 {}\n{script}", address.port());
        let lines = run(&host(rates), &script);
        let sent: u64 = lines.last().unwrap().parse().unwrap();
        match mode {
            "hasty" => assert!((RATE..150_000).contains(&sent), "{sent}"),
            _ => assert_eq!(sent, 25_000),
        }
        server.join().unwrap();
    }
}

/// A socket with room is not ready for a guest that may not send, and is again when it may.
#[test]
fn a_used_up_rate_is_waited_for() {
    let (address, server) = serve(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let port = address.port();
    let rates =
        NetworkRules { bytes_out: NonZeroU64::new(1), ..rules(&[&format!("127.0.0.1:{port}")]) };
    let script = format!(
        "tcp4\nconnect 0 127.0.0.1 {port}\nnonblock 0\nfill 0 10\npoll 0 w 0\npoll 0 w 30000\nfill 0 10"
    );
    let lines = run(&host(rates), &script);
    assert_eq!((lines[3].as_str(), &lines[5..]), ("1", &["ready".to_owned(), "1".to_owned()][..]));
    // A second may have passed on a machine that is busy.
    assert!(["timeout", "ready"].contains(&lines[4].as_str()), "{lines:?}");
    server.join().unwrap();
}

#[test]
fn a_call_has_so_many_sockets_and_bytes() {
    let (address, server) = serve(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let limits = HostLimits { sockets: 2, network_bytes: 1000, ..HostLimits::default() };
    let network = network_host().network(rules(&["127.0.0.1:*"]));
    let host = HostBuilder::new().network(network).limits(limits).build().unwrap();
    let port = address.port();
    let script = format!(
        "tcp4\nudp4\ntcp4\nclose 1\ntcp4\nconnect 0 127.0.0.1 {port}\nfill 0 2000\nfill 0 1\ndrain 0 1"
    );
    let lines = run(&host, &script);
    assert_eq!(lines, ["ok", "ok", "EMFILE", "ok", "ok", "ok", "1000", "EDQUOT", "0 EDQUOT"]);
    server.join().unwrap();
}

#[test]
fn a_process_has_so_many_sockets() {
    let network = NetworkHost::new(1).unwrap().network(rules(&["127.0.0.1:*"]));
    let host = HostBuilder::new().network(network).build().unwrap();
    assert_eq!(run(&host, "tcp4\ntcp4\nclose 0\ntcp4"), ["ok", "ENFILE", "ok", "ok"]);
    // The call's end gives them back.
    assert_eq!(run(&host, "tcp4"), ["ok"]);
}

#[test]
fn no_socket_goes_into_a_snapshot() {
    let bench = Bench::new();
    let host = host(rules(&["127.0.0.1:*"]));
    let mut guest = bench.place(&host, b"tcp4", &bench.module(&program("sockets")));
    assert!(guest.store.data().check_leftovers().is_ok());
    guest.call("_start", &[]).unwrap();
    let left = guest.store.data().check_leftovers().unwrap_err();
    assert!(matches!(&left, Leftover::Open { fd: 3, path } if path == "a socket"), "{left}");
}

/// The original's calls, in C's names and records: a guest that imports them itself.
const POSIX: &str = r#"(module
  (import "env" "socket" (func $socket (param i32 i32 i32) (result i32)))
  (import "env" "connect" (func $connect (param i32 i32 i32) (result i32)))
  (import "env" "send" (func $send (param i32 i32 i32 i32) (result i32)))
  (import "env" "recv" (func $recv (param i32 i32 i32 i32) (result i32)))
  (import "env" "recvfrom" (func $recvfrom (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "getsockname" (func $name (param i32 i32 i32) (result i32)))
  (import "env" "getsockopt" (func $option (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "shutdown" (func $shutdown (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "\01\00\00\00\7f\00\00\01")
  (data (i32.const 96) "ping")
  (export "socket" (func $socket)) (export "connect" (func $connect)) (export "send" (func $send))
  (export "recv" (func $recv)) (export "recvfrom" (func $recvfrom)) (export "name" (func $name))
  (export "option" (func $option)) (export "shutdown" (func $shutdown))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1))))"#;

#[test]
fn the_originals_calls_are_the_same_sockets() {
    let (address, server) = serve(|mut stream| {
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(&asked).unwrap();
        stream.write_all(b"done").unwrap();
        assert_eq!(stream.read(&mut asked).unwrap(), 0);
        stream.write_all(b"bye").unwrap();
    });
    let port = address.port();
    let bench = Bench::new();
    let mut guest = bench.guest(&host(rules(&[&format!("127.0.0.1:{port}")])), b"", POSIX);
    let mut call = |name: &str, args: &[u32]| {
        let args: Vec<Val> = args.iter().copied().map(Val::from).collect();
        match guest.call(name, &args).unwrap()[..] {
            [Val::I32(number)] => number,
            _ => 0,
        }
    };
    let [high, low] = port.to_be_bytes();
    assert_eq!(call("socket", &[1, 6, 0]), 3);
    assert_eq!(call("socket", &[10, 1, 0]), -1);
    // Another port than the one that is open, and then that one.
    assert_eq!(call("connect", &[3, 64, 16]), -1);
    assert_eq!(call("connect", &[3, 64, 8]), -1);
    call("store", &[64, u32::from_le_bytes([1, 0, high, low])]);
    assert_eq!(call("connect", &[3, 64, 16]), 0);
    assert_eq!(call("send", &[3, 96, 4, 0]), 4);
    assert_eq!(call("send", &[3, 65_535, 4, 0]), -1);
    assert_eq!(call("recv", &[3, 128, 4, 0]), 4);
    assert_eq!(call("load", &[128]), i32::from_le_bytes(*b"ping"));
    // The length of an address: its room, and then how long it is. It is wasi-libc's `SO_TYPE` of a stream, too.
    call("store", &[200, 32]);
    assert_eq!(call("recvfrom", &[3, 128, 16, 0, 208, 200]), 4);
    assert_eq!(
        (call("load", &[200]), call("load", &[212])),
        (16, i32::from_le_bytes([127, 0, 0, 1]))
    );
    assert_eq!(call("load", &[208]), i32::from_le_bytes([1, 0, high, low]));
    assert_eq!(call("name", &[3, 208, 200]), 0);
    assert_eq!(call("load", &[212]), i32::from_le_bytes([127, 0, 0, 1]));
    assert_eq!(call("option", &[3, 0x7fff_ffff, 3, 240, 200]), 0);
    assert_eq!(call("load", &[240]), 6);
    assert_eq!(call("option", &[3, 0x7fff_ffff, 13, 240, 200]), -1);
    assert_eq!(call("shutdown", &[3, 2]), 0);
    server.join().unwrap();
    // The peer has gone, and what it sent is there.
    call("store", &[200, 32]);
    assert_eq!(call("recvfrom", &[3, 128, 16, 0, 208, 200]), 3);
    assert!([0, 16].contains(&call("load", &[200])), "its address is there, or not");
    assert_eq!(call("recv", &[3, 128, 16, 0]), 0);
}

/// A Rust program on a crate that knows nothing of us: `tests/guests/sockets.rs`.
#[test]
fn the_extension_is_the_fields_own() {
    let (address, tcp) = serve(|mut stream| {
        let mut asked = Vec::new();
        stream.read_to_end(&mut asked).unwrap();
        stream.write_all(&asked).unwrap();
    });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_port = socket.local_addr().unwrap().port();
    let udp = spawn(move || {
        let mut bytes = [0; 64];
        let (n, from) = socket.recv_from(&mut bytes).unwrap();
        socket.send_to(&bytes[..n], from).unwrap();
    });
    let host = HostBuilder::new()
        .arg("sockets")
        .arg(address.port().to_string())
        .arg(udp_port.to_string())
        .network(network_host().network(rules(&["127.0.0.1:*", "localhost:80"])))
        .build()
        .unwrap();
    let bench = Bench::new();
    let module = bench.module(include_bytes!("../guests/sockets.wasm"));
    let ended = bench.place(&host, b"", &module).run();
    assert_eq!(
        (ended.code(), ended.printed.as_str()),
        (
            0,
            "timeout Some(30s)\ntype Stream\npeer true\necho over tcp\necho over udp true\n\
             names [127.0.0.1:80]\nrefused PermissionDenied\n"
        )
    );
    tcp.join().unwrap();
    udp.join().unwrap();
}
