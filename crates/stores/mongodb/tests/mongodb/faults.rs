//! A server that is down, killed, silent, or lets nobody in.

use std::sync::Arc;
use std::time::Duration;

use grantor_core::store::{Created, Store as _, StoreError};
use grantor_store_mongodb::{MongoStore, Options};
use grantor_testkit::engine::{mongodb, mongodb_is_stand_in};
use grantor_testkit::process::free_port;
use tokio::task::JoinSet;

use crate::{NOW, create, database, key, open, record, shared_port, url};

async fn fails_to_open(url: &str) -> StoreError {
    MongoStore::open(&Options::parse(url).unwrap()).await.unwrap_err()
}

fn tells_no_secret(error: &StoreError) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2"), "{text}");
}

/// Until the store answers again. Nothing is said of how long that may take.
async fn until_it_answers(store: &MongoStore) {
    while store.load(&key(1), NOW).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_one_clear_message() {
    let port = free_port();
    let error = fails_to_open(&format!("mongodb://u:hunter2@127.0.0.1:{port}/d?deadline_ms=1000")).await;
    tells_no_secret(&error);
    let said = error.to_string();
    assert!(error.nothing_written, "{said}");
    assert!(said.contains("no primary was found") && said.contains(&format!("127.0.0.1:{port}/d")), "{said}");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_what_to_look_at() {
    let port = shared_port();
    let error = fails_to_open(&format!("mongodb://u:hunter2@127.0.0.1:{port}/d?deadline_ms=60000")).await;
    tells_no_secret(&error);
    assert!(error.nothing_written && error.to_string().contains("user or the password"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_fails_calls_and_later_ones_go_on() {
    let mut engine = mongodb().unwrap();
    let store = Arc::new(open(&url(engine.port(), "d", "serverSelectionTimeoutMS=200")).await);
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let store = Arc::clone(&store);
        // Until the first error; answers what was acknowledged.
        tasks.spawn(async move {
            let mut written = Vec::new();
            for number in (1_000 * task + 1_000).. {
                match store.create(&record(number), NOW).await {
                    Ok(Created::Created(_)) => written.push(number),
                    Ok(Created::Exists) => panic!("{number} exists"),
                    Err(error) => {
                        tells_no_secret(&error);
                        break;
                    }
                }
            }
            written
        });
    }
    while store.load(&key(1_020), NOW).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    engine.kill().unwrap();
    let written: Vec<u64> = tasks.join_all().await.concat();
    assert!(!written.is_empty());
    assert!(store.load(&key(1), NOW).await.unwrap_err().nothing_written);
    engine.start_again().unwrap();
    until_it_answers(&store).await;
    let _ = create(store.as_ref(), &record(1)).await;
    if mongodb_is_stand_in() {
        eprintln!(
            "\nnot checked: that a killed MongoDB keeps what it acknowledged: it was a stand-in, which is in memory"
        );
        return;
    }
    for number in written {
        assert_eq!(store.load(&key(number), NOW).await.unwrap().unwrap().0, record(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_costs_a_call_no_more_than_its_time() {
    let engine = mongodb().unwrap();
    let port = engine.port();
    let patient = open(&url(port, "d", "")).await;
    let _ = create(&patient, &record(1)).await;
    let impatient =
        Options::parse(&format!("mongodb://127.0.0.1:{port}/d?maxPoolSize=2&deadline_ms=60000")).unwrap();
    let store = Arc::new(MongoStore::open(&impatient.deadline(Duration::from_secs(5))).await.unwrap());
    engine.freeze().unwrap();
    let (one, two) = (key(1), record(2));
    let (load, write) = tokio::join!(store.load(&one, NOW), store.create(&two, NOW));
    assert!(load.unwrap_err().nothing_written);
    let unknown = write.unwrap_err();
    assert!(!unknown.nothing_written && unknown.to_string().contains("deadline_ms"), "{unknown}");
    // Both connections wait for their answers still, so this one is not sent, and will not be later.
    let unsent = store.create(&record(3), NOW).await.unwrap_err();
    assert!(unsent.nothing_written && unsent.to_string().contains("maxPoolSize"), "{unsent}");
    engine.thaw().unwrap();
    until_it_answers(&store).await;
    assert_eq!(patient.load(&key(3), NOW).await.unwrap(), None);
    assert_eq!(patient.load(&key(1), NOW).await.unwrap().unwrap().0, record(1));
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let store = open(&url(shared_port(), &database(), "")).await;
    store.close().await;
    let error = store.create(&record(1), NOW).await.unwrap_err();
    assert!(error.nothing_written, "{error}");
}
