//! A function: greets, and counts in state how often it did.
#![forbid(unsafe_code)]

use faasm::State;

faasm::main!(greet);

fn greet() -> faasm::Result<String> {
    let name = String::from_utf8(faasm::input())?;
    let state = State::open("greetings", size_of::<u64>())?;
    let count = state.view::<u64>()?;
    let _alone = state.write_lock();
    count.set(0, count.get(0) + 1);
    Ok(format!("Hello, {name}! You are number {}.", count.get(0)))
}
