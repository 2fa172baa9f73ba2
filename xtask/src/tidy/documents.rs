//! The documents that a user and a contributor look for are there; the change log knows this version.

use crate::tree::{Finding, Tree};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "SPECS.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let empty = |path: &&&str| tree.file(path).is_none_or(|file| file.text.trim().is_empty());
    let mut findings: Vec<Finding> =
        DOCUMENTS.iter().filter(empty).map(|path| Finding::of(path, "is missing or empty")).collect();
    let manifest = tree.file("Cargo.toml").map_or("", |file| file.text.as_str());
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    if let (Some(version), Some(log)) = (version, tree.file("CHANGELOG.md")) {
        let known = log.text.lines().any(|line| {
            line.starts_with("## ") && (line.contains(version) || line.to_lowercase().contains("unreleased"))
        });
        if !known {
            findings.push(Finding::of("CHANGELOG.md", format!("has no section for {version}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENTS, check};
    use crate::tree::Tree;

    #[test]
    fn each_document_is_needed() {
        let mut files: Vec<(&str, &str)> = DOCUMENTS.iter().map(|path| (*path, "## 0.1.0\n")).collect();
        files.push(("Cargo.toml", "version = \"0.1.0\"\n"));
        assert!(check(&Tree::of(&files)).is_empty());
        files.remove(0);
        assert_eq!(check(&Tree::of(&files)).len(), 1);
    }

    #[test]
    fn the_change_log_knows_the_version() {
        let mut files: Vec<(&str, &str)> = DOCUMENTS.iter().map(|path| (*path, "## 0.1.0\n")).collect();
        files.push(("Cargo.toml", "version = \"0.2.0\"\n"));
        assert_eq!(check(&Tree::of(&files)).len(), 1);
    }
}
