//! Which package may depend on which.

use serde_json::Value;

use super::Finding;

/// Our packages and the ones of ours that each may depend on (tests may use more).
const ROOMS: &[(&str, &[&str])] = &[
    ("faasm-abi", &[]),
    ("faasm-compiler", &["faasm-abi"]),
    ("faasm-sfi", &[]),
    ("faasm-vm", &["faasm-abi", "faasm-sfi"]),
    ("faasm-state", &["faasm-sfi"]),
    ("faasm-snapshot", &["faasm-abi", "faasm-sfi", "faasm-vm"]),
    ("faasm-hostif", &["faasm-abi", "faasm-sfi", "faasm-vm", "faasm-state"]),
];

/// Foreign packages that only some rooms may use, by prefix of the name.
const RESTRICTED: &[(&str, &[&str])] = &[
    ("wasmparser", &["faasm-compiler"]),
    ("cranelift", &["faasm-compiler"]),
    ("libc", &["faasm-sfi"]),
    ("region", &["faasm-sfi"]),
    ("tokio", &["faasm-runtime"]),
    ("axum", &["faasm-runtime"]),
    ("hyper", &["faasm-runtime"]),
    ("redb", &["faasm-runtime"]),
    ("redis", &["faasm-runtime"]),
    ("object_store", &["faasm-runtime"]),
    ("wasmtime", &[]),
    ("wasmer", &[]),
    ("wasmi", &[]),
];

/// Packages outside the rooms, which may depend on anything but an engine.
const OUTSIDE: &[&str] = &[
    "faasm-tests",
    "faasm-state-faults",
    "faasm-spec-tests",
    "faasm-benches",
    "faasm-compare",
    "xtask",
];

/// The one package that has the rival as a dev-dependency.
const COMPARISON: &str = "faasm-compare";

pub(super) fn findings(metadata: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"].as_str() == Some("dev");
            if let Some(rule) = broken(name, other, dev) {
                findings.push(Finding { place: format!("package {name}"), rule });
            }
        }
    }
    findings
}

/// The rule that a dependency of `name` on `other` breaks, if any.
fn broken(name: &str, other: &str, dev: bool) -> Option<String> {
    if other.starts_with("wasmtime") {
        let allowed = name == COMPARISON && dev;
        return (!allowed).then(|| {
            format!("may not depend on {other}: engines are rivals, measured in {COMPARISON}")
        });
    }
    if dev || OUTSIDE.contains(&name) {
        return None;
    }
    if other.starts_with("faasm-") {
        let allowed = ROOMS
            .iter()
            .find(|(room, _)| *room == name)
            .is_none_or(|(_, may)| may.contains(&other));
        return (!allowed)
            .then(|| format!("may not depend on {other} (ARCHITECTURE.md, the rooms)"));
    }
    let restricted = RESTRICTED.iter().find(|(prefix, _)| other.starts_with(prefix))?;
    (!restricted.1.contains(&name))
        .then(|| format!("may not depend on {other}: only {:?} may", restricted.1))
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn the_layers_hold() {
        assert!(broken("faasm-compiler", "faasm-abi", false).is_none());
        assert!(broken("faasm-sfi", "faasm-vm", false).is_some());
        assert!(broken("faasm-vm", "wasmparser", false).is_some());
        assert!(broken("faasm-vm", "faasm-compiler", true).is_none());
        assert!(broken("faasm-runtime", "wasmtime", true).is_some());
        assert!(broken("faasm-compare", "wasmtime", true).is_none());
        assert!(broken("faasm-state", "tokio", false).is_some());
    }
}
