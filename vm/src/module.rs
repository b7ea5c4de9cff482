//! Loaded modules: an object file that is used where it is mapped, its code executable.
//!
//! # Invariants
//!
//! * What is mapped does not change: it is a sealed copy, or a file of a [`crate::CodeCache`].
//! * A row of a table is checked when it is read, since the tables of a file that was verified before are not read when
//!   it is loaded: what a wrong row says leads to `None`, never outside of the file or the text.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use faasm_abi::handler::Handlers;
use faasm_abi::layout::ContextLayout;
use faasm_abi::module::ModuleInfo;
use faasm_abi::object::{CodeRange, Digest, SealError};
use faasm_abi::stack_map::StackMaps;
use faasm_abi::tables::{EntryRow, FunctionRow, NO_NAME, SegmentRow, StubsRow, Table, name_at};
use faasm_abi::trap::TrapTable;
use faasm_sfi::code::{CodeError, CodeImage, CodeSpan, Sites};
use faasm_sfi::file::{FileError, MappedFile};
use faasm_sfi::profile::ProfileError;
use faasm_sfi::profile::debugger::Registration;

use crate::backtrace::{Frame, Place};
use crate::debug::DebugInfo;
use crate::engine::Engine;
use crate::mappings::{Mappings, OF_MODULE, OutOfMappings};
use crate::object::{self, Opened, Sections};
use crate::profiling::Profiled;

/// A loaded module, ready to be instantiated any number of times; cheap to clone.
#[derive(Clone, Debug)]
pub struct Module {
    pub(crate) inner: Arc<ModuleInner>,
}

pub(crate) struct ModuleInner {
    /// Of the object.
    pub(crate) digest: Digest,
    pub(crate) info: ModuleInfo,
    pub(crate) layout: ContextLayout,
    pub(crate) span: Arc<CodeSpan>,
    file: Arc<MappedFile>,
    sections: Sections,
    debug: Arc<DebugInfo>,
    /// What debuggers were told, until the module is gone.
    _registration: Option<Registration>,
    _mappings: Mappings,
}

/// Why an object file is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No seal, or not ours, or the file was changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The file is not what the compiler writes.
    #[error("the object is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// A section of the file is not what the compiler writes.
    #[error("the object is malformed: its section {section} {what}")]
    Section {
        /// Which.
        section: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another version of the format.
    #[error("the object has format {found}, this VM reads format {expected}: compile it again")]
    Format {
        /// In the file.
        found: u32,
        /// What is read here.
        expected: u32,
    },
    /// Made for another kind of machine.
    #[error("the object was compiled for {found}, this machine is {expected}")]
    Target {
        /// In the file.
        found: String,
        /// This machine.
        expected: &'static str,
    },
    /// This processor lacks features that the code uses.
    #[error("the object uses processor features that this machine lacks: {}", .missing.join(", "))]
    Features {
        /// Which.
        missing: Vec<String>,
    },
    /// The instance's context would be too large.
    #[error(transparent)]
    Context(#[from] faasm_abi::layout::ContextTooLarge),
    /// The file cannot be read.
    #[error("the object cannot be read")]
    Read(#[source] io::Error),
    /// The file or its code cannot be mapped.
    #[error("the object's code cannot be mapped")]
    Map(#[from] CodeError),
    /// Slots and modules have all mappings that they may have.
    #[error(transparent)]
    Mappings(#[from] OutOfMappings),
    /// Profilers cannot be told.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl From<FileError> for LoadError {
    fn from(error: FileError) -> Self {
        Self::Map(error.into())
    }
}

impl Module {
    /// Loads what `faasm-compiler` made and [`faasm_abi::object::SealKey::seal`] sealed: checks every byte of it, and
    /// makes a copy that nobody can change.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; nothing of the file is looked at before its seal holds.
    pub fn load(engine: &Engine, sealed: &[u8]) -> Result<Self, LoadError> {
        verify(engine, sealed)?;
        Self::of_file(engine, MappedFile::copy_of(sealed)?)
    }

    /// As [`Module::load`], from a file, which may change or go away afterwards.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn load_file(engine: &Engine, path: &Path) -> Result<Self, LoadError> {
        let file = File::open(path).map_err(LoadError::Read)?;
        let copy = MappedFile::copy_of_file(&file)?;
        verify(engine, copy.bytes())?;
        Self::of_file(engine, copy)
    }

    /// Loads a file that was verified before and has not changed since.
    pub(crate) fn of_file(engine: &Engine, file: MappedFile) -> Result<Self, LoadError> {
        let digest = engine.seal().digest(file.bytes())?;
        let Opened { info, layout, sections } =
            object::open(engine.seal().recognise(file.bytes())?)?;
        let _mappings = engine.take_mappings(OF_MODULE)?;
        let mut file = Arc::new(file);
        let image = CodeImage::of_file(&mut file, sections.text.clone())?;
        let sites = sections.traps.start + TrapTable::HEADER..sections.traps.end;
        let span = Arc::new(CodeSpan::new(image, Sites::of_file(&file, sites)?));
        let debug = Arc::new(DebugInfo::of(&file, &sections.debug));
        let profiled = Profiled { file: file.bytes(), text: sections.text.clone(), debug: &debug };
        let _registration = engine.profiling().announce(&profiled, span.start())?;
        let (info, debug) = (info.module, Arc::clone(&debug));
        Ok(Self {
            inner: Arc::new(ModuleInner {
                digest,
                info,
                layout,
                span,
                file,
                sections,
                debug,
                _registration,
                _mappings,
            }),
        })
    }

    /// The module's description.
    #[must_use]
    pub fn info(&self) -> &ModuleInfo {
        &self.inner.info
    }

    /// What tells it apart from modules of other objects: the digest that the object's seal carries.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// The name of function `index`, if the module gives one.
    #[must_use]
    pub fn function_name(&self, index: u32) -> Option<&str> {
        self.inner.function_name(index)
    }
}

/// Checks all of a sealed object: the seal, the description and every row of its tables.
pub(crate) fn verify(engine: &Engine, sealed: &[u8]) -> Result<(), LoadError> {
    let bytes = engine.seal().open(sealed)?;
    let opened = object::open(bytes)?;
    object::check(bytes, &opened)
}

impl ModuleInner {
    fn bytes(&self, section: &Range<usize>) -> &[u8] {
        self.file.bytes().get(section.clone()).unwrap_or_default()
    }

    fn row<const N: usize>(&self, section: &Range<usize>, index: u32) -> Option<[u32; N]> {
        Table::of(self.bytes(section))?.row(index as usize)
    }

    /// Where a piece of the text is; `None` if it is none.
    fn address(&self, range: CodeRange) -> Option<usize> {
        range.is_inside(self.span.len()).then(|| self.span.start() + range.offset as usize)
    }

    /// A data segment, whose bytes are in the data, and whose memory is one of the module's.
    pub(crate) fn segment(&self, index: usize) -> Option<SegmentRow> {
        let row = self.row(&self.sections.segments, u32::try_from(index).ok()?)?;
        object::segment(row, &self.info, self.sections.data.len())
    }

    /// The bytes of a data segment.
    pub(crate) fn data(&self, segment: &SegmentRow) -> &[u8] {
        let (start, length) = (segment.offset as usize, segment.length as usize);
        self.bytes(&self.sections.data).get(start..start + length).unwrap_or_default()
    }

    /// Address of the code of a function that the module defines, by function index.
    pub(crate) fn function_code(&self, function: u32) -> Option<usize> {
        self.address(FunctionRow::of(self.row(&self.sections.functions, function)?).code)
    }

    /// Address of the stub for an imported function that takes its arguments in an array, or in registers.
    pub(crate) fn host_stub(&self, import: u32, native: bool) -> Option<usize> {
        let stubs = StubsRow::of(self.row(&self.sections.stubs, import)?);
        self.address(if native { stubs.native } else { stubs.array })
    }

    /// Address of the entry for functions of the type with this index.
    pub(crate) fn entry(&self, ty: u32) -> Option<usize> {
        self.address(EntryRow::of(self.row(&self.sections.entries, ty)?).0)
    }

    pub(crate) fn function_name(&self, function: u32) -> Option<&str> {
        let row = FunctionRow::of(self.row(&self.sections.functions, function)?);
        if row.name == NO_NAME {
            return None;
        }
        name_at(self.bytes(&self.sections.names), row.name)
    }

    /// How far below the frame pointer references are, in the frame of a call that returns to `pc`.
    pub(crate) fn roots_at(&self, pc: usize) -> impl Iterator<Item = u32> {
        let offset = pc.checked_sub(self.span.start()).and_then(|at| u32::try_from(at).ok());
        let maps = StackMaps::open(self.bytes(&self.sections.stack_maps));
        offset.zip(maps).into_iter().flat_map(|(offset, maps)| maps.at(offset))
    }

    /// Where an exception lands that leaves the call which returns to `pc`, and the bytes from the frame pointer down to
    /// the stack pointer there; `None` if nothing covers the call.
    pub(crate) fn landing_of(&self, pc: usize) -> Option<(usize, usize)> {
        let offset = u32::try_from(pc.checked_sub(self.span.start())?).ok()?;
        let site = Handlers::open(self.bytes(&self.sections.handlers))?.at(offset)?;
        let inside = (site.landing as usize) < self.span.len();
        inside.then(|| (self.span.start() + site.landing as usize, site.frame as usize))
    }

    /// The function that `pc` is in; `None` in stubs and entries.
    pub(crate) fn frame_at(&self, pc: usize) -> Option<Frame> {
        let at = u32::try_from(pc.checked_sub(self.span.start())?).ok()?;
        let table = Table::of(self.bytes(&self.sections.functions))?;
        let imported = self.info.imported.functions as usize;
        let starts_before = |row| FunctionRow::of(row).code.offset <= at;
        let index = (imported + table.partition_point(imported, starts_before)?).checked_sub(1)?;
        let code = FunctionRow::of(table.row(index)?).code;
        let offset = at.checked_sub(code.offset)?;
        if offset >= code.length {
            return None;
        }
        let function = u32::try_from(index).ok()?;
        let (module, name) = (self.info.name.as_deref(), self.function_name(function));
        let position = index.checked_sub(imported)?;
        let place = Place { debug: Arc::clone(&self.debug), text: at, position };
        Some(Frame::new(module, function, name, offset).at(place))
    }
}

impl fmt::Debug for ModuleInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.info.name).finish_non_exhaustive()
    }
}
