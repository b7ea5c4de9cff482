//! Which of the guest's functions were active when it trapped.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use faasm_sfi::fault::{Fault, FaultKind};

use crate::debug::{DebugInfo, SourceLocation, Sources};
use crate::module::ModuleInner;

/// The guest's active functions, innermost first; long ones are cut.
#[derive(Clone, Debug, Default)]
pub struct Backtrace {
    frames: Vec<Frame>,
}

/// One active function of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The module's own name, if it has one; cut when it is long.
    pub module: Option<String>,
    /// Index of the function in its module.
    pub function: u32,
    /// The function's name (name section), if it has one; cut when it is long. `Display` demangles it.
    pub name: Option<String>,
    /// Byte offset of the instruction in the function's machine code.
    pub offset: u32,
    place: Option<Place>,
}

/// What it takes to ask where a frame's code came from.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) debug: Arc<DebugInfo>,
    /// Offset of the instruction in the text.
    pub(crate) text: u32,
    /// The function's position among the defined ones.
    pub(crate) position: usize,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.debug, &other.debug) && self.text == other.text
    }
}

impl Eq for Place {}

/// Frames that are kept: who recurses without end is seen long before.
const MAX_FRAMES: usize = 64;

/// Bytes of a name that are kept: names come from the module and may be of any length.
const MAX_NAME: usize = 512;

impl Frame {
    /// Does not demangle: that takes stack, and a nested call's frames are made on what a host function has left.
    pub(crate) fn new(
        module: Option<&str>,
        function: u32,
        name: Option<&str>,
        offset: u32,
    ) -> Self {
        let cut = |name: &str| name[..name.floor_char_boundary(MAX_NAME)].to_owned();
        Self { module: module.map(cut), function, name: name.map(cut), offset, place: None }
    }

    /// The frame with what can be asked for later.
    pub(crate) fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Byte offset in the module of the operator that was executing; `None` when the object has no table of lines.
    #[must_use]
    pub fn wasm_offset(&self) -> Option<u32> {
        let place = self.place.as_ref()?;
        place.debug.operator(u32::try_from(place.position).ok()?, self.offset)
    }

    /// Where that is in the guest's sources, if the module was built with debugging information: the innermost function
    /// first, which may have been inlined, and last the place in this function itself.
    ///
    /// It reads the object's debugging information, which takes time and stack; whoever shows many frames of a module
    /// shows its [`Backtrace`], which reads once.
    #[must_use]
    pub fn locations(&self) -> Vec<SourceLocation> {
        self.locations_in(self.sources().as_ref())
    }

    fn sources(&self) -> Option<Sources<'_>> {
        self.place.as_ref()?.debug.sources()
    }

    fn locations_in(&self, sources: Option<&Sources<'_>>) -> Vec<SourceLocation> {
        let place = self.place.as_ref().zip(sources);
        place.map_or_else(Vec::new, |(place, sources)| sources.at(place.text))
    }

    /// Writes the frame's lines: one, and one before it for each function that was inlined where it is.
    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        margins: [&dyn fmt::Display; 2],
        sources: Option<&Sources<'_>>,
    ) -> fmt::Result {
        let module = printable(self.module.as_deref().unwrap_or("<module>"));
        let [mut margin, next] = margins;
        let mut locations = self.locations_in(sources);
        let own = locations.pop();
        for inlined in locations {
            let name = demangled(inlined.function.as_deref().unwrap_or("?"));
            write!(f, "{margin}{module}!{name} (inlined)")?;
            write_location(f, &inlined)?;
            f.write_str("\n")?;
            margin = next;
        }
        match &self.name {
            Some(name) => write!(f, "{margin}{module}!{}", demangled(name))?,
            None => write!(f, "{margin}{module}!func[{}]", self.function)?,
        }
        write!(f, "+{:#x}", self.offset)?;
        match own {
            Some(own) if own.file.is_some() => write_location(f, &own),
            _ => self.wasm_offset().map_or(Ok(()), |at| write!(f, " at wasm {at:#x}")),
        }
    }
}

/// As terminals and lines take it, and not too long: a short mangled name can stand for a very long one.
fn printable(name: &str) -> String {
    let name = &name[..name.floor_char_boundary(MAX_NAME)];
    name.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

fn demangled(name: &str) -> String {
    printable(&format!("{:#}", rustc_demangle::demangle(name)))
}

/// As in `file.c:12:3`, what is known of it.
fn write_location(f: &mut fmt::Formatter<'_>, location: &SourceLocation) -> fmt::Result {
    let Some(file) = &location.file else { return Ok(()) };
    write!(f, " at {}", printable(file))?;
    for number in [location.line, location.column].into_iter().map_while(|number| number) {
        write!(f, ":{number}")?;
    }
    Ok(())
}

impl Backtrace {
    /// The frames, innermost first.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Adds the functions that are active at these addresses.
    pub(crate) fn extend<'a>(
        &mut self,
        addresses: &Addresses,
        find: impl Fn(usize) -> Option<&'a ModuleInner>,
    ) {
        for &pc in &addresses.list[..addresses.len] {
            if self.frames.len() >= MAX_FRAMES {
                return;
            }
            self.frames.extend(find(pc).and_then(|module| module.frame_at(pc)));
        }
    }
}

/// Addresses in code, innermost first, without an allocation.
pub(crate) struct Addresses {
    list: [usize; MAX_FRAMES],
    len: usize,
}

/// Bytes that stay free between a nested entry's caller and the guest's frames, so that [`Addresses::of`] and its
/// callers, which run on the same stack after those frames were abandoned, do not overwrite them.
pub(crate) const GAP: usize = 8 << 10;

impl Addresses {
    /// Those of the activation that `fault` ended, found by its frame pointers.
    ///
    /// The walk ends at the first return address that is not in the guest's code, so it never leaves the activation. It
    /// tolerates a frame that was half built (then one caller is missing) and, reading nothing outside the stack, even
    /// one that was overwritten.
    pub(crate) fn of(fault: &Fault, stack: &Range<usize>, is_code: impl Fn(usize) -> bool) -> Self {
        let mut found = Self { list: [0; MAX_FRAMES], len: 0 };
        let mut fp = fault.fp;
        // What `raise` gives is a return address; the instruction before it is the call.
        let mut pc = fault.pc.wrapping_sub(usize::from(fault.kind == FaultKind::Raised));
        while found.len < MAX_FRAMES && is_code(pc) {
            found.list[found.len] = pc;
            found.len += 1;
            let Some((next, ret)) = saved_pair(fp, stack) else { break };
            pc = ret.wrapping_sub(1);
            if next <= fp && next != 0 {
                break;
            }
            fp = next;
        }
        found
    }
}

/// The saved frame pointer and the return address at `fp`, if that is in the guest's stack.
pub(crate) fn saved_pair(fp: usize, stack: &Range<usize>) -> Option<(usize, usize)> {
    let inside = fp >= stack.start && fp.checked_add(16).is_some_and(|end| end <= stack.end);
    if !inside || !fp.is_multiple_of(8) {
        return None;
    }
    let words = fp as *const usize;
    // SAFETY: the sixteen bytes at `fp` are inside the guest's stack, which is accessible as a whole, and aligned; the
    // guest that wrote it has stopped.
    Some(unsafe { (words.read(), words.add(1).read()) })
}

impl fmt::Display for Backtrace {
    /// A line for each frame and each function that was inlined where it is; a recursion's, those of its first and one
    /// for how many follow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut depth = 0;
        let mut sources: Option<(&DebugInfo, Option<Sources<'_>>)> = None;
        for same in self.frames.chunk_by(PartialEq::eq) {
            let frame = &same[0];
            let debug = frame.place.as_ref().map(|place| &*place.debug);
            if let Some(debug) = debug
                && !sources.as_ref().is_some_and(|(of, _)| std::ptr::eq(*of, debug))
            {
                sources = Some((debug, debug.sources()));
            }
            let margins: [&dyn fmt::Display; 2] = [&format_args!("{depth:4}: "), &"      "];
            frame.write(f, margins, sources.as_ref().and_then(|(_, sources)| sources.as_ref()))?;
            f.write_str("\n")?;
            depth += same.len();
            match same.len() - 1 {
                0 => {}
                more if depth == MAX_FRAMES => {
                    writeln!(f, "      and {more} more of it, or yet more")?
                }
                more => writeln!(f, "      and {more} more of it")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, [&"", &""], self.sources().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recursion_takes_two_lines() {
        let frame = |function, offset| Frame::new(Some("m"), function, None, offset);
        let frames = vec![frame(1, 8), frame(1, 9), frame(1, 9), frame(1, 9), frame(2, 1)];
        let text = Backtrace { frames }.to_string();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[1].starts_with("1: m!func[1]") && lines[2] == "and 2 more of it", "{text}");
        assert!(lines[3].starts_with("4: m!func[2]"), "{text}");
    }
}
