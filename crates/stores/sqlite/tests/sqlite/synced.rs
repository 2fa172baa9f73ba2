//! An acknowledged write is on the disk: the system calls show the log synced before the answer.

use std::collections::HashMap;
use std::process::Command;

use grantor_testkit::process::say;

use crate::child::command;
use crate::{create, open, record};

const WRITES: u64 = 25;

/// Says when it asks and when it is answered.
pub(crate) async fn part(url: &str) {
    let store = open(url);
    for number in 0..WRITES {
        say(&format!("ask {number}")).unwrap();
        let _ = create(&store, &record(number, "x")).await;
        say(&format!("answered {number}")).unwrap();
    }
}

#[test]
fn the_log_is_synced_before_the_answer() {
    if Command::new("strace").arg("--version").output().is_err() {
        return println!("not checked: strace missing");
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let arguments = [
        "strace",
        "-f",
        "-y",
        "-s",
        "64",
        "-e",
        "trace=write,pwrite64,fsync,fdatasync",
        "-o",
        trace.to_str().unwrap(),
    ];
    let url = format!("sqlite:{}/synced.db", folder.path().display());
    let output = command(&arguments, "synced", &url).output().unwrap();
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("ptrace") {
        return println!("not checked: strace may not trace here");
    }
    assert!(output.status.success(), "{output:?}");
    let trace = std::fs::read_to_string(trace).unwrap();
    assert_eq!(synced_answers(&trace), WRITES, "{trace}");
}

/// How many answers there were; panics at one before which the log was not written and then synced.
fn synced_answers(trace: &str) -> u64 {
    let (mut asked, mut written, mut synced, mut answers) = (false, false, false, 0);
    // A call that another thread interrupts stands in two lines; it is done at the second.
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(char::is_whitespace).unwrap();
        let call = call.trim_start();
        if call.ends_with("<unfinished ...>") {
            unfinished.insert(thread, call);
            if !call.contains("\"answered ") {
                continue;
            }
        }
        let first = if call.starts_with("<...") { unfinished.remove(thread).unwrap_or(call) } else { call };
        let log = first.contains("synced.db-wal>");
        if first.starts_with("write(1") && first.contains("\"ask ") {
            (asked, written, synced) = (true, false, false);
        } else if log && first.starts_with("pwrite64(") {
            (written, synced) = (true, false);
        } else if log && (first.starts_with("fdatasync(") || first.starts_with("fsync(")) {
            assert!(call.ends_with("= 0"), "{call}");
            synced = written;
        } else if first.starts_with("write(1") && first.contains("\"answered ") && asked {
            assert!(written && synced, "answered before the log was synced: {first}");
            asked = false;
            answers += 1;
        }
    }
    answers
}

const WRITTEN: &str = r#"7 write(1<pipe:[1]>, "ask 0\n", 6) = 6
8 pwrite64(4</d/synced.db-wal>, "x", 1, 0) = 1
"#;

#[test]
fn a_sync_that_two_lines_tell_of_counts_at_the_second() {
    let rest = r#"8 fdatasync(4</d/synced.db-wal> <unfinished ...>
7 write(2<pipe:[2]>, "x", 1) = 1
8 <... fdatasync resumed>) = 0
7 write(1<pipe:[1]>, "answered 0\n", 11) = 11
"#;
    assert_eq!(synced_answers(&format!("{WRITTEN}{rest}")), 1);
}

#[test]
#[should_panic(expected = "answered before the log was synced")]
fn an_answer_during_the_sync_is_found() {
    let rest = r#"8 fdatasync(4</d/synced.db-wal> <unfinished ...>
7 write(1<pipe:[1]>, "answered 0\n", 11 <unfinished ...>
8 <... fdatasync resumed>) = 0
7 <... write resumed>) = 11
"#;
    let _ = synced_answers(&format!("{WRITTEN}{rest}"));
}
