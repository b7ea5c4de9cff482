//! Which of the guest's functions were active when it trapped.

use std::fmt;
use std::ops::Range;

use faasm_sfi::fault::{Fault, FaultKind};

use crate::module::ModuleInner;

/// The guest's active functions, innermost first; long ones are cut.
#[derive(Clone, Debug, Default)]
pub struct Backtrace {
    frames: Vec<Frame>,
}

/// One active function of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The module's own name, if it has one.
    pub module: Option<String>,
    /// Index of the function in its module.
    pub function: u32,
    /// The function's name (name section), demangled, if it has one.
    pub name: Option<String>,
    /// Byte offset of the instruction in the function's machine code.
    pub offset: u32,
}

/// Frames that are kept: who recurses without end is seen long before.
const MAX_FRAMES: usize = 64;

impl Backtrace {
    /// The frames, innermost first.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Adds the frames of the activation that `fault` ended, walking its frame pointers.
    ///
    /// The walk ends at the first return address that is not the guest's, so it never leaves the activation, and
    /// tolerates a frame that was half built: then one caller is missing.
    ///
    /// In a nested activation the host's frames, this one too, lie where the abandoned ones were: only the innermost
    /// function is known then, and the outermost activation adds its own.
    pub(crate) fn walk<'a>(
        &mut self,
        fault: &Fault,
        stack: &Range<usize>,
        find: impl Fn(usize) -> Option<&'a ModuleInner>,
    ) {
        let mut fp = fault.fp;
        // What `raise` gives is a return address.
        let mut pc = fault.pc - usize::from(fault.kind == FaultKind::Raised && fault.pc > 0);
        let here = (&raw const fp) as usize;
        let nested = stack.contains(&here);
        for _ in 0..MAX_FRAMES {
            let Some(module) = find(pc) else { return };
            if self.frames.len() >= MAX_FRAMES {
                return;
            }
            self.frames.extend(module.frame_at(pc));
            if nested {
                return;
            }
            let Some((next, ret)) = saved_pair(fp, stack) else { return };
            // The instruction before the return address is the call.
            pc = ret.wrapping_sub(1);
            if next <= fp && next != 0 {
                return;
            }
            fp = next;
        }
    }
}

/// The saved frame pointer and the return address at `fp`, if that is in the guest's stack.
fn saved_pair(fp: usize, stack: &Range<usize>) -> Option<(usize, usize)> {
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, frame) in self.frames.iter().enumerate() {
            writeln!(f, "{depth:4}: {frame}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = self.module.as_deref().unwrap_or("<module>");
        match &self.name {
            Some(name) => write!(f, "{module}!{name}")?,
            None => write!(f, "{module}!func[{}]", self.function)?,
        }
        write!(f, "+{:#x}", self.offset)
    }
}
