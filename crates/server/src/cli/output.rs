//! What commands print: text or JSON on standard output, notes on standard error.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use grantor::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// Prints text as it is. A reader who went away is no failure.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    text(&(json + "\n"))
}

/// Says something beside the output.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what was done: a sentence, or `{"done": sentence}` with more facts.
pub(super) fn done(as_json: bool, sentence: &str) -> Result<(), Failure> {
    if as_json {
        json(&serde_json::json!({ "done": sentence }))
    } else {
        text(&format!("{}\n", clean(sentence)))
    }
}

/// A moment as people and programs read it (RFC 3339).
pub(super) fn time(at: Timestamp) -> String {
    if at.is_never() {
        return "never".into();
    }
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| format!("{at:?}"), |time| time.to_string())
}

/// Prints facts, one a line.
pub(super) fn facts(value: &Value) -> Result<(), Failure> {
    let mut out = String::new();
    let Some(facts) = value.as_object() else { return text(&format!("{value}\n")) };
    let width = facts.keys().map(String::len).max().unwrap_or_default();
    for (name, value) in facts.iter().filter(|(_, value)| !cell(value).is_empty()) {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{name:width$}  {}", cell(value));
    }
    text(&out)
}

/// Prints some of the facts of each as the columns of a table.
pub(super) fn table(columns: &[&str], rows: &[Value], none: &str) -> Result<(), Failure> {
    if rows.is_empty() {
        return text(&format!("{none}\n"));
    }
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|name| name.to_uppercase()).collect()];
    for row in rows {
        lines.push(columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default()).collect());
    }
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    text(&out)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => clean(text),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => clean(&other.to_string()),
    }
}

/// Text of strangers without what a terminal would obey.
fn clean(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
