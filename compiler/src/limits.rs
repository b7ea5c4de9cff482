//! What a module may ask of the compiler: sizes, counts and time.
//!
//! WebAssembly is valid at sizes that no machine should spend its time on, and some code generation takes more than
//! linear time. A module that exceeds a limit is refused with an error that names the limit, so whoever trusts the
//! module can raise it.
//!
//! # Invariants
//!
//! * Between two looks at the clock lies work that the other limits bound.

use std::fmt;
use std::time::{Duration, Instant};

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident, $kind:ident = $default:expr, $what:literal;)*) => {
        /// Upper limits of what one module may ask of validation and compilation.
        ///
        /// The default takes every module that a toolchain makes. WebAssembly's own implementation limits (a function of
        /// 7,654,321 bytes, 50,000 locals, 1,000 parameters and results, a million types, functions, imports and
        /// exports) hold whatever is set here.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $field: u64,)*
            /// Wall time of a validation, and again of a compilation; `None` is without end. It is looked at between
            /// functions, between a function's operators, and between the code generator's passes.
            pub time: Option<Duration>,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* time: Some(Duration::from_secs(600)) }
            }
        }

        /// One of the [`Limits`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Limit {
            $($(#[$doc])* $kind,)*
            /// Wall time.
            Time,
        }

        impl Limit {
            /// The field of [`Limits`].
            #[must_use]
            pub const fn field(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($field),)*
                    Self::Time => "time",
                }
            }

            /// What is counted.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$kind => $what,)*
                    Self::Time => "seconds to compile",
                }
            }
        }

        impl Limits {
            /// The fields' names.
            pub const NAMES: &[&str] = &[$(stringify!($field),)* "time"];

            /// Sets the field of this name, `time` in seconds; `false` if there is none.
            pub fn set(&mut self, name: &str, most: u64) -> bool {
                match name {
                    $(stringify!($field) => self.$field = most,)*
                    "time" => self.time = Some(Duration::from_secs(most)),
                    _ => return false,
                }
                true
            }

            /// The most that is allowed, in the limit's unit.
            #[must_use]
            pub const fn most(&self, limit: Limit) -> u64 {
                match limit {
                    $(Limit::$kind => self.$field,)*
                    Limit::Time => match self.time {
                        Some(time) => time.as_secs(),
                        None => u64::MAX,
                    },
                }
            }
        }
    };
}

limits! {
    /// Types of the module.
    types, Types = 100_000, "types";
    /// Functions, imported ones included.
    functions, Functions = 1_000_000, "functions";
    /// Imports.
    imports, Imports = 100_000, "imports";
    /// Exports.
    exports, Exports = 1_000_000, "exports";
    /// Globals, memories, tables and tags, each.
    items, Items = 1_000_000, "globals, memories, tables or tags";
    /// Data segments.
    data_segments, DataSegments = 100_000, "data segments";
    /// Element segments.
    element_segments, ElementSegments = 100_000, "element segments";
    /// Bytes of a function's body.
    function_bytes, FunctionBytes = 7_654_321, "bytes of code";
    /// Operators of a function.
    operators, Operators = 4_000_000, "operators";
    /// Locals of a function, parameters included.
    locals, Locals = 51_000, "locals";
    /// Blocks of a function that are open at once.
    nesting, Nesting = 50_000, "blocks inside one another";
    /// Loops of a function that are open at once.
    loops, Loops = 1_000, "loops inside one another";
    /// Entries of a function's `br_table`s, each times the values that it passes on.
    branch_values, BranchValues = 16_000_000, "values passed on by the entries of its branch tables";
    /// Values, blocks and arguments of branches that a function becomes for the code generator.
    values, Values = 1_000_000, "values";
    /// The same, of all functions together.
    module_values, ModuleValues = 1_000_000_000, "values in all functions";
    /// Bytes of machine code of all functions together; an object holds 2 GiB at most.
    code_bytes, CodeBytes = 1 << 31, "bytes of machine code";
}

/// A function that an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionId {
    /// Its index in the module.
    pub index: u32,
    /// Its name (name section), cut when it is long.
    pub name: Option<String>,
}

/// Bytes of a name that an error carries.
const MAX_NAME: usize = 128;

impl FunctionId {
    /// The function `index` of a module whose named functions are these: index and name, ascending.
    pub(crate) fn of(names: &[(u32, &str)], index: u32) -> Self {
        let cut = |name: &str| name[..name.floor_char_boundary(MAX_NAME)].to_owned();
        let named = names.binary_search_by_key(&index, |(index, _)| *index);
        Self { index, name: named.ok().map(|at| cut(names[at].1)) }
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.index)?;
        match &self.name {
            // Escaped: the name is the module's.
            Some(name) => write!(f, " ({})", name.escape_debug()),
            None => Ok(()),
        }
    }
}

/// A module asks for more than a limit allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Which limit.
    pub limit: Limit,
    /// The most that it allows.
    pub most: u64,
    /// The function that asks for more, if it is one.
    pub function: Option<FunctionId>,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, most, function } = self;
        match function {
            Some(function) => write!(f, "{function}")?,
            None => f.write_str("the module")?,
        }
        let (what, field) = (limit.what(), limit.field());
        let verb = if *limit == Limit::Time { "takes" } else { "has" };
        write!(
            f,
            " {verb} more than {most} {what}: the limit is `Limits::{field}`, raise it for a module you trust"
        )
    }
}

impl std::error::Error for LimitExceeded {}

impl Limits {
    /// Fails when `n` is more than `limit` allows.
    pub(crate) fn check(&self, limit: Limit, n: u64) -> Result<(), LimitExceeded> {
        if n <= self.most(limit) { Ok(()) } else { Err(self.exceeded(limit)) }
    }

    pub(crate) fn exceeded(&self, limit: Limit) -> LimitExceeded {
        LimitExceeded { limit, most: self.most(limit), function: None }
    }

    /// The clock of what begins now.
    pub(crate) fn clock(&self) -> Clock {
        // A time so long that it cannot be added is without end.
        Clock { end: self.time.and_then(|time| Instant::now().checked_add(time)) }
    }
}

impl LimitExceeded {
    /// The same, about a function.
    pub(crate) fn in_function(self, names: &[(u32, &str)], index: u32) -> Self {
        Self { function: Some(FunctionId::of(names, index)), ..self }
    }
}

/// When a validation or compilation must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    end: Option<Instant>,
}

impl Clock {
    pub(crate) fn is_over(self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    pub(crate) fn check(self, limits: &Limits) -> Result<(), LimitExceeded> {
        if self.is_over() { Err(limits.exceeded(Limit::Time)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_can_be_set_by_its_name() {
        let mut limits = Limits::default();
        for (n, name) in (1..).zip(Limits::NAMES) {
            assert!(limits.set(name, n), "{name}");
        }
        assert_eq!((limits.types, limits.functions), (1, 2));
        assert_eq!(limits.time, Some(Duration::from_secs(Limits::NAMES.len() as u64)));
        assert!(!limits.set("type", 1));
    }

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let limits = Limits { locals: 3, ..Limits::default() };
        let mut error = limits.check(Limit::Locals, 4).unwrap_err();
        error.function = Some(FunctionId { index: 7, name: Some("a\x1bb".to_owned()) });
        assert_eq!(
            error.to_string(),
            "function 7 (a\\u{1b}b) has more than 3 locals: the limit is `Limits::locals`, raise it for a module you trust"
        );
        assert!(limits.check(Limit::Locals, 3).is_ok());
    }
}
