//! What an object says about where its code came from, and how it is asked.
//!
//! Nothing of it is read when a module is loaded or when a guest traps, only when somebody looks at a backtrace.
//! The compiler wrote it and the object's seal held, so it is taken for what it is: what hostile debugging information
//! can do ends in the compiler.

use std::ops::Range;
use std::sync::Arc;

use addr2line::gimli::{self, EndianSlice, LittleEndian};
use faasm_abi::lines::{LINES_SECTION, Lines};
use faasm_sfi::file::MappedFile;

/// The debugging sections of an object, read where they lie.
pub(crate) struct DebugInfo {
    file: Arc<MappedFile>,
    lines: Range<usize>,
    dwarf: Vec<(String, Range<usize>)>,
}

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLocation {
    /// The function whose body it is in, mangled as the guest's compiler did it.
    pub function: Option<String>,
    /// Path of the file, as the guest's compiler was given it.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
}

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

impl DebugInfo {
    /// Those of the sections, which are inside the file, that are debugging information.
    pub(crate) fn of(file: &Arc<MappedFile>, sections: &[(String, Range<usize>)]) -> Self {
        let mut info = Self { file: Arc::clone(file), lines: 0..0, dwarf: Vec::new() };
        for (name, place) in sections {
            if name == LINES_SECTION {
                info.lines = place.clone();
            } else {
                info.dwarf.push((name.clone(), place.clone()));
            }
        }
        info
    }

    fn bytes(&self, place: &Range<usize>) -> &[u8] {
        self.file.bytes().get(place.clone()).unwrap_or_default()
    }

    /// The offset in the module of the operator that made the code at `code` in a defined function.
    pub(crate) fn operator(&self, position: u32, code: u32) -> Option<u32> {
        Lines::parse(self.bytes(&self.lines))?.operator(position, code)
    }

    /// The source lines, ready to be asked; `None` when the module had none.
    pub(crate) fn sources(&self) -> Option<Sources<'_>> {
        if self.dwarf.is_empty() {
            return None;
        }
        let section = |id: gimli::SectionId| -> Result<Bytes<'_>, gimli::Error> {
            let found = self.dwarf.iter().find(|(name, _)| name == id.name());
            let bytes = found.map_or(&[][..], |(_, place)| self.bytes(place));
            Ok(EndianSlice::new(bytes, LittleEndian))
        };
        let dwarf = gimli::Dwarf::load(section).ok()?;
        Some(Sources(addr2line::Context::from_dwarf(dwarf).ok()?))
    }
}

/// The source lines of an object's text.
pub(crate) struct Sources<'a>(addr2line::Context<Bytes<'a>>);

impl Sources<'_> {
    /// The places that the code at this offset in the text came from: first the innermost function that was inlined
    /// there, then the calls that were replaced by bodies, outwards.
    pub(crate) fn at(&self, text: u32) -> Vec<SourceLocation> {
        let mut places = Vec::new();
        let Ok(mut frames) = self.0.find_frames(text.into()).skip_all_loads() else {
            return places;
        };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|name| name.raw_name().ok());
            let place = frame.location.as_ref();
            places.push(SourceLocation {
                function: name.map(|name| name.into_owned()),
                file: place.and_then(|place| place.file).map(|file| plain(file).to_owned()),
                line: place.and_then(|place| place.line).filter(|line| *line > 0),
                column: place.and_then(|place| place.column).filter(|column| *column > 0),
            });
        }
        places
    }

    /// The lines of a range of the text: offset, file, line.
    pub(crate) fn lines(&self, start: u32, end: u32) -> Vec<(u32, &str, u32)> {
        let Ok(found) = self.0.find_location_range(start.into(), end.into()) else {
            return Vec::new();
        };
        found
            .filter_map(|(at, _, place)| {
                let line = place.line.filter(|line| *line > 0)?;
                Some((u32::try_from(at).ok()?, plain(place.file?), line))
            })
            .collect()
    }
}

/// A path without the "here" before it that comes of a compilation in the folder `.`.
fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

impl std::fmt::Debug for DebugInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: usize = self.dwarf.iter().map(|(_, place)| place.len()).sum();
        f.debug_struct("DebugInfo")
            .field("lines", &self.lines.len())
            .field("dwarf", &bytes)
            .finish()
    }
}
