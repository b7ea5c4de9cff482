//! What every global tier keeps: the promises of [`faasm_state::GlobalTier`]'s page, as checks that are run on each of
//! them.
//!
//! A tier's tests say how to make one, and get a `#[test]` for each check:
//!
//! ```
//! use std::sync::Arc;
//! use faasm_state::MemoryTier;
//! use faasm_state_conformance::{Subject, conformance};
//!
//! conformance!(|| Subject::new(Arc::new(MemoryTier::default())));
//! ```
//!
//! Where making one is dear, [`all`] runs the checks beside one another on one tier.
//!
//! # Invariants
//!
//! 1. A check works in namespaces of its own, so that checks can run on one tier at the same time and one after the other.
//! 2. A check passes on a slow machine too: it waits for what must happen, and never relies on something not having
//!    happened yet because little time has passed.
//! 3. What a check looks at is asked of both handles of the subject, as two hosts would.

#![forbid(unsafe_code)]
#![allow(clippy::single_range_in_vec_init, reason = "one range is what is meant")]

pub mod lists;
pub mod locks;
pub mod merges;
pub mod names;
mod subject;
pub mod values;
pub mod versions;
pub mod watching;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

pub use subject::{DEADLINE, Subject, done, numbers, patch};

/// One promise, and how to see whether it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What is promised.
    pub name: &'static str,
    /// Panics if it is not kept.
    pub run: fn(&Subject),
}

/// All checks, as a table or as tests.
#[macro_export]
macro_rules! conformance {
    (@each $then:ident [$($make:tt)*]) => {
        $crate::conformance! { @$then [$($make)*]
            values::a_value_that_nobody_set_is_absent,
            values::set_replaces_the_whole_value_and_its_size,
            values::an_empty_value_is_there,
            values::ranges_are_written_in_one_go_and_never_shorten,
            values::reads_end_where_the_value_ends,
            values::values_of_many_chunks_come_back_whole,
            values::many_small_runs_are_written_and_read_at_once,
            values::random_writes_leave_what_they_leave_in_plain_bytes,
            values::a_smaller_value_leaves_nothing_of_the_larger_one,
            values::a_value_can_be_large_and_hold_little,
            values::deletion_ends_value_and_list,
            versions::versions_grow_also_over_deletion,
            versions::each_write_names_the_version_that_it_was_written_over,
            versions::conditions_hold_or_nothing_is_written,
            versions::only_one_of_many_makes_a_value,
            versions::conditional_writes_lose_nothing,
            versions::all_ranges_of_a_read_are_of_one_version,
            versions::large_conditional_writes_are_whole_or_refused,
            lists::lists_keep_their_order_and_stand_beside_the_value,
            lists::only_whole_elements_that_fit_are_read,
            lists::elements_are_taken_once,
            lists::an_element_that_does_not_fit_stays,
            lists::who_waits_gets_the_first_element,
            lists::who_gave_up_waiting_takes_nothing,
            lists::what_nobody_took_the_answer_of_is_there_again,
            lists::short_takes_lose_nothing,
            lists::long_lists_and_long_elements_come_back_whole,
            merges::merges_do_what_merge_apply_does,
            merges::numbers_across_chunks_are_merged_where_they_lie,
            merges::what_does_not_fit_is_refused_and_changes_nothing,
            merges::merges_from_many_threads_lose_nothing,
            merges::members_from_many_threads_are_all_there,
            merges::merges_are_made_under_conditions,
            locks::a_writer_is_alone_and_readers_are_together,
            locks::tokens_are_never_equal_and_grow,
            locks::who_has_the_lock_writes_alone,
            locks::an_ended_lease_is_good_for_nothing,
            locks::a_lease_that_is_renewed_lasts,
            locks::a_lock_whose_holder_is_gone_is_given_on,
            locks::nothing_is_written_under_a_readers_token,
            locks::nothing_is_written_under_a_token_of_another_address,
            locks::who_gave_up_waiting_is_passed_over,
            locks::who_gave_up_waiting_is_in_nobodys_way,
            locks::locks_are_apart_from_what_is_kept,
            watching::a_change_that_was_there_before_is_told_at_once,
            watching::every_kind_of_change_is_told,
            watching::what_changes_no_value_is_not_told,
            watching::all_who_watch_are_told,
            names::keys_of_any_bytes_are_apart,
            names::addresses_are_two_parts_and_never_meet,
            names::listings_are_in_the_order_of_bytes,
            names::listings_show_values_and_lists,
            names::long_listings_are_read_page_by_page,
        }
    };
    (@tests [$make:expr] $($topic:ident::$name:ident,)*) => {
        $(#[test]
        fn $name() {
            $crate::$topic::$name(&$make());
        })*
    };
    (@table [] $($topic:ident::$name:ident,)*) => {
        &[$($crate::Check { name: stringify!($name), run: $crate::$topic::$name }),*]
    };
    ($make:expr) => {
        $crate::conformance! { @each tests [$make] }
    };
}

/// All checks.
pub const CHECKS: &[Check] = conformance!(@each table []);

/// Runs all checks on one tier, `at_once` of them at a time.
///
/// # Panics
///
/// When all have ended, if some failed; with their names.
pub fn all(subject: &Subject, at_once: usize) {
    let checks = Mutex::new(CHECKS.iter());
    let failed = Mutex::new(Vec::new());
    let run = || {
        while let Some(check) = checks.lock().ok().and_then(|mut checks| checks.next()) {
            let subject = subject.fresh();
            if catch_unwind(AssertUnwindSafe(|| (check.run)(&subject))).is_err()
                && let Ok(mut failed) = failed.lock()
            {
                failed.push(check.name);
            }
        }
    };
    thread::scope(|scope| (0..at_once.max(1)).for_each(|_| drop(scope.spawn(run))));
    let failed = failed.into_inner().unwrap_or_default();
    assert!(failed.is_empty(), "{} of {} checks failed: {failed:#?}", failed.len(), CHECKS.len());
}
