//! The names of what memcached is asked for: a line each, from a file or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use crate::failure::Failure;

/// The longest line. A key of memcached has 250 bytes, each of which `lru_crawler metadump` may write as three.
const LINE: u64 = 1024;
const KEY: usize = 250;

/// A line of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What python-oauth2 put behind prefix and underscore.
    Name(String),
    /// Nothing that could be a key with this prefix.
    NoKey,
}

/// The lines, read as they are needed.
pub(super) struct Keys {
    lines: Box<dyn BufRead + Send>,
    /// With the underscore.
    prefix: String,
}

impl Keys {
    pub(super) fn open(file: &Path, prefix: &str) -> Result<Self, Failure> {
        let lines: Box<dyn BufRead + Send> = if file == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let opened = File::open(file);
            Box::new(BufReader::new(
                opened.map_err(|error| Failure::usage(format!("--keys {}: {error}", file.display())))?,
            ))
        };
        Ok(Self { lines, prefix: prefix.to_owned() })
    }

    /// The next line that is not empty; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            let mut line = Vec::new();
            let read = self
                .lines
                .by_ref()
                .take(LINE)
                .read_until(b'\n', &mut line)
                .map_err(|error| unreadable(&error))?;
            if read == 0 {
                return Ok(None);
            }
            if !line.ends_with(b"\n") && line.len() as u64 == LINE {
                self.lines.skip_until(b'\n').map_err(|error| unreadable(&error))?;
                return Ok(Some(Line::NoKey));
            }
            match line.trim_ascii() {
                // Behind the last answer of `metadump`.
                [] | b"END" => {}
                line => return Ok(Some(self.line(line))),
            }
        }
    }

    fn line(&self, line: &[u8]) -> Line {
        let Ok(line) = std::str::from_utf8(line) else { return Line::NoKey };
        let name = match line.strip_prefix("key=") {
            Some(dumped) => {
                let key = dumped.split(' ').next().unwrap_or_default().replace('+', "%2B");
                let key = url::form_urlencoded::parse(key.as_bytes()).next().map(|(key, _)| key.into_owned());
                key.and_then(|key| key.strip_prefix(&self.prefix).map(str::to_owned))
            }
            None => Some(line.strip_prefix(&self.prefix).unwrap_or(line).to_owned()),
        };
        name.filter(|name| is_key(&self.prefix, name)).map_or(Line::NoKey, Line::Name)
    }
}

/// Whether the two make a key, so that none of it becomes a command.
pub(super) fn is_key(prefix: &str, name: &str) -> bool {
    let bytes = prefix.bytes().chain(name.bytes());
    !name.is_empty()
        && prefix.len() + name.len() <= KEY
        && bytes.into_iter().all(|byte| byte > b' ' && byte != 0x7f)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(format!("--keys cannot be read: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_keys_or_answers_of_metadump() {
        let long = "x".repeat(5000);
        let text = format!(
            "t-1\r\n\noauth2_t-2\nkey=oauth2_a%20b exp=-1\nkey=oauth2_t+3 exp=-1 la=1\nkey=other exp=1\n{long}\na b\nEND\nt-4"
        );
        let mut keys = Keys { lines: Box::new(io::Cursor::new(text)), prefix: "oauth2_".to_owned() };
        let mut all = Vec::new();
        while let Some(line) = keys.next().unwrap() {
            all.push(line);
        }
        let name = |name: &str| Line::Name(name.to_owned());
        let no = || Line::NoKey;
        assert_eq!(all, [name("t-1"), name("t-2"), no(), name("t+3"), no(), no(), no(), name("t-4")]);
    }

    #[test]
    fn no_line_becomes_a_command() {
        for odd in ["", "a b", "a\rset x 0 0 1", "a\nb", "a\0", &"x".repeat(244)] {
            assert!(!is_key("oauth2_", odd), "{odd:?}");
        }
    }
}
