//! What the SDK promises, each with a name. Output: `ok NAME` for each; the return code is how many failed.

use std::sync::atomic::{AtomicU32, Ordering};

use faasm::{Error, State, state};

faasm::main!(all);
faasm::zygote!(zygote);
faasm::after_restore!(restored);

/// How often the zygote has run, and how often this Faaslet was restored.
static LIFE: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

fn life() -> [u32; 2] {
    LIFE.each_ref().map(|count| count.load(Ordering::Relaxed))
}

fn zygote() -> faasm::Result {
    LIFE[0].fetch_add(1, Ordering::Relaxed);
    Ok(())
}

fn restored() -> faasm::Result {
    LIFE[1].fetch_add(1, Ordering::Relaxed);
    Ok(())
}

fn all() -> faasm::Result {
    type Check = (&'static str, fn() -> faasm::Result<bool>);
    let checks: &[Check] = &[
        ("life", || Ok(life() == [1, 1])),
        ("copies", copies),
        ("views", views),
        ("parts", parts),
        ("typed", typed),
        ("tiers", tiers),
        ("conditions", conditions),
        ("appended", appended),
        ("chained", chained),
        ("errors", errors),
    ];
    let mut said = String::new();
    let mut failed = 0;
    for (name, check) in checks {
        let result = check();
        failed += i32::from(!matches!(result, Ok(true)));
        said += &match result {
            Ok(true) => format!("ok {name}\n"),
            other => format!("FAILED {name}: {other:?}\n"),
        };
    }
    faasm::output(&said);
    if failed == 0 { Ok(()) } else { Err(Error::with_code(failed, said)) }
}

fn copies() -> faasm::Result<bool> {
    state::write("rust.copies", b"0123456789")?;
    state::write_at("rust.copies", 10, 3, b"abc")?;
    let mut part = [0; 4];
    state::read_at("rust.copies", 10, 2, &mut part)?;
    Ok(state::read("rust.copies")? == b"012abc6789"
        && &part == b"2abc"
        && state::size("rust.copies")? == 10
        && state::read("rust.nothing")?.is_empty())
}

fn views() -> faasm::Result<bool> {
    state::write("rust.views", [7; 100])?;
    let (one, other) = (State::open("rust.views", 100)?, State::open("rust.views", 100)?);
    one.bytes().set(5, 1);
    other.bytes().write(10, b"hello");
    let mut read = [0; 5];
    one.bytes().read(10, &mut read);
    let slice = one.bytes().slice(4..7);
    Ok(&read == b"hello"
        && slice.to_vec() == [7, 1, 7]
        && slice.iter().map(u32::from).sum::<u32>() == 15
        && other.bytes().get(5) == 1
        && state::read("rust.views")?[10..15] == *b"hello")
}

fn parts() -> faasm::Result<bool> {
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    state::write("rust.parts", &bytes)?;
    let part = State::open_part("rust.parts", 200_000, 70_001..140_002)?;
    part.bytes().set(0, 0xee);
    let whole = state::read("rust.parts")?;
    Ok(part.bytes().len() == 70_001
        && whole[70_001] == 0xee
        && part.bytes().slice(1..70_001).to_vec() == bytes[70_002..140_002])
}

fn typed() -> faasm::Result<bool> {
    state::write("rust.typed", [0; 24])?;
    let state = State::open("rust.typed", 24)?;
    let numbers = state.view::<f64>()?;
    numbers.set(2, 2.5);
    Ok(numbers.len() == 3
        && numbers.to_vec() == [0.0, 0.0, 2.5]
        && state.view::<u128>().is_err()
        && State::open_part("rust.typed", 24, 1..9)?.view::<u64>().is_err()
        && State::open_part("rust.typed", 24, 20..25).is_err()
        && State::open("rust.typed", 0).is_err())
}

/// Only what was written is pushed; a pull takes the rest back.
fn tiers() -> faasm::Result<bool> {
    state::write("rust.tiers", b"AAAABBBB")?;
    let state = State::open("rust.tiers", 8)?;
    state.push();
    state.bytes().write(0, b"xx");
    state.bytes().set(7, b'y');
    state.push_written();
    state.pull();
    Ok(state.bytes().to_vec() == b"xxAABBBy")
}

/// What is written through a view is pushed on a condition, too.
fn conditions() -> faasm::Result<bool> {
    state::write("rust.conditions", b"AAAA")?;
    state::push("rust.conditions")?;
    let version = state::version("rust.conditions")?;
    let state = State::open("rust.conditions", 4)?;
    let unwritten = state.push_if(version);
    state.bytes().set(1, b'x');
    let (other, same) = (state.push_if(version + 1), state.push_if(version));
    state.pull();
    Ok((unwritten, other) == (Some(0), None)
        && same.is_some_and(|next| next > version)
        && same == Some(state::version("rust.conditions")?)
        && state.bytes().to_vec() == b"AxAA")
}

fn appended() -> faasm::Result<bool> {
    state::clear_appended("rust.list")?;
    for element in [1_u32, 2, 3] {
        state::append("rust.list", element.to_le_bytes())?;
    }
    Ok(state::appended("rust.list", 3, 4)? == [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
}

fn doubles() -> faasm::Result<String> {
    // Born from the snapshot, restored once.
    if life() != [1, 1] {
        return Err(Error::with_code(77, "life"));
    }
    Ok((2 * String::from_utf8(faasm::input())?.parse::<u32>()?).to_string())
}

fn chained() -> faasm::Result<bool> {
    let calls: Vec<_> = (0..8).map(|n| faasm::chain_fn!(doubles, n.to_string())).collect();
    let mut right = true;
    for (n, call) in calls.into_iter().enumerate().rev() {
        right &= call.wait()?.bytes == (2 * n).to_string().as_bytes();
    }
    Ok(right && faasm::chain_fn!(doubles, b"1").code() == 0)
}

fn errors() -> faasm::Result<bool> {
    let failed = faasm::chain_fn!(doubles, "no number").wait().unwrap_err();
    let ended = faasm::chain("rust-echo", "fail 42 the reason")?.wait_for_any();
    let nul = faasm::chain("a\0b", "").unwrap_err();
    Ok(failed.code() == 1
        && failed.to_string().contains("invalid digit")
        && (ended.code, ended.bytes.as_slice()) == (42, b"the reason")
        && faasm::chain("rust-echo", "hi")?.wait()?.bytes == b"hi"
        && nul.code() == 1)
}
