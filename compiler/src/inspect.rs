//! What modules and objects are made of, for people who look at them.

use faasm_abi::lines::{LINES_SECTION, Lines, Rows};
use faasm_abi::object::{
    CodeRange, FORMAT, FUNCTIONS_SECTION, INFO_SECTION, InfoError, NAMES_SECTION, NOTES_SECTION,
    ObjectInfo, TRAPS_SECTION,
};
use faasm_abi::tables::{FunctionRow, Table, name_at};
use faasm_abi::trap::{TrapSite, TrapTable};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use wasmparser::{BlockType, FunctionBody, Operator, Parser, Payload, Validator, WasmFeatures};

use crate::error::ValidateError;
use crate::validate::features::{FEATURES, refuse};

/// A section of a module or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name; of a module's custom sections, their own.
    pub name: String,
    /// Bytes of its contents.
    pub size: u64,
}

/// The sections of a module, in order.
///
/// # Errors
///
/// [`ValidateError`] when the bytes are no module.
pub fn sections(wasm: &[u8]) -> Result<Vec<Section>, ValidateError> {
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(refuse)?;
        let name = match &payload {
            Payload::CustomSection(custom) => custom.name().to_owned(),
            other => match other.as_section() {
                Some((id, _)) => section_name(id).to_owned(),
                None => continue,
            },
        };
        if let Some((_, range)) = payload.as_section() {
            sections.push(Section { name, size: range.end - range.start });
        }
    }
    Ok(sections)
}

/// Names of the specification, section 5.5.2.
const fn section_name(id: u8) -> &'static str {
    match id {
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        8 => "start",
        9 => "element",
        10 => "code",
        11 => "data",
        12 => "data count",
        13 => "tag",
        _ => "unknown",
    }
}

/// The proposals beyond WebAssembly 1.0 that a valid module needs, by name, ascending.
///
/// # Errors
///
/// [`ValidateError`] when the bytes are no module that is valid and supported.
pub fn proposals(wasm: &[u8]) -> Result<Vec<String>, ValidateError> {
    let (outside, bodies) = parts(wasm)?;
    let mut used: Vec<String> = Vec::new();
    for (name, feature) in FEATURES.iter_names() {
        // A module needs a proposal if it is not valid without it.
        if FEATURES.contains(feature) && !is_valid(&outside, FEATURES.difference(feature)) {
            used.push(proposal_name(name));
        }
    }
    for body in bodies {
        let mut reader = body.get_operators_reader().map_err(refuse)?;
        while !reader.eof() {
            let op = reader.read().map_err(refuse)?;
            let name = operator_proposal(&op);
            if name != "mvp" && !used.iter().any(|other| other == &proposal_name(name)) {
                used.push(proposal_name(name));
            }
        }
    }
    // These are not proposals but parts of 1.0 that the parser can be told to refuse.
    used.retain(|name| !["floats", "gc-types", "mvp"].contains(&name.as_str()));
    used.sort();
    used.dedup();
    Ok(used)
}

/// A module's sections and its function bodies.
type Parts<'a> = (Vec<Payload<'a>>, Vec<FunctionBody<'a>>);

fn parts(wasm: &[u8]) -> Result<Parts<'_>, ValidateError> {
    let (mut outside, mut bodies) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(refuse)? {
            Payload::CodeSectionEntry(body) => bodies.push(body),
            // Debugging information is no reason for anything.
            Payload::CustomSection(_) => {}
            other => outside.push(other),
        }
    }
    Ok((outside, bodies))
}

/// Whether what is outside of function bodies is valid with these features.
fn is_valid(payloads: &[Payload<'_>], features: WasmFeatures) -> bool {
    let mut validator = Validator::new_with_features(features);
    payloads.iter().all(|payload| match payload {
        // Its end wants the bodies.
        Payload::CodeSectionStart { .. } | Payload::DataSection(_) | Payload::End(_) => true,
        payload => validator.payload(payload).is_ok(),
    })
}

fn proposal_name(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

macro_rules! define_proposal {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* $(,)? })? => $visit:ident ($($ann:tt)*))*) => {
        /// The proposal that an operator came with.
        fn operator_proposal(op: &Operator<'_>) -> &'static str {
            match op {
                Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty }
                    if matches!(blockty, BlockType::FuncType(_)) => "multi_value",
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "mvp",
            }
        }
    };
}
wasmparser::for_each_operator!(define_proposal);

/// An object without its seal, taken apart.
#[derive(Debug)]
pub struct ObjectFile<'a> {
    /// What it says of itself.
    pub info: ObjectInfo,
    /// Its sections, in order.
    pub sections: Vec<Section>,
    /// Remarks of the compiler, such as debugging information that it could not carry over.
    pub notes: Vec<String>,
    /// The machine code.
    pub(crate) text: &'a [u8],
    /// Where it may trap.
    pub(crate) traps: Vec<TrapSite>,
    lines: &'a [u8],
    functions: Table<'a, { FunctionRow::WORDS }>,
    names: &'a [u8],
    /// Names of code by offset in the text, ascending.
    symbols: Vec<(u32, String)>,
}

/// An object cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It is not an object.
    #[error("it is not an ELF file")]
    NotElf,
    /// A section is missing or cannot be read.
    #[error("its section `{0}` is missing or damaged")]
    Section(&'static str),
    /// Another version of the format.
    #[error("it has format {found}; this version reads format {FORMAT}")]
    Format {
        /// In the file.
        found: u32,
    },
}

impl<'a> ObjectFile<'a> {
    /// The version of the format, which every object that can be taken apart has.
    pub const FORMAT: u32 = FORMAT;

    /// Takes apart what the seal was opened of.
    ///
    /// # Errors
    ///
    /// [`ObjectError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ObjectError> {
        let file = object::File::parse(bytes).map_err(|_| ObjectError::NotElf)?;
        let find = |name: &str| file.section_by_name(name).and_then(|found| found.data().ok());
        let need = |name: &'static str| find(name).ok_or(ObjectError::Section(name));
        let info = ObjectInfo::decode(need(INFO_SECTION)?).map_err(|error| match error {
            InfoError::Format { found } => ObjectError::Format { found },
            InfoError::Damaged => ObjectError::Section(INFO_SECTION),
        })?;
        let functions = Table::of(need(FUNCTIONS_SECTION)?);
        let functions = functions.ok_or(ObjectError::Section(FUNCTIONS_SECTION))?;
        let traps = TrapTable::of(need(TRAPS_SECTION)?)
            .and_then(|table| table.sites().collect())
            .ok_or(ObjectError::Section(TRAPS_SECTION))?;
        let notes = String::from_utf8_lossy(find(NOTES_SECTION).unwrap_or_default()).into_owned();
        let sections = file.sections().map(|section| Section {
            name: String::from_utf8_lossy(section.name_bytes().unwrap_or_default()).into_owned(),
            size: section.size(),
        });
        let mut symbols: Vec<_> = file
            .symbols()
            .filter(|symbol| symbol.kind() == object::SymbolKind::Text)
            .filter_map(|symbol| {
                Some((u32::try_from(symbol.address()).ok()?, symbol.name().ok()?.to_owned()))
            })
            .collect();
        symbols.sort();
        Ok(Self {
            info,
            sections: sections.collect(),
            notes: notes.lines().map(str::to_owned).collect(),
            text: need(".text")?,
            traps,
            lines: find(LINES_SECTION).unwrap_or_default(),
            functions,
            names: need(NAMES_SECTION)?,
            symbols,
        })
    }

    /// The code of a function, if the module defines it.
    pub(crate) fn code(&self, function: u32) -> Option<CodeRange> {
        let row = FunctionRow::of(self.functions.row(function as usize)?);
        (row.code.length > 0).then_some(row.code)
    }

    /// The functions that have names (name section): index and name, ascending.
    #[must_use]
    pub fn function_names(&self) -> Vec<(u32, &'a str)> {
        let rows = (0..).zip(self.functions.rows());
        rows.filter_map(|(index, row)| {
            Some((index, name_at(self.names, FunctionRow::of(row).name)?))
        })
        .collect()
    }

    /// The lines of a defined function, by its position among them.
    pub(crate) fn lines(&self, position: u32) -> Option<Rows<'a>> {
        Some(Lines::parse(self.lines)?.function(position))
    }

    /// The name of the code that begins at this offset in the text.
    pub(crate) fn symbol(&self, offset: u32) -> Option<&str> {
        let at = self.symbols.binary_search_by_key(&offset, |(at, _)| *at).ok()?;
        Some(&self.symbols[at].1)
    }
}
