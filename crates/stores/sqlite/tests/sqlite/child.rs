//! A second process: this test binary again, which finds its part in the environment.

use std::process::Command;

use grantor_testkit::process::{self, Process};

/// The test that plays the parts.
const PLAYER: &str = "child::part";

/// Does nothing unless a parent asked for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part() {
    let Some((part, url)) = process::part() else { return };
    match part.as_str() {
        "make" => crate::processes::part(&url).await,
        "synced" => crate::synced::part(&url).await,
        "full" => crate::full::part(&url).await,
        other => panic!("no part {other}"),
    }
}

/// The command that plays a part, under another program.
pub(crate) fn command(under: &[&str], part: &str, url: &str) -> Command {
    process::command(under, PLAYER, part, url).unwrap()
}

/// Starts a process that plays a part.
pub(crate) fn start(part: &str, url: &str) -> Process {
    Process::start(PLAYER, part, url).unwrap()
}
