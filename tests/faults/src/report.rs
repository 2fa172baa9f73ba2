//! The table: one row for each fault on each setting.

use std::fmt::Write as _;
use std::time::Duration;

/// What a fault did on a setting.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How often it was tried.
    pub rounds: usize,
    /// What was wrong, each in words.
    pub wrong: Vec<String>,
    /// What else was measured, in words.
    pub figures: String,
}

impl Outcome {
    /// Nothing has been tried.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more round, with what was wrong in it.
    pub fn round(&mut self, wrong: impl IntoIterator<Item = String>) {
        self.rounds += 1;
        self.wrong.extend(wrong);
    }
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The fault's name.
    pub id: &'static str,
    /// What is done and what must hold.
    pub what: &'static str,
    /// Over which stores.
    pub setting: String,
    /// What came of it, or why it could not be tried.
    pub outcome: Result<Outcome, String>,
    /// How long it took.
    pub took: Duration,
}

impl Row {
    /// Whether it was tried and nothing was wrong.
    pub fn is_good(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|outcome| outcome.wrong.is_empty() && outcome.rounds > 0)
    }
}

/// The table as Markdown: a fault with what it means, then a row for each setting.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut faults: Vec<(&str, &str)> = rows.iter().map(|row| (row.id, row.what)).collect();
    faults.dedup();
    let mut seen: Vec<&str> = Vec::new();
    let _ =
        writeln!(text, "| fault | stores | rounds | wrong | figures | seconds |\n|---|---|---|---|---|---|");
    for row in rows {
        let (rounds, wrong, figures) = match &row.outcome {
            Ok(outcome) => {
                (outcome.rounds.to_string(), outcome.wrong.len().to_string(), outcome.figures.clone())
            }
            Err(why) => (
                "-".to_owned(),
                "-".to_owned(),
                format!("FAILED: {}", why.lines().next().unwrap_or_default()),
            ),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {rounds} | {wrong} | {figures} | {:.1} |",
            row.id,
            row.setting,
            row.took.as_secs_f64()
        );
    }
    let _ = writeln!(text);
    for (id, what) in faults {
        if !seen.contains(&id) {
            seen.push(id);
            let _ = writeln!(text, "- {id}: {what}");
        }
    }
    text
}
