//! The words of a Redis server, for tests that speak to it past a store.

use std::io::{BufRead, BufReader, Error, Result, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A text: a status or a value, as far as it is one.
    Text(String),
    /// A number.
    Number(i64),
    /// An error.
    Refused(String),
    /// Nothing of this name.
    Nil,
    /// Several.
    List(Vec<Self>),
}

impl Reply {
    /// The text, the number as text, or that of a list line by line; an error too.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Refused(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Nil => String::new(),
            Self::List(all) => all.iter().map(Self::text).collect::<Vec<_>>().join("\n"),
        }
    }

    /// The parts of a list.
    pub fn parts(&self) -> &[Self] {
        if let Self::List(parts) = self { parts } else { &[] }
    }

    /// The value of the line `NAME:VALUE` in an answer to `INFO` and the like.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let mut fields = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        fields.find(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
    }
}

/// Sends a server on 127.0.0.1 one command over a connection of its own.
///
/// # Errors
/// It does not answer within a minute. What it refuses is a [`Reply`].
pub fn ask(port: u16, command: &[&str]) -> Result<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&packed(command))?;
    read(&mut BufReader::new(stream))
}

/// The same for one that wants a password, over its socket.
pub(super) fn ask_at(socket: &Path, password: &str, command: &[&str]) -> Result<Reply> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[packed(&["AUTH", password]), packed(command)].concat())?;
    let mut stream = BufReader::new(stream);
    match read(&mut stream)? {
        Reply::Refused(why) => Err(Error::other(why)),
        _ => read(&mut stream),
    }
}

fn packed(command: &[&str]) -> Vec<u8> {
    let words = command.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", command.len(), words.collect::<String>()).into_bytes()
}

fn read(stream: &mut impl BufRead) -> Result<Reply> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| Error::other("the server hung up"))?;
    let number = || rest.parse::<i64>().map_err(Error::other);
    Ok(match kind {
        "+" => Reply::Text(rest.to_owned()),
        "-" => Reply::Refused(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" | "*" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) if kind == "$" => {
                let mut value = vec![0; length + 2];
                stream.read_exact(&mut value)?;
                value.truncate(length);
                Reply::Text(String::from_utf8_lossy(&value).into_owned())
            }
            Ok(length) => Reply::List((0..length).map(|_| read(stream)).collect::<Result<_>>()?),
        },
        _ => return Err(Error::other(format!("an answer that is not understood: {line}"))),
    })
}
