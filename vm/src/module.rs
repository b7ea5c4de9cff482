//! Loaded modules: an object file, checked, its code executable.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use faasm_abi::layout::ContextLayout;
use faasm_abi::module::ModuleInfo;
use faasm_abi::object::{CodeInfo, CodeRange, SealError};
use faasm_abi::stack_map::StackMaps;
use faasm_abi::types::FuncType;
use faasm_sfi::code::{CodeError, CodeImage, CodeSpan};
use faasm_sfi::profile::ProfileError;
use faasm_sfi::profile::debugger::Registration;

use crate::backtrace::{Frame, Place};
use crate::debug::DebugInfo;
use crate::engine::Engine;
use crate::object;

/// A loaded module, ready to be instantiated any number of times; cheap to clone.
#[derive(Clone, Debug)]
pub struct Module {
    pub(crate) inner: Arc<ModuleInner>,
}

pub(crate) struct ModuleInner {
    pub(crate) info: ModuleInfo,
    pub(crate) layout: ContextLayout,
    /// The bytes of all data segments.
    pub(crate) data: Box<[u8]>,
    pub(crate) span: Arc<CodeSpan>,
    code: CodeInfo,
    /// [`faasm_abi::stack_map`].
    stack_maps: Box<[u8]>,
    debug: Arc<DebugInfo>,
    /// What debuggers were told, until the module is gone.
    _registration: Option<Registration>,
    /// Address of the entry for each type, by type index.
    entries: Box<[Option<usize>]>,
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
    /// The code could not be mapped.
    #[error("the object's code cannot be mapped")]
    Map(#[from] CodeError),
    /// Profilers cannot be told.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl Module {
    /// Loads what `faasm-compiler` made and [`faasm_abi::object::SealKey::seal`] sealed.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; nothing of the file is looked at before its seal holds.
    pub fn load(engine: &Engine, sealed: &[u8]) -> Result<Self, LoadError> {
        let opened = object::open(engine.seal(), sealed)?;
        let image = Arc::new(CodeImage::new(opened.text)?);
        let (offsets, codes) =
            opened.sites.iter().map(|site| (site.offset, site.code as u8)).unzip();
        let span = Arc::new(CodeSpan::new(image, offsets, codes)?);
        let entries = entries(&opened.info.module, &opened.info.code, span.start());
        let debug = Arc::new(DebugInfo::of(&opened.file));
        let registration = engine.profiling().announce(&opened, &debug, span.start())?;
        Ok(Self {
            inner: Arc::new(ModuleInner {
                info: opened.info.module,
                layout: opened.layout,
                data: opened.data.into(),
                span,
                code: opened.info.code,
                stack_maps: opened.stack_maps.into(),
                debug,
                _registration: registration,
                entries,
            }),
        })
    }

    /// The module's description.
    #[must_use]
    pub fn info(&self) -> &ModuleInfo {
        &self.inner.info
    }
}

impl ModuleInner {
    fn address(&self, range: CodeRange) -> usize {
        self.span.start() + range.offset as usize
    }

    /// Address of the code of a function that the module defines, by function index.
    pub(crate) fn function_code(&self, function: u32) -> Option<usize> {
        let defined = function.checked_sub(self.info.imported.functions)?;
        self.code.functions.get(defined as usize).map(|range| self.address(*range))
    }

    /// Address of the stub for an imported function that takes its arguments in an array, or in registers.
    pub(crate) fn host_stub(&self, import: u32, native: bool) -> Option<usize> {
        let stubs = self.code.host_stubs.get(import as usize)?;
        let range = if native { stubs.native? } else { stubs.array };
        Some(self.address(range))
    }

    /// Address of the entry for functions of the type with this index.
    pub(crate) fn entry(&self, ty: u32) -> Option<usize> {
        *self.entries.get(ty as usize)?
    }

    /// How far below the frame pointer references are, in the frame of a call that returns to `pc`.
    pub(crate) fn roots_at(&self, pc: usize) -> impl Iterator<Item = u32> {
        let offset = pc.checked_sub(self.span.start()).and_then(|at| u32::try_from(at).ok());
        let maps = StackMaps::open(&self.stack_maps);
        offset.zip(maps).into_iter().flat_map(|(offset, maps)| maps.at(offset))
    }

    /// The function that `pc` is in; `None` in stubs and entries.
    pub(crate) fn frame_at(&self, pc: usize) -> Option<Frame> {
        let at = u32::try_from(pc.checked_sub(self.span.start())?).ok()?;
        let functions = &self.code.functions;
        let next = functions.partition_point(|range| range.offset <= at);
        let position = next.checked_sub(1)?;
        let offset = at - functions[position].offset;
        if offset >= functions[position].length {
            return None;
        }
        let function = self.info.imported.functions + u32::try_from(position).ok()?;
        let (module, name) = (self.info.name.as_deref(), self.info.function_name(function));
        let place = Place { debug: Arc::clone(&self.debug), text: at, position: next - 1 };
        Some(Frame::new(module, function, name, offset).at(place))
    }
}

/// The address of each type's entry, in a text that begins at `start`. Equal types share theirs.
fn entries(info: &ModuleInfo, code: &CodeInfo, start: usize) -> Box<[Option<usize>]> {
    let by_type: HashMap<&FuncType, usize> = code
        .entries
        .iter()
        .filter_map(|(ty, range)| Some((info.func_type(*ty)?, start + range.offset as usize)))
        .collect();
    info.types.iter().map(|ty| by_type.get(ty.as_func()?).copied()).collect()
}

impl fmt::Debug for ModuleInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.info.name).finish_non_exhaustive()
    }
}
