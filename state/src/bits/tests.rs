//! The bitmap against a plain vector of booleans.

use proptest::prelude::*;

use super::*;

const SPACE: usize = 300;

#[derive(Clone, Debug)]
enum Step {
    Insert(Range<usize>),
    Remove(Range<usize>),
}

fn range() -> impl Strategy<Value = Range<usize>> {
    (0..SPACE, 0..SPACE).prop_map(|(a, b)| a.min(b)..a.max(b))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![range().prop_map(Step::Insert), range().prop_map(Step::Remove)];
    prop::collection::vec(step, 0..20)
}

/// The runs of `wanted` in `range`, one number at a time.
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
        let (mut set, mut plain) = (BitSet::default(), vec![false; SPACE]);
        for step in steps {
            match step {
                Step::Insert(range) => {
                    plain[range.clone()].fill(true);
                    set.insert_range(range);
                }
                Step::Remove(range) => {
                    plain[range.clone()].fill(false);
                    set.remove_range(range);
                }
            }
        }
        for (n, member) in plain.iter().enumerate() {
            prop_assert_eq!(set.contains(n), *member);
        }
        prop_assert_eq!(set.is_empty(), !plain.contains(&true));
        prop_assert_eq!(set.contains_range(asked.clone()), plain[asked.clone()].iter().all(|member| *member));
        prop_assert_eq!(set.runs_in(asked.clone()).collect::<Vec<_>>(), plain_runs(&plain, asked.clone(), true));
        prop_assert_eq!(set.gaps_in(asked.clone()).collect::<Vec<_>>(), plain_runs(&plain, asked, false));
    }
}

#[test]
fn numbers_beyond_the_last_word_are_not_members() {
    let mut set = BitSet::default();
    set.insert_range(0..64);
    assert!(!set.contains(64) && !set.contains(usize::MAX));
    assert!(!set.contains_range(0..65));
    assert_eq!(set.runs_in(0..usize::MAX).collect::<Vec<_>>(), vec![0..64]);
    set.remove_range(10..usize::MAX);
    assert_eq!(set.gaps_in(0..100).collect::<Vec<_>>(), vec![10..100]);
    set.insert_range(5..5);
    set.clear();
    assert!(set.is_empty());
}
