//! The program `grantor`, as all tests of it run it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Longer than anything takes here: what hangs shall fail.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The program in this folder, without settings from the environment of the tests.
pub(crate) fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_grantor"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GRANTOR_") {
            program.env_remove(name);
        }
    }
    program.current_dir(folder);
    program
}

/// Runs it to its end, with this on its standard input.
pub(crate) fn run(mut program: Command, given: &str) -> Output {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    // A command that reads nothing may have closed its end already.
    let _ = child.stdin.take().unwrap().write_all(given.as_bytes());
    child.wait_with_output().unwrap()
}

/// A client of a running server, which follows no redirect and keeps no cookie.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(LONG)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
