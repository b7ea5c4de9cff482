//! A few runs on the tiers that need nothing: the tier in a file, whose process is killed and stopped, and the one in
//! memory. `cargo xtask test --faults` does a thousand, and those on Redis.

use std::process::Command;

#[test]
fn some_runs_find_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_faasm-state-faults"))
        .args(["--runs", "12", "--seed", "7", "--tier", "file", "--tier", "memory", "--jobs", "2"])
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("0 of 12 runs failed"), "{said}");
}
