//! Two processes over one file, beyond what the store suite asks: they make it together, and one holds a lock for long.

use grantor_core::store::Store;
use grantor_testkit::process::{listen, say};

use crate::child::start;
use crate::{NOW, create, key, open, record};

/// How often two processes make a file together.
const ROUNDS: usize = 10;

/// Opens the file when it is told to, and keeps in it the number that it was told.
pub(crate) async fn part(url: &str) {
    say("ready").unwrap();
    let number: u64 = listen().expect("the parent has gone").parse().unwrap();
    let store = open(url);
    let _ = create(&store, &record(number, "x")).await;
    store.close().await.unwrap();
}

#[tokio::test]
async fn two_processes_that_make_one_file_have_one_file() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let url = format!("sqlite:{}/made-{round}.db?busy_timeout_ms=60000", folder.path().display());
        let mut both = [start("make", &url), start("make", &url)];
        for process in &mut both {
            process.until("ready").unwrap();
        }
        for (process, number) in both.iter_mut().zip(["1", "2"]) {
            process.tell(number).unwrap();
        }
        for process in both {
            process.rest().unwrap();
        }
        let store = open(&url);
        for number in [1, 2] {
            assert!(
                store.load(&key(number), NOW).await.unwrap().is_some(),
                "round {round}: {number} is lost"
            );
        }
    }
}

#[tokio::test]
async fn a_lock_held_too_long_is_an_error_that_wrote_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("busy.db");
    let store = open(&format!("sqlite:{}?busy_timeout_ms=30", path.display()));
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.create(&record(1, "x"), NOW).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("another process"), "{error}");
    // Reads do not wait for a writer.
    assert_eq!(store.load(&key(1), NOW).await.unwrap(), None);
    other.execute_batch("ROLLBACK").unwrap();
    let _ = create(&store, &record(1, "x")).await;
}
