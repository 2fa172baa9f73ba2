//! What the kernel counts: the processor's time of a process, its memory, the load of the machine.

use std::fs;
use std::path::Path;

/// Nanoseconds that all living threads of a process have run.
pub(crate) fn of_process(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    threads.filter_map(|thread| of_thread(&thread.ok()?.path())).sum()
}

/// The same of a process and of all that descend from it.
pub(crate) fn of_tree(process: u32) -> f64 {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, parent(id)?)))
        .collect();
    let mut tree = vec![process];
    let mut next = 0;
    while let Some(&of) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(id, _)| *id));
        next += 1;
    }
    tree.into_iter().map(of_process).sum()
}

fn parent(process: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in brackets and may have spaces.
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn of_thread(folder: &Path) -> Option<f64> {
    // A thread may end while it is read.
    let text = fs::read_to_string(folder.join("schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Bytes of a process that are in memory and its own.
pub(crate) fn resident(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("/proc");
    let pss = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a Pss line");
    let kilobytes: f64 = pss.trim().trim_end_matches(" kB").parse().expect("kilobytes");
    kilobytes * 1024.0
}

/// The load averages, as the kernel writes them.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
