//! The scripts of which some directives cannot pass yet, each with its reason.
//!
//! A script fails its test if more of its directives fail than are listed here, and also if fewer do: then the list
//! is out of date.

/// What fails of a script, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MustFail {
    /// The script.
    pub name: &'static str,
    /// How many of its directives fail.
    pub directives: usize,
    /// Why.
    pub reason: &'static str,
}

/// What fails of the script of this name; `None` if nothing may.
#[must_use]
pub fn of(name: &str) -> Option<&'static MustFail> {
    MUST_FAIL.iter().find(|entry| entry.name == name)
}

const fn entry(name: &'static str, directives: usize, reason: &'static str) -> MustFail {
    MustFail { name, directives, reason }
}

const FUNCTION_REFERENCES: &str = "typed function references are not built yet";
const GC: &str = "garbage collection is not built yet";
const FUNCTION_REFERENCES_AND_GC: &str =
    "typed function references and garbage collection are not built yet";

/// All of them, by name.
#[rustfmt::skip]
pub const MUST_FAIL: &[MustFail] = &[
    entry("core/br_on_non_null.wast", 11, FUNCTION_REFERENCES),
    entry("core/br_on_null.wast", 9, FUNCTION_REFERENCES),
    entry("core/br_table.wast", 162, FUNCTION_REFERENCES),
    entry("core/bulk-memory/table-sub.wast", 1, FUNCTION_REFERENCES),
    entry("core/bulk-memory/table_init.wast", 2, GC),
    entry("core/call_ref.wast", 31, FUNCTION_REFERENCES),
    entry("core/data.wast", 2, GC),
    entry("core/elem.wast", 18, FUNCTION_REFERENCES_AND_GC),
    entry("core/gc/array.wast", 48, GC),
    entry("core/gc/array_copy.wast", 31, GC),
    entry("core/gc/array_fill.wast", 27, GC),
    entry("core/gc/array_init_data.wast", 44, GC),
    entry("core/gc/array_init_elem.wast", 33, GC),
    entry("core/gc/array_new_data.wast", 28, GC),
    entry("core/gc/array_new_elem.wast", 24, GC),
    entry("core/gc/br_on_cast.wast", 31, GC),
    entry("core/gc/br_on_cast_fail.wast", 31, GC),
    entry("core/gc/extern.wast", 18, GC),
    entry("core/gc/i31.wast", 71, GC),
    entry("core/gc/ref_cast.wast", 45, GC),
    entry("core/gc/ref_eq.wast", 83, GC),
    entry("core/gc/ref_test.wast", 71, GC),
    entry("core/gc/struct.wast", 25, GC),
    entry("core/gc/type-subtyping.wast", 94, GC),
    entry("core/global.wast", 8, FUNCTION_REFERENCES_AND_GC),
    entry("core/linking.wast", 30, FUNCTION_REFERENCES),
    entry("core/local_init.wast", 6, FUNCTION_REFERENCES),
    entry("core/memory64/table_init64.wast", 2, GC),
    entry("core/ref.wast", 1, FUNCTION_REFERENCES),
    entry("core/ref_as_non_null.wast", 6, FUNCTION_REFERENCES),
    entry("core/ref_is_null.wast", 20, FUNCTION_REFERENCES),
    entry("core/ref_null.wast", 34, GC),
    entry("core/return_call.wast", 35, FUNCTION_REFERENCES),
    entry("core/return_call_indirect.wast", 51, FUNCTION_REFERENCES),
    entry("core/return_call_ref.wast", 40, FUNCTION_REFERENCES),
    entry("core/table.wast", 12, FUNCTION_REFERENCES),
    entry("core/type-canon.wast", 2, GC),
    entry("core/type-equivalence.wast", 29, FUNCTION_REFERENCES_AND_GC),
    entry("core/type-rec.wast", 17, FUNCTION_REFERENCES_AND_GC),
    entry("core/unreached-valid.wast", 11, FUNCTION_REFERENCES),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_a_name_of_its_own_and_something_that_fails() {
        assert!(MUST_FAIL.is_sorted_by(|a, b| a.name < b.name));
        assert!(MUST_FAIL.iter().all(|entry| entry.directives > 0));
    }
}
