//! Every dependency is declared once, in the workspace, with a comment that says why it is there; the crates
//! take it from there, and share the workspace's lints. A declaration that nobody takes is refused.

use std::collections::BTreeSet;

use crate::tree::{File, Finding, Tree};

/// A line `name = value` of a manifest, with the table that it stands in.
struct Entry<'a> {
    line: usize,
    table: &'a str,
    name: &'a str,
    value: &'a str,
}

/// Enough TOML for manifests: one entry a line, as cargo and we write them.
fn entries(file: &File) -> Vec<Entry<'_>> {
    let mut table = "";
    let mut found = Vec::new();
    for (line, text) in file.lines() {
        let trimmed = text.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            table = name.trim_start_matches('[');
        } else if let (false, Some((name, value))) = (trimmed.starts_with('#'), trimmed.split_once('=')) {
            let name = name.trim();
            if !name.contains([' ', '"', '{']) {
                found.push(Entry { line, table, name, value: value.trim() });
            }
        }
    }
    found
}

fn is_dependency_table(table: &str) -> bool {
    table.ends_with("dependencies") && !table.starts_with("workspace")
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut taken = BTreeSet::new();
    let manifests = tree.files.iter().filter(|file| file.name() == "Cargo.toml" && file.path != "Cargo.toml");
    for file in manifests {
        let entries = entries(file);
        for entry in entries.iter().filter(|entry| is_dependency_table(entry.table)) {
            let name = entry.name.split('.').next().unwrap_or_default();
            taken.insert(name.to_owned());
            let shared = entry.name.ends_with(".workspace") || entry.value.contains("workspace = true");
            if !shared {
                let message =
                    format!("{name} is declared here: declare it in the workspace, with the reason");
                findings.push(Finding::at(&file.path, entry.line, message));
            }
        }
        let lints = entries.iter().any(|entry| entry.table == "lints" && entry.name == "workspace");
        if !lints {
            findings.push(Finding::of(
                &file.path,
                "does not share the workspace's lints: [lints] workspace = true",
            ));
        }
    }
    if let Some(root) = tree.file("Cargo.toml") {
        let declared = entries(root).into_iter().filter(|entry| entry.table == "workspace.dependencies");
        for entry in declared {
            if !entry.value.contains("path = ") && !entry.value.contains(" # ") {
                findings.push(Finding::at(
                    &root.path,
                    entry.line,
                    format!("{} has no reason beside it", entry.name),
                ));
            }
            if !taken.contains(entry.name) {
                findings.push(Finding::at(&root.path, entry.line, format!("no crate takes {}", entry.name)));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    const ROOT: &str = "[workspace.dependencies]\nown = { path = \"crates/own\" }\nurl = \"2\" # addresses\n";

    fn findings(root: &str, member: &str) -> Vec<String> {
        let tree = Tree::of(&[("Cargo.toml", root), ("crates/a/Cargo.toml", member)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_place_and_a_reason() {
        let member = "[lints]\nworkspace = true\n\n[dependencies]\nown.workspace = true\n\n[target.'cfg(unix)'.dependencies]\nurl = { workspace = true }\n";
        assert_eq!(findings(ROOT, member), [""; 0]);
        assert_eq!(
            findings(&ROOT.replace(" # addresses", ""), member),
            ["Cargo.toml:3: url has no reason beside it"]
        );
    }

    #[test]
    fn a_version_in_a_crate_is_found() {
        let member = "[lints]\nworkspace = true\n\n[dev-dependencies]\nown = \"1\"\nurl.workspace = true\n";
        let found = findings(ROOT, member);
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|text| text.starts_with("crates/a/Cargo.toml:5: own")));
    }

    #[test]
    fn unused_declarations_and_own_lints_are_found() {
        assert_eq!(
            findings(ROOT, "[dependencies]\nown.workspace = true\n"),
            [
                "crates/a/Cargo.toml: does not share the workspace's lints: [lints] workspace = true",
                "Cargo.toml:3: no crate takes url"
            ]
        );
    }
}
