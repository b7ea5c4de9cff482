//! Dynamic linking: `dlopen` and its family, and calls of any signature (libffi).
//!
//! # Protocol
//!
//! 1. A handle is a number: [`PROGRAM`], or a library's position and [`FIRST`]. It is good as long as the library is
//!    there, which is as long as the store is: `dlclose` looks at the handle and does no more, as in musl.
//! 2. A library is asked for at the port [`crate::Libraries`], then looked for in the guest's files: a bare name in
//!    [`FOLDERS`]. What it needs is found in the same way, before anything of the guest is changed.
//! 3. What went wrong is told once by `dlerror`, in memory from the program's `malloc`.

use faasm_vm::dynlink::{self, Binding, Candidate, DynlinkError, From, Library};
use faasm_vm::{FuncType, Val, ValType};

use crate::error::Problem;
use crate::faasm::{Argument, text};
use crate::guest::{Allocation, Guest, Slice, Unfinished};
use crate::libraries::{FoundLibrary, LibraryError};
use crate::wasi::errno::Errno;
use crate::wasi::io::read_file;

/// The handle of the program.
const PROGRAM: u32 = 1;
/// The handle of the first library.
const FIRST: u32 = 2;
/// The handle that means everything (`RTLD_DEFAULT`).
const DEFAULT: u32 = 0;
/// Bits of the flags of `dlopen`, as in wasi-libc's `dlfcn.h`.
const LAZY: u32 = 1;
const NOW: u32 = 2;
const NOLOAD: u32 = 4;
const GLOBAL: u32 = 256;

/// Where the guest's files with bare names are looked for.
const FOLDERS: [&str; 3] = ["/lib", "/usr/lib", "/usr/local/lib"];
/// Bytes of a library in a file.
const MOST_BYTES: u32 = 256 << 20;
/// The most libraries that one call loads.
const MOST: usize = 256;
/// Bytes of an error's text, with its NUL.
const MESSAGE: u32 = 1024;

/// What a call knows of its dynamic linking beside what is in its store.
#[derive(Debug, Default)]
pub(crate) struct Dynlink {
    /// The last error that nobody has asked for.
    error: Option<String>,
    /// Where its text goes, from the guest's `malloc`.
    message: Option<u32>,
}

/// What was not done: the guest is told, or ended.
enum Failed {
    Said(String),
    Problem(Problem),
}

impl std::convert::From<LibraryError> for Failed {
    fn from(error: LibraryError) -> Self {
        Self::Said(error.to_string())
    }
}

impl std::convert::From<Unfinished> for Failed {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::Ended(trap) => Self::Problem(Problem::Trap(trap)),
            Unfinished::Abandoned | Unfinished::Deadline => {
                Self::Said("the library was lost on its way".to_owned())
            }
        }
    }
}

impl std::convert::From<DynlinkError> for Failed {
    fn from(error: DynlinkError) -> Self {
        match error {
            DynlinkError::Trap(trap) => Self::Problem(Problem::Trap(trap)),
            DynlinkError::Store { ref source, .. } => Self::Said(format!("{error}: {source}")),
            error => Self::Said(error.to_string()),
        }
    }
}

/// `dlopen`: loads a library and what it needs; its handle, or 0.
pub(crate) fn dlopen(guest: &mut Guest<'_>, path: u32, flags: u32) -> Result<u32, Problem> {
    if path == 0 {
        return Ok(PROGRAM);
    }
    let name = text(guest, "path", path)?;
    let opened = open(guest, &name, flags);
    answer(guest, opened.map(|library| library.index().saturating_add(FIRST)))
}

fn open(guest: &mut Guest<'_>, name: &str, flags: u32) -> Result<Library, Failed> {
    let binding = Binding { global: flags & GLOBAL != 0, lazy: flags & (LAZY | NOW) == LAZY };
    let known = dynlink::find(guest.caller(), name).is_some();
    if flags & NOLOAD != 0 && !known {
        return Err(Failed::Said(format!("{name} is not loaded")));
    }
    let candidates = if known { Vec::new() } else { gather(guest, name)? };
    let root = candidates.first().map_or(name, |first| &first.name).to_owned();
    let linker = guest.linker().ok_or_else(|| Failed::Said("the host cannot link".to_owned()))?;
    Ok(dynlink::open(guest.caller(), &linker, &candidates, &root, binding)?)
}

/// The library and all that it needs, as far as it is not loaded.
fn gather(guest: &mut Guest<'_>, name: &str) -> Result<Vec<Candidate>, Failed> {
    let first = fetch(guest, name)?;
    if dynlink::find(guest.caller(), &first.name).is_some() {
        return Ok(vec![first]);
    }
    let mut found = vec![first];
    loop {
        let missing = dynlink::missing(guest.caller(), &found);
        if missing.is_empty() {
            return Ok(found);
        }
        for name in missing {
            if found.len() == MOST {
                return Err(Failed::Said(format!("{name}: more than {MOST} libraries at once")));
            }
            let mut needed = fetch(guest, &name)?;
            let is_same = |other: &Candidate| other.name == needed.name;
            // Under the name by which it is needed, if it was found under another's.
            if found.iter().any(is_same) || !dynlink::is_called(&needed.name, &name) {
                needed.name = name;
            }
            found.push(needed);
        }
    }
}

/// One library, from the port or from the guest's files.
fn fetch(guest: &mut Guest<'_>, name: &str) -> Result<Candidate, Failed> {
    let unknown = || LibraryError::Unknown { name: name.to_owned() };
    let port = guest.host().libraries().ok_or_else(unknown)?;
    let pending = port.find(name);
    let found = match guest.wait(pending, None)? {
        Err(LibraryError::Unknown { .. }) if port.takes_files() => {
            let (path, wasm) = in_files(guest, name).ok_or_else(unknown)?;
            let pending = port.compile(&path, wasm);
            guest.wait(pending, None)??
        }
        found => found?,
    };
    let FoundLibrary { name, module } = found;
    Ok(Candidate { name, module })
}

/// A library in the guest's files, and its path.
fn in_files(guest: &mut Guest<'_>, name: &str) -> Option<(String, Vec<u8>)> {
    let paths = match name.contains('/') {
        true => vec![name.to_owned()],
        false => FOLDERS.iter().map(|folder| format!("{folder}/{name}")).collect(),
    };
    paths.into_iter().find_map(|path| {
        let bytes = read_file(guest, &path, MOST_BYTES).ok()?;
        Some((path, bytes))
    })
}

/// `dlsym`: the address of a symbol, or 0.
pub(crate) fn dlsym(guest: &mut Guest<'_>, handle: u32, symbol: u32) -> Result<u32, Problem> {
    let name = text(guest, "symbol", symbol)?;
    let found = find_symbol(guest, handle, &name);
    answer(guest, found)
}

fn find_symbol(guest: &mut Guest<'_>, handle: u32, name: &str) -> Result<u32, Failed> {
    let from = match handle {
        DEFAULT | PROGRAM => From::Everything,
        handle => From::Library(library(guest, handle)?),
    };
    let found = dynlink::symbol(guest.caller(), from, name)?;
    found.ok_or_else(|| Failed::Said(format!("nothing defines the symbol {name}")))
}

fn library(guest: &mut Guest<'_>, handle: u32) -> Result<Library, Failed> {
    let index = handle.checked_sub(FIRST);
    let found = index.and_then(|index| Library::at(guest.caller(), index));
    found.ok_or_else(|| Failed::Said(format!("{handle} is no library's handle")))
}

/// `dlclose`: whether the handle is one: 0, or 1.
pub(crate) fn dlclose(guest: &mut Guest<'_>, handle: u32) -> Result<i32, Problem> {
    let known = match handle {
        PROGRAM => Ok(()),
        handle => library(guest, handle).map(drop),
    };
    match known {
        Ok(()) => Ok(0),
        Err(failed) => answer(guest, Err(failed)).map(|_| 1),
    }
}

/// `dlerror`: the text of the last error, once; 0 if there is none.
pub(crate) fn dlerror(guest: &mut Guest<'_>) -> Result<u32, Problem> {
    let Some(mut message) = guest.host_mut().dynlink.error.take() else { return Ok(0) };
    let room = match guest.host().dynlink.message {
        Some(room) => room,
        None => message_room(guest)?,
    };
    let mut end = message.len().min(MESSAGE as usize - 1);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message.push('\0');
    guest.write(room, message.as_bytes()).argument("malloc's result")?;
    Ok(room)
}

fn message_room(guest: &mut Guest<'_>) -> Result<u32, Problem> {
    let room = guest.allocate(MESSAGE).map_err(|error| match error {
        Allocation::NoMalloc => Problem::Allocation { len: MESSAGE },
        Allocation::Trap(trap) => Problem::Trap(trap),
    })?;
    if room == 0 {
        return Err(Problem::Allocation { len: MESSAGE });
    }
    guest.check(Slice::new(room, MESSAGE)).argument("malloc's result")?;
    guest.host_mut().dynlink.message = Some(room);
    Ok(room)
}

/// The number, or 0 and an error for `dlerror`.
fn answer(guest: &mut Guest<'_>, result: Result<u32, Failed>) -> Result<u32, Problem> {
    match result {
        Ok(number) => Ok(number),
        Err(Failed::Problem(problem)) => Err(problem),
        Err(Failed::Said(error)) => {
            guest.host_mut().dynlink.error = Some(error);
            Ok(0)
        }
    }
}

/// The most parameters of a call by signature.
const MOST_PARAMETERS: usize = 1000;

/// `__faasm_ffi_call`: calls the function with this pointer. The signature is a C string: the letter of the result, then
/// one for each parameter, of `v` (nothing), `i` and `I` (integers of 32 and 64 bits), `f` and `d`. Arguments and result
/// are in cells of 8 bytes, as they lie in memory; a narrow one fills the first bytes of its cell.
pub(crate) fn ffi_call(
    guest: &mut Guest<'_>,
    function: u32,
    signature: u32,
    args: u32,
    result: u32,
) -> Result<u32, Problem> {
    let signature = text(guest, "signature", signature)?;
    let Some(ty) = parse(signature.as_bytes()) else {
        return Ok(number(Errno::Inval));
    };
    let count = u32::try_from(ty.params.len()).unwrap_or(u32::MAX);
    let cells = guest.read(Slice::new(args, count.saturating_mul(8))).argument("args")?;
    if !ty.results.is_empty() {
        guest.check(Slice::new(result, 8)).argument("result")?;
    }
    let Some(func) = guest.function_at(function).filter(|func| *func.ty(guest.caller()) == ty)
    else {
        return Ok(number(Errno::Inval));
    };
    let cells = cells.as_chunks::<8>().0.iter();
    let args: Vec<Val> = ty.params.iter().zip(cells).map(|(ty, cell)| value(*ty, *cell)).collect();
    let results = func.call(guest.caller(), &args)?;
    if let Some(value) = results.first() {
        guest.write(result, &cell(value)).argument("result")?;
    }
    Ok(0)
}

/// `__faasm_ffi_slot`: a slot of the table for a function pointer whose function comes later.
pub(crate) fn ffi_slot(guest: &mut Guest<'_>, slot: u32, function: u32) -> Result<u32, Problem> {
    // Slots are not told from others: the table is the guest's own, as memory is.
    let Some(table) = guest.table() else { return Ok(0) };
    let none = Val::FuncRef(None);
    let placed = if slot == 0 {
        table.grow(guest.caller(), 1, none)
    } else {
        let found = match function {
            0 => Ok(none),
            function => table.get(guest.caller(), function.into()),
        };
        found.and_then(|found| table.set(guest.caller(), slot.into(), found)).map(|()| slot.into())
    };
    Ok(placed.ok().and_then(|at| u32::try_from(at).ok()).unwrap_or(0))
}

fn number(errno: Errno) -> u32 {
    u32::from(errno as u16)
}

/// The type that a signature means.
fn parse(signature: &[u8]) -> Option<FuncType> {
    let (result, params) = signature.split_first()?;
    if params.len() > MOST_PARAMETERS {
        return None;
    }
    let results = match result {
        b'v' => Box::default(),
        letter => [value_type(*letter)?].into(),
    };
    let params = params.iter().map(|letter| value_type(*letter)).collect::<Option<_>>()?;
    Some(FuncType { params, results })
}

fn value_type(letter: u8) -> Option<ValType> {
    Some(match letter {
        b'i' => ValType::I32,
        b'I' => ValType::I64,
        b'f' => ValType::F32,
        b'd' => ValType::F64,
        _ => return None,
    })
}

fn value(ty: ValType, cell: [u8; 8]) -> Val {
    let [a, b, c, d, ..] = cell;
    let low = u32::from_le_bytes([a, b, c, d]);
    match ty {
        ValType::I64 => Val::I64(i64::from_le_bytes(cell)),
        ValType::F32 => Val::F32(low),
        ValType::F64 => Val::F64(u64::from_le_bytes(cell)),
        _ => Val::I32(low.cast_signed()),
    }
}

fn cell(value: &Val) -> [u8; 8] {
    let bits = match *value {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::F32(bits) => bits.into(),
        Val::I64(value) => value.cast_unsigned(),
        Val::F64(bits) => bits,
        // `parse` makes no other type.
        _ => 0,
    };
    bits.to_le_bytes()
}
