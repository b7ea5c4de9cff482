//! Telling profilers and debuggers about loaded modules.

use std::ops::Range;

use faasm_abi::object::TEXT_SECTION;
use faasm_sfi::profile::debugger::Registration;
use faasm_sfi::profile::{ProfileError, SourceLine, Symbol, jit_dump, perf_map};
use object::read::elf::FileHeader as _;
use object::{Object as _, ObjectSymbol as _};

use crate::debug::DebugInfo;

/// Who is told of the code of loaded modules. Each costs time and memory at each load, nothing at a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profiling {
    /// Nobody.
    #[default]
    None,
    /// perf, of names: `/tmp/perf-PID.map`.
    PerfMap,
    /// perf, of names, code and source lines: `jit-PID.dump` in the current folder, for `perf inject --jit`.
    JitDump,
    /// gdb and lldb: the object itself, with symbols, source lines and unwind tables.
    Gdb,
}

/// A loaded object.
pub(crate) struct Profiled<'a> {
    /// The whole file, its seal too, which no reader of ELF files looks at.
    pub(crate) file: &'a [u8],
    /// Where the text is in it.
    pub(crate) text: Range<usize>,
    pub(crate) debug: &'a DebugInfo,
}

impl<'a> Profiled<'a> {
    fn text(&self) -> &'a [u8] {
        self.file.get(self.text.clone()).unwrap_or_default()
    }
}

impl Profiling {
    /// Makes the files.
    pub(crate) fn begin(self) -> Result<(), ProfileError> {
        match self {
            Self::PerfMap => perf_map::add(&[]),
            Self::JitDump => jit_dump::add(&[]),
            Self::None | Self::Gdb => Ok(()),
        }
    }

    /// Tells of an object whose text is mapped at `address`; the registration lasts until it is dropped.
    pub(crate) fn announce(
        self,
        object: &Profiled<'_>,
        address: usize,
    ) -> Result<Option<Registration>, ProfileError> {
        match self {
            Self::None => return Ok(None),
            Self::Gdb => return Ok(image(object, address).map(Registration::new)),
            Self::PerfMap => perf_map::add(&symbols(object, None, address))?,
            Self::JitDump => {
                let sources = object.debug.sources();
                jit_dump::add(&symbols(object, sources.as_ref(), address))?;
            }
        }
        Ok(None)
    }
}

/// The symbols of an object whose text is at `base`, with their lines if there are sources.
fn symbols<'a>(
    object: &Profiled<'a>,
    sources: Option<&'a crate::debug::Sources<'_>>,
    base: usize,
) -> Vec<Symbol<'a>> {
    let mut symbols = Vec::new();
    let Ok(file) = object::File::parse(object.file) else { return symbols };
    let text = object.text();
    for symbol in file.symbols() {
        let (start, len) = (symbol.address(), symbol.size());
        let (Ok(start), Ok(len)) = (u32::try_from(start), u32::try_from(len)) else { continue };
        let code = text.get(start as usize..).and_then(|code| code.get(..len as usize));
        let (Some(code), Ok(name)) = (code, symbol.name()) else { continue };
        if symbol.kind() != object::SymbolKind::Text {
            continue;
        }
        let address = |offset: u32| base + offset as usize;
        let lines = sources.map_or_else(Vec::new, |sources| sources.lines(start, start + len));
        let lines = lines
            .into_iter()
            .map(|(at, file, line)| SourceLine { address: address(at), file, line })
            .collect();
        symbols.push(Symbol { name, address: address(start), code, lines });
    }
    symbols
}

/// A copy of the object whose sections say where they are: the text where it is mapped, and the unwind tables, which
/// debuggers read from the copy but look for within 2 GiB of the text, behind it.
fn image(object: &Profiled<'_>, address: usize) -> Option<Box<[u8]>> {
    let mut copy: Box<[u8]> = object.file.into();
    let header = object::elf::FileHeader64::<object::Endianness>::parse(object.file).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, object.file).ok()?;
    let table = usize::try_from(header.e_shoff(endian)).ok()?;
    for (index, section) in sections.enumerate() {
        let at = match sections.section_name(endian, section).ok()? {
            name if name == TEXT_SECTION.as_bytes() => address,
            b".eh_frame" => address + object.text.len().next_multiple_of(4096),
            _ => continue,
        };
        let field = table + index.0 * size_of_val(section) + SECTION_ADDRESS;
        copy.get_mut(field..field + 8)?.copy_from_slice(&(at as u64).to_le_bytes());
    }
    Some(copy)
}

/// Where a section's header has its address (`Elf64_Shdr.sh_addr`).
const SECTION_ADDRESS: usize = 16;
