//! How a source file looks.

use std::path::Path;

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Finding, LONG_FILES, LONG_FUNCTIONS, display};
use crate::shell::root;

/// Lines that a file may have.
pub(super) const MAX_FILE_LINES: usize = 1000;
/// Lines that a function may have, from its signature to its last brace.
pub(super) const MAX_FUNCTION_LINES: usize = 70;
/// Parameters that a function may have.
const MAX_PARAMETERS: usize = 5;

/// Rooms that may contain `unsafe`; the last is inside of the walls, where a guest can only hurt itself.
const UNSAFE_ROOMS: &[&str] = &["sfi", "vm", "guests/rust/faasm-sdk"];
/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helpers", "common", "manager", "misc", "mod"];
/// What must not be left in code, split so that this file passes.
const LEFTOVERS: &[(&str, &str)] = &[
    (concat!("to", "do!("), "unfinished code"),
    (concat!("unimpl", "emented!("), "unfinished code"),
    (concat!("#[ign", "ore"), "an ignored test"),
    (concat!("thread::sl", "eep"), "a sleep: wait for an event"),
    (concat!("allow(dead_", "code"), "dead code"),
];
/// Files that may wait by sleeping, with the reason.
const SLEEPERS: &[(&str, &str)] = &[
    ("benches/benches/fleet.rs", "a host tells nobody when all of its Faaslets wait"),
    ("benches/benches/state/redis.rs", "a server of another program tells nobody when it is there"),
    ("hostif/tests/guests/tour.rs", "a guest whose sleeping is what is tested"),
    ("runtime/tests/redis/servers.rs", "a server of another program tells nobody when it is there"),
    (
        "runtime/src/tiers/durable/store.rs",
        "who holds a lock on a file tells nobody when it is gone",
    ),
    ("state/faults/src/client.rs", "what happens at random happens at random times"),
    (
        "state/faults/src/world/clients.rs",
        "operations that were given up tell nobody when they end",
    ),
    ("state/faults/src/world/cluster.rs", "a fault lasts for a while"),
    ("state/faults/src/world/file.rs", "a fault lasts for a while"),
    ("state/faults/src/world/memory.rs", "a run lasts for a while"),
    ("state/faults/src/world/redis.rs", "a fault lasts for a while"),
    ("state/faults/src/world/sentinel.rs", "a fault lasts for a while"),
    (
        "state/faults/src/world/servers.rs",
        "a server of another program tells nobody when it is there",
    ),
    ("runtime/src/executors.rs", "a host that stops asks its guests again until they have ended"),
];

pub(super) fn findings(path: &Path) -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(root().join(path))
        .with_context(|| format!("tidy reads {}", path.display()))?;
    let mut findings: Vec<Finding> = file_rules(path, &text)
        .into_iter()
        .map(|rule| Finding { place: display(path), rule })
        .collect();
    let tree = syn::parse_file(&text).with_context(|| format!("tidy parses {}", path.display()))?;
    let mut functions = Functions { path: display(path), findings: Vec::new() };
    functions.visit_file(&tree);
    findings.extend(functions.findings);
    Ok(findings)
}

fn file_rules(path: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !text.starts_with("//!") {
        broken.push("must open with //! and say what the file owns".to_owned());
    }
    let lines = text.lines().count();
    let place = display(path);
    if lines > MAX_FILE_LINES && !LONG_FILES.iter().any(|(file, _)| *file == place) {
        broken.push(format!("has {lines} lines, more than {MAX_FILE_LINES}"));
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        broken.push(format!("`{stem}` is a name that says nothing"));
    }
    if is_crate_root(path) && !is_unsafe_room(path) && !text.contains("#![forbid(unsafe_code)]") {
        broken.push("must say #![forbid(unsafe_code)]".to_owned());
    }
    for (leftover, what) in LEFTOVERS {
        let excused = leftover.contains("sl") && SLEEPERS.iter().any(|(file, _)| *file == place);
        if text.contains(leftover) && !excused {
            broken.push(format!("contains `{leftover}`: {what}"));
        }
    }
    broken
}

fn is_crate_root(path: &Path) -> bool {
    path.ends_with("src/lib.rs") || path.ends_with("src/main.rs")
}

fn is_unsafe_room(path: &Path) -> bool {
    UNSAFE_ROOMS.iter().any(|room| path.starts_with(room))
}

/// Walks the functions of a file.
struct Functions {
    path: String,
    findings: Vec<Finding>,
}

impl Functions {
    fn look(&mut self, signature: &syn::Signature, whole: proc_macro2::Span) {
        let name = signature.ident.to_string();
        let lines = whole.end().line + 1 - signature.span().start().line;
        let excused = LONG_FUNCTIONS.iter().any(|(file, f, _)| *file == self.path && *f == name);
        if lines > MAX_FUNCTION_LINES && !excused {
            self.find(&name, format!("has {lines} lines, more than {MAX_FUNCTION_LINES}"));
        }
        let parameters =
            signature.inputs.iter().filter(|i| matches!(i, syn::FnArg::Typed(_))).count();
        // A function with the C convention has the parameters that its ABI gives it.
        if parameters > MAX_PARAMETERS && signature.abi.is_none() {
            self.find(&name, format!("has {parameters} parameters, more than {MAX_PARAMETERS}"));
        }
    }

    fn find(&mut self, function: &str, rule: String) {
        self.findings.push(Finding { place: format!("{}: fn {function}", self.path), rule });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.look(&item.sig, item.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.look(&item.sig, item.span());
        visit::visit_impl_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_rules_are_found() {
        let broken = file_rules(Path::new("state/src/util.rs"), "fn f() {}");
        assert_eq!(broken.len(), 2, "{broken:?}");
        let broken = file_rules(Path::new("state/src/lib.rs"), "//! Owns state.\n");
        assert_eq!(broken, ["must say #![forbid(unsafe_code)]"]);
        assert!(file_rules(Path::new("sfi/src/lib.rs"), "//! Owns walls.\n").is_empty());
    }
}
