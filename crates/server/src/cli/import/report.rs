//! What an import did: counts for each kind and each reason, never a string of the old store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::old::What;

/// The counts of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    written: bool,
    taken: BTreeMap<What, u64>,
    already: BTreeMap<What, u64>,
    skipped: BTreeMap<(What, &'static str), u64>,
    endless: u64,
}

impl Report {
    pub(super) fn new(written: bool) -> Self {
        Self { written, ..Self::default() }
    }

    /// It is taken over, or would be.
    pub(super) fn taken(&mut self, what: What) {
        count(&mut self.taken, what, 1);
    }

    /// It was there before.
    pub(super) fn already(&mut self, what: What) {
        count(&mut self.already, what, 1);
    }

    /// It is not taken over.
    pub(super) fn skipped(&mut self, what: What, why: &'static str, many: u64) {
        if many > 0 {
            count(&mut self.skipped, (what, why), many);
        }
    }

    /// A token that had no end got one.
    pub(super) fn ended(&mut self) {
        self.endless = self.endless.saturating_add(1);
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let kinds = |counts: &BTreeMap<What, u64>| -> Value {
            counts.iter().map(|(what, many)| (what.name().to_owned(), json!(many))).collect()
        };
        let skipped: Vec<Value> = self
            .skipped
            .iter()
            .map(|((what, why), many)| json!({ "what": what.name(), "why": why, "count": many }))
            .collect();
        json!({
            "written": self.written,
            "taken_over": kinds(&self.taken),
            "already_there": kinds(&self.already),
            "skipped": skipped,
            "endless_tokens_given_an_end": self.endless,
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        // Writing into a String cannot fail.
        let mut out = String::new();
        let taken = if self.written { "taken over" } else { "to be taken over" };
        for (word, counts) in [(taken, &self.taken), ("already there", &self.already)] {
            for (what, many) in counts {
                let _ = writeln!(out, "{many:>8}  {what}, {word}");
            }
        }
        for ((what, why), many) in &self.skipped {
            let _ = writeln!(out, "{many:>8}  {what}, skipped: {why}");
        }
        if self.endless > 0 {
            let _ = writeln!(
                out,
                "{:>8}  of these tokens had no end and get one (--end-of-endless)",
                self.endless
            );
        }
        if out.is_empty() {
            out.push_str(
                "there is nothing of python-oauth2 in this store; is the prefix or the database right?\n",
            );
        }
        if !self.written {
            out.push_str("Nothing was written; --write does it.\n");
        }
        out
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, many: u64) {
    let sum = counts.entry(key).or_default();
    *sum = sum.saturating_add(many);
}
