//! What commands read: passwords and tokens from standard input, never from the command line, which others can see.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use grantor::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::config::without_line_end;
use crate::failure::Failure;

/// The longest input, in bytes.
const MOST: u64 = 64 * 1024;

/// A password that is being set: typed twice without echo on a terminal, otherwise all of standard input but its last
/// line end.
pub(super) fn new_password(what: &str) -> Result<Secret, Failure> {
    let password = secret(what)?;
    crate::passwords::check(password.expose()).map_err(Failure::usage)?;
    if io::stdin().is_terminal() && !secret("The same again")?.matches(password.expose()) {
        return Err(Failure::usage("the two are not the same; nothing was changed"));
    }
    Ok(password)
}

/// A secret from standard input.
pub(super) fn secret(what: &str) -> Result<Secret, Failure> {
    let read = if io::stdin().is_terminal() { typed(what) } else { piped() };
    let text = read.map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    Ok(Secret::new(without_line_end(&text)))
}

fn piped() -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    io::stdin().lock().take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

fn typed(what: &str) -> io::Result<Zeroizing<String>> {
    write!(io::stderr(), "{what}: ")?;
    io::stderr().flush()?;
    let mut line = Zeroizing::new(String::new());
    let echo = NoEcho::begin()?;
    let read = io::stdin().lock().read_line(&mut line);
    drop(echo);
    writeln!(io::stderr())?;
    read.map(|_| line)
}

/// The terminal does not show what is typed, until this is dropped.
struct NoEcho(Termios);

impl NoEcho {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
