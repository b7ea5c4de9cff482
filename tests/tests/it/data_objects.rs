//! Distributed data objects: the same ones in every language, and the paper's Listing 1 over them.

mod reference;
pub(crate) mod store;

use std::collections::BTreeSet;
use std::fs;

use faasm_runtime::call::Finished;
use faasm_sfi::pending::Pending;
use serde_json::json;

use crate::host::{TestHost, end, name, root};
use crate::languages::assert_checks;
use reference::{Shape, learn};
use store::Store;

/// The function `data-objects` in each language.
const LANGUAGES: [&str; 3] = ["c", "rust", "assemblyscript"];

/// What each says of the objects that each has made.
const SAID: &str = include_str!("../../../guests/c/functions/data-objects.out");

/// What each has of the global lock of a strong value, and another call meanwhile.
const LOCKED: &str = include_str!("../../../guests/c/functions/data-objects-lock.out");

/// What comes of pushes with a version as their condition.
const PUSHED: &str = "unwritten nothing, other no, same yes, old no";

fn host() -> TestHost {
    having_languages(TestHost::start())
}

/// Values whose keys begin with `strong` are written under their global locks alone.
fn keep_strong(host: &TestHost) {
    let rule = json!([{ "prefix": "strong", "consistency": "strong" }]);
    host.host.set_state_rules("demo", serde_json::from_value(rule).unwrap()).unwrap();
}

fn having_languages(host: TestHost) -> TestHost {
    keep_strong(&host);
    for language in LANGUAGES {
        let path = root().join(format!("guests/{language}/build/data-objects.wasm"));
        let wasm = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let uploaded = host.host.upload(&name(language), &wasm);
        uploaded.unwrap_or_else(|error| panic!("{language}: {error:?}"));
    }
    host
}

/// Begins this call in each language, so many times.
fn begin_all(host: &TestHost, times: usize, input: &str) -> Vec<Pending<Finished>> {
    let languages = LANGUAGES.into_iter().cycle().take(LANGUAGES.len() * times);
    languages.map(|language| host.begin(language, input.as_bytes(), None)).collect()
}

/// The output of a call that must succeed.
fn said(finished: Pending<Finished>) -> String {
    let outcome = end(finished).result.unwrap();
    let text = String::from_utf8(outcome.output).unwrap();
    assert_eq!(outcome.return_code, 0, "{text}");
    text
}

fn numbers(calls: Vec<Pending<Finished>>) -> Vec<i64> {
    calls.into_iter().map(|call| said(call).parse().unwrap()).collect()
}

#[test]
fn what_one_language_writes_every_other_reads() {
    let host = host();
    for writer in LANGUAGES {
        for reader in LANGUAGES {
            host.text(writer, &format!("write {writer}"));
            assert_eq!(host.text(reader, &format!("read {writer}")), SAID, "{writer} to {reader}");
        }
    }
    host.assert_nobody_is_left();
}

/// In C, what is refused too.
#[test]
fn objects_in_c_keep_their_promises() {
    let host = TestHost::having(&["ddo"]);
    keep_strong(&host);
    assert_checks(&host, "ddo", 9);
    host.assert_nobody_is_left();
}

#[test]
fn an_asynchronous_vector_sends_what_it_wrote() {
    let host = host();
    host.text("c", "write key");
    // Elements that were 2.5, 3 and 3.5.
    for (i, language) in LANGUAGES.into_iter().enumerate() {
        host.text(language, &format!("async key {} -1.5", i + 5));
    }
    let changed = SAID.replace("1249975000", &(1_249_975_000 - 8 - 9 - 10).to_string());
    assert_eq!(host.text("rust", "read key"), changed);
}

#[test]
fn counters_lose_nothing() {
    let host = host();
    numbers(begin_all(&host, 3, "add counter 50"));
    for language in LANGUAGES {
        assert_eq!(host.text(language, "add counter 0"), "450");
    }
    numbers(begin_all(&host, 2, "swap atomic 20"));
    assert_eq!(host.text("c", "swap atomic 0"), "120");
    // They are one kind of value.
    assert_eq!(host.text("rust", "add atomic 1"), "121");
}

#[test]
fn calls_wait_for_one_another_at_a_barrier() {
    let host = host();
    // More than there are executors: those that wait are suspended.
    for _round in 0..2 {
        let which: BTreeSet<i64> =
            numbers(begin_all(&host, 3, "barrier gate 9")).into_iter().collect();
        assert_eq!(which, (0..9).collect());
    }
    // One that finds itself alone waits for the other.
    let first = host.begin("c", b"barrier pair 2", None);
    let both = BTreeSet::from([host.text("rust", "barrier pair 2"), said(first)]);
    assert_eq!(both, BTreeSet::from(["0".to_owned(), "1".to_owned()]), "whoever came first");
    host.assert_nobody_is_left();
}

#[test]
fn elements_of_a_queue_go_to_one_taker_each() {
    let host = host();
    let takers = begin_all(&host, 2, "pop queue");
    for (i, language) in LANGUAGES.into_iter().cycle().take(takers.len()).enumerate() {
        host.text(language, &format!("push queue element-{i}"));
    }
    let taken: BTreeSet<String> = takers.into_iter().map(said).collect();
    assert_eq!(taken, (0..6).map(|i| format!("element-{i}")).collect());
    // Larger than what is tried first.
    let large = "x".repeat(20_000);
    for language in LANGUAGES {
        assert_eq!(host.text(language, &format!("push queue {large}")), "1");
        assert_eq!(host.text(language, "pop queue"), large);
    }
}

#[test]
fn entries_of_a_dictionary_change_one_after_the_other() {
    let host = host();
    let lens: BTreeSet<i64> =
        numbers(begin_all(&host, 4, "update dict name")).into_iter().collect();
    assert_eq!(lens, (1..=12).collect());
    assert_eq!(host.text("rust", "update dict other"), "1");
}

#[test]
fn strong_values_are_written_under_their_global_locks() {
    let host = host();
    for language in LANGUAGES {
        let said = host.text(language, &format!("lock strong.{language}"));
        assert_eq!(said, LOCKED, "{language}");
    }
    // One after the other, whichever language holds the lock.
    numbers(begin_all(&host, 2, "deposit strong.account 10"));
    for language in LANGUAGES {
        assert_eq!(host.text(language, "deposit strong.account 0"), "60", "{language}");
    }
    host.assert_nobody_is_left();
}

#[test]
fn pushes_have_versions_as_conditions() {
    let host = host();
    for language in LANGUAGES {
        let said = host.text(language, &format!("versions pushed.{language}"));
        assert_eq!(said, PUSHED, "{language}");
    }
}

#[test]
fn listing_1_learns_what_one_thread_does() {
    let host = TestHost::having(&["sgd"]);
    let shape = Shape { examples: 1500, features: 3000, seed: 7 };
    let Shape { examples, features, seed } = shape;
    for key in ["alone", "shared"] {
        host.text("sgd", &format!("make {key} {examples} {features} {seed}"));
    }
    let losses = learn(shape, 8);
    let expected: String =
        (1..).zip(&losses).map(|(n, loss)| format!("epoch {n} {loss}\n")).collect();
    // One worker does the same steps in the same order.
    assert_eq!(host.text("sgd", "train alone 1 8"), expected);
    // Several step over one another's, and come to the same.
    let trained = host.text("sgd", "train shared 4 8");
    assert_eq!(trained.lines().count(), 8, "{trained}");
    let last = host.text("sgd", "loss shared");
    let loss: f64 = last.split(' ').nth(1).unwrap().parse().unwrap();
    let reference = losses.last().unwrap().loss;
    assert!((loss - reference).abs() <= 0.05 * reference, "{trained}{reference}");
    host.assert_nobody_is_left();
}

/// Two hosts have half of the examples each, and weights that are summed where they meet. Each sends what it has learnt
/// after a few examples, so neither steps from weights that are much older than the other's: the loss does not hang on
/// how the machine divides its time between them (decision 211).
fn learn_on_two_hosts(workers: usize, push: usize, within: f64) {
    const EPOCHS: usize = 8;
    let shape = Shape { examples: 600, features: 1000, seed: 7 };
    let Shape { examples, features, seed } = shape;
    let store = Store::start();
    let hosts = [(); 2].map(|()| {
        let host = store.host();
        host.upload("sgd");
        let rule = json!([{ "prefix": "shared_weights", "consistency": "merge(sum f64)" }]);
        host.host.set_state_rules("demo", serde_json::from_value(rule).unwrap()).unwrap();
        host
    });
    hosts[0].text("sgd", &format!("make shared {examples} {features} {seed}"));
    for epoch in 0..EPOCHS {
        let halves = [(0, examples / 2), (examples / 2, examples)];
        let calls = hosts.iter().zip(halves).map(|(host, (begin, end))| {
            let part = format!("learn shared {epoch} {begin} {end} {workers} {push}");
            host.begin("sgd", part.as_bytes(), None)
        });
        let calls: Vec<_> = calls.collect();
        calls.into_iter().for_each(|call| drop(said(call)));
    }
    let reference = learn(shape, EPOCHS).last().unwrap().loss;
    for host in &hosts {
        // All was sent, and both have come to the same weights.
        let said = host.text("sgd", "loss shared");
        let loss: f64 = said.split(' ').nth(1).unwrap().parse().unwrap();
        assert!((loss - reference).abs() <= within * reference, "{said}{reference}");
    }
    hosts.iter().for_each(TestHost::assert_nobody_is_left);
}

#[test]
fn listing_1_learns_on_two_hosts_what_one_thread_does() {
    learn_on_two_hosts(1, 16, 0.05);
}

/// What one worker stores while another has its host push is not lost, though it is the same numbers. What is behind is as
/// many examples more as there are workers more.
#[test]
fn listing_1_learns_with_two_workers_on_each_of_two_hosts() {
    learn_on_two_hosts(2, 4, 0.1);
}

#[test]
fn hosts_share_objects_through_a_store() {
    let store = Store::start();
    let hosts = [(); 2].map(|()| having_languages(store.host()));
    let [one, other] = &hosts;
    one.text("c", "write key");
    assert_eq!(other.text("rust", "read key"), SAID);

    // Each sends what it wrote, and has what the others sent behind that.
    one.text("c", "async key 5 -1.5");
    other.text("rust", "async key 6 -1.5");
    one.text("assemblyscript", "async key 7 -1.5");
    let sum = (1_249_975_000 - 8 - 9 - 10).to_string();
    assert!(one.text("rust", "read key").contains(&format!("f64 50000 {sum}\n")));

    let begin = |times, input: &str| -> Vec<Pending<Finished>> {
        hosts.iter().flat_map(|host| begin_all(host, times, input)).collect()
    };
    let which: BTreeSet<i64> = numbers(begin(1, "barrier gate 6")).into_iter().collect();
    assert_eq!(which, (0..6).collect());
    numbers(begin(1, "add counter 20"));
    numbers(begin(1, "swap counter 5"));
    for host in &hosts {
        assert_eq!(host.text("c", "add counter 0"), "150");
    }
    for (host, language) in hosts.iter().zip(LANGUAGES) {
        assert_eq!(host.text(language, "lock strong.value"), LOCKED, "{language}");
    }
    numbers(begin(1, "deposit strong.account 10"));
    for host in &hosts {
        assert_eq!(host.text("rust", "deposit strong.account 0"), "60");
    }
    let lens: BTreeSet<i64> = numbers(begin(1, "update dict name")).into_iter().collect();
    assert_eq!(lens, (1..=6).collect());
    let taker = one.begin("assemblyscript", b"pop queue", None);
    other.text("c", "push queue hello");
    assert_eq!(said(taker), "hello");
    hosts.iter().for_each(TestHost::assert_nobody_is_left);
}
