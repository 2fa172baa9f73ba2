//! One setting: its key, its kind, what it means, and how it gets into the value that it is part of.
//!
//! # To add a setting
//! A field in the struct of its section, and one `setting!` line in the section's table. The file, the environment,
//! `grantor config` and the documentation go by that table; there is no other place.

use super::value::{Raw, Wrong};

/// A setting of a `T`: of the whole configuration, of one client, of one user.
#[derive(Debug)]
pub(crate) struct Setting<T> {
    /// `[section]`; empty at the top of the file.
    pub(crate) section: &'static str,
    /// Its name within the section.
    pub(crate) key: &'static str,
    /// What kind of value it takes.
    pub(crate) kind: &'static str,
    /// What it does, in units and consequences.
    pub(crate) meaning: &'static str,
    /// Sets it.
    pub(crate) set: fn(&mut T, Raw<'_>) -> Result<(), Wrong>,
    /// Its value as it would stand in the file; empty where it has none.
    pub(crate) show: fn(&T) -> String,
}

impl<T> Setting<T> {
    /// `section.key`, as messages name it.
    pub(crate) fn name(&self) -> String {
        if self.section.is_empty() { self.key.to_owned() } else { format!("{}.{}", self.section, self.key) }
    }

    /// The environment variable that overrides it.
    pub(crate) fn variable(&self) -> String {
        format!("GRANTOR_{}", self.name().replace('.', "_").to_uppercase())
    }
}

/// `setting!("section", "key", Kind, path.to.field, "meaning")`, and a check of the value where not all will do:
/// `, |value| value > 0, "what to write instead"`.
macro_rules! setting {
    ($section:literal, $key:literal, $type:ty, $($field:ident).+, $meaning:expr) => {
        $crate::config::setting::setting!($section, $key, $type, $($field).+, $meaning, |_value| true, "")
    };
    ($section:literal, $key:literal, $type:ty, $($field:ident).+, $meaning:expr, $check:expr, $instead:expr) => {
        $crate::config::setting::Setting {
            section: $section,
            key: $key,
            kind: <$type as $crate::config::value::Value>::KIND,
            meaning: $meaning,
            set: |target, raw| {
                let value = <$type as $crate::config::value::Value>::read(raw)?;
                let check: fn(&$type) -> bool = $check;
                if !check(&value) {
                    return Err(format!("{} will not do; {}", raw.shown(), $instead));
                }
                target.$($field).+ = value;
                Ok(())
            },
            show: |target| <$type as $crate::config::value::Value>::show(&target.$($field).+),
        }
    };
}
pub(crate) use setting;

/// Of the names, the one that somebody who wrote `word` most likely meant.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = names.into_iter().map(|name| (distance(&word, &name.to_lowercase()), name));
    let (steps, name) = near.min_by_key(|(steps, _)| *steps)?;
    (steps <= 1 + name.len() / 4).then_some(name)
}

/// The names that have the word as a part, for a word that is long enough to mean something: `pkce` of `require_pkce`.
pub(crate) fn having<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let long = word.len() >= 4;
    names.into_iter().filter(|name| long && name.contains(&word)).take(3).collect()
}

/// Levenshtein distance, with two neighbours that changed places as one step.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_suggested() {
        let names = ["access_token", "refresh_token", "refresh_token_idle", "code"];
        assert_eq!(nearest("acess_token", names), Some("access_token"));
        assert_eq!(nearest("refreshtoken", names), Some("refresh_token"));
        assert_eq!(nearest("Code", names), Some("code"));
        assert_eq!(nearest("cdoe", names), Some("code"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(having("idle", names), ["refresh_token_idle"]);
        assert_eq!(having("refresh", names), ["refresh_token", "refresh_token_idle"]);
        assert!(having("to", names).is_empty());
    }
}
