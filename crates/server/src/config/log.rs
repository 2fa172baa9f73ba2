//! `[log]`: what is written to standard error, and how.

use super::Config;
use super::setting::{Setting, setting};

/// What is written to standard error.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// `auto`, `text` or `json`.
    pub(crate) format: String,
    /// What is written: a level, or levels by target.
    pub(crate) level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: "auto".into(), level: "info".into() }
    }
}

/// Whether these are levels, alone or behind a target; a word alone would be taken for a target.
fn are_levels(text: &str) -> bool {
    text.split(',').all(|part| {
        let level = part.split_once('=').map_or(part, |(_, level)| level);
        level.trim().parse::<tracing_subscriber::filter::LevelFilter>().is_ok()
    }) && text.parse::<tracing_subscriber::filter::Targets>().is_ok()
}

/// Its settings.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    setting!(
        "log",
        "format",
        String,
        log.format,
        "`text`, `json`, or `auto`: text on a terminal, JSON otherwise",
        |value| matches!(value.as_str(), "auto" | "text" | "json"),
        "write \"auto\", \"text\" or \"json\""
    ),
    setting!(
        "log",
        "level",
        String,
        log.level,
        "`error`, `warn`, `info`, `debug`, `trace`, `off`, or levels by target: `info,grantor=debug`",
        |value| are_levels(value),
        "write \"error\", \"warn\", \"info\", \"debug\", \"trace\" or \"off\""
    ),
];
