//! From places in the module to places in a function's machine code.

use std::ops::Range;

use super::Function;
use super::budget::{Budget, Dropped};

/// A function's code by the operators that it came from.
pub(super) struct CodeMap {
    /// Offset of an operator in the code section, and its code in the function; ascending by operator.
    pieces: Vec<(u32, Range<u32>)>,
}

impl CodeMap {
    /// The map of `function`, whose module's code section begins at `section`.
    pub(super) fn new(function: &Function<'_>, section: u32) -> Self {
        let ends = function.lines.iter().skip(1).map(|line| line.code);
        let ends = ends.chain([function.range.length]);
        let mut pieces: Vec<_> = function
            .lines
            .iter()
            .zip(ends)
            .map(|(line, end)| (line.wasm.saturating_sub(section), line.code..end))
            .collect();
        pieces.sort_by_key(|(operator, code)| (*operator, code.start));
        Self { pieces }
    }

    /// The code of the operators in `ranges`: ascending, and joined where it touches.
    pub(super) fn code(
        &self,
        ranges: &[Range<u32>],
        budget: &mut Budget,
    ) -> Result<Vec<Range<u32>>, Dropped> {
        let mut code = Vec::new();
        for range in ranges {
            let at = |bound: u32| self.pieces.partition_point(|(operator, _)| *operator < bound);
            let pieces = self.pieces.get(at(range.start)..at(range.end)).unwrap_or_default();
            budget.spend(pieces.len() as u64)?;
            code.extend(
                pieces.iter().map(|(_, code)| code.clone()).filter(|code| !code.is_empty()),
            );
        }
        code.sort_unstable_by_key(|range| range.start);
        code.dedup_by(|next, last| {
            let touches = next.start <= last.end;
            if touches {
                last.end = last.end.max(next.end);
            }
            touches
        });
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use faasm_abi::lines::Line;
    use faasm_abi::object::CodeRange;

    use super::*;

    #[test]
    fn code_of_operators_is_joined_where_it_touches() {
        let line = |code, wasm| Line { code, wasm };
        let lines = [line(0, 110), line(4, 112), line(8, 120), line(12, 111), line(16, 130)];
        let range = CodeRange { offset: 64, length: 20 };
        let map = CodeMap::new(&Function { range, lines: &lines }, 100);
        let mut budget = Budget::new(100);
        let mut code = |from, to| map.code(std::slice::from_ref(&(from..to)), &mut budget).unwrap();
        assert_eq!(code(10, 13), [0..8, 12..16]);
        assert_eq!(code(10, 31), std::slice::from_ref(&(0..20)));
        assert_eq!(code(13, 20), []);
        assert_eq!(code(31, 10), []);
    }
}
