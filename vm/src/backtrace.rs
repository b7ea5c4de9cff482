//! Which of the guest's functions were active when it trapped.

use std::fmt;

/// The guest's active functions, innermost first; long ones are cut.
#[derive(Clone, Debug, Default)]
pub struct Backtrace {
    pub(crate) frames: Vec<Frame>,
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

impl Backtrace {
    /// The frames, innermost first.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
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
