//! What is wrong with a configuration: where, which key, why, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    File {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1; 0 for the file as a whole.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where.
    pub(crate) origin: Origin,
    /// Which key; empty where it is about the file.
    pub(crate) key: String,
    /// Why, and what to write instead.
    pub(crate) why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.key.as_str()) {
            (Origin::Default, key) => write!(f, "{key}: {}", self.why),
            (origin, "") => write!(f, "{origin}: {}", self.why),
            (origin, key) => write!(f, "{origin}: {key}: {}", self.why),
        }
    }
}

/// The line, from 1, that the byte at this place belongs to.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Where in the file something stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The origin of what begins at this byte.
    pub(super) fn origin(&self, at: usize) -> Origin {
        Origin::File { path: self.path.to_owned(), line: line_of(self.text, at) }
    }
}
