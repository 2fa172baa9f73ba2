//! Other processes in tests: a free port for a server, and the test binary as a second process, told by its environment
//! which part to play.
//!
//! The parent starts one test of its own binary by name ([`Process::start`]); that test does nothing unless
//! [`part`] says that a parent asked for it. Parent and child speak by lines: the child [`say`]s and [`listen`]s.

use std::io::{BufRead as _, BufReader, Error, Lines, Result, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

const PART: &str = "GRANTOR_TEST_PART";
const PLACE: &str = "GRANTOR_TEST_PLACE";

/// A port of 127.0.0.1 for a server, below those that the system gives to connections, so that none of them takes it
/// meanwhile. Another process may all the same.
///
/// It waits where no port is free.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const PORTS: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries that run side by side begin far apart.
    let first = u16::try_from(std::process::id() % 100).unwrap_or_default() * 100;
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % PORTS;
        let port = FIRST + (first + next) % PORTS;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The part that this process was started for and its place; `None` in an ordinary run of the tests.
pub fn part() -> Option<(String, String)> {
    let part = std::env::var(PART).ok()?;
    // The test harness has begun a line before.
    say("").ok()?;
    Some((part, std::env::var(PLACE).unwrap_or_default()))
}

/// Says a line to the parent, at once.
///
/// # Errors
/// The parent has gone.
pub fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

/// Waits for a line of the parent; `None` when it has gone.
pub fn listen() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end().to_owned()),
    }
}

/// The command that runs the test of this name as a part at a place, perhaps under another program (`strace` and its
/// arguments).
///
/// The name is that of the test harness: the path of modules without that of the binary.
///
/// # Errors
/// The system does not say where this binary is.
pub fn command(under: &[&str], test: &str, part: &str, place: &str) -> Result<Command> {
    let exe = std::env::current_exe()?;
    let mut command = match under {
        [] => Command::new(exe),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(exe);
            command
        }
    };
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env(PLACE, place);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

/// A running part. It is killed where it is dropped before its end.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
}

impl Process {
    /// Starts the test of this name as a part at a place.
    ///
    /// # Errors
    /// The system starts no process.
    pub fn start(test: &str, part: &str, place: &str) -> Result<Self> {
        let mut child = command(&[], test, part, place)?.spawn()?;
        let output = child.stdout.take().ok_or_else(|| Error::other("no output"))?;
        let input = child.stdin.take().ok_or_else(|| Error::other("no input"))?;
        Ok(Self { child, lines: BufReader::new(output).lines(), input })
    }

    /// The next line, `None` at the end.
    ///
    /// # Errors
    /// The process says what is no text.
    pub fn line(&mut self) -> Result<Option<String>> {
        self.lines.next().transpose()
    }

    /// The lines until the one that is `end`, without it.
    ///
    /// # Errors
    /// The process ends before.
    pub fn until(&mut self, end: &str) -> Result<Vec<String>> {
        let mut before = Vec::new();
        while let Some(line) = self.line()? {
            if line == end {
                return Ok(before);
            }
            before.push(line);
        }
        Err(Error::other(format!("the second process ended before it said {end}; it said {before:?}")))
    }

    /// Tells the process a line.
    ///
    /// # Errors
    /// It has gone.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}")
    }

    /// Ends it without warning (SIGKILL).
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()
    }

    /// The lines to the end.
    ///
    /// # Errors
    /// The process does not end well.
    pub fn rest(mut self) -> Result<Vec<String>> {
        let rest = self.lines.by_ref().collect::<Result<Vec<_>>>()?;
        match self.child.wait()? {
            status if status.success() => Ok(rest),
            status => Err(Error::other(format!("the second process ended with {status}; it said {rest:?}"))),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Only our own child, and only if it still runs.
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
