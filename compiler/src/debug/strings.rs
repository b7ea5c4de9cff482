//! Strings of debugging information, which are of any length and hold anything.

use gimli::AttributeValue;

use super::guest::{Bytes, Reader};
use crate::symbols::printable;

/// A string of an attribute: short, printable, without zero bytes.
///
/// It looks at no more than it keeps, whatever the string's length: many may share a long one's tail.
pub(super) fn text(reader: &Reader<'_>, value: &AttributeValue<Bytes<'_>>) -> Option<String> {
    let dwarf = reader.dwarf;
    let bytes = match *value {
        AttributeValue::String(bytes) => bytes.slice(),
        AttributeValue::DebugStrRef(at) => dwarf.section(".debug_str").get(at.0..)?,
        AttributeValue::DebugLineStrRef(at) => dwarf.section(".debug_line_str").get(at.0..)?,
        AttributeValue::DebugStrOffsetsIndex(index) => {
            let at = reader.string_offset(index.0)?;
            dwarf.section(".debug_str").get(at..)?
        }
        _ => return None,
    };
    let bytes = &bytes[..bytes.len().min(crate::symbols::MAX_NAME)];
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Some(printable(&String::from_utf8_lossy(&bytes[..end])))
}
