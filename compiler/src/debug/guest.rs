//! The module's units of debugging information, one after the other.

use gimli::{
    Abbreviations, AttributeValue, DebugAbbrev, DebugAbbrevOffset, DebugAddr, DebugAddrBase,
    DebugAddrIndex, DebugInfo, DebugRngListsBase, DebugStrOffsets, DebugStrOffsetsBase,
    DebugStrOffsetsIndex, DwLang, Encoding, EndianSlice, LittleEndian, RangeLists, UnitHeader,
};

use super::GuestDwarf;
use super::budget::{Budget, Dropped};
use super::entries::{self, Subprogram};
use super::lines::{self, Table};

pub(super) type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// What one unit says.
#[derive(Debug)]
pub(super) struct Unit {
    /// The source file.
    pub(super) name: String,
    /// The folder of the compilation.
    pub(super) folder: String,
    pub(super) language: Option<DwLang>,
    pub(super) table: Table,
    /// Ascending by start.
    pub(super) functions: Vec<Subprogram>,
}

/// The units' headers, and where the abbreviations that some unit uses begin, ascending.
pub(super) struct Units<'a> {
    headers: Vec<UnitHeader<Bytes<'a>>>,
    abbreviations: Vec<usize>,
}

impl<'a> Units<'a> {
    /// Finds all units; those behind one that is malformed cannot be found.
    pub(super) fn find(dwarf: &GuestDwarf<'a>) -> (Self, Option<Dropped>) {
        let info = DebugInfo::new(dwarf.section(".debug_info"), LittleEndian);
        let (mut headers, mut units) = (Vec::new(), info.units());
        let end = loop {
            match units.next() {
                Ok(Some(header)) => headers.push(header),
                Ok(None) => break None,
                Err(error) => break Some(error.into()),
            }
        };
        let mut abbreviations: Vec<_> =
            headers.iter().map(|header| header.debug_abbrev_offset().0).collect();
        abbreviations.sort_unstable();
        abbreviations.dedup();
        (Self { headers, abbreviations }, end)
    }

    pub(super) fn headers(&self) -> &[UnitHeader<Bytes<'a>>] {
        &self.headers
    }

    /// The abbreviations of a unit. They end where another unit's begin: if tables overlapped, each byte could be read
    /// as often as there are units.
    fn abbreviations(
        &self,
        dwarf: &GuestDwarf<'a>,
        header: &UnitHeader<Bytes<'a>>,
        budget: &mut Budget,
    ) -> Result<Abbreviations, Dropped> {
        let section = dwarf.section(".debug_abbrev");
        let start = header.debug_abbrev_offset().0;
        let next = self.abbreviations.partition_point(|&other| other <= start);
        let end = self.abbreviations.get(next).map_or(section.len(), |&end| end.min(section.len()));
        let table = section.get(start..end).unwrap_or_default();
        budget.spend(table.len() as u64)?;
        Ok(DebugAbbrev::new(table, LittleEndian).abbreviations(DebugAbbrevOffset(0))?)
    }

    /// Reads one unit.
    pub(super) fn read(
        &self,
        dwarf: &GuestDwarf<'a>,
        header: &UnitHeader<Bytes<'a>>,
        budget: &mut Budget,
    ) -> Result<Unit, Dropped> {
        let abbreviations = self.abbreviations(dwarf, header, budget)?;
        let mut reader = Reader::new(dwarf, header.encoding());
        let root = reader.root(header, &abbreviations, budget)?;
        let table = lines::read(&reader, root.lines.ok_or(gimli::Error::MissingUnitDie)?, budget)?;
        let mut functions = entries::read(&reader, header, &abbreviations, budget)?;
        functions.sort_by_key(|function| function.range.start);
        let Reader { name, folder, .. } = reader;
        Ok(Unit { name, folder, language: root.language, table, functions })
    }
}

/// What is needed to resolve the attributes of a unit.
pub(super) struct Reader<'a> {
    pub(super) dwarf: &'a GuestDwarf<'a>,
    pub(super) encoding: Encoding,
    pub(super) name: String,
    folder: String,
    low_pc: u64,
    strings: DebugStrOffsetsBase,
    addresses: DebugAddrBase,
    ranges: DebugRngListsBase,
}

/// What the root entry says beside.
#[derive(Default)]
struct Root {
    lines: Option<usize>,
    language: Option<DwLang>,
}

impl<'a> Reader<'a> {
    fn new(dwarf: &'a GuestDwarf<'_>, encoding: Encoding) -> Self {
        let file_type = gimli::DwarfFileType::Main;
        Self {
            dwarf,
            encoding,
            name: String::new(),
            folder: String::new(),
            low_pc: 0,
            strings: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, file_type),
            addresses: DebugAddrBase(0),
            ranges: DebugRngListsBase::default_for_encoding_and_file(encoding, file_type),
        }
    }

    /// Reads the root entry: bases first, since names and addresses need them.
    fn root(
        &mut self,
        header: &UnitHeader<Bytes<'_>>,
        abbreviations: &Abbreviations,
        budget: &mut Budget,
    ) -> Result<Root, Dropped> {
        let mut entry = header.entries_raw(abbreviations, None)?;
        let abbreviation = entry.read_abbreviation()?.ok_or(gimli::Error::MissingUnitDie)?;
        budget.spend(abbreviation.attributes().len() as u64)?;
        let mut root = Root::default();
        let mut named = Vec::new();
        for spec in abbreviation.attributes() {
            let attribute = entry.read_attribute(*spec)?;
            match (attribute.name(), attribute.value()) {
                (gimli::DW_AT_stmt_list, AttributeValue::DebugLineRef(at)) => {
                    root.lines = Some(at.0);
                }
                (gimli::DW_AT_language, AttributeValue::Language(language)) => {
                    root.language = Some(language);
                }
                (_, AttributeValue::DebugStrOffsetsBase(base)) => self.strings = base,
                (_, AttributeValue::DebugAddrBase(base)) => self.addresses = base,
                (_, AttributeValue::DebugRngListsBase(base)) => self.ranges = base,
                (gimli::DW_AT_name | gimli::DW_AT_comp_dir | gimli::DW_AT_low_pc, value) => {
                    named.push((attribute.name(), value));
                }
                _ => {}
            }
        }
        for (name, value) in named {
            let text = || super::strings::text(self, &value).unwrap_or_default();
            match name {
                gimli::DW_AT_name => self.name = text(),
                gimli::DW_AT_comp_dir => self.folder = text(),
                _ => self.low_pc = self.address(&value).unwrap_or(0),
            }
        }
        Ok(root)
    }

    /// Where an indexed string is.
    pub(super) fn string_offset(&self, index: usize) -> Option<usize> {
        let section = self.dwarf.section(".debug_str_offsets");
        // Larger ones are outside, and multiplied would overflow.
        if index > section.len() {
            return None;
        }
        let offsets = DebugStrOffsets::from(EndianSlice::new(section, LittleEndian));
        let index = DebugStrOffsetsIndex(index);
        Some(offsets.get_str_offset(self.encoding.format, self.strings, index).ok()?.0)
    }

    /// An address, direct or indexed.
    pub(super) fn address(&self, value: &AttributeValue<Bytes<'_>>) -> Option<u64> {
        match *value {
            AttributeValue::Addr(address) => Some(address),
            AttributeValue::DebugAddrIndex(index) => self.indexed_address(index),
            _ => None,
        }
    }

    fn indexed_address(&self, index: DebugAddrIndex) -> Option<u64> {
        let section = self.dwarf.section(".debug_addr");
        if index.0 > section.len() {
            return None;
        }
        let addresses = DebugAddr::from(EndianSlice::new(section, LittleEndian));
        addresses.get_address(self.encoding.address_size, self.addresses, index).ok()
    }

    /// A list of ranges as offsets in the code section; without what is outside.
    pub(super) fn ranges(
        &self,
        value: &AttributeValue<Bytes<'_>>,
        budget: &mut Budget,
    ) -> Result<Vec<std::ops::Range<u32>>, Dropped> {
        let lists = RangeLists::new(
            gimli::DebugRanges::new(self.dwarf.section(".debug_ranges"), LittleEndian),
            gimli::DebugRngLists::new(self.dwarf.section(".debug_rnglists"), LittleEndian),
        );
        let limit = self.dwarf.section(".debug_rnglists").len();
        let offset = match *value {
            AttributeValue::RangeListsRef(offset) => gimli::RangeListsOffset(offset.0),
            AttributeValue::DebugRngListsIndex(index) if index.0 <= limit => {
                lists.get_offset(self.encoding, self.ranges, index)?
            }
            _ => return Ok(Vec::new()),
        };
        let addresses =
            DebugAddr::from(EndianSlice::new(self.dwarf.section(".debug_addr"), LittleEndian));
        let mut list =
            lists.ranges(offset, self.encoding, self.low_pc, &addresses, self.addresses)?;
        let mut ranges = Vec::new();
        while let Some(raw) = list.next_raw()? {
            budget.spend(1)?;
            let Some(range) = list.convert_raw(raw)? else { continue };
            if let (Ok(start), Ok(end)) = (u32::try_from(range.begin), u32::try_from(range.end)) {
                ranges.push(start..end);
            }
        }
        Ok(ranges)
    }
}
