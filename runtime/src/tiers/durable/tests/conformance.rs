//! What the port asks of every global tier.

use faasm_state_conformance::{Subject, all, conformance};

use super::*;

/// The file is open, and goes with the tier.
fn subject() -> Subject {
    Subject::new(Arc::new(open(&folder())))
}

conformance!(subject);

#[test]
fn all_at_once_on_one_tier() {
    all(&subject(), 4);
}
