//! Time and randomness enter through ports: in production code of `crates/` only a file `clock.rs` reads a
//! clock, and only a file `random.rs` a generator. How long to wait is no time of the protocol: outside of the core an
//! `Instant` may be read where a comment on its line says what for. The public ports of the core say when they fail.

use crate::tree::{File, Finding, Tree};

const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now", "Utc::now", "Timestamp::now()", "Zoned::now"];
const GENERATORS: &[&str] =
    &["getrandom::", "rand::", "OsRng", "thread_rng", "fastrand::", "RandomState::new"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let production =
        tree.files.iter().filter(|file| file.path.starts_with("crates/") && file.is_production());
    production.flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |words: &[&str], allowed: &str| {
        if file.name() == allowed {
            return;
        }
        for (number, line) in file.production_lines() {
            let (code, comment) = line.split_once("//").unwrap_or((line, ""));
            for word in words.iter().filter(|word| names(code, word)) {
                if *word == "Instant::now" && !comment.is_empty() && !file.path.starts_with("crates/core/") {
                    continue;
                }
                findings.push(Finding::at(&file.path, number, format!("`{word}` outside of {allowed}")));
            }
        }
    };
    refuse(CLOCKS, "clock.rs");
    refuse(GENERATORS, "random.rs");
    if file.path.starts_with("crates/core/") {
        findings.extend(silent_errors(file));
    }
    findings
}

/// Whether `code` has `word` not as the end of a longer one (`operand::` is not `rand::`).
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

/// Functions of a `pub trait` that return a `Result` and whose documentation has no word about errors.
fn silent_errors(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut in_trait, mut documented, mut signature) = (false, false, String::new());
    for (number, line) in file.production_lines() {
        let text = line.trim();
        if line.starts_with("pub trait ") {
            in_trait = true;
            documented = text.to_lowercase().contains("error");
        } else if line == "}" {
            in_trait = false;
        }
        if !in_trait {
            continue;
        }
        if let Some(comment) = text.strip_prefix("///") {
            let comment = comment.to_lowercase();
            documented |= ["error", "err`", "fail", "refuse"].iter().any(|word| comment.contains(word));
        } else if text.starts_with("async fn ") || text.starts_with("fn ") || !signature.is_empty() {
            signature.push_str(text);
            if text.ends_with(['{', ';', '}']) {
                if signature.contains("-> Result<") && !documented {
                    findings.push(Finding::at(
                        &file.path,
                        number,
                        "the documentation does not say when it fails",
                    ));
                }
                signature.clear();
                documented = false;
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn clocks_are_read_in_one_place() {
        let text = "let now = std::time::Instant::now();\n";
        assert_eq!(found("crates/core/src/grant/mod.rs", text), 1);
        assert_eq!(found("crates/core/src/clock.rs", text), 0);
        assert_eq!(found("crates/core/tests/it.rs", text), 0);
        assert_eq!(found("crates/core/src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{text}}}\n")), 0);
        assert_eq!(found("crates/core/src/a.rs", "// Instant::now is not used\n"), 0);
    }

    #[test]
    fn waiting_needs_a_reason() {
        let text = "let started = Instant::now(); // how long a lock is waited for\n";
        assert_eq!(found("crates/stores/a/src/lib.rs", text), 0);
        assert_eq!(found("crates/core/src/lib.rs", text), 1);
        assert_eq!(found("crates/stores/a/src/lib.rs", "let started = Instant::now();\n"), 1);
    }

    #[test]
    fn randomness_enters_in_one_place() {
        let text = "getrandom::fill(&mut out)?;\n";
        assert_eq!(found("crates/core/src/token/format.rs", text), 1);
        assert_eq!(found("crates/core/src/random.rs", text), 0);
        assert_eq!(found("crates/core/src/a.rs", "let x = operand::get();\n"), 0);
    }

    #[test]
    fn ports_say_when_they_fail() {
        let silent = "pub trait Port {\n    /// Loads.\n    async fn load(&self) -> Result<(), E>;\n}\n";
        assert_eq!(found("crates/core/src/port.rs", silent), 1);
        let told =
            silent.replace("Loads.", "Loads.\n    ///\n    /// # Errors\n    /// When the store fails.");
        assert_eq!(found("crates/core/src/port.rs", &told), 0);
    }
}
