//! The functions of a unit and what was inlined into them (DWARF 5, section 3.3 *Subroutine Entries*).

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use gimli::{
    Abbreviation, Abbreviations, AttributeValue, EntriesRaw, UnitHeader, UnitOffset, constants,
};

use super::budget::{Budget, Dropped};
use super::guest::{Bytes, Reader};
use super::strings;

/// A function that has code of its own.
#[derive(Debug)]
pub(super) struct Subprogram {
    pub(super) names: Names,
    /// Offsets in the code section.
    pub(super) range: Range<u32>,
    /// In the order of the entries: a caller before what is inlined into it.
    pub(super) inlined: Vec<Inlined>,
}

/// A call that was replaced by the function's body.
#[derive(Debug)]
pub(super) struct Inlined {
    pub(super) names: Names,
    /// How many calls that were replaced it is inside, itself included.
    pub(super) depth: usize,
    /// Offsets in the code section.
    pub(super) ranges: Vec<Range<u32>>,
    /// Where the call is: file, line and column, 0 where they are not known.
    pub(super) call: [u32; 3],
}

/// What a function is called.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) name: Option<Rc<str>>,
    /// With what distinguishes it, mangled.
    pub(super) linkage: Option<Rc<str>>,
}

/// How deep inlined calls are followed: who writes and who reads the result recurse on it.
const MAX_DEPTH: usize = 128;
/// Entries from one that has code to the one that has its name.
const MAX_HOPS: usize = 4;
/// Inlined calls of one unit.
const MAX_INLINED: usize = 4 << 20;

/// Reads the functions of a unit.
pub(super) fn read(
    reader: &Reader<'_>,
    header: &UnitHeader<Bytes<'_>>,
    abbreviations: &Abbreviations,
    budget: &mut Budget,
) -> Result<Vec<Subprogram>, Dropped> {
    let names = HashMap::new();
    let mut walk = Walk { reader, header, abbreviations, budget, names, n_inlined: 0 };
    walk.functions()
}

struct Walk<'w, 'a> {
    reader: &'w Reader<'w>,
    header: &'w UnitHeader<Bytes<'a>>,
    abbreviations: &'w Abbreviations,
    budget: &'w mut Budget,
    /// Names that were looked up, by the entry that has them.
    names: HashMap<usize, Names>,
    n_inlined: usize,
}

/// The attributes of an entry that matter.
#[derive(Default)]
struct Entry {
    names: Names,
    /// The entry that says the rest.
    origin: Option<UnitOffset>,
    low: Option<u64>,
    high: Option<u64>,
    /// Whether `high` is a length.
    is_length: bool,
    ranges: Vec<Range<u32>>,
    call: [u32; 3],
}

impl Entry {
    /// Its code, as offsets in the code section. The linker leaves removed functions at 0.
    fn code(self) -> Vec<Range<u32>> {
        let mut ranges = self.ranges;
        if let (Some(low), Some(high)) = (self.low, self.high) {
            let end = if self.is_length { low.saturating_add(high) } else { high };
            if let (Ok(start), Ok(end)) = (u32::try_from(low), u32::try_from(end)) {
                ranges.push(start..end);
            }
        }
        ranges.retain(|range| range.start > 0 && range.start < range.end);
        ranges
    }
}

impl Walk<'_, '_> {
    fn functions(&mut self) -> Result<Vec<Subprogram>, Dropped> {
        let mut entries = self.header.entries_raw(self.abbreviations, None)?;
        let mut functions: Vec<Subprogram> = Vec::new();
        // The depths in the tree of the function and of the inlined calls that are open.
        let mut function_depth = None;
        let mut open: Vec<isize> = Vec::new();
        while !entries.is_empty() {
            self.budget.spend(1)?;
            let depth = entries.next_depth();
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            if function_depth.is_some_and(|outer| depth <= outer) {
                function_depth = None;
            }
            open.retain(|&outer| outer < depth);
            match abbreviation.tag() {
                constants::DW_TAG_subprogram => {
                    open.clear();
                    function_depth = Some(depth);
                    let entry = self.entry(&mut entries, abbreviation)?;
                    match self.subprogram(entry)? {
                        Some(function) => functions.push(function),
                        None => function_depth = None,
                    }
                }
                constants::DW_TAG_inlined_subroutine if function_depth.is_some() => {
                    open.push(depth);
                    let entry = self.entry(&mut entries, abbreviation)?;
                    let inlined = self.inlined(entry, open.len())?;
                    if let Some(function) = functions.last_mut() {
                        function.inlined.extend(inlined);
                    }
                }
                _ => {
                    self.budget.spend(abbreviation.attributes().len() as u64)?;
                    entries.skip_attributes(abbreviation.attributes())?;
                }
            }
        }
        Ok(functions)
    }

    fn subprogram(&mut self, entry: Entry) -> Result<Option<Subprogram>, Dropped> {
        let names = self.names(&entry)?;
        let range = entry.code().into_iter().next();
        Ok(range.map(|range| Subprogram { names, range, inlined: Vec::new() }))
    }

    fn inlined(&mut self, entry: Entry, depth: usize) -> Result<Option<Inlined>, Dropped> {
        if depth > MAX_DEPTH {
            return Ok(None);
        }
        self.n_inlined += 1;
        if self.n_inlined > MAX_INLINED {
            return Err(Dropped::TooLarge);
        }
        let (names, call) = (self.names(&entry)?, entry.call);
        Ok(Some(Inlined { names, depth, ranges: entry.code(), call }))
    }

    /// The names of an entry: its own, or those of the entry that it is an instance of.
    fn names(&mut self, entry: &Entry) -> Result<Names, Dropped> {
        let mut names = entry.names.clone();
        let mut origin = entry.origin;
        let first = origin.map(|origin| origin.0);
        if let Some(known) = first.and_then(|first| self.names.get(&first)) {
            return Ok(merge(names, known));
        }
        for _ in 0..MAX_HOPS {
            let Some(at) = origin.take() else { break };
            let Ok(mut entries) = self.header.entries_raw(self.abbreviations, Some(at)) else {
                break;
            };
            let Some(abbreviation) = entries.read_abbreviation()? else { break };
            let other = self.entry(&mut entries, abbreviation)?;
            names = merge(names, &other.names);
            origin = other.origin;
        }
        if let Some(first) = first {
            self.names.insert(first, names.clone());
        }
        Ok(names)
    }

    /// Reads the attributes of an entry.
    fn entry(
        &mut self,
        entries: &mut EntriesRaw<'_, Bytes<'_>>,
        abbreviation: &Abbreviation,
    ) -> Result<Entry, Dropped> {
        self.budget.spend(abbreviation.attributes().len() as u64)?;
        let mut entry = Entry::default();
        for spec in abbreviation.attributes() {
            let attribute = entries.read_attribute(*spec)?;
            self.attribute(&mut entry, attribute.name(), &attribute.value())?;
        }
        Ok(entry)
    }

    fn attribute(
        &mut self,
        entry: &mut Entry,
        name: constants::DwAt,
        value: &AttributeValue<Bytes<'_>>,
    ) -> Result<(), Dropped> {
        let reader = self.reader;
        let text = || strings::text(reader, value).map(Rc::from);
        let number = || value.udata_value().and_then(|value| u32::try_from(value).ok());
        match name {
            constants::DW_AT_name => entry.names.name = text(),
            constants::DW_AT_linkage_name | constants::DW_AT_MIPS_linkage_name => {
                entry.names.linkage = text();
            }
            constants::DW_AT_abstract_origin | constants::DW_AT_specification => {
                if let AttributeValue::UnitRef(offset) = *value {
                    entry.origin = Some(offset);
                }
            }
            constants::DW_AT_low_pc => entry.low = reader.address(value),
            constants::DW_AT_high_pc => {
                entry.is_length = reader.address(value).is_none();
                entry.high = reader.address(value).or_else(|| value.udata_value());
            }
            constants::DW_AT_ranges => entry.ranges = reader.ranges(value, self.budget)?,
            constants::DW_AT_call_file => {
                entry.call[0] = match *value {
                    AttributeValue::FileIndex(file) => u32::try_from(file).unwrap_or(0),
                    _ => number().unwrap_or(0),
                };
            }
            constants::DW_AT_call_line => entry.call[1] = number().unwrap_or(0),
            constants::DW_AT_call_column => entry.call[2] = number().unwrap_or(0),
            _ => {}
        }
        Ok(())
    }
}

fn merge(names: Names, others: &Names) -> Names {
    Names {
        name: names.name.or_else(|| others.name.clone()),
        linkage: names.linkage.or_else(|| others.linkage.clone()),
    }
}
