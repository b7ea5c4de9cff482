//! State from outside: over HTTP and on the command line, and as functions then find it.

use faasm_runtime::client::{Answer, Reported};
use faasm_runtime::gateway::GatewayLimits;
use faasm_runtime::problem::ProblemType;
use hyper::Method;
use serde_json::{Value, json};

use crate::data_objects::store::Store;
use crate::gateway::Server;
use crate::host::TestHost;
use crate::process::{Serve, code, text};

/// Reads the value `k` with its input's first byte 0, adds 1 to the sum at `n` with 1.
const USER: &str = r#"(module
  (import "env" "__faasm_read_input" (func $input (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $output (param i32 i32)))
  (import "env" "__faasm_read_state" (func $read (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_pull_state" (func $pull (param i32 i32)))
  (import "env" "__faasm_read_state_offset" (func $part (param i32 i32 i32 i32 i32)))
  (import "env" "__faasm_write_state_offset" (func $write (param i32 i32 i32 i32 i32)))
  (import "env" "__faasm_push_state" (func $push (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "k\00")
  (data (i32.const 8) "n\00")
  (func (export "main") (result i32)
    (drop (call $input (i32.const 16) (i32.const 1)))
    (if (i32.eqz (i32.load8_u (i32.const 16))) (then
      (call $pull (i32.const 0) (i32.const 0))
      (call $output (i32.const 64) (call $read (i32.const 0) (i32.const 64) (i32.const 1024))))
    (else
      (call $part (i32.const 8) (i32.const 8) (i32.const 0) (i32.const 24) (i32.const 8))
      (i64.store (i32.const 24) (i64.add (i64.load (i32.const 24)) (i64.const 1)))
      (call $write (i32.const 8) (i32.const 8) (i32.const 0) (i32.const 24) (i32.const 8))
      (call $push (i32.const 8))))
    (i32.const 0)))"#;

const KEYS: &str = "/v1/namespaces/demo/state";

struct State(Server);

impl State {
    fn start() -> Self {
        let host = TestHost::start();
        host.upload_wat("user", USER);
        Self(Server::start(GatewayLimits::default(), host))
    }

    fn send(
        &self,
        method: Method,
        key: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Answer, Box<Reported>> {
        self.0.send_with(method, &format!("{KEYS}/{key}"), headers, body)
    }

    fn json(&self, method: Method, path: &str, body: &[u8]) -> Value {
        let answer = self.0.send(method, path, body).unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The version of `k`.
    fn version(&self) -> u64 {
        let read = self.send(Method::GET, "k", &[], b"").unwrap();
        header(&read, "etag").trim_matches('"').parse().unwrap()
    }

    fn put(&self, key: &str, body: &[u8]) -> u64 {
        let answer = self.send(Method::PUT, key, &[], body).unwrap();
        serde_json::from_slice::<Value>(&answer.body).unwrap()["version"].as_u64().unwrap()
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers[name].to_str().unwrap()
}

fn kind(reported: Result<Answer, Box<Reported>>) -> ProblemType {
    reported.unwrap_err().kind.unwrap()
}

#[test]
fn values_are_put_got_by_ranges_and_deleted() {
    let state = State::start();
    assert_eq!(kind(state.send(Method::GET, "k", &[], b"")), ProblemType::NotFound);
    let made = state.send(Method::PUT, "k", &[], b"0123456789").unwrap();
    assert_eq!(made.status, 201);
    let tag = header(&made, "etag").to_owned();
    let whole = state.send(Method::GET, "k", &[], b"").unwrap();
    assert_eq!((whole.status, &whole.body[..]), (200, &b"0123456789"[..]));
    assert_eq!((header(&whole, "etag"), header(&whole, "faas-state-size")), (&*tag, "10"));
    let same = state.send(Method::GET, "k", &[("if-none-match", &tag)], b"").unwrap();
    assert_eq!((same.status, same.body.len()), (304, 0));
    for (range, bytes, said) in [
        ("bytes=2-4", &b"234"[..], "bytes 2-4/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=-1", b"9", "bytes 9-9/10"),
    ] {
        let part = state.send(Method::GET, "k", &[("range", range)], b"").unwrap();
        assert_eq!((part.status, &part.body[..]), (206, bytes), "{range}");
        assert_eq!(header(&part, "content-range"), said);
    }
    let out = state.send(Method::GET, "k", &[("range", "bytes=10-")], b"");
    assert_eq!(kind(out), ProblemType::RangeNotSatisfiable);
    let bad = state.send(Method::GET, "k", &[("range", "lines=1-2")], b"");
    assert_eq!(kind(bad), ProblemType::InvalidRequest);
    // A function finds it, and what it has here follows what is put.
    assert_eq!(state.0.invoke("user", &[0]).unwrap().body, &b"0123456789"[..]);
    assert_eq!(state.send(Method::PUT, "k", &[], b"new").unwrap().status, 200);
    assert_eq!(state.0.invoke("user", &[0]).unwrap().body, &b"new"[..]);
    assert_eq!(state.send(Method::DELETE, "k", &[], b"").unwrap().status, 204);
    assert_eq!(kind(state.send(Method::DELETE, "k", &[], b"")), ProblemType::NotFound);
    assert_eq!(state.0.invoke("user", &[0]).unwrap().body, &b""[..]);
}

#[test]
fn conditions_are_on_versions() {
    let state = State::start();
    let none = [("if-none-match", "*")];
    let first = state.send(Method::PUT, "k", &none, b"1").unwrap();
    let tag = header(&first, "etag").to_owned();
    assert_eq!(kind(state.send(Method::PUT, "k", &none, b"2")), ProblemType::VersionConflict);
    let second = state.send(Method::PUT, "k", &[("if-match", &tag)], b"2").unwrap();
    assert_ne!(header(&second, "etag"), tag);
    for method in [Method::PUT, Method::DELETE] {
        let old = state.send(method, "k", &[("if-match", &tag)], b"3");
        assert_eq!(kind(old), ProblemType::VersionConflict);
    }
    let bad = state.send(Method::PUT, "k", &[("if-match", "new")], b"3");
    assert_eq!(kind(bad), ProblemType::InvalidRequest);
    assert_eq!(state.send(Method::GET, "k", &[], b"").unwrap().body, &b"2"[..]);
    // More than one version can do.
    let both = format!("{tag}, {}", header(&second, "etag"));
    let third = state.send(Method::PUT, "k", &[("if-match", &both)], b"3").unwrap();
    let neither = state.send(Method::PUT, "k", &[("if-match", &both)], b"4").unwrap_err();
    assert_eq!(
        (neither.status, header(&third, "etag")),
        (412, &*format!("\"{}\"", state.version()))
    );
    let not = state.send(Method::PUT, "k", &[("if-none-match", header(&third, "etag"))], b"4");
    assert_eq!(kind(not), ProblemType::VersionConflict);
    state.send(Method::PUT, "k", &[("if-none-match", &both)], b"4").unwrap();
    state.send(Method::PUT, "k", &[("if-match", "*")], b"5").unwrap();
    assert_eq!(state.send(Method::GET, "k", &[], b"").unwrap().body, &b"5"[..]);
    state.send(Method::DELETE, "k", &[("if-match", "*")], b"").unwrap();
    let any = state.send(Method::PUT, "k", &[("if-match", "*")], b"6");
    assert_eq!(kind(any), ProblemType::VersionConflict);
}

#[test]
fn a_read_is_of_a_version_that_its_conditions_allow() {
    let state = State::start();
    let old = format!("\"{}\"", state.put("k", b"old value"));
    let new = format!("\"{}\"", state.put("k", b"new value"));
    let both = format!("{old}, {new}");
    let weak = format!("W/{new}");
    let (range, date) = (("range", "bytes=0-2"), "Sat, 29 Oct 1994 19:43:31 GMT");
    for (headers, status, body) in [
        (&[("if-match", &*new)][..], 200, &b"new value"[..]),
        (&[("if-match", &both)], 200, b"new value"),
        (&[("if-match", "*")], 200, b"new value"),
        (&[("if-match", &new), range], 206, b"new"),
        (&[("if-range", &new), range], 206, b"new"),
        (&[("if-range", &old), range], 200, b"new value"),
        (&[("if-range", &weak), range], 200, b"new value"),
        (&[("if-range", date), range], 200, b"new value"),
        (&[("if-range", &old), ("range", "bytes=99-")], 200, b"new value"),
        (&[("if-none-match", &old)], 200, b"new value"),
        (&[("if-none-match", &both), range], 304, b""),
        (&[("if-none-match", &weak)], 304, b""),
        (&[("if-none-match", "*")], 304, b""),
        (&[("if-match", &new), ("if-none-match", &new)], 304, b""),
    ] {
        let read = state.send(Method::GET, "k", headers, b"").unwrap();
        assert_eq!((read.status, &read.body[..]), (status, body), "{headers:?}");
        assert_eq!(header(&read, "etag"), new);
    }
    for refused in [&[("if-match", &*old)][..], &[("if-match", &weak), range]] {
        let refused = state.send(Method::GET, "k", refused, b"");
        assert_eq!(kind(refused), ProblemType::VersionConflict);
    }
    let none = state.send(Method::GET, "none", &[("if-match", &old)], b"");
    assert_eq!(kind(none), ProblemType::NotFound);
}

#[test]
fn a_part_and_the_version_said_of_it_belong_together_while_others_write() {
    let state = State::start();
    let value =
        |n: u64| vec![u8::try_from(n % 251).unwrap(); 4096 + usize::try_from(n % 7).unwrap()];
    let first = state.put("k", &value(0));
    let written = std::sync::Mutex::new(std::collections::BTreeMap::from([(first, value(0))]));
    let mut read = Vec::new();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for n in 1..300 {
                let version = state.put("k", &value(n));
                written.lock().unwrap().insert(version, value(n));
            }
        });
        while !writing.is_finished() {
            let part = state.send(Method::GET, "k", &[("range", "bytes=-100")], b"").unwrap();
            let tag = header(&part, "etag").trim_matches('"').parse::<u64>().unwrap();
            read.push((tag, header(&part, "content-range").to_owned(), part.body));
            let now = format!("\"{tag}\"");
            let same = state.send(Method::GET, "k", &[("if-match", &now)], b"");
            match same {
                Ok(same) => assert_eq!(header(&same, "etag"), now),
                Err(other) => assert_eq!(other.kind, Some(ProblemType::VersionConflict)),
            }
        }
    });
    let written = written.into_inner().unwrap();
    for (version, range, bytes) in read {
        let value = &written[&version];
        let (from, size) = (value.len() - 100, value.len());
        assert_eq!(range, format!("bytes {from}-{}/{size}", size - 1));
        assert_eq!(bytes, value[from..]);
    }
}

#[test]
fn conditions_that_a_request_cannot_have_are_refused() {
    let state = State::start();
    let tag = format!("\"{}\"", state.put("k", b"1"));
    let both = [("if-match", &*tag), ("if-none-match", "*")];
    let one = [("if-match", &*tag)];
    for (method, path, headers) in [
        (Method::PUT, "k", &both[..]),
        (Method::DELETE, "k", &both),
        (Method::POST, "k", &one),
        (Method::POST, "k", &[("if-none-match", "*")]),
        (Method::GET, "k?list", &one),
        (Method::GET, "k?watch=0", &one),
        (Method::GET, "k", &[("if-match", "new")]),
        (Method::PUT, "k", &[("content-range", "bytes 0-0/1")]),
    ] {
        let refused = state.send(method, path, headers, b"");
        assert_eq!(kind(refused), ProblemType::InvalidRequest, "{path} {headers:?}");
    }
    assert_eq!(state.send(Method::GET, "k", &[], b"").unwrap().body, &b"1"[..]);
    assert_eq!(state.json(Method::GET, &format!("{KEYS}/k?list"), b"")["elements"], json!([]));
}

#[test]
fn keys_are_listed_page_by_page_and_may_be_any_bytes() {
    let state = State::start();
    let keys = ["a", "a%2Fb", "a%00", "a%FF%20", "b"];
    for key in keys {
        state.put(key, b"xyz");
    }
    state.send(Method::POST, "list", &[], b"element").unwrap();
    let list = |query: &str| state.json(Method::GET, &format!("{KEYS}?{query}"), b"");
    let paths = |page: &Value| -> Vec<String> {
        let keys = page["keys"].as_array().unwrap().iter();
        keys.map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths(&list("")), ["a", "a%00", "a/b", "a%FF%20", "b", "list"]);
    let page = list("prefix=a&limit=2");
    assert_eq!((paths(&page), &page["next"]), (vec!["a".into(), "a%00".into()], &json!("a%00")));
    assert_eq!(paths(&list("prefix=a&limit=2&after=a%00")), ["a/b", "a%FF%20"]);
    let last = list("after=b");
    assert_eq!(last["keys"][0]["appended"], 1);
    assert_eq!((&last["keys"][0]["version"], &last["next"]), (&Value::Null, &Value::Null));
    assert_eq!(state.send(Method::GET, "a%FF%20", &[], b"").unwrap().body, &b"xyz"[..]);
    let bad = state.0.send(Method::GET, &format!("{KEYS}?limits=2"), b"");
    assert_eq!(kind(bad), ProblemType::InvalidRequest);
    let long = "k".repeat(1025);
    assert_eq!(kind(state.send(Method::PUT, &long, &[], b"")), ProblemType::InvalidRequest);
    let name = state.0.send(Method::GET, "/v1/namespaces/no%20name/state", b"");
    assert_eq!(kind(name), ProblemType::InvalidRequest);
}

#[test]
fn lists_are_appended_to_and_read() {
    let state = State::start();
    for (n, element) in [&b"one"[..], b"two", b"\xff\x00"].iter().enumerate() {
        let answer = state.json(Method::POST, &format!("{KEYS}/k"), element);
        assert_eq!(answer["appended"], n + 1);
    }
    let read = state.json(Method::GET, &format!("{KEYS}/k?list"), b"");
    let all = json!([{"text": "one"}, {"text": "two"}, {"hex": "ff00"}]);
    assert_eq!(read, json!({"elements": all, "total": 3, "next": null}));
    let page = |query: &str| state.json(Method::GET, &format!("{KEYS}/k?list&{query}"), b"");
    let middle = json!({"elements": [{"text": "two"}], "total": 3, "next": 2});
    assert_eq!(page("after=1&limit=1"), middle);
    assert_eq!(page("after=2")["elements"], json!([{"hex": "ff00"}]));
    assert_eq!(page("after=3"), json!({"elements": [], "total": 3, "next": null}));
    let bad = state.send(Method::GET, "k?list&after=x", &[], b"");
    assert_eq!(kind(bad), ProblemType::InvalidRequest);
}

#[test]
fn a_list_is_read_as_far_as_its_bytes_allow_and_says_so() {
    let limits = GatewayLimits { state_bytes: 8, ..GatewayLimits::default() };
    let state = State(Server::start(limits, TestHost::start()));
    for element in ["1234", "56", "789", "last"] {
        state.send(Method::POST, "k", &[], element.as_bytes()).unwrap();
    }
    let read = state.json(Method::GET, &format!("{KEYS}/k?list"), b"");
    let two = json!([{"text": "1234"}, {"text": "56"}]);
    assert_eq!(read, json!({"elements": two, "total": 4, "next": 2}));
    // What is behind it is not an empty page.
    let refused = state.send(Method::GET, "k?list&after=2", &[], b"").unwrap_err();
    assert_eq!(refused.kind, Some(ProblemType::PayloadTooLarge));
    let said = "The first 3 elements of the list have more than 8 bytes together";
    assert!(refused.detail.starts_with(said), "{}", refused.detail);
}

#[test]
fn a_watch_is_answered_when_there_is_another_version_or_the_time_is_over() {
    let state = State::start();
    let watch = |version: u64, timeout: &str| {
        let path = format!("{KEYS}/k?watch={version}&timeout={timeout}");
        state.0.send(Method::GET, &path, b"").unwrap()
    };
    assert_eq!(watch(0, "10ms").status, 204);
    let version = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(0, "5m"));
        let version = state.put("k", b"there");
        let answer = watching.join().unwrap();
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((said["version"].as_u64(), said["size"].as_u64()), (Some(version), Some(5)));
        version
    });
    assert_eq!(watch(version, "1ms").status, 204);
    assert_eq!(watch(version + 1, "5m").status, 200);
}

#[test]
fn rules_hold_at_once_and_after_a_restart_and_strong_values_are_put_under_their_lock() {
    let state = State::start();
    let rules = json!([{"prefix": "k", "consistency": "strong"}, {"prefix": "n", "consistency": "merge(sum i64)"}]);
    let path = "/v1/namespaces/demo/state-rules";
    let said = state.json(Method::PUT, path, rules.to_string().as_bytes());
    assert_eq!(said["rules"], rules);
    assert_eq!(state.json(Method::GET, path, b"")["rules"], rules);
    state.put("k", b"strong");
    assert_eq!(state.0.invoke("user", &[0]).unwrap().body, &b"strong"[..]);
    for _ in 0..3 {
        state.0.invoke("user", &[1]).unwrap();
    }
    let sum = state.send(Method::GET, "n", &[], b"").unwrap().body;
    assert_eq!(sum, &3_u64.to_le_bytes()[..]);
    let bad = state.0.send(Method::PUT, path, br#"[{"consistency": "strongest"}]"#);
    let reported = bad.unwrap_err();
    assert_eq!(reported.kind, Some(ProblemType::InvalidRequest));
    assert!(reported.detail.contains("`strongest` is no consistency"), "{}", reported.detail);
    assert_eq!(state.json(Method::GET, path, b"")["rules"], rules, "what held holds still");
}

#[test]
fn rules_hold_for_what_is_put_from_outside_too() {
    let state = State::start();
    let rules = json!([
        {"prefix": "sum/", "consistency": "merge(sum f64)"},
        {"prefix": "set/", "consistency": "merge(set)"},
        {"prefix": "list/", "consistency": "merge(append)"},
    ]);
    state.json(Method::PUT, "/v1/namespaces/demo/state-rules", rules.to_string().as_bytes());
    let (sum, set) = (&[0; 16][..], &b"\x01\0\0\0a"[..]);
    state.put("sum/a", sum);
    state.put("set/a", set);
    let not = |key: &str, kind: &str, what: &str| {
        format!("state value {key} is kept `merge({kind})`, which does not go together with {what}")
    };
    let tag = [("if-match", "\"1\"")];
    let none = [("if-none-match", "*")];
    let conditional = not("sum/a", "sum f64", "a conditional write");
    for (method, key, headers, body, detail) in [
        (Method::PUT, "sum/a", &[][..], &[0; 8][..], not("sum/a", "sum f64", "making it shorter")),
        (Method::PUT, "sum/a", &tag, sum, conditional.clone()),
        (Method::PUT, "sum/a", &none, sum, conditional),
        (Method::DELETE, "sum/a", &tag, b"", not("sum/a", "sum f64", "a conditional deletion")),
        (Method::PUT, "list/a", &[], b"x", not("list/a", "append", "a value beside its list")),
        (Method::PUT, "set/a", &tag, set, not("set/a", "set", "a conditional write")),
    ] {
        let refused = state.send(method, key, headers, body).unwrap_err();
        assert_eq!((refused.status, &refused.detail), (400, &detail));
    }
    let no_set = state.send(Method::PUT, "set/a", &[], b"text").unwrap_err();
    assert!(no_set.status == 400 && no_set.detail.contains("no set"), "{}", no_set.detail);
    let ragged = state.send(Method::PUT, "sum/b", &[], b"123").unwrap_err();
    assert!(ragged.status == 400 && ragged.detail.contains("whole number"), "{}", ragged.detail);
    assert_eq!(state.send(Method::GET, "sum/a", &[], b"").unwrap().body, sum);
    assert_eq!(state.send(Method::GET, "set/a", &[], b"").unwrap().body, set);
    // What goes together with them is done.
    state.put("sum/a", &[1; 24]);
    state.send(Method::POST, "list/a", &[], b"element").unwrap();
    for key in ["sum/a", "list/a"] {
        assert_eq!(state.send(Method::DELETE, key, &[], b"").unwrap().status, 204);
    }
}

#[test]
fn the_command_line_has_it_all() {
    let mut server = Serve::start();
    let run = |server: &Serve, args: &[&str], exit: i32| {
        let output = server.faasm(&[&["state"], args].concat());
        assert_eq!(code(&output), exit, "{args:?}: {output:?}");
        (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    run(&server, &["get", "demo/k"], 3);
    run(&server, &["set", "demo/dir/k", "hello world"], 0);
    assert_eq!(run(&server, &["get", "demo/dir/k"], 0).0, "hello world");
    assert_eq!(run(&server, &["get", "demo/dir/k", "--range", "-5"], 0).0, "world");
    run(&server, &["set", "demo/dir/k", "again", "--if-version", "0"], 4);
    run(&server, &["rm", "demo/dir/k", "--if-version", "1234567"], 4);
    run(&server, &["set", "demo/odd/%ff%0a100%25", "odd"], 0);
    let odd = run(&server, &["ls", "demo/odd/"], 0).0;
    assert_eq!(odd, "odd/%FF%0A100%25\n");
    let odd = format!("demo/{}", odd.trim_end());
    assert_eq!(run(&server, &["get", &odd], 0).0, "odd");
    assert_eq!(run(&server, &["rm", &odd], 0).1, format!("{} deleted\n", &odd[5..]));
    run(&server, &["get", "demo/100%"], 2);
    let (_, said) = run(&server, &["get", "-v", "demo/dir/k"], 0);
    assert!(said.starts_with("version ") && said.ends_with(", 11 bytes\n"), "{said}");
    run(&server, &["append", "demo/log", "one"], 0);
    run(&server, &["append", "demo/log", "two"], 0);
    assert_eq!(run(&server, &["get", "--list", "demo/log"], 0).0, "one\ntwo\n");
    run(&server, &["append", "demo/lines", "a\nb"], 0);
    let lines = run(&server, &["get", "--list", "--json", "demo/lines"], 0).0;
    assert_eq!(lines, "{\"text\":\"a\\nb\"}\n");
    run(&server, &["rm", "demo/lines"], 0);
    assert_eq!(run(&server, &["ls", "demo"], 0).0, "dir/k\nlog\n");
    assert!(run(&server, &["ls", "-l", "demo/dir"], 0).0.contains("           11        0  dir/k"));
    assert!(run(&server, &["ls", "--json", "demo/log"], 0).0.contains("\"appended\":2"));
    run(&server, &["watch", "demo/dir/k", "--once", "--timeout", "10ms"], 6);
    let (watched, _) = run(&server, &["watch", "demo/dir/k", "--from", "0", "--once"], 0);
    assert!(watched.contains("\"size\":11"), "{watched}");
    run(&server, &["rm", "demo/dir/k"], 0);
    run(&server, &["rm", "demo/dir/k"], 3);
    let rules = r#"[{"consistency":"session"}]"#;
    assert!(run(&server, &["rules", "demo", rules], 0).0.contains("session"));
    server.terminate();
    server.restart();
    assert!(run(&server, &["rules", "demo"], 0).0.contains("session"));
}

#[test]
fn the_command_line_prints_lists_whole_however_many_pages_they_have() {
    // 100,001 elements: a page, and one more.
    let host = TestHost::start();
    let namespace = host.host.state("demo");
    let append = |n: usize| {
        let appended = namespace.append(b"list", n.to_string().as_bytes()).try_take();
        appended.expect("it is in memory").unwrap().unwrap();
    };
    (0..100_001).for_each(append);
    let server = Server::start(GatewayLimits::default(), host);
    let url = format!("http://{}", server.address);
    let printed = std::process::Command::new(crate::process::binary())
        .args(["state", "get", "demo/list", "--list", "--url", &url])
        .output()
        .unwrap();
    assert_eq!(code(&printed), 0, "{}", text(&printed.stderr));
    assert!(text(&printed.stdout).lines().eq((0..100_001).map(|n| n.to_string())));
}

/// Writes 256 KiB of `k`; with an input it takes the global lock of `k` first, and then keeps it.
const LARGE: &str = r#"(module
  (import "env" "__faasm_read_input" (func $input (param i32 i32) (result i32)))
  (import "env" "__faasm_write_state" (func $write (param i32 i32 i32)))
  (import "env" "__faasm_lock_state_global" (func $lock (param i32)))
  (memory (export "memory") 5)
  (data (i32.const 0) "k\00")
  (func (export "main") (result i32)
    (if (call $input (i32.const 16) (i32.const 1)) (then
      (call $lock (i32.const 0))
      (loop $on (br $on))))
    (call $write (i32.const 0) (i32.const 1024) (i32.const 262144))
    (i32.const 0)))"#;

#[test]
fn a_server_is_told_how_much_state_it_may_have_and_how_long_leases_are() {
    let store = Store::start();
    let serve = |options: &[&str]| {
        let server = Serve::with(&[&["--state", &store.url()], options].concat());
        let file = server.data.path().join("large.wasm");
        std::fs::write(&file, wat::parse_str(LARGE).unwrap()).unwrap();
        let uploaded = server.faasm(&["upload", "demo/large", file.to_str().unwrap()]);
        assert_eq!(code(&uploaded), 0, "{}", text(&uploaded.stderr));
        server
    };
    let small = serve(&["--state-memory", "128KiB", "--state-lease", "77s"]);
    let refused = small.faasm(&["invoke", "demo/large"]);
    assert_ne!(code(&refused), 0, "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("131072"), "{}", text(&refused.stderr));
    let roomy = serve(&[]);
    let written = roomy.faasm(&["invoke", "demo/large"]);
    assert_eq!(code(&written), 0, "{}", text(&written.stderr));

    // The store's hash of the lock says when its lease ends, by the store's clock, in microseconds.
    let number = |lines: &[String], n: usize| lines[n].parse::<u64>().unwrap();
    for (server, least, most) in [(&roomy, 0, 5_000_000), (&small, 5_000_000, 77_000_000)] {
        let mut call = std::process::Command::new(crate::process::binary())
            .args(["invoke", "demo/large", "-d", "lock", "--timeout", "10m"])
            .env("FAASM_URL", &server.url)
            .spawn()
            .unwrap();
        let left = loop {
            let all = store.ask("HGETALL faasm{demo:k}:l");
            let time = store.ask("TIME");
            let now = number(&time, 2) * 1_000_000 + number(&time, 4);
            let holder = all.iter().position(|line| line.starts_with('w'));
            if let Some(ends) = holder.map(|at| number(&all, at + 2)).filter(|ends| *ends > now) {
                break ends - now;
            }
        };
        assert!(least < left && left <= most, "{left}");
        call.kill().unwrap();
        call.wait().unwrap();
        store.ask("DEL faasm{demo:k}:l");
    }
}
