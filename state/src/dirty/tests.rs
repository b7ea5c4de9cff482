//! The map of dirty bytes against a plain vector of booleans.

use proptest::prelude::*;

use super::*;

const SPACE: usize = 4 * PAGE;

#[derive(Clone, Debug)]
enum Step {
    Mark(Range<usize>),
    Unmark(Range<usize>),
}

/// Ranges whose ends lie on and around pages' edges more often than not.
fn range() -> impl Strategy<Value = Range<usize>> {
    let near_edge =
        (0..=4_usize, 0..4_usize).prop_map(|(page, off)| (page * PAGE + off).saturating_sub(2));
    let end = prop_oneof![near_edge, 0..SPACE].prop_map(|end: usize| end.min(SPACE));
    (end.clone(), end).prop_map(|(a, b)| a.min(b)..a.max(b))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => range().prop_map(Step::Mark), 2 => range().prop_map(Step::Unmark)];
    prop::collection::vec(step, 0..12)
}

fn plain_runs(plain: &[bool], range: Range<usize>, wanted: bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for n in range.filter(|n| plain[*n] == wanted) {
        match runs.last_mut() {
            Some(last) if last.end == n => last.end = n + 1,
            _ => runs.push(n..n + 1),
        }
    }
    runs
}

proptest! {
    #[test]
    fn agrees_with_a_vector_of_booleans(steps in steps(), asked in range()) {
        let (mut map, mut plain) = (DirtyMap::default(), vec![false; SPACE]);
        for step in steps {
            match step {
                Step::Mark(range) => {
                    plain[range.clone()].fill(true);
                    map.mark(range);
                }
                Step::Unmark(range) => {
                    plain[range.clone()].fill(false);
                    map.unmark(range);
                }
            }
        }
        prop_assert_eq!(map.is_empty(), !plain.contains(&true));
        prop_assert_eq!(map.runs_in(0..SPACE), plain_runs(&plain, 0..SPACE, true));
        prop_assert_eq!(map.runs_in(asked.clone()), plain_runs(&plain, asked.clone(), true));
        prop_assert_eq!(map.clean_runs_in(asked.clone()).collect::<Vec<_>>(), plain_runs(&plain, asked, false));
        for (page, marks) in &map.partial {
            prop_assert!(!map.whole.contains(*page) && !marks.is_empty() && !marks.contains_range(0..PAGE));
        }
    }
}

#[test]
fn scattered_marks_cost_at_most_a_bitmap_per_page() {
    let mut map = DirtyMap::default();
    (0..PAGE).step_by(2).for_each(|byte| map.mark(byte..byte + 1));
    assert_eq!(map.partial.len(), 1);
    assert_eq!(map.runs_in(0..PAGE).len(), PAGE / 2);
    (1..PAGE).step_by(2).for_each(|byte| map.mark(byte..byte + 1));
    assert!(map.partial.is_empty(), "a page that became whole has no bitmap left");
    assert_eq!(map.runs_in(0..usize::MAX), vec![0..PAGE]);
}
