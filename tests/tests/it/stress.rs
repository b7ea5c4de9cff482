//! Many clients at once, and bytes that are no requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use faasm_runtime::call::CallError;
use faasm_runtime::problem::{Blame, Problem};

use crate::gateway::{Server, server};
use crate::host::{TestHost, end, name, wasm};

#[test]
fn functions_are_replaced_and_removed_under_calls() {
    let host = TestHost::start();
    let modules = ["echo", "exit"].map(wasm);
    host.host.upload(&name("f"), &modules[0]).unwrap();
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while answered.load(Ordering::Relaxed) < 2000 {
                    let Some(function) = host.host.function(&name("f")) else { continue };
                    let finished = end(host.host.invoke(function, b"0".to_vec(), None).finished);
                    let outcome = finished.result.unwrap();
                    assert!(matches!(&outcome.output[..], b"0" | b"leaving"), "{outcome:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            for round in 0.. {
                if answered.load(Ordering::Relaxed) >= 2000 {
                    return;
                }
                if round % 5 == 4 {
                    host.host.remove(&name("f")).unwrap();
                }
                host.host.upload(&name("f"), &modules[round % 2]).unwrap();
            }
        });
    });
    host.assert_nobody_is_left();
}

#[test]
fn good_and_bad_guests_side_by_side() {
    let host = TestHost::having(&["echo", "trap", "recurse", "loop", "leak-check", "chain-wait"]);
    let inputs: [(&str, &[u8], Option<u64>); 6] = [
        ("echo", b"x", None),
        ("trap", b"memory", None),
        ("recurse", b"", None),
        ("loop", b"", Some(5)),
        ("leak-check", b"", None),
        ("chain-wait", b"chain-wait*5 trap null", None),
    ];
    let calls: Vec<_> = (0..600)
        .map(|i| {
            let (function, input, timeout) = inputs[i % inputs.len()];
            (function, host.begin(function, input, timeout.map(Duration::from_millis)))
        })
        .collect();
    for (function, call) in calls {
        match (function, end(call).result) {
            ("echo", Ok(outcome)) => assert_eq!(outcome.output, b"x"),
            ("leak-check", Ok(outcome)) => assert_eq!(outcome.output, b"clean"),
            ("chain-wait", Ok(outcome)) => assert_eq!(outcome.return_code, 1),
            ("trap" | "recurse" | "loop", Err(error)) => {
                assert_eq!(error.blame(), Blame::Guest, "{error:?}");
                assert!(!matches!(error, CallError::Lost), "{error:?}");
            }
            (function, other) => panic!("{function}: {other:?}"),
        }
    }
    host.assert_nobody_is_left();
}

#[test]
fn bytes_that_are_no_request_hurt_nobody() {
    let server: Server = server();
    server.upload("echo");
    let mut seed = 1u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    };
    let good = b"POST /v1/namespaces/demo/functions/echo/invoke HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi";
    for round in 0..300 {
        let mut bytes = good.to_vec();
        for _ in 0..=round % 8 {
            let at = usize::from(random()) % bytes.len();
            bytes[at] = random();
        }
        bytes.truncate(bytes.len() - usize::from(random()) % 20);
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // A reset is an answer too.
        let _ = stream.read_to_end(&mut answer);
    }
    assert_eq!(&server.invoke("echo", b"on").unwrap().body[..], b"on");
}
