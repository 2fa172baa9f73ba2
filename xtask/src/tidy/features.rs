//! Every cargo feature has a comment beside it in its manifest. Those of the crates that users name, the facade
//! and the server, are also explained, in backticks, in a document or in the documentation of the crate.

use crate::tree::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| file.name() == "Cargo.toml")
        .flat_map(|file| of_manifest(tree, file))
        .collect()
}

fn of_manifest(tree: &Tree, file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut inside = false;
    // A comment holds for the lines below it, down to the next empty line.
    let mut commented = false;
    for (number, line) in file.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[features]";
            commented = false;
        } else if line.trim().is_empty() {
            commented = false;
        } else if line.starts_with('#') {
            commented = true;
        } else if let (true, Some((name, value))) = (inside, line.split_once(" = ")) {
            let name = name.trim_matches('"');
            if name.contains(' ') || name == "default" {
                continue;
            }
            if !commented && !value.contains(" # ") {
                findings.push(Finding::at(&file.path, number, format!("feature {name} has no comment")));
            }
            let users_name_it = matches!(file.folder(), "crates/grantor" | "crates/server");
            if users_name_it && !is_explained(tree, file.folder(), name) {
                let message =
                    format!("feature `{name}` stands in no document and not in the crate's documentation");
                findings.push(Finding::at(&file.path, number, message));
            }
        }
    }
    findings
}

fn is_explained(tree: &Tree, folder: &str, feature: &str) -> bool {
    let quoted = format!("`{feature}`");
    let roots = [format!("{folder}/src/lib.rs"), format!("{folder}/src/main.rs")];
    let places = tree.files.iter().filter(|file| file.has_extension("md") || roots.contains(&file.path));
    places.into_iter().any(|file| file.text.contains(&quoted))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    #[test]
    fn a_comment_is_needed() {
        let good = "[features]\ndefault = [\"a\"]\n# Stores\na = []\nb = []\n\nc = [] # why\n";
        assert!(check(&Tree::of(&[("crates/core/Cargo.toml", good)])).is_empty());
        let bad = "[features]\n# Stores\na = []\n\nb = []\n";
        assert_eq!(check(&Tree::of(&[("crates/core/Cargo.toml", bad)])).len(), 1);
    }

    #[test]
    fn what_users_name_is_in_a_document() {
        let manifest = ("crates/grantor/Cargo.toml", "[features]\n# Stores\nsqlite = []\n");
        assert_eq!(check(&Tree::of(&[manifest])).len(), 1);
        assert!(check(&Tree::of(&[manifest, ("README.md", "with `sqlite`")])).is_empty());
    }
}
