//! What the port asks of every global tier, asked of the one in memory.

use std::sync::Arc;

use faasm_state::MemoryTier;
use faasm_state_conformance::{Subject, all, conformance};

fn subject() -> Subject {
    Subject::new(Arc::new(MemoryTier::default()))
}

conformance!(subject);

#[test]
fn all_at_once_on_one_tier() {
    all(&subject(), 4);
}
