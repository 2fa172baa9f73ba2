//! What must not stand in the tree: paths of somebody's machine, package registries and mirrors, marks of
//! unfinished work, lints switched off without a reason.

use crate::tree::{File, Finding, Tree};

/// Forbidden anywhere. The words are put together here, so that this file passes its own check.
const ANYWHERE: &[(&str, &str)] = &[
    (concat!("/", "root/"), "a path of one machine"),
    (concat!("/", "work/"), "a path of one machine"),
    (concat!("/", "home/"), "a path of one machine"),
    (concat!("/", "Users/"), "a path of one machine"),
    (concat!("regis", "try.npm"), "a package registry"),
    (concat!("pypi", ".org"), "a package registry"),
    (concat!("python", "hosted"), "a package registry"),
    (concat!("crates", ".io"), "a package registry"),
    (concat!("proxy.", "golang"), "a package registry"),
    (concat!("deb.", "debian"), "a package registry"),
    (concat!("repo1.", "maven"), "a package registry"),
    (concat!("--index", "-url"), "a package registry"),
    (concat!("--find", "-links"), "a package registry"),
    (concat!("\"resol", "ved\":"), "a package registry"),
];

/// Forbidden in Rust.
const IN_RUST: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "unfinished: finish it or file an issue"),
    (concat!("FIX", "ME"), "unfinished: finish it or file an issue"),
    (concat!("To be ", "filled"), "unfinished"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    // Cargo writes the address of its index into its lock file: that cannot be avoided.
    tree.files.iter().filter(|file| file.path != "Cargo.lock").flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rust = file.has_extension("rs");
    for (number, line) in file.lines() {
        for (word, why) in ANYWHERE.iter().chain(IN_RUST.iter().filter(|_| rust)) {
            if line.contains(word) {
                findings.push(Finding::at(&file.path, number, format!("`{word}`: {why}")));
            }
        }
    }
    if rust {
        findings.extend(bare_allows(file));
    }
    findings
}

/// `allow` attributes without `reason = ".."`; `expect` is better, for it tells when it is no longer needed.
fn bare_allows(file: &File) -> Vec<Finding> {
    let opens = [concat!("#[al", "low("), concat!("#![al", "low(")];
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        if !opens.iter().any(|open| line.trim_start().starts_with(open)) {
            continue;
        }
        let attribute: Vec<&str> = file.text.lines().skip(number - 1).take(12).collect();
        let end = attribute.iter().position(|line| line.trim_end().ends_with(")]")).unwrap_or_default();
        if !attribute.iter().take(end + 1).any(|line| line.contains("reason = ")) {
            findings.push(Finding::at(&file.path, number, "a lint is switched off without a reason"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    #[test]
    fn machines_and_registries_are_found() {
        let path = concat!("see /", "home/me/x\n");
        let lock = concat!("{\"resol", "ved\": \"x\"}\n");
        assert_eq!(check(&Tree::of(&[("a.md", path), ("package-lock.json", lock)])).len(), 2);
        assert!(check(&Tree::of(&[("Cargo.lock", concat!("crates", ".io"))])).is_empty());
    }

    #[test]
    fn unfinished_rust_is_found() {
        let text = concat!("// TO", "DO later\n");
        assert_eq!(check(&Tree::of(&[("a.rs", text)])).len(), 1);
        assert!(check(&Tree::of(&[("a.md", text)])).is_empty());
    }

    #[test]
    fn an_allow_needs_a_reason() {
        let bare = concat!("#[al", "low(dead_code)]\nfn x() {}\n");
        let with = concat!("#![al", "low(\n    dead_code,\n    reason = \"why\"\n)]\n");
        assert_eq!(check(&Tree::of(&[("a.rs", bare)])).len(), 1);
        assert!(check(&Tree::of(&[("a.rs", with)])).is_empty());
    }
}
