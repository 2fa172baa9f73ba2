//! Links between the Markdown files of the tree: the file exists, and the heading too.

use crate::tree::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("md").flat_map(|file| of_file(tree, file)).collect()
}

fn of_file(tree: &Tree, file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(file) {
        for target in targets(line) {
            if let Err(why) = resolve(tree, file, target) {
                findings.push(Finding::at(&file.path, number, format!("link to {target}: {why}")));
            }
        }
    }
    findings
}

/// Lines outside of code blocks.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        !fence && !fenced
    })
}

/// What stands between `](` and `)`, and after `]: ` at the start of a line.
fn targets(line: &str) -> Vec<&str> {
    // Code in backticks is no link.
    let prose: Vec<&str> = line.split('`').step_by(2).collect();
    let inline =
        prose.iter().flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let mut found: Vec<&str> = inline.collect();
    if let (true, Some((_, target))) = (line.starts_with('['), line.split_once("]: ")) {
        found.push(target);
    }
    found.into_iter().filter_map(|target| target.split_whitespace().next()).collect()
}

fn resolve(tree: &Tree, from: &File, target: &str) -> Result<(), String> {
    let target = target.trim_start_matches('<').trim_end_matches('>');
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { from.path.clone() } else { join(from.folder(), path)? };
    if !tree.has(&path) {
        return Err(format!("there is no {path}"));
    }
    match tree.file(&path) {
        Some(file) if !heading.is_empty() && file.has_extension("md") && !has_heading(file, heading) => {
            Err(format!("there is no such heading in {path}"))
        }
        _ => Ok(()),
    }
}

fn join(folder: &str, path: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or("it leaves the repository")?),
            name => parts.push(name),
        }
    }
    Ok(parts.join("/"))
}

fn has_heading(file: &File, wanted: &str) -> bool {
    prose(file).any(|(_, line)| {
        let title = line.trim_start_matches('#');
        title.len() < line.len() && slug(title) == wanted
    })
}

/// The anchor that a renderer gives to a heading.
fn slug(title: &str) -> String {
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{check, slug};
    use crate::tree::Tree;

    #[test]
    fn links_lead_to_files_and_headings() {
        let readme =
            "[a](docs/a.md) [b](docs/a.md#two-words) [c](#top) [d](docs) <https://x.example>\n# Top\n";
        let good = Tree::of(&[("README.md", readme), ("docs/a.md", "# Two words!\n[up](../README.md)\n")]);
        assert!(check(&good).is_empty());
    }

    #[test]
    fn broken_links_are_found() {
        let text = "[a](none.md)\n[b](#nowhere)\n[c](../../x)\n[d]: gone.md\n";
        assert_eq!(check(&Tree::of(&[("docs/a.md", text)])).len(), 4);
    }

    #[test]
    fn code_is_no_link() {
        let text = "`x[0](y)`\n```\n[a](none.md)\n```\n";
        assert!(check(&Tree::of(&[("a.md", text)])).is_empty());
    }

    #[test]
    fn slugs_are_those_of_renderers() {
        assert_eq!(slug(" What `./test` runs, and when"), "what-test-runs-and-when");
    }
}
