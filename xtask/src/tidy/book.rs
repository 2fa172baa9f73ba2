//! The book in `docs/`: `SUMMARY.md` names every page once and no other, and the Rust code of each page is compiled: some Rust
//! file includes the page, for the documentation tests or for a comparison with programs.

use crate::tree::{File, Finding, Tree};

const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages: Vec<&File> = tree
        .with_extension("md")
        .filter(|file| file.path.starts_with("docs/") && file.path != SUMMARY)
        .collect();
    if pages.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !tree.has("docs/book.toml") {
        findings.push(Finding::of("docs/book.toml", "is missing: it makes a book of the pages"));
    }
    let summary = tree.file(SUMMARY).map_or("", |file| file.text.as_str());
    let named: Vec<&str> =
        summary.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()).collect();
    for page in &pages {
        let name = page.path.trim_start_matches("docs/");
        match named.iter().filter(|named| **named == name).count() {
            0 => findings.push(Finding::of(&page.path, format!("{SUMMARY} does not name it"))),
            1 => {}
            more => findings.push(Finding::of(&page.path, format!("{SUMMARY} names it {more} times"))),
        }
        if page.text.contains("```rust") && !is_compiled(tree, page) {
            findings.push(Finding::of(
                &page.path,
                "nobody compiles its Rust code: include it in examples/lib.rs",
            ));
        }
    }
    for name in named {
        if !pages.iter().any(|page| page.path.trim_start_matches("docs/") == name) {
            findings.push(Finding::of(SUMMARY, format!("names {name}, which is no page")));
        }
    }
    findings
}

fn is_compiled(tree: &Tree, page: &File) -> bool {
    let including = format!("{}\")", page.path);
    tree.with_extension("rs")
        .any(|file| file.lines().any(|(_, line)| line.contains("include_str!(") && line.contains(&including)))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    const GOOD: &[(&str, &str)] = &[
        ("docs/book.toml", "[book]\n"),
        ("docs/SUMMARY.md", "- [A](a.md)\n- [B](b.md)\n"),
        ("docs/a.md", "# A\n```rust\nfn f() {}\n```\n"),
        ("docs/b.md", "# B\n"),
        ("examples/lib.rs", "#[doc = include_str!(\"../docs/a.md\")]\n"),
    ];

    /// How many findings there are with this text for this file.
    fn findings_with(path: &'static str, text: &'static str) -> usize {
        let mut files = GOOD.to_vec();
        files.retain(|(own, _)| *own != path);
        files.push((path, text));
        check(&Tree::of(&files)).len()
    }

    #[test]
    fn a_book_with_all_its_pages() {
        assert!(check(&Tree::of(GOOD)).is_empty());
    }

    #[test]
    fn every_page_is_named_once_and_no_other() {
        assert_eq!(findings_with("docs/SUMMARY.md", "- [A](a.md)\n"), 1);
        assert_eq!(findings_with("docs/SUMMARY.md", "- [A](a.md)\n- [B](b.md)\n- [B](b.md)\n"), 1);
        assert_eq!(findings_with("docs/SUMMARY.md", "- [A](a.md)\n- [B](b.md)\n- [C](c.md)\n"), 1);
        assert_eq!(findings_with("docs/c.md", "# C\n"), 1);
    }

    #[test]
    fn code_of_a_page_is_compiled() {
        assert_eq!(findings_with("docs/b.md", "```rust\nfn g() {}\n```\n"), 1);
        assert_eq!(findings_with("docs/b.md", "```toml\na = 1\n```\n"), 0);
    }

    #[test]
    fn it_is_a_book() {
        assert_eq!(check(&Tree::of(&GOOD[1..])).len(), 1);
    }
}
