//! Processes that stand still (SIGSTOP), and knowing that they do.
//!
//! The signal is a request: each thread stops when it is next scheduled, and until then it may answer.

use std::fs;
use std::io::{Error, Result};
use std::process::Command;
use std::time::Duration;

use super::{PATIENCE, succeeds};

/// Stops a process and its children, and waits until each of their threads has stopped.
///
/// # Errors
/// There is no such process, or it does not stop.
pub(super) fn freeze(pid: u32) -> Result<()> {
    send("-STOP", &[pid])?;
    wait_until_stopped(pid)?;
    // It starts none any more.
    let children = children(pid);
    // One that has ended meanwhile needs no stopping.
    let _ = send("-STOP", &children);
    children.into_iter().try_for_each(wait_until_stopped)
}

/// Lets them go on (SIGCONT).
///
/// # Errors
/// There is no such process.
pub(super) fn thaw(pid: u32) -> Result<()> {
    let _ = send("-CONT", &children(pid));
    send("-CONT", &[pid])
}

/// Sends a signal such as `-TERM`.
///
/// # Errors
/// There is one that does not exist.
pub(super) fn send(signal: &str, to: &[u32]) -> Result<()> {
    if to.is_empty() || succeeds(Command::new("kill").arg(signal).args(to.iter().map(u32::to_string))) {
        Ok(())
    } else {
        Err(Error::other(format!("kill {signal} {to:?} failed")))
    }
}

/// The processes that its threads have started: PostgreSQL has one for each session.
fn children(pid: u32) -> Vec<u32> {
    let of =
        |task: String| fs::read_to_string(format!("/proc/{pid}/task/{task}/children")).unwrap_or_default();
    let all = tasks(pid).into_iter().map(of).collect::<Vec<_>>().join(" ");
    all.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Its threads; none where it has ended.
fn tasks(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.map(|task| task.file_name().to_string_lossy().into_owned()).collect()
}

fn wait_until_stopped(pid: u32) -> Result<()> {
    let pause = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        // Twice, for one that still ran may have started another that is not in the list.
        if has_stopped(pid) && has_stopped(pid) {
            return Ok(());
        }
        std::thread::sleep(pause);
        waited += pause;
    }
    Err(Error::other(format!("process {pid} does not stop")))
}

fn has_stopped(pid: u32) -> bool {
    // One that has ended has no file any more.
    let state = |task: String| fs::read_to_string(format!("/proc/{pid}/task/{task}/stat"));
    tasks(pid).into_iter().all(|task| state(task).map_or(true, |stat| says_stopped(&stat)))
}

/// The state stands behind the name, which may itself have parentheses: stopped, traced, or at its end (proc(5)).
fn says_stopped(stat: &str) -> bool {
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| "TtZX".contains(state))
}

#[cfg(test)]
mod tests {
    use super::says_stopped;

    #[test]
    fn the_state_stands_behind_the_name() {
        for stopped in ["7 (mariadbd) T 1 7", "7 (a) S (b)) t 1 7", "7 (postgres) Z 1"] {
            assert!(says_stopped(stopped), "{stopped}");
        }
        for running in ["7 (mariadbd) R 1 7", "7 (a) T 1) S 1 7", "7 (memcached) D 1", ""] {
            assert!(!says_stopped(running), "{running}");
        }
    }
}
