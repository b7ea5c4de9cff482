//! The rules of the repository that no compiler checks: who may depend on what, and how files look.
//!
//! `CONTRIBUTING.md` and `ARCHITECTURE.md` say them in words; these files hold them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, output, root};

mod dependencies;
mod source;

/// Files that may be longer than [`source::MAX_FILE_LINES`], each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer than [`source::MAX_FUNCTION_LINES`]: file, function, reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[(
    "compiler/src/translate/simd/table.rs",
    "lowering",
    "one table of 256 operators, a row each",
)];

/// What breaks a rule, and where.
struct Finding {
    place: String,
    rule: String,
}

/// Checks the whole tree and lists every finding.
pub(crate) fn check() -> Result<()> {
    let metadata = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let mut findings = dependencies::findings(&metadata);
    for file in source_files()? {
        findings.extend(source::findings(&file)?);
    }
    for finding in &findings {
        eprintln!("tidy: {}: {}", finding.place, finding.rule);
    }
    if findings.is_empty() {
        Ok(())
    } else {
        bail!("{} findings of tidy", findings.len());
    }
}

/// All Rust files that git tracks or would track, as paths from the root.
fn source_files() -> Result<Vec<PathBuf>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root());
    let files =
        output(git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]))
            .context("tidy asks git which files there are")?;
    Ok(files.lines().map(PathBuf::from).filter(|path| root().join(path).exists()).collect())
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        super::check().unwrap();
    }
}
