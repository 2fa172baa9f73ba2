//! The rules of the tree: to add one, write a file here and a row in [`CHECKS`].

mod book;
mod dependencies;
mod documents;
mod features;
mod headers;
mod length;
mod links;
mod ports;
mod reasons;
mod specs;
mod testdata;
mod words;

use std::path::Path;

use crate::layers;
use crate::tree::{Finding, Tree};

/// A rule over the files.
type Check = fn(&Tree) -> Vec<Finding>;

/// Every rule by its name, with what it demands.
const CHECKS: &[(&str, &str, Check)] = &[
    ("headers", "every .rs file starts with a `//!` header", headers::check),
    ("length", "production files have at most 400 lines, examples at most 100", length::check),
    ("words", "no paths of a machine, package registries, unfinished marks or bare `allow`", words::check),
    ("dependencies", "every dependency is declared once, with a reason, and used", dependencies::check),
    ("features", "every feature is explained", features::check),
    ("links", "links in Markdown lead somewhere", links::check),
    ("book", "docs/SUMMARY.md names every page of the book, and their Rust code is compiled", book::check),
    ("ports", "time and randomness enter at one place; ports document their errors", ports::check),
    (
        "specs",
        "SPECS.md and ARCHITECTURE.md name what exists, and every RFC that the code names",
        specs::check,
    ),
    ("reasons", "docs/reasons.md has the reason codes that the log can have", reasons::check),
    ("testdata", "every file of test data is used", testdata::check),
    ("documents", "the documents of the repository are there", documents::check),
];

/// Runs the named checks, or all; true when nothing was found.
#[expect(clippy::print_stdout, reason = "this is a command-line tool")]
pub(crate) fn run(names: &[String]) -> Result<bool, String> {
    let root = root()?;
    let tree = Tree::read(&root)?;
    let (mut passed, mut failed) = (0, 0);
    let mut say = |name: &str, demand: &str, findings: Vec<Finding>| {
        println!("{name}: {demand}: {}", if findings.is_empty() { "ok" } else { "FAILED" });
        for finding in &findings {
            println!("  {finding}");
        }
        *(if findings.is_empty() { &mut passed } else { &mut failed }) += 1;
    };
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    for (name, demand, check) in CHECKS {
        if wanted(name) {
            say(name, demand, check(&tree));
        }
    }
    if wanted("layers") {
        say("layers", "the crates import each other as the architecture says", layers::check(&root)?);
    }
    if passed + failed == 0 {
        let known: Vec<&str> = CHECKS.iter().map(|(name, ..)| *name).chain(["layers"]).collect();
        return Err(format!("no such check; there are {}", known.join(", ")));
    }
    println!("tidy: {passed} passed, {failed} failed");
    Ok(failed == 0)
}

/// The root of the workspace, from wherever the tool was called.
fn root() -> Result<std::path::PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let is_root = |folder: &&Path| folder.join("xtask/Cargo.toml").is_file();
    here.ancestors()
        .find(is_root)
        .map(Path::to_owned)
        .ok_or_else(|| "call it inside the repository".to_owned())
}

#[cfg(test)]
mod tests {
    use super::CHECKS;
    use crate::tree::Tree;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = CHECKS.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }

    #[test]
    fn an_empty_tree_lacks_its_documents() {
        let red: Vec<&str> = CHECKS
            .iter()
            .filter(|(.., check)| !check(&Tree::default()).is_empty())
            .map(|(name, ..)| *name)
            .collect();
        assert_eq!(red, ["specs", "documents"]);
    }
}
