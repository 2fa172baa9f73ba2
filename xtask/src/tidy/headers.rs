//! Every Rust file starts with a `//!` header: what it is, and which RFC sections it implements.

use crate::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let headless = tree.with_extension("rs").filter(|file| {
        let first = file.text.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_none_or(|text| text.trim().is_empty())
    });
    headless.map(|file| Finding::at(&file.path, 1, "starts without a `//!` header")).collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    #[test]
    fn a_header_says_something() {
        assert!(check(&Tree::of(&[("a.rs", "//! What it is.\n"), ("b.md", "")])).is_empty());
        assert_eq!(check(&Tree::of(&[("a.rs", "use x;\n"), ("b.rs", ""), ("c.rs", "//!\n")])).len(), 3);
    }
}
