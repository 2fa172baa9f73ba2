//! A second process: this test binary again, which finds its part in the environment.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PART: &str = "GRANTOR_TEST_PART";
const URL: &str = "GRANTOR_TEST_URL";

/// Does nothing unless a parent asked for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part() {
    let Ok(part) = std::env::var(PART) else { return };
    let store = crate::open(&std::env::var(URL).unwrap());
    // libtest has begun a line before.
    say("");
    match part.as_str() {
        "kill" => crate::kill::part(store).await,
        "race" => crate::processes::part(store).await,
        "synced" => crate::synced::part(store).await,
        "full" => crate::full::part(store).await,
        other => panic!("no part {other}"),
    }
}

/// Writes a line at once.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Waits until the parent says go.
pub(crate) fn wait_for_parent() {
    say("ready");
    let mut line = String::new();
    assert_ne!(std::io::stdin().read_line(&mut line).unwrap(), 0, "the parent has gone");
}

/// The command that plays a part, perhaps under another program.
pub(crate) fn command(under: &[&str], part: &str, url: &str) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut command = match under {
        [] => Command::new(exe),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(exe);
            command
        }
    };
    command.args(["--exact", "child::part", "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env(URL, url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A running part.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
}

impl Process {
    pub(crate) fn start(part: &str, url: &str) -> Self {
        let mut child = command(&[], part, url).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let input = child.stdin.take().unwrap();
        Self { child, lines, input }
    }

    /// The next line, `None` at the end.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// The lines until the process waits, and the word to go on.
    pub(crate) fn until_ready(&mut self) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let line = self.line().expect("the process ended early");
            if line == "ready" {
                return before;
            }
            before.push(line);
        }
    }

    pub(crate) fn go(&mut self) {
        writeln!(self.input, "go").unwrap();
    }

    /// The lines to the end; the process must end well.
    pub(crate) fn rest(mut self) -> Vec<String> {
        let rest = std::iter::from_fn(|| self.line()).collect();
        assert!(self.child.wait().unwrap().success(), "{rest:?}");
        rest
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
