//! Counts the words of a text in state, over chained calls that share it.
//!
//! Input: `KEY [PARTS]`, the state key of the text and how many calls share the work, by default 4.
//! Output: `words N`, `distinct N`, and the ten most frequent as `COUNT WORD`, as the function of this name in C.
//!
//! Each call maps its part of the text, and publishes what it counted as a state value of its own.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::OnceLock;

use faasm::{Error, State, state};

faasm::zygote!(fill_table);
faasm::main!(count_words);

const MOST_PARTS: usize = 64;
const TOP: usize = 10;

/// Each byte in lower case; 0 for what is in no word. It is made once, before the snapshot.
static LOWER: OnceLock<[u8; 256]> = OnceLock::new();

fn fill_table() -> faasm::Result {
    let table = std::array::from_fn(|byte| match u8::try_from(byte) {
        Ok(byte) if byte.is_ascii_alphanumeric() => byte.to_ascii_lowercase(),
        _ => 0,
    });
    LOWER.set(table).map_err(|_| Error::new("the zygote ran twice"))
}

fn lower(byte: u8) -> u8 {
    LOWER.get().map_or(0, |table| table[usize::from(byte)])
}

type Counts = HashMap<Vec<u8>, u64>;

/// What a chained call is told.
struct Task {
    key: String,
    total: usize,
    part: Range<usize>,
    result: String,
}

impl Task {
    fn to_text(&self) -> String {
        let Self { key, total, part, result } = self;
        format!("{total} {} {} {result} {key}", part.start, part.end)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(5, ' ');
        let total = fields.next()?.parse().ok()?;
        let part = fields.next()?.parse().ok()?..fields.next()?.parse().ok()?;
        let result = fields.next()?.to_owned();
        Some(Self { key: fields.next()?.to_owned(), total, part, result })
    }
}

fn count_words() -> faasm::Result<String> {
    let input = String::from_utf8(faasm::input())?;
    let mut fields = input.split_whitespace();
    let usage = || Error::new("input: KEY [PARTS], with 1 to 64 parts");
    let key = fields.next().ok_or_else(usage)?;
    let parts = fields.next().map_or(Ok(4), str::parse::<usize>)?;
    if !(1..=MOST_PARTS).contains(&parts) {
        return Err(usage());
    }
    let total = state::size(key)?;
    if total == 0 {
        return Err(Error::new("no text under this key"));
    }
    let tasks = split(key, total, parts)?;
    let calls: Vec<_> =
        tasks.iter().map(|task| faasm::chain_fn!(count_part, task.to_text())).collect();
    let mut all = Counts::new();
    for (call, task) in calls.into_iter().zip(&tasks) {
        call.wait()?;
        for (word, count) in parse_counts(&state::read(&task.result)?)? {
            *all.entry(word).or_default() += count;
        }
    }
    Ok(answer(all))
}

/// Cuts the text between words.
fn split(key: &str, total: usize, parts: usize) -> faasm::Result<Vec<Task>> {
    let text = State::open(key, total)?;
    let text = text.bytes();
    let mut begin = 0;
    let mut tasks = Vec::new();
    for part in 1..=parts {
        let mut end = (total * part / parts).max(begin);
        while end > 0 && end < total && lower(text.get(end)) != 0 && lower(text.get(end - 1)) != 0 {
            end += 1;
        }
        let result = format!("{key}.rust.{parts}.{part}");
        tasks.push(Task { key: key.to_owned(), total, part: begin..end, result });
        begin = end;
    }
    Ok(tasks)
}

fn count_part() -> faasm::Result {
    let task = String::from_utf8(faasm::input())?;
    let task = Task::parse(&task).ok_or_else(|| Error::new("no task"))?;
    let mut counts = Counts::new();
    if !task.part.is_empty() {
        let text = State::open_part(&task.key, task.total, task.part)?;
        let mut word = Vec::new();
        for byte in text.bytes().iter().map(lower).chain([0]) {
            if byte != 0 {
                word.push(byte);
            } else if !word.is_empty() {
                *counts.entry(std::mem::take(&mut word)).or_default() += 1;
            }
        }
    }
    state::write(&task.result, to_bytes(&counts))
}

/// Counts as lines `COUNT WORD`, and a last, empty one, so that a value is never of 0 bytes.
fn to_bytes(counts: &Counts) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (word, count) in counts {
        bytes.extend_from_slice(format!("{count} ").as_bytes());
        bytes.extend_from_slice(word);
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes
}

fn parse_counts(bytes: &[u8]) -> faasm::Result<Counts> {
    let text = std::str::from_utf8(bytes)?;
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(count, word)| Ok((word.as_bytes().to_vec(), count.parse()?)))
        .collect()
}

fn answer(counts: Counts) -> String {
    let words: u64 = counts.values().sum();
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    let mut text = format!("words {words}\ndistinct {}\n", ranked.len());
    for (word, count) in ranked.iter().take(TOP) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{count} {}", String::from_utf8_lossy(word));
    }
    text
}
