//! The page that lists the original's behaviours against itself.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use crate::host::root;

/// The functions of all tests below a folder.
fn tests_below(folder: &Path, names: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(path).unwrap();
            for part in text.split("#[test]").skip(1) {
                let name = part.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
                names.extend(name.map(|(name, _)| name.to_owned()));
            }
        }
    }
}

/// The checks of the suite for global tiers, of which the macro makes tests.
fn checks(names: &mut HashSet<String>) {
    let list = fs::read_to_string(root().join("state/conformance/src/lib.rs")).unwrap();
    let before = names.len();
    for line in list.lines().map(str::trim).filter(|line| line.ends_with(',')) {
        let check = line.trim_end_matches(',').split_once("::").map(|(_, name)| name);
        names.extend(check.map(str::to_owned));
    }
    assert!(names.len() > before + 40, "the list of checks is found");
}

#[test]
fn every_behaviour_names_tests_that_there_are() {
    let mut tests = HashSet::new();
    for room in ["hostif", "tests", "vm", "runtime", "snapshot", "state"] {
        for folder in ["src", "tests"] {
            let folder = root().join(room).join(folder);
            if folder.is_dir() {
                tests_below(&folder, &mut tests);
            }
        }
    }
    checks(&mut tests);
    let page = fs::read_to_string(root().join("docs/original-behaviours.md")).unwrap();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.contains("|---")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, behaviour, ours, _] = cells[..] else { panic!("{row}") };
        for name in ours.split('`').skip(1).step_by(2) {
            // What is no name of a test or a file is a word of code.
            let is_file = name.contains('/');
            let is_test =
                name.contains('_') && !name.contains(['.', '(']) && !name.starts_with("__");
            assert!(!is_file || root().join(name).exists(), "{behaviour}: no file {name}");
            assert!(!is_test || is_file || tests.contains(name), "{behaviour}: no test {name}");
            named += usize::from(is_file || is_test);
        }
        let says_why = ours.starts_with("nothing to show: ") || ours.starts_with("later: ");
        assert!(says_why || ours.contains('`') || behaviour == "behaviour", "{behaviour}");
    }
    assert!(named > 80, "{named} names in the page");
}
