//! `jit-PID.dump` in the current folder: functions, their code and their source lines, for `perf inject --jit`
//! (Linux, `tools/perf/Documentation/jitdump-specification.txt`).
//!
//! perf finds the file because this process maps its first page executable, which `perf record` notes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{ProfileError, SourceLine, Symbol};
use crate::HOST_PAGE;
use crate::pages::{self, Access, Shows};

/// This process's dump, once it was asked for.
static DUMP: Mutex<Option<Dump>> = Mutex::new(None);

/// "JiTD" as this machine orders bytes.
const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER_BYTES: u32 = 40;
/// `EM_X86_64` or `EM_AARCH64` (ELF-64 specification and its supplements).
const MACHINE: u32 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };

/// Record types.
const CODE_LOAD: u32 = 0;
const CODE_DEBUG_INFO: u32 = 2;

struct Dump {
    file: File,
    /// Numbers the functions.
    index: u64,
}

/// Where this process's dump is, or will be.
#[must_use]
pub fn path() -> PathBuf {
    let name = format!("jit-{}.dump", std::process::id());
    std::env::current_dir().unwrap_or_default().join(name)
}

/// Adds symbols to the dump, and makes it if it is not there.
///
/// # Errors
///
/// [`ProfileError::File`].
pub fn add(symbols: &[Symbol<'_>]) -> Result<(), ProfileError> {
    let mut dump = DUMP.lock().unwrap_or_else(PoisonError::into_inner);
    write(&mut dump, symbols).map_err(ProfileError::at(&path()))
}

fn write(dump: &mut Option<Dump>, symbols: &[Symbol<'_>]) -> io::Result<()> {
    let dump = match dump {
        Some(dump) => dump,
        None => dump.insert(create(&path())?),
    };
    let mut bytes = Vec::new();
    for symbol in symbols {
        if !symbol.lines.is_empty() {
            push_record(&mut bytes, CODE_DEBUG_INFO, &debug_info(symbol));
        }
        push_record(&mut bytes, CODE_LOAD, &code_load(symbol, dump.index));
        dump.index += 1;
    }
    dump.file.write_all(&bytes)
}

/// Makes the file and the mapping by which perf knows it. The mapping stays: there is no place that it ends at.
fn create(path: &Path) -> io::Result<Dump> {
    let mut file = super::create(path)?;
    let mut header = Vec::new();
    push_u32s(&mut header, &[MAGIC, VERSION, HEADER_BYTES, MACHINE, 0, std::process::id()]);
    push_u64s(&mut header, &[now(), 0]);
    file.write_all(&header)?;
    pages::map(HOST_PAGE, Access::Execute, Shows::CopyOf(file.as_fd(), 0))
        .map_err(|refused| refused.source)?;
    Ok(Dump { file, index: 0 })
}

fn push_record(bytes: &mut Vec<u8>, kind: u32, body: &[u8]) {
    const PREFIX: usize = 16;
    let total = u32::try_from(PREFIX + body.len()).unwrap_or(u32::MAX);
    push_u32s(bytes, &[kind, total]);
    push_u64s(bytes, &[now()]);
    bytes.extend_from_slice(body);
}

fn code_load(symbol: &Symbol<'_>, index: u64) -> Vec<u8> {
    let mut body = Vec::new();
    let address = symbol.address as u64;
    push_u32s(&mut body, &[std::process::id(), thread()]);
    push_u64s(&mut body, &[address, address, symbol.code.len() as u64, index]);
    push_string(&mut body, OsStr::new(symbol.name));
    body.extend_from_slice(symbol.code);
    body
}

fn debug_info(symbol: &Symbol<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    push_u64s(&mut body, &[symbol.address as u64, symbol.lines.len() as u64]);
    for SourceLine { address, file, line } in &symbol.lines {
        push_u64s(&mut body, &[*address as u64]);
        push_u32s(&mut body, &[*line, 0]);
        push_string(&mut body, OsStr::new(file));
    }
    body
}

fn push_u32s(bytes: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_ne_bytes()));
}

fn push_u64s(bytes: &mut Vec<u8>, values: &[u64]) {
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_ne_bytes()));
}

fn push_string(bytes: &mut Vec<u8>, text: &OsStr) {
    bytes.extend(text.as_bytes().iter().filter(|byte| **byte != 0));
    bytes.push(0);
}

/// Nanoseconds of the clock that `perf record -k mono` uses.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is always there, and `time` is a place for its answer.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// The kernel's number of this thread.
fn thread() -> u32 {
    // SAFETY: it has no preconditions.
    unsafe { libc::gettid() }.cast_unsigned()
}
