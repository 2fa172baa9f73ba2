//! What commands print: text or JSON on standard output, notes on standard error.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::failure::Failure;

/// Prints text as it is. A reader who went away is no failure.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    text(&(json + "\n"))
}

/// Says something beside the output.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
