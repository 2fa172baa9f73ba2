//! The log: text on a terminal, JSON otherwise, on standard error. Control characters are escaped, a line is an event.

use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Log;
use crate::failure::Failure;

/// Begins to log. Once in a process.
///
/// # Errors
/// The levels cannot be read, or somebody logs already.
pub(crate) fn start(log: &Log) -> Result<(), Failure> {
    let levels: Targets = log.level.parse().map_err(|error| Failure::usage(format!("log.level: {error}")))?;
    let text = match log.format.as_str() {
        "text" => true,
        "json" => false,
        _ => io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(levels);
    let started = if text {
        registry.with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Lines)).try_init()
    } else {
        let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
        registry.with(json.with_writer(Lines)).try_init()
    };
    started.map_err(|error| Failure::new(error.to_string()))
}

/// The span of a request: every event within carries its id.
pub(crate) fn request_span(id: &str) -> tracing::Span {
    tracing::info_span!(target: "grantor", "request", request_id = id)
}

/// Writes each event as one line, whatever stands in it.
#[derive(Debug, Clone, Copy)]
struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self::Writer {
        *self
    }
}

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        // Where nobody reads the log any more, the server goes on.
        let _ = io::stderr().lock().write_all(one_line(&text).as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn one_line(event: &str) -> String {
    let text = event.strip_suffix('\n').unwrap_or(event);
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn an_event_is_one_line_without_control_characters() {
        let line = one_line("a\nb\r\u{1b}[31m\u{85}\u{2028}é\n");
        assert_eq!(line, "a\\nb\\r\\u{1b}[31m\\u{85}\\u{2028}é\n");
    }
}
