//! Two processes over one file: exactly one winner, nothing lost, and each sees what the other wrote.

use std::collections::HashMap;
use std::sync::Arc;

use grantor_core::store::{Created, Removed, Replaced, Store};
use grantor_store_sqlite::SqliteStore;

use crate::child::{Process, say, wait_for_parent};
use crate::{NOW, create, key, number, open, record};

const TASKS: u64 = 16;
const ROUNDS: u64 = 50;
const COUNTER: u64 = 1_000;
const INCREMENTS: u64 = 20;

/// Races with another process that plays the same part; the parent keeps the phases apart.
pub(crate) async fn part(store: SqliteStore) {
    let store = Arc::new(store);
    wait_for_parent();
    race(&store, |store, round| async move {
        let created = store.create(&record(round, &b"first"[..]), NOW).await.unwrap();
        if matches!(created, Created::Created(_)) {
            say(&format!("created {round}"));
        }
    })
    .await;
    wait_for_parent();
    let mut loaded = Vec::new();
    for round in 0..ROUNDS {
        let (_, revision) = store.load(&key(round), NOW).await.unwrap().expect("written by one of the two");
        loaded.push(revision);
    }
    wait_for_parent();
    let loaded = Arc::new(loaded);
    race(&store, |store, round| {
        let revision = loaded[usize::try_from(round).unwrap()];
        async move {
            let replaced = store.replace(&record(round, &b"second"[..]), revision, NOW).await.unwrap();
            if matches!(replaced, Replaced::Replaced(_)) {
                say(&format!("replaced {round}"));
            }
        }
    })
    .await;
    wait_for_parent();
    race(&store, |store, round| async move {
        if store.remove(&key(round), NOW).await.unwrap() == Removed::Removed {
            say(&format!("removed {round}"));
        }
    })
    .await;
    wait_for_parent();
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(increment(Arc::clone(&store)))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    store.close().await.unwrap();
}

async fn race<F: Future<Output = ()> + Send + 'static>(
    store: &Arc<SqliteStore>,
    act: impl Fn(Arc<SqliteStore>, u64) -> F,
) {
    for round in 0..ROUNDS {
        let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(act(Arc::clone(store), round))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

async fn increment(store: Arc<SqliteStore>) {
    for _ in 0..INCREMENTS {
        loop {
            let (mut found, revision) = store.load(&key(COUNTER), NOW).await.unwrap().unwrap();
            found.body = (number(&found.body) + 1).to_be_bytes().to_vec().into();
            if matches!(store.replace(&found, revision, NOW).await.unwrap(), Replaced::Replaced(_)) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn two_processes_have_one_winner_and_lose_no_update() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/race.db?busy_timeout_ms=60000", folder.path().display());
    // They also race to make the file.
    let mut both = [Process::start("race", &url), Process::start("race", &url)];
    let mut won: HashMap<String, usize> = HashMap::new();
    for phase in 0..5 {
        for process in &mut both {
            for line in process.until_ready() {
                *won.entry(line).or_default() += 1;
            }
        }
        if phase == 4 {
            let store = open(&url);
            let _ = create(&store, &record(COUNTER, 0_u64.to_be_bytes().to_vec())).await;
        }
        for process in &mut both {
            process.go();
        }
    }
    for process in both {
        let _ = process.rest();
    }
    for round in 0..ROUNDS {
        for what in ["created", "replaced", "removed"] {
            assert_eq!(won.get(&format!("{what} {round}")), Some(&1), "{what} {round}");
        }
    }
    let (found, _) = open(&url).load(&key(COUNTER), NOW).await.unwrap().unwrap();
    assert_eq!(number(&found.body), 2 * TASKS * INCREMENTS);
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

#[tokio::test]
async fn a_revision_never_returns_over_removal_and_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/revisions.db", folder.path().display());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10 {
        let (one, two) = (open(&url), open(&url));
        for store in [&one, &two, &one, &two] {
            assert!(seen.insert(create(store, &record(1, "x")).await));
            assert_eq!(store.remove(&key(1), NOW).await.unwrap(), Removed::Removed);
        }
        one.close().await.unwrap();
    }
}
