//! A full disk: errors of which it is certain that nothing was written, and work as before once there is room.

use std::path::Path;

use grantor_core::store::{Removed, Store, StoreError};
use grantor_store_sqlite::{Options, SqliteStore};
use grantor_testkit::process::say;

use crate::child::command;
use crate::{NOW, create, key, open, record};

/// Creates records until one is refused; answers how many there are, and the refusal.
async fn fill(store: &SqliteStore) -> (u64, StoreError) {
    for number in 0..10_000 {
        if let Err(error) = store.create(&record(number, vec![1; 3_000]), NOW).await {
            return (number, error);
        }
    }
    panic!("10,000 records fit");
}

#[tokio::test]
async fn a_file_at_its_limit_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&format!("sqlite:{}/full.db?max_pages=64", folder.path().display()));
    let (count, error) = fill(&store).await;
    assert!(error.nothing_written && error.to_string().contains("full"), "{error}");
    assert!(count > 10);
    assert_eq!(store.load(&key(count), NOW).await.unwrap(), None);
    // One transaction may hold a write that needs room and others that need none; the latter must not suffer.
    let big = record(count, vec![1; 100_000]);
    let (one, two, three) = (key(1), key(2), key(3));
    let (refused, first, second, third) = tokio::join!(
        store.create(&big, NOW),
        store.remove(&one, NOW),
        store.remove(&two, NOW),
        store.remove(&three, NOW),
    );
    assert!(refused.unwrap_err().nothing_written);
    for removed in [first, second, third] {
        assert_eq!(removed.unwrap(), Removed::Removed);
    }
    let _ = create(&store, &record(count, vec![1; 3_000])).await;
}

/// Runs on a disk of 1 MiB on which a ballast of 300 KiB lies beside the data file.
pub(crate) async fn part(url: &str) {
    let store = open(url);
    let path = Options::parse(url).unwrap().path().to_owned();
    let (count, error) = fill(&store).await;
    assert!(error.nothing_written && error.to_string().contains("full"), "{error}");
    for number in 0..count {
        assert!(store.load(&key(number), NOW).await.unwrap().is_some(), "record {number} of {count}");
    }
    assert!(store.load(&key(count), NOW).await.unwrap().is_none());
    std::fs::remove_file(path.with_file_name("ballast")).unwrap();
    let _ = create(&store, &record(count, vec![1; 3_000])).await;
    drop(store);
    let again = open(url);
    assert!(again.load(&key(count), NOW).await.unwrap().is_some());
    assert!(again.load(&key(count + 1), NOW).await.unwrap().is_none());
    say(&format!("full after {count}")).unwrap();
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().display().to_string();
    // The mount is seen by the child only and goes with it.
    let script = format!(
        "mount -t tmpfs -o size=1m none '{disk}' || exit 77; \
         head -c 300000 /dev/zero >'{disk}/ballast'; exec \"$0\" \"$@\""
    );
    let url = format!("sqlite:{disk}/full.db");
    let output = command(&["unshare", "-m", "sh", "-c", &script], "full", &url).output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return println!("not checked: a full disk (unshare: {error})"),
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) || err.contains("unshare failed") {
        return println!("not checked: a full disk (no right to mount one)");
    }
    assert!(output.status.success() && out.contains("full after"), "{out}{err}");
    assert!(!Path::new(&format!("{disk}/full.db")).exists(), "the test ran on the real disk");
}
