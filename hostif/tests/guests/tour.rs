//! A tour of WASI preview 1 as Rust's standard library uses it: no SDK.
//!
//! Needs a directory preopened as `/data` that it may write to. Prints a line per check and exits with the number of
//! those that failed. The test `programs` runs it.
//!
//! Built by Debian's rustc 1.63, which has a prebuilt library for the target, and linked by LLVM's wasm-ld:
//! `RUSTC_BOOTSTRAP=1 rustc --target wasm32-wasi -O -C panic=abort -C strip=symbols tour.rs`.

#![feature(wasi_ext)]

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, IoSlice, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

struct Checks {
    failed: i32,
}

impl Checks {
    fn that(&mut self, good: bool, what: &str) {
        println!("{} {}", if good { "ok" } else { "FAILED" }, what);
        self.failed += i32::from(!good);
    }
}

fn surroundings(checks: &mut Checks) {
    let args: Vec<String> = env::args().collect();
    checks.that(args == ["tour", "an argument"], "arguments");
    checks.that(env::var("NAME").as_deref() == Ok("value"), "a variable");
    checks.that(env::var("NONE").is_err(), "a variable that is not there");
    let lines: Vec<String> = io::stdin().lock().lines().map(|line| line.unwrap()).collect();
    checks.that(lines == ["first", "second"], "standard input");
    eprintln!("to standard error");
}

fn time(checks: &mut Checks) {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(10));
    checks.that(start.elapsed() >= Duration::from_millis(10), "sleep");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    checks.that(now > Duration::from_secs(1_600_000_000), "the year");
    // Its keys come from random_get.
    let map: std::collections::HashMap<_, _> = (0..100).map(|i| (i, i * i)).collect();
    checks.that(map[&9] == 81, "a hash map");
}

fn files(checks: &mut Checks, dir: &Path) -> io::Result<()> {
    let path = dir.join("file");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
    let n = file.write_vectored(&[IoSlice::new(b"hello "), IoSlice::new(b"world")])?;
    checks.that(n == 11, "write_vectored");
    file.seek(SeekFrom::Start(6))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    checks.that(text == "world", "seek and read_to_string");
    file.set_len(5)?;
    file.sync_all()?;
    file.sync_data()?;
    let metadata = file.metadata()?;
    checks.that(metadata.is_file() && metadata.len() == 5, "set_len and metadata");
    let age = metadata.modified()?.elapsed().unwrap_or_default();
    checks.that(age < Duration::from_secs(3600), "modified");
    drop(file);
    OpenOptions::new().append(true).open(&path)?.write_all(b"!")?;
    checks.that(fs::read(&path)? == b"hello!", "append");
    let exclusive = OpenOptions::new().write(true).create_new(true).open(&path);
    checks.that(exclusive.unwrap_err().kind() == io::ErrorKind::AlreadyExists, "create_new");
    checks.that(File::open(&path)?.write(b"x").is_err(), "a file open for reading is not written");
    checks.that(fs::copy(&path, dir.join("copy"))? == 6, "copy");
    let mut lines = File::create(dir.join("lines"))?;
    for i in 0..10_000 {
        writeln!(lines, "line {i}")?;
    }
    let read = BufReader::new(File::open(dir.join("lines"))?).lines().count();
    checks.that(read == 10_000, "ten thousand lines");
    Ok(())
}

fn names(checks: &mut Checks, dir: &Path) -> io::Result<()> {
    let path = dir.join("file");
    fs::rename(dir.join("copy"), dir.join("moved"))?;
    checks.that(!dir.join("copy").exists() && dir.join("moved").exists(), "rename");
    fs::hard_link(&path, dir.join("hard"))?;
    checks.that(fs::read(dir.join("hard"))? == b"hello!", "hard_link");
    std::os::wasi::fs::symlink_path("file", dir.join("soft"))?;
    checks.that(fs::read_link(dir.join("soft"))? == Path::new("file"), "symlink and read_link");
    checks.that(fs::read(dir.join("soft"))? == b"hello!", "a link is followed");
    checks.that(fs::symlink_metadata(dir.join("soft"))?.file_type().is_symlink(), "symlink_metadata");
    checks.that(fs::metadata(dir.join("none")).unwrap_err().kind() == io::ErrorKind::NotFound, "NotFound");
    fs::create_dir_all(dir.join("a/b/c"))?;
    for i in 0..100 {
        fs::write(dir.join(format!("a/a file with number {i}")), "")?;
    }
    let entries: io::Result<Vec<_>> = fs::read_dir(dir.join("a"))?.collect();
    let entries = entries?;
    checks.that(entries.len() == 101, "read_dir");
    let dirs = entries.iter().filter(|entry| entry.file_type().map_or(false, |kind| kind.is_dir())).count();
    checks.that(dirs == 1, "file_type");
    checks.that(fs::remove_dir(dir.join("a")).is_err(), "a directory that is not empty stays");
    fs::remove_dir_all(dir.join("a"))?;
    checks.that(!dir.join("a").exists(), "remove_dir_all");
    checks.that(fs::read("/data/../../etc/passwd").is_err(), "no way out by ..");
    checks.that(fs::read("/etc/passwd").is_err(), "no way out by an absolute path");
    Ok(())
}

fn main() {
    let mut checks = Checks { failed: 0 };
    let dir = Path::new("/data/tour");
    surroundings(&mut checks);
    time(&mut checks);
    for step in [
        (|_, dir| fs::create_dir(dir)) as fn(&mut Checks, &Path) -> io::Result<()>,
        files,
        names,
        |_, dir| fs::remove_dir_all(dir),
    ] {
        if let Err(error) = step(&mut checks, dir) {
            checks.that(false, &error.to_string());
        }
    }
    std::process::exit(checks.failed);
}
