//! SPECS.md and ARCHITECTURE.md name only files that exist, and SPECS.md has every RFC that a header names.

use std::collections::BTreeSet;

use crate::tree::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for document in ["SPECS.md", "ARCHITECTURE.md"] {
        match tree.file(document) {
            Some(file) => findings.extend(missing_files(tree, file)),
            None => findings.push(Finding::of(document, "is missing")),
        }
    }
    if let Some(specs) = tree.file("SPECS.md") {
        findings.extend(missing_rfcs(tree, specs));
    }
    findings
}

/// Paths in backticks: from the root, or from `crates/` or `crates/core/src/`.
fn missing_files(tree: &Tree, document: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in document.lines() {
        for word in line.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            let known =
                ["", "crates/", "crates/core/src/"].iter().any(|start| tree.has(&format!("{start}{word}")));
            if !known {
                findings.push(Finding::at(&document.path, number, format!("there is no {word}")));
            }
        }
    }
    findings
}

fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
    let starts = ["crates/", "docs/", "examples/", "xtask/", "tests/", "benches/", "./test"];
    let path = [".rs", ".md", ".toml"].iter().any(|end| word.ends_with(end) && word.len() > end.len());
    plain
        && !word.starts_with('/')
        && (path || starts.iter().any(|start| word.starts_with(start)))
        && word != "./test"
}

fn missing_rfcs(tree: &Tree, specs: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with("crates/") && file.is_production()) {
        for (number, line) in file.lines().take_while(|(_, line)| line.starts_with("//!")) {
            for rfc in rfcs(line) {
                if !specs.text.contains(&rfc) && named.insert(rfc.clone()) {
                    findings.push(Finding::at(&file.path, number, format!("RFC {rfc} is not in SPECS.md")));
                }
            }
        }
    }
    findings
}

/// The numbers after the word RFC.
fn rfcs(line: &str) -> Vec<String> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    line.split("RFC ").skip(1).map(digits).filter(|number| !number.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn found(specs: &str, source: &str) -> usize {
        let files = [
            ("SPECS.md", specs),
            ("ARCHITECTURE.md", "`xtask/`\n"),
            ("crates/core/src/a.rs", source),
            ("xtask/x", ""),
        ];
        check(&Tree::of(&files)).len()
    }

    #[test]
    fn what_is_named_exists() {
        assert_eq!(found("`crates/core/src/a.rs` `a.rs` `core/src/a.rs` `x.y` `/token`", "//! x\n"), 0);
        assert_eq!(found("`crates/core/src/b.rs` and `b.rs`", "//! x\n"), 2);
    }

    #[test]
    fn every_rfc_of_a_header_is_listed() {
        assert_eq!(found("RFC 6749", "//! RFC 6749 section 5, RFC 6749\n"), 0);
        assert_eq!(found("RFC 6749", "//! RFC 7009\n//! RFC 7009\nfn x() {} // RFC 1\n"), 1);
    }
}
