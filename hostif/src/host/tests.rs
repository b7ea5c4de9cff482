//! What a host is made of, and that a call leaves nothing to the next.

use super::*;

fn host() -> Host {
    HostBuilder::new().build().unwrap()
}

#[test]
fn strings_lie_as_wasi_wants_them() {
    let host = HostBuilder::new()
        .arg("prog")
        .arg("")
        .arg("x y")
        .env("A", "1=2")
        .env("B", "")
        .build()
        .unwrap();
    let call = host.call(CallId(1), Vec::new());
    assert_eq!(call.args().bytes(), b"prog\0\0x y\0");
    assert_eq!(call.args().offsets(), [0, 5, 6]);
    assert_eq!(call.env().bytes(), b"A=1=2\0B=\0");
    assert_eq!(call.env().count(), 2);
}

#[test]
fn strings_that_a_c_program_would_misread_are_refused() {
    let build = |builder: HostBuilder| builder.build().map(drop).unwrap_err().to_string();
    assert_eq!(
        build(HostBuilder::new().arg("a\0b")),
        r#"argument "a\0b" cannot be given to a guest"#
    );
    for (name, value) in [("", "x"), ("A=B", "x"), ("A", "x\0y"), ("A\0B", "x")] {
        assert!(HostBuilder::new().env(name, value).build().is_err(), "{name:?} {value:?}");
    }
    let long = vec![b'x'; HostBuilder::MAX_STRINGS];
    assert_eq!(build(HostBuilder::new().arg(long)), "the arguments take more than 1048576 bytes");
}

#[test]
fn guests_know_calls_by_numbers_that_are_not_zero_and_not_twice() {
    let mut call = host().call(CallId(1), Vec::new());
    assert_eq!(call.note_chained(CallId(7)), 7);
    assert_eq!(call.note_chained(CallId((1 << 32) + 7)), 8);
    assert_eq!(call.note_chained(CallId(8)), 9);
    assert_eq!(call.note_chained(CallId(1 << 32)), 1);
    assert_eq!(call.note_chained(CallId(u64::from(u32::MAX))), u32::MAX);
    assert_eq!(call.chained(8), Some(CallId((1 << 32) + 7)));
    assert_eq!(call.chained(2), None);
}

#[test]
fn chaining_ends_at_the_limit() {
    let limits = HostLimits { chained_calls: 2, ..HostLimits::default() };
    let host = HostBuilder::new().limits(limits).build().unwrap();
    let mut call = host.call(CallId(1), Vec::new());
    call.note_chained(CallId(2));
    assert!(call.may_chain());
    call.note_chained(CallId(3));
    assert!(!call.may_chain());
    assert!(host.call(CallId(4), Vec::new()).may_chain());
}

#[test]
fn output_is_taken_once() {
    let mut call = host().call(CallId(1), Vec::new());
    call.set_output(b"first".to_vec());
    call.set_output(b"second".to_vec());
    assert_eq!(call.take_output(), b"second");
    assert_eq!(call.take_output(), b"");
}

#[test]
fn a_closed_stream_is_open_again_in_the_next_call() {
    let host = host();
    let mut call = host.call(CallId(1), Vec::new());
    call.files().close(1).unwrap();
    assert!(call.files().find(1).is_err());
    assert!(host.call(CallId(2), Vec::new()).files().find(1).is_ok());
}
