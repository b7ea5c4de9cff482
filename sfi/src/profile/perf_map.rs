//! `/tmp/perf-PID.map`, in which perf looks up addresses in memory that no file backs
//! (Linux, `tools/perf/Documentation/jit-interface.txt`).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::{ProfileError, Symbol};

/// This process's map, once it was asked for.
static MAP: Mutex<Option<File>> = Mutex::new(None);

/// Where this process's map is.
#[must_use]
pub fn path() -> PathBuf {
    PathBuf::from(format!("/tmp/perf-{}.map", std::process::id()))
}

/// Adds symbols to the map, and makes it if it is not there.
///
/// # Errors
///
/// [`ProfileError::File`].
pub fn add(symbols: &[Symbol<'_>]) -> Result<(), ProfileError> {
    let mut map = MAP.lock().unwrap_or_else(PoisonError::into_inner);
    write(&mut map, symbols).map_err(ProfileError::at(&path()))
}

fn write(map: &mut Option<File>, symbols: &[Symbol<'_>]) -> io::Result<()> {
    let file = match map {
        Some(file) => file,
        None => map.insert(super::create(&path())?),
    };
    let mut text = Vec::new();
    for Symbol { name, address, code, .. } in symbols {
        writeln!(text, "{address:x} {:x} {name}", code.len())?;
    }
    // At once: perf may read while another module is loaded.
    file.write_all(&text)
}
