//! What a hostile guest hands over: a memory with things in it that are worth pointing at, and arguments by the names
//! that the table gives to parameters.

use faasm_hostif::{HostFunction, Touches};
use faasm_vm::{Val, ValType};
use fastrand::Rng;

/// Bytes of the guest's memory at first.
pub(crate) const MEMORY: u32 = 2 << 16;

/// Where strings begin, each in a cell of its own that ends with a NUL.
const STRINGS: u32 = 1024;
const CELL: u32 = 64;
/// Where the scripts of threads begin, of which there are eight.
pub(crate) const SCRIPTS: u32 = 5 << 10;
/// Bytes of a step of a script: the function's number, then a cell of 8 bytes for each argument.
pub(crate) const STEP: u32 = 128;
/// Steps of a script.
pub(crate) const STEPS: u32 = 6;
/// Bytes of a script.
pub(crate) const SCRIPT: u32 = STEP * STEPS;
const _: () = assert!(SCRIPTS + 8 * SCRIPT <= ADDRESSES);

/// Where addresses begin as the calls of sockets take them, a pointer, a length and then the bytes, 32 for each.
const ADDRESSES: u32 = 12 << 10;
/// Where vectors of buffers begin, of which each has eight.
const VECTORS: u32 = 16 << 10;
/// Where subscriptions of `poll_oneoff` begin, 48 bytes each.
const SUBSCRIPTIONS: u32 = 24 << 10;
/// Where the guest lets the host write, mostly.
const SCRATCH: u32 = 32 << 10;

/// Names of files, keys and functions; and what is none.
const TEXTS: &[&[u8]] = &[
    b"file",
    b"dir",
    b"dir/inner",
    b"new",
    b"dir/new",
    b".",
    b"..",
    b"../secret",
    b"dir/../../secret",
    b"/secret",
    b"/etc/passwd",
    b"/proc/self/mem",
    b"link",
    b"outward",
    b"outward/secret",
    b"dir/",
    b"file/",
    b"//file",
    b"",
    b"\xff\xfe",
    b"a\x00b",
    b"key",
    b"other",
    b"mask",
    b"echo",
    b"nobody",
    b"open",
    b"bucket",
    b"bucket/key",
    b"faasm://file",
    b"faasm://../secret",
    b"localhost",
    b"127.0.0.1",
    b"0123456789012345678901234567890123456789012345678901234567890",
    // From here on they are of libraries, then of symbols, then signatures.
    b"libplain.so",
    b"libneeds.so",
    b"libhost.so",
    b"libagain.so",
    b"libfull.so",
    b"libweak.so",
    b"liblarge.so",
    b"libtraps.so",
    b"libloops.so",
    b"liblate.so",
    b"libbad.so",
    b"libfile.so",
    b"/lib/libfile.so",
    b"/lib/../lib/libfile.so",
    b"/data/file",
    b"f",
    b"g",
    b"h",
    b"malloc",
    b"memory",
    b"__stack_pointer",
    b"i",
    b"ii",
    b"viI",
    b"v",
    b"dIf",
];

const _: () = assert!(STRINGS as usize + TEXTS.len() * CELL as usize <= SCRIPTS as usize);

/// Those of libraries, symbols and signatures in [`TEXTS`].
const LIBRARIES: std::ops::Range<u32> = 34..49;
const SYMBOLS: std::ops::Range<u32> = 49..55;
const SIGNATURES: std::ops::Range<u32> = 55..60;
const _: () = assert!(SIGNATURES.end as usize == TEXTS.len());

/// The directories that are open from the start: the shared files, and one of the host's.
const DIRECTORIES: [u32; 2] = [3, 4];

const EDGES: &[u32] = &[
    0,
    1,
    2,
    3,
    MEMORY - 4,
    MEMORY - 1,
    MEMORY,
    MEMORY + 1,
    MEMORY + 4,
    0x7fff_fff8,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_0000,
    0xffff_fff0,
    0xffff_fffc,
    u32::MAX,
];

/// Of IPv4 and IPv6: this machine's, others', and those that nobody may reach.
const HOSTS: [&[u8]; 7] = [
    &[127, 0, 0, 1],
    &[127, 0, 0, 1],
    &[0; 4],
    &[169, 254, 169, 254],
    &[255; 4],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1],
];

/// The memory before the first call.
pub(crate) fn memory(rng: &mut Rng) -> Vec<u8> {
    let mut memory = vec![0; MEMORY as usize];
    for (at, text) in (STRINGS as usize..).step_by(CELL as usize).zip(TEXTS) {
        memory[at..at + text.len()].copy_from_slice(text);
    }
    for at in (ADDRESSES as usize..VECTORS as usize).step_by(32) {
        let host = HOSTS[rng.usize(..HOSTS.len())];
        memory[at + 8..at + 8 + host.len()].copy_from_slice(host);
        memory[at + 4] = u8::try_from(host.len()).unwrap_or_default();
        memory[at..at + 4]
            .copy_from_slice(&u32::try_from(at + 8).unwrap_or_default().to_le_bytes());
    }
    let mut put = |at: u32, value: u32| {
        memory[at as usize..at as usize + 4].copy_from_slice(&value.to_le_bytes());
    };
    for at in (VECTORS..SUBSCRIPTIONS).step_by(8) {
        put(at, pointer(rng));
        put(at + 4, length(rng));
    }
    for at in (SUBSCRIPTIONS..SCRATCH - 48).step_by(48) {
        // The kind of event; a clock's number or a descriptor; a timeout of up to a millisecond; whether it is absolute.
        let fields = [(8, rng.u32(..4)), (16, rng.u32(..8)), (24, rng.u32(..1_000_000))];
        fields.into_iter().for_each(|(field, value)| put(at + field, value));
        put(at + 40, rng.u32(..3));
    }
    // A little of everything is spoilt.
    for _ in 0..rng.u32(..64) {
        let at = rng.usize(..SCRATCH as usize);
        memory[at] = rng.u8(..);
    }
    memory
}

/// Writes scripts for threads into the memory: steps of functions that the program is about.
pub(crate) fn scripts(
    memory: &mut [u8],
    functions: &[&HostFunction],
    about: &[usize],
    rng: &mut Rng,
) {
    for at in (SCRIPTS as usize..).step_by(STEP as usize).take(8 * STEPS as usize) {
        let index = about[rng.usize(..about.len())];
        let number = u32::try_from(index).unwrap_or_default();
        memory[at..at + 4].copy_from_slice(&number.to_le_bytes());
        let cells = memory[at + 8..].chunks_exact_mut(8);
        for (cell, arg) in cells.zip(arguments(functions[index], rng)) {
            let bits = match arg {
                Val::I32(value) => value.cast_unsigned().into(),
                Val::F32(bits) => bits.into(),
                Val::I64(value) => value.cast_unsigned(),
                Val::F64(bits) => bits,
                _ => 0,
            };
            cell.copy_from_slice(&bits.to_le_bytes());
        }
    }
}

/// Something for each parameter, mostly of the kind that its name asks for.
pub(crate) fn arguments(function: &HostFunction, rng: &mut Rng) -> Vec<Val> {
    let mut text = None;
    let mut argument = |&(name, ty): &(&'static str, ValType)| match ty {
        ValType::I64 => Val::from(long(name, rng)),
        ValType::F64 => Val::F64(rng.u64(..)),
        ValType::F32 => Val::F32(rng.u32(..)),
        _ => Val::from(word(function, name, &mut text, rng)),
    };
    function.params.iter().map(&mut argument).collect()
}

/// `text` is what the last pointer to a text showed, for the length that comes with it.
fn word(function: &HostFunction, name: &str, text: &mut Option<usize>, rng: &mut Rng) -> u32 {
    match rng.u32(..24) {
        0 => return EDGES[rng.usize(..EDGES.len())],
        1 => return rng.u32(..),
        2 => return rng.u32(..MEMORY),
        _ => {}
    }
    let is = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if is(&["fd"]) && !is(&["opened", "accepted", "flags"]) {
        let directory = function.touches == Touches::Paths && rng.u32(..4) > 0;
        return if directory { DIRECTORIES[rng.usize(..2)] } else { descriptor(rng) };
    }
    if is(&["iovs_len", "count", "subs"]) && !is(&["subscriptions"]) {
        return rng.u32(..10);
    }
    if is(&["len", "size"]) {
        return match text.take() {
            Some(len) if rng.u32(..8) > 0 => u32::try_from(len).unwrap_or_default(),
            _ => length(rng),
        };
    }
    if is(&["iovs"]) {
        return VECTORS + rng.u32(..(SUBSCRIPTIONS - VECTORS) / 8) * 8;
    }
    if is(&["address"]) {
        return ADDRESSES + rng.u32(..(VECTORS - ADDRESSES) / 32) * 32;
    }
    if is(&["subscriptions"]) {
        return SUBSCRIPTIONS + rng.u32(..(SCRATCH - SUBSCRIPTIONS) / 48) * 48;
    }
    let of_libraries = function.touches == Touches::Libraries;
    let texts = if is(&["signature"]) {
        Some(SIGNATURES)
    } else if is(&["symbol"]) {
        Some(SYMBOLS)
    } else if of_libraries && is(&["path"]) && rng.u32(..8) > 0 {
        Some(LIBRARIES)
    } else {
        is(&["path", "key", "name", "host", "bucket", "prefix"]).then_some(0..SIGNATURES.end)
    };
    if let Some(texts) = texts {
        let at = rng.u32(texts);
        *text = TEXTS.get(at as usize).map(|text| text.len());
        return STRINGS + at * CELL;
    }
    if of_libraries && is(&["flags"]) {
        return [1, 2, 257, 258, 4][rng.usize(..5)];
    }
    if of_libraries && is(&["handle", "function", "slot"]) {
        return rng.u32(..8);
    }
    if is(&["flags", "advice", "whence", "how", "id", "signal", "op", "type", "level", "function"])
    {
        return rng.u32(..16) & rng.u32(..16);
    }
    pointer(rng)
}

fn long(name: &str, rng: &mut Rng) -> u64 {
    match rng.u32(..8) {
        0 => u64::MAX,
        1 => 1 << 63,
        2 => u64::MAX >> 1,
        3 => rng.u64(..),
        4 => u64::from(EDGES[rng.usize(..EDGES.len())]),
        _ if name.contains("rights") || name.contains("inheriting") => u64::MAX >> 35,
        _ => rng.u64(..5000),
    }
}

/// The first are the streams and the directories; a program opens few more.
fn descriptor(rng: &mut Rng) -> u32 {
    if rng.u32(..12) == 0 { rng.u32(..2000) } else { rng.u32(..9) }
}

fn length(rng: &mut Rng) -> u32 {
    match rng.u32(..8) {
        0 => EDGES[rng.usize(..EDGES.len())],
        1 => rng.u32(..MEMORY),
        // As long as most of the texts.
        2..=4 => rng.u32(..10),
        _ => rng.u32(..300),
    }
}

fn pointer(rng: &mut Rng) -> u32 {
    match rng.u32(..8) {
        0 => EDGES[rng.usize(..EDGES.len())],
        1 => rng.u32(..),
        2 => rng.u32(..MEMORY),
        3 => rng.u32(..SCRATCH),
        _ => SCRATCH + rng.u32(..MEMORY - SCRATCH - 512) / 8 * 8,
    }
}
