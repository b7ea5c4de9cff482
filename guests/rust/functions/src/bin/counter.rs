//! Counts in a state value, under its lock: `CALLS` chained calls add one `TIMES` times each.
//! Input: `KEY CALLS TIMES`. Output: the count, which outlives the call.

use faasm::State;

faasm::main!(count);

fn count() -> faasm::Result<String> {
    let input = String::from_utf8(faasm::input())?;
    let [key, calls, times] = *input.split_whitespace().collect::<Vec<_>>() else {
        return Err(faasm::Error::new("input: KEY CALLS TIMES"));
    };
    let calls: usize = calls.parse()?;
    let task = format!("{key} {times}");
    let begun: Vec<_> = (0..calls).map(|_| faasm::chain_fn!(add, task)).collect();
    for call in begun {
        call.wait()?;
    }
    let state = State::open(key, size_of::<u64>())?;
    state.push_written();
    Ok(state.view::<u64>()?.get(0).to_string())
}

fn add() -> faasm::Result {
    let task = String::from_utf8(faasm::input())?;
    let (key, times) = task.split_once(' ').ok_or_else(|| faasm::Error::new("no task"))?;
    let state = State::open(key, size_of::<u64>())?;
    let count = state.view::<u64>()?;
    for _ in 0..times.parse::<u32>()? {
        let _alone = state.write_lock();
        count.set(0, count.get(0) + 1);
    }
    Ok(())
}
