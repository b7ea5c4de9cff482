//! Waiting for changes.

use faasm_state::{Combine, Condition, Version};

use crate::Subject;
use crate::subject::{done, numbers, patch};

/// Nobody waits for what has happened already.
pub fn a_change_that_was_there_before_is_told_at_once(subject: &Subject) {
    let (at, never) = (subject.at("k"), Version(u64::MAX));
    assert_eq!(done(subject.tier().watch(&at, never)).unwrap(), None);
    subject.set(&at, b"x");
    let stat = done(subject.tier().stat(&at)).unwrap();
    assert_eq!(done(subject.other().watch(&at, Version::ABSENT)).unwrap(), stat);
    assert_eq!(done(subject.other().watch(&at, never)).unwrap(), stat);
}

/// Made here or elsewhere.
pub fn every_kind_of_change_is_told(subject: &Subject) {
    let at = subject.at("k");
    let mut seen = Version::ABSENT;
    for n in 0..8 {
        let watching = [subject.tier().watch(&at, seen), subject.other().watch(&at, seen)];
        let tier = subject.either(n / 4);
        let after = match n % 4 {
            0 => done(tier.set(&at, vec![0; 16], Condition::ALWAYS)).unwrap().after,
            1 => {
                done(tier.set_ranges(&at, patch(0, &[(1, b"x")]), Condition::ALWAYS)).unwrap().after
            }
            2 => {
                let change = numbers(Combine::Max, 8, &[7]);
                done(tier.merge(&at, change, Condition::ALWAYS, false)).unwrap().written.after
            }
            _ => {
                assert!(done(tier.delete(&at, Condition::ALWAYS)).unwrap());
                Version::ABSENT
            }
        };
        for told in watching {
            let told = done(told).unwrap();
            assert_eq!(told.map_or(Version::ABSENT, |stat| stat.version), after);
        }
        seen = after;
    }
}

/// Lists and locks are none of a watcher's business.
pub fn what_changes_no_value_is_not_told(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    subject.set(&at, b"x");
    let seen = done(tier.stat(&at)).unwrap().unwrap().version;
    let watching = subject.other().watch(&at, seen);
    done(tier.append(&at, b"y".to_vec(), None)).unwrap();
    done(tier.clear_appended(&at, None)).unwrap();
    let lock = tier.lock(&at, faasm_state::Mode::Write, crate::DEADLINE, None);
    let token = done(lock).unwrap().unwrap();
    done(tier.unlock(&at, token)).unwrap();
    assert!(done(tier.set(&at, b"z".to_vec(), Condition::at(Version(u64::MAX)))).is_err());
    assert!(!watching.is_done());
    let after = done(tier.set(&at, b"z".to_vec(), Condition::ALWAYS)).unwrap().after;
    assert_eq!(done(watching).unwrap().unwrap().version, after);
}

/// However many, and though some have gone.
pub fn all_who_watch_are_told(subject: &Subject) {
    let at = subject.at("k");
    let mut watching: Vec<_> =
        (0..20).map(|n| subject.either(n).watch(&at, Version::ABSENT)).collect();
    watching.truncate(15);
    drop(watching.drain(..5));
    let other = subject.tier().watch(&subject.at("other"), Version::ABSENT);
    let after = done(subject.tier().set(&at, b"x".to_vec(), Condition::ALWAYS)).unwrap().after;
    for told in watching {
        assert_eq!(done(told).unwrap().unwrap().version, after);
    }
    assert!(!other.is_done(), "another address");
}
