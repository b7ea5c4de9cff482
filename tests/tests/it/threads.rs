//! Functions with threads: POSIX threads and OpenMP, and how a call of several threads ends.

use std::time::Duration;

use faasm_runtime::call::CallError;

use crate::host::{TestHost, end};
use crate::process::{code, faasm, guest, text};
use crate::snapshots::restarted;

fn fate(host: &TestHost, fate: &str) -> Result<(i32, String), CallError> {
    let outcome = host.call("threads-fate", fate.as_bytes()).result?;
    Ok((outcome.return_code, String::from_utf8(outcome.output).unwrap()))
}

/// Nothing of an earlier call is in this one.
fn assert_fresh(host: &TestHost, after: &str) {
    assert_eq!(fate(host, "count").unwrap(), (0, "8000 8".to_owned()), "after {after}");
}

#[test]
fn programs_with_threads_run_alone() {
    let data = tempfile::tempdir().unwrap();
    let variables = ["--env", "OMP_SCHEDULE=dynamic,3", "--env", "OMP_NUM_THREADS=7"];
    for (name, said) in
        [("threads-check", "threads: all as promised\n"), ("omp-check", "omp: all as promised\n")]
    {
        let mut args = vec!["run"];
        args.extend(variables);
        let file = guest(name);
        args.push(&file);
        let ended = faasm(data.path(), &args);
        assert_eq!((code(&ended), text(&ended.stdout)), (0, said), "{}", text(&ended.stderr));
    }
}

#[test]
fn functions_with_threads_run_on_a_host_again_and_again() {
    let host = TestHost::having(&["threads-check", "omp-check"]);
    for _ in 0..3 {
        for function in ["threads-check", "omp-check"] {
            assert_eq!(host.outcome(function, b"").return_code, 0, "{function}");
        }
    }
    host.assert_nobody_is_left();
}

#[test]
fn a_team_has_as_many_threads_as_it_asks_for() {
    let host = TestHost::having(&["pi-omp"]);
    for threads in [1, 2, 3, 8, 20] {
        let said = host.text("pi-omp", &format!("200000 {threads}"));
        assert_eq!(said, format!("3.1415926536 by {threads}"));
    }
    // No more than a call may have: the team is what can be had.
    let said = host.text("pi-omp", "1000 1000");
    assert!(said.ends_with(" by 257"), "{said}");
    let calls: Vec<_> = (0..8).map(|_| host.begin("pi-omp", b"100000 4", None)).collect();
    for call in calls {
        assert_eq!(end(call).result.unwrap().output, b"3.1415926536 by 4");
    }
}

#[test]
fn however_a_call_with_threads_ends_all_of_them_end() {
    let host = TestHost::having(&["threads-fate", "echo"]);
    assert_fresh(&host, "nothing");
    for (what, ended) in [("exit", 7), ("return", 3), ("leave", 0)] {
        assert_eq!(fate(&host, what).unwrap().0, ended, "{what}");
        assert_fresh(&host, what);
    }
    for (what, function) in [
        ("trap", "traps"),
        ("trap while the main thread spins", "traps"),
        ("trap of the main thread", "main"),
    ] {
        let error = fate(&host, what).unwrap_err();
        let CallError::Trapped { reason, backtrace } = &error else { panic!("{what}: {error:?}") };
        assert_eq!(reason, "unreachable", "{what}");
        assert!(backtrace.contains(function), "{what}: {backtrace}");
        assert_fresh(&host, what);
    }
    let timeout = Some(Duration::from_millis(200));
    let stuck = end(host.begin("threads-fate", b"deadlock", timeout)).result;
    assert!(matches!(stuck, Err(CallError::Deadline { .. })), "{stuck:?}");
    assert_fresh(&host, "deadlock");
    host.assert_nobody_is_left();
}

#[test]
fn threads_are_spawned_up_to_the_limit_and_as_often_as_one_likes() {
    let host = TestHost::having(&["threads-fate"]);
    for _ in 0..2 {
        assert_eq!(fate(&host, "limit").unwrap(), (0, "256".to_owned()));
        assert_eq!(fate(&host, "thousand").unwrap(), (0, "1000000".to_owned()));
    }
    assert_fresh(&host, "a thousand");
}

#[test]
fn a_host_may_have_fewer_threads_than_a_call_may() {
    let host = TestHost::with(|config| config.limits.guest_threads = 5);
    host.upload("threads-fate");
    for _ in 0..2 {
        assert_eq!(fate(&host, "limit").unwrap(), (0, "5".to_owned()));
    }
}

#[test]
fn threads_share_what_the_call_has() {
    let host = TestHost::having(&["threads-fate", "echo"]);
    for _ in 0..3 {
        let (ended, output) = fate(&host, "output").unwrap();
        let last = output.strip_prefix("of thread ").and_then(|last| last.parse::<u32>().ok());
        assert!(ended == 0 && last.is_some_and(|last| last < 8), "{output}");
        assert_eq!(fate(&host, "chain").unwrap(), (0, "0".to_owned()));
        assert_eq!(fate(&host, "state").unwrap(), (0, "abcdefgh".to_owned()));
    }
}

#[test]
fn state_that_is_mapped_before_the_first_thread_is_seen_by_all() {
    let host = TestHost::having(&["threads-fate"]);
    assert_eq!(fate(&host, "map").unwrap(), (0, "-ABCDEFGH".to_owned()));
    for _ in 0..2 {
        assert_eq!(fate(&host, "map").unwrap(), (0, "AABCDEFGH".to_owned()));
        assert_fresh(&host, "a mapping");
        let error = fate(&host, "map too late").unwrap_err();
        let CallError::Trapped { reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.contains("before the call's first thread"), "{reason}");
    }
    host.assert_nobody_is_left();
}

#[test]
fn calls_at_the_same_time_do_not_see_each_other() {
    let host = TestHost::having(&["threads-fate"]);
    let calls: Vec<_> = (0..12).map(|_| host.begin("threads-fate", b"count", None)).collect();
    for call in calls {
        assert_eq!(end(call).result.unwrap().output, b"8000 8");
    }
    host.assert_nobody_is_left();
}

#[test]
fn a_call_whose_threads_all_wait_keeps_no_executor() {
    let host = TestHost::with(|config| config.threads = std::num::NonZero::new(1));
    host.upload("threads-fate");
    host.upload("echo");
    let timeout = Some(Duration::from_secs(2));
    let stuck = host.begin("threads-fate", b"deadlock", timeout);
    // While it waits, the only executor serves others.
    assert_eq!(host.text("echo", "meanwhile"), "meanwhile");
    assert!(!stuck.is_done());
    assert!(matches!(end(stuck).result, Err(CallError::Deadline { .. })));
}

#[test]
fn a_restarted_host_restores_functions_with_threads() {
    let host = TestHost::having(&["threads-fate", "omp-check"]);
    assert_fresh(&host, "the upload");
    let host = restarted(host, |_| {});
    for _ in 0..2 {
        assert_fresh(&host, "the restart");
        assert_eq!(host.outcome("omp-check", b"").return_code, 0);
    }
}

#[test]
fn a_host_that_stops_ends_threads_too() {
    let host = TestHost::having(&["threads-fate"]);
    let stuck = host.begin("threads-fate", b"deadlock", None);
    let other = host.begin("threads-fate", b"deadlock", None);
    while host.host.live() < 2 {
        std::thread::yield_now();
    }
    host.host.shut_down(Duration::ZERO);
    for call in [stuck, other] {
        let ended = end(call).result;
        assert!(matches!(ended, Err(CallError::Draining)), "{ended:?}");
    }
    assert_eq!(host.host.live(), 0);
}
