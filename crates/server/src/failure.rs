//! What a command ends with when it does not succeed: one clear message and the exit code.

use std::fmt;

use grantor::store::StoreError;

use crate::config::Problem;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// Something went wrong: exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The command line or the configuration is wrong: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// All that is wrong with a configuration, a line each.
    pub(crate) fn config(problems: &[Problem]) -> Self {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let count = match lines.len() {
            1 => "the configuration has a mistake:".to_owned(),
            count => format!("the configuration has {count} mistakes:"),
        };
        Self::usage(format!("{count}\n  {}", lines.join("\n  ")))
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(format!("the store: {}", causes(&error)))
    }
}

impl From<grantor::Error> for Failure {
    fn from(error: grantor::Error) -> Self {
        Self::new(causes(&error))
    }
}

impl From<grantor::BuildError> for Failure {
    fn from(error: grantor::BuildError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<grantor::RandomFailed> for Failure {
    fn from(error: grantor::RandomFailed) -> Self {
        Self::new(error.to_string())
    }
}

/// An error with what caused it.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
