//! Folders of a test process for what does not end with a value: one that a killed process, or a value that is never dropped,
//! left behind is removed by the next process that needs one. Whose it is stands in its name: the process and its start.

use std::fs;
use std::io::Result;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = "grantor-";

/// A new folder in the system's folder for temporary files, whose name begins with `grantor-` and this word. It goes with the
/// value; where that is not dropped, with the next folder of this word that another process makes.
///
/// # Errors
/// The system gives none.
pub fn folder(name: &str) -> Result<TempDir> {
    let all = std::env::temp_dir();
    sweep(&all, name);
    let me = std::process::id();
    let begin = format!("{PREFIX}{name}-{me}-{}-", started(me).unwrap_or_default());
    tempfile::Builder::new().prefix(&begin).tempdir_in(all)
}

/// Removes the folders of this word whose process has gone.
fn sweep(all: &Path, name: &str) {
    let begin = format!("{PREFIX}{name}-");
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let rest = file.to_str().and_then(|file| file.strip_prefix(&begin));
        let Some((process, start)) = rest.and_then(owner) else { continue };
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && has_gone(process, start) {
            // Another process may do the same at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The process and its start, out of `12-345-x`.
fn owner(rest: &str) -> Option<(u32, u64)> {
    let mut parts = rest.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether the process that was started then runs no more; `false` where the system does not say.
fn has_gone(process: u32, start: u64) -> bool {
    start != 0 && started(std::process::id()).is_some() && started(process) != Some(start)
}

/// When a process started, in ticks since the system did: with it a number that was given again is told from the first.
fn started(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it, in brackets, may have spaces.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_that_has_gone_left_is_removed() {
        if started(std::process::id()).is_none() {
            println!("not checked: folders that were left behind are removed (this system has no /proc)");
            return;
        }
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let mine = folder("sweeps").unwrap();
        let all = std::env::temp_dir();
        let left = all.join(format!("grantor-sweeps-{}-1-x", gone.id()));
        // The same number, given to a process that started at another time.
        let other = all.join(format!("grantor-sweeps-{}-1-y", std::process::id()));
        let odd = all.join(format!("grantor-sweeps-odd-{}", std::process::id()));
        for path in [&left, &other, &odd] {
            fs::create_dir_all(path.join("data")).unwrap();
        }
        let next = folder("sweeps").unwrap();
        assert!(!left.exists() && !other.exists());
        assert!(odd.exists() && mine.path().exists() && next.path().exists());
        fs::remove_dir_all(odd).unwrap();
    }
}
