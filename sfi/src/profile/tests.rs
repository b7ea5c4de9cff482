//! What tools would read.

use std::fs;

use super::debugger::{Registration, registered};
use super::{SourceLine, Symbol, jit_dump, perf_map};

fn symbols() -> [Symbol<'static>; 2] {
    let lines = vec![
        SourceLine { address: 0x1000, file: "a.c", line: 7 },
        SourceLine { address: 0x1002, file: "b.h", line: 9 },
    ];
    [
        Symbol { name: "wasm[0]::first", address: 0x1000, code: &[0x90, 0x90, 0xc3], lines },
        Symbol { name: "second one", address: 0x2000, code: &[0xc3], lines: Vec::new() },
    ]
}

#[test]
fn the_perf_map_has_a_line_for_each_symbol_and_grows() {
    let [first, second] = symbols();
    perf_map::add(&[first]).unwrap();
    perf_map::add(&[second]).unwrap();
    let text = fs::read_to_string(perf_map::path()).unwrap();
    fs::remove_file(perf_map::path()).unwrap();
    assert_eq!(text, "1000 3 wasm[0]::first\n2000 1 second one\n");
}

/// Takes little-endian fields off the front of a file.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.bytes(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.bytes(8).try_into().unwrap())
    }

    fn string(&mut self) -> &'a str {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap();
        let text = self.bytes(end);
        self.bytes(1);
        std::str::from_utf8(text).unwrap()
    }

    /// A record's type and body; times go forward.
    fn record(&mut self, last: &mut u64) -> (u32, Fields<'a>) {
        let (kind, total, time) = (self.u32(), self.u32(), self.u64());
        assert!(time >= *last);
        *last = time;
        (kind, Fields(self.bytes(total as usize - 16)))
    }
}

#[test]
fn the_jit_dump_follows_its_specification() {
    jit_dump::add(&symbols()).unwrap();
    let path = jit_dump::path();
    let file = fs::read(&path).unwrap();
    let mapped = fs::read_to_string("/proc/self/maps").unwrap();
    fs::remove_file(&path).unwrap();
    let marker = mapped.lines().find(|line| line.ends_with(path.to_str().unwrap())).unwrap();
    assert!(marker.contains(" r-xp 00000000 "), "perf looks for an executable mapping: {marker}");

    let mut dump = Fields(&file);
    assert_eq!((dump.u32(), dump.u32(), dump.u32()), (0x4a69_5444, 1, 40));
    let machine = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    assert_eq!((dump.u32(), dump.u32(), dump.u32()), (machine, 0, std::process::id()));
    let (mut time, flags) = (dump.u64(), dump.u64());
    assert_eq!(flags, 0);

    let (kind, mut lines) = dump.record(&mut time);
    assert_eq!((kind, lines.u64(), lines.u64()), (2, 0x1000, 2));
    assert_eq!((lines.u64(), lines.u32(), lines.u32(), lines.string()), (0x1000, 7, 0, "a.c"));
    assert_eq!((lines.u64(), lines.u32(), lines.u32(), lines.string()), (0x1002, 9, 0, "b.h"));
    for (index, symbol) in (0..).zip(symbols()) {
        let (kind, mut load) = dump.record(&mut time);
        assert_eq!((kind, load.u32()), (0, std::process::id()));
        assert!(load.u32() > 0, "the thread");
        let address = symbol.address as u64;
        assert_eq!((load.u64(), load.u64()), (address, address));
        assert_eq!((load.u64(), load.u64()), (symbol.code.len() as u64, index));
        assert_eq!((load.string(), load.0), (symbol.name, symbol.code));
    }
    assert!(dump.0.is_empty());
}

#[test]
fn debuggers_find_the_images_that_are_registered() {
    let image = |byte: u8| vec![byte; 3].into_boxed_slice();
    let [first, second, third] = [1, 2, 3].map(|byte| Registration::new(image(byte)));
    assert_eq!(registered(), [[3; 3], [2; 3], [1; 3]]);
    drop(second);
    assert_eq!(registered(), [[3; 3], [1; 3]]);
    drop(third);
    drop(first);
    assert!(registered().is_empty());
}
