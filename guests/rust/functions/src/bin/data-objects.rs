//! Every data object, for tests in which one language writes and another reads: what each verb does is said in the
//! function of this name in C++ (`guests/c/functions/data-objects.cpp`).

use std::fmt::Write;
use std::time::Duration;

use faasm::ddo::{
    AtomicInt, Barrier, Counter, Dict, Element, List, Matrix, MatrixReadOnly, Queue, SparseMatrix,
    SparseMatrixReadOnly, Vector, VectorAsync,
};
use faasm::{Error, GlobalLock, state};

faasm::main!(main_of);

fn main_of() -> faasm::Result<Vec<u8>> {
    let input = String::from_utf8(faasm::input())?;
    let words: Vec<&str> = input.split_whitespace().collect();
    let text = match *words {
        ["write", key] => write(key).map(|()| String::new())?,
        ["read", key] => read_arrays(key)? + &read_shared(key)?,
        ["async", key, index, value] => {
            let vector = VectorAsync::<f64>::open(&format!("{key}.f64"))?;
            vector.set(index.parse()?, value.parse()?);
            vector.push();
            String::new()
        }
        ["add", key, n] => {
            let counter = Counter::new(key)?;
            for _ in 0..n.parse()? {
                counter.add(1);
            }
            counter.get().to_string()
        }
        ["swap", key, n] => swap(key, n.parse()?)?.to_string(),
        ["deposit", key, n] => deposit(key, n.parse()?)?.to_string(),
        ["lock", key] => lock(key)?,
        ["versions", key] => versions(key)?,
        ["barrier", key, n] => Barrier::new(key, n.parse()?)?.wait().to_string(),
        ["push", key, text] => Queue::new(key)?.push(text).to_string(),
        ["pop", key] => return Ok(Queue::new(key)?.pop()),
        ["update", key, name] => {
            let longer = |old: Option<&[u8]>| [old.unwrap_or_default(), b"x"].concat();
            Dict::new(key).update(name, longer)?.len().to_string()
        }
        _ => return Err(Error::new(format_args!("no such verb: {input}"))),
    };
    Ok(text.into_bytes())
}

fn swap(key: &str, n: u32) -> faasm::Result<i64> {
    let atomic = AtomicInt::new(key)?;
    let mut swapped = 0;
    while swapped < n {
        let now = atomic.get();
        swapped += u32::from(atomic.compare_and_swap(now, now + 1));
    }
    Ok(atomic.get())
}

fn fill<T: Element>(key: &str, values: impl ExactSizeIterator<Item = T>) -> faasm::Result {
    let vector = Vector::make(key, values.len())?;
    for (i, value) in values.enumerate() {
        vector.view().set(i, value);
    }
    vector.push();
    Ok(())
}

fn write(key: &str) -> faasm::Result {
    fill(&format!("{key}.i32"), (0..100_i32).map(|i| i * i - 50))?;
    fill(&format!("{key}.i64"), (0..10_i32).map(|i| -i64::from(i) * (1 << 40)))?;
    fill(&format!("{key}.f32"), (0..7_u8).map(|i| f32::from(i) / 4.0))?;
    fill(&format!("{key}.f64"), (0..50_000_i32).map(|i| f64::from(i) / 2.0))?;
    let matrix = Matrix::make(&format!("{key}.matrix"), 3, 5)?;
    for row in 0..3_u8 {
        for column in 0..5_u8 {
            matrix.set(row.into(), column.into(), f64::from(10 * row + column));
        }
    }
    matrix.push();
    let mut sparse = SparseMatrix::new(6);
    sparse.push_column([(0, 1.5), (5, -2.0)])?;
    sparse.push_column([])?;
    sparse.push_column([(2, 8.0)])?;
    sparse.push_column([(1, 1.0), (3, 3.0), (4, 4.0)])?;
    sparse.write(&format!("{key}.sparse"))?;
    write_shared(key)
}

fn write_shared(key: &str) -> faasm::Result {
    let counter = Counter::new(&format!("{key}.counter"))?;
    counter.reset();
    counter.add(7);
    counter.add(-2);
    let atomic = AtomicInt::new(&format!("{key}.atomic"))?;
    atomic.set(7);
    atomic.compare_and_swap(8, 1);
    atomic.compare_and_swap(7, 9);
    let dict = Dict::new(&format!("{key}.dict"));
    dict.set("one", "1")?;
    dict.set("gone", "2")?;
    dict.set("zwei", b"\0\xff")?;
    let gone = dict.entry("gone")?;
    dict.set("gone", "3")?;
    assert!(!dict.remove_if("gone", &gone)?, "it was set since");
    assert!(dict.remove_if("gone", &dict.entry("gone")?)?);
    let (list, queue) = (List::new(&format!("{key}.list"))?, Queue::new(&format!("{key}.queue"))?);
    list.clear();
    queue.clear();
    for element in ["first", "", "third"] {
        list.append(element)?;
        queue.push(element);
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return " -".to_owned();
    }
    bytes.iter().fold(" ".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// How many there are, and so many times their sum.
fn sum<T: Element + Into<f64>>(key: &str, times: f64) -> faasm::Result<String> {
    let vector = Vector::<T>::open(key)?;
    let all: f64 = vector.view().iter().map(Into::into).sum();
    Ok(format!("{} {}", vector.len(), all * times))
}

fn read_arrays(key: &str) -> faasm::Result<String> {
    let longs = Vector::<i64>::open(&format!("{key}.i64"))?;
    let mut said = format!("i32 {}\n", sum::<i32>(&format!("{key}.i32"), 1.0)?);
    writeln!(said, "i64 {} {}", longs.len(), longs.view().iter().sum::<i64>())?;
    writeln!(said, "f32 {}", sum::<f32>(&format!("{key}.f32"), 4.0)?)?;
    writeln!(said, "f64 {}", sum::<f64>(&format!("{key}.f64"), 2.0)?)?;
    let matrix = MatrixReadOnly::<f64>::open(&format!("{key}.matrix"))?;
    write!(said, "matrix {} {}:", matrix.rows(), matrix.columns())?;
    for (_, column) in matrix.some(1..4)?.iter() {
        for value in column.iter() {
            write!(said, " {value}")?;
        }
    }
    let sparse = SparseMatrixReadOnly::<f64>::open(&format!("{key}.sparse"))?;
    let (rows, columns) = (sparse.rows(), sparse.columns());
    write!(said, "\nsparse {rows} {columns} {}:", sparse.nonzeros())?;
    for (column, elements) in sparse.some(0..columns)?.iter() {
        for (row, value) in elements.iter() {
            write!(said, " {row}/{column}={}", value * 2.0)?;
        }
    }
    Ok(said)
}

fn read_shared(key: &str) -> faasm::Result<String> {
    let counter = Counter::new(&format!("{key}.counter"))?.get();
    let atomic = AtomicInt::new(&format!("{key}.atomic"))?.get();
    let mut said = format!("\ncounter {counter}\natomic {atomic}\ndict");
    let dict = Dict::new(&format!("{key}.dict"));
    for name in dict.names()? {
        write!(said, " {name}{}", hex(&dict.get(&name)?.unwrap_or_default()))?;
    }
    said += "\nlist";
    for element in List::new(&format!("{key}.list"))?.read(usize::MAX) {
        said += &hex(&element);
    }
    said += "\nqueue";
    let queue = Queue::new(&format!("{key}.queue"))?;
    while let Some(element) = queue.try_pop() {
        said += &hex(&element);
    }
    Ok(said + "\n")
}

/// A strong value of two integers, which a lock to read is enough to copy.
fn pair(key: &str) -> faasm::Result<String> {
    let bytes = state::read(key)?;
    let numbers =
        bytes.as_chunks::<8>().0.iter().map(|number| i64::from_le_bytes(*number).to_string());
    Ok(numbers.collect::<Vec<_>>().join(" "))
}

/// What another call has of the lock while this one does what it does: a chained one.
fn tries() -> faasm::Result<String> {
    let key = String::from_utf8(faasm::input())?;
    let mut said = "read no".to_owned();
    if let Some(_lock) = GlobalLock::read_within(&key, Duration::ZERO)? {
        said = format!("read {}", pair(&key)?);
    }
    let written = GlobalLock::write_within(&key, Duration::from_millis(20))?.is_some();
    Ok(said + if written { ", write yes" } else { ", write no" })
}

fn others(key: &str) -> faasm::Result<String> {
    Ok(String::from_utf8(faasm::chain_fn!(tries, key).wait()?.bytes)?)
}

fn lock(key: &str) -> faasm::Result<String> {
    let mut said = String::new();
    let lock = GlobalLock::write(key)?;
    let first = lock.token();
    let numbers = Vector::<i64>::make(key, 2)?;
    numbers.view().set(0, 7);
    numbers.view().set(1, -7);
    writeln!(said, "held: {}", others(key)?)?;
    // The vector's memory is the lock's: what was written is told before that is given up.
    drop(numbers);
    drop(lock);
    writeln!(said, "given up: {}", others(key)?)?;
    let lock = GlobalLock::read(key)?;
    writeln!(said, "held to read: {}", others(key)?)?;
    drop(lock);
    let lock = GlobalLock::write_within(key, Duration::from_secs(10))?;
    let larger = lock.is_some_and(|lock| 0 < first && first < lock.token());
    writeln!(said, "token: {}", if larger { "larger" } else { "not larger" })?;
    Ok(said)
}

fn deposit(key: &str, n: u32) -> faasm::Result<i64> {
    for _ in 0..n {
        let _lock = GlobalLock::write(key)?;
        let account = Vector::<i64>::make(key, 1)?;
        account.view().set(0, account.view().get(0) + 1);
        account.push();
    }
    let _lock = GlobalLock::read(key)?;
    Ok(state::read(key)?.first_chunk().map_or(0, |sum| i64::from_le_bytes(*sum)))
}

fn versions(key: &str) -> faasm::Result<String> {
    let push = |version| {
        Ok::<_, Error>(match state::push_if(key, version)? {
            None => "no",
            Some(0) => "nothing",
            Some(_) => "yes",
        })
    };
    state::write(key, "first")?;
    state::push(key)?;
    let version = state::version(key)?;
    let mut said = format!("unwritten {}", push(version)?);
    state::write(key, "other")?;
    write!(said, ", other {}, same {}", push(version + 1)?, push(version)?)?;
    state::write(key, "again")?;
    write!(said, ", old {}", push(version)?)?;
    Ok(said)
}
