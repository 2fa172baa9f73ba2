//! docs/reasons.md has every reason code that the log can have, and no other: operators write alarms by them.

use std::collections::BTreeMap;

use crate::tree::{File, Finding, Tree};

const DOCUMENT: &str = "docs/reasons.md";

/// What stands before a code: a call, of which the last code is meant, or a field.
const CALLS: &[&str] = &[
    "because(",
    "refused(",
    "failed(",
    "unknown(",
    "last(",
    "Error::unavailable(",
    "Self::unavailable(",
    "Refusal::grant(",
    "Reason::new(",
];
const FIELDS: &[&str] = &["reason = ", "reason: ", "GONE: &str = "];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut codes = BTreeMap::new();
    // Stores have causes, not reasons: whoever asked them gives the reason.
    let logs = |file: &&File| {
        file.path.starts_with("crates/") && !file.path.starts_with("crates/stores/") && file.is_production()
    };
    for file in tree.files.iter().filter(logs) {
        for code in codes_of(file) {
            codes.entry(code).or_insert(file.path.as_str());
        }
    }
    let Some(document) = tree.file(DOCUMENT) else {
        let any = codes.into_values().next();
        return any.map(|_| Finding::of(DOCUMENT, "is missing")).into_iter().collect();
    };
    let mut findings = Vec::new();
    let named: Vec<(usize, &str)> = document.lines().filter_map(row).collect();
    for (number, code) in &named {
        if !codes.contains_key(*code) {
            findings.push(Finding::at(DOCUMENT, *number, format!("nothing has the reason {code}")));
        }
    }
    for (code, path) in &codes {
        if !named.iter().any(|(_, named)| named == code) {
            findings.push(Finding::of(path, format!("the reason {code} has no row in {DOCUMENT}")));
        }
    }
    findings
}

/// The code of a row of the table: its first cell, in backticks.
fn row((number, line): (usize, &str)) -> Option<(usize, &str)> {
    let (code, _) = line.strip_prefix("| `")?.split_once('`')?;
    Some((number, code))
}

fn codes_of(file: &File) -> Vec<String> {
    let text: Vec<&str> = file.production_lines().map(|(_, line)| line.trim()).collect();
    let text = text.join("\n");
    let calls = CALLS.iter().flat_map(|marker| after(&text, marker)).filter_map(|rest| {
        let mut codes = strings(rest).into_iter().filter(|text| is_code(text));
        codes.next_back()
    });
    let fields = FIELDS.iter().flat_map(|marker| after(&text, marker)).filter_map(|rest| {
        let (text, _) = rest.strip_prefix('"')?.split_once('"')?;
        is_code(text).then_some(text)
    });
    calls.chain(fields).map(str::to_owned).collect()
}

/// What follows each place where the marker stands as a word of its own.
fn after<'a>(text: &'a str, marker: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(marker).filter_map(move |(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        let part = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        if part { None } else { text.get(at + marker.len()..) }
    })
}

/// The string literals up to the parenthesis that closes the call.
fn strings(rest: &str) -> Vec<&str> {
    let (mut depth, mut open, mut found) = (1_usize, None, Vec::new());
    for (at, c) in rest.char_indices() {
        match (c, open) {
            ('"', Some(start)) => {
                found.extend(rest.get(start..at));
                open = None;
            }
            ('"', None) => open = Some(at + 1),
            ('(', None) => depth += 1,
            (')', None) if depth == 1 => break,
            (')', None) => depth -= 1,
            _ => {}
        }
    }
    found
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    const SOURCE: &str = "//! x\nError::new(code, \"Words (with\").because(\"one\");\nRefusal::grant(\n    \"two\",\n    \"Some words.\",\n);\nwarn!(reason = \"three\", \"four\");\n#[expect(x, reason = \"five words\")]\nevent::refused(\"six\");\n";

    fn found(document: &str) -> Vec<String> {
        let files = [("crates/a/src/a.rs", SOURCE), ("docs/reasons.md", document)];
        check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn codes_and_rows_are_the_same() {
        assert_eq!(found("| `one` | x |\n| `two` | x |\n| `three` | x |\n"), [""; 0]);
        assert_eq!(found("| `one` | x |\n| `two` | x |\n").len(), 1);
        let extra = found("| `one` | x |\n| `two` | x |\n| `three` | x |\n| `four` | x |\n");
        assert_eq!(extra, ["docs/reasons.md:4: nothing has the reason four"]);
    }
}
