//! The server goes away in every way, and the store goes on by itself when it is back.

use std::sync::Arc;
use std::time::Duration;

use grantor_core::store::{Created, Store, StoreError};
use grantor_store_postgres::PostgresStore;
use grantor_testkit::engine::{self, Engine};
use grantor_testkit::{Outcome, Place, StoreSuite};
use tokio::sync::Mutex;

use super::{NOW, admin, create, open, options, record, until_it_answers};

const TASKS: u64 = 16;

fn tells_no_secret(error: &StoreError) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2") && !text.contains("grantor:"), "{text}");
}

/// Each task creates one record after the other until it is stopped or fails; answers which were acknowledged.
async fn writers(
    store: &Arc<PostgresStore>,
    meanwhile: impl Future<Output = ()>,
) -> (Vec<u64>, Vec<StoreError>) {
    let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (store, ended) = (Arc::clone(store), Arc::clone(&ended));
        tasks.spawn(async move {
            let (mut written, mut errors) = (Vec::new(), Vec::new());
            for number in (task..).step_by(16) {
                match store.create(&record(number, "body"), NOW).await {
                    Ok(Created::Created(_)) => written.push(number),
                    Ok(Created::Exists) => panic!("{number} exists"),
                    Err(error) => errors.push(error),
                }
                if ended.load(std::sync::atomic::Ordering::Relaxed) || errors.len() > 20 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            (written, errors)
        });
    }
    meanwhile.await;
    ended.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut written, mut errors) = (Vec::new(), Vec::new());
    while let Some(task) = tasks.join_next().await {
        let (more, failed) = task.unwrap();
        written.extend(more);
        errors.extend(failed);
    }
    (written, errors)
}

async fn all_are_there(store: &PostgresStore, written: &[u64]) {
    for number in written {
        let found = store.load(&record(*number, "").key, NOW).await.unwrap();
        assert_eq!(found.unwrap().0, record(*number, "body"), "acknowledged and lost");
    }
}

/// Waits until something was written since.
async fn until_more(engine: &Engine, least: i64) {
    let admin = admin(engine).await;
    while admin.query_one("SELECT count(*) FROM grantor.record", &[]).await.unwrap().get::<_, i64>(0) < least
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_at_the_start_is_an_error_that_names_it() {
    let mut engine = engine::postgres().unwrap();
    engine.kill().unwrap();
    let error = PostgresStore::open(&options(&engine)).await.unwrap_err();
    assert!(error.nothing_written);
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", engine.port())), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    tells_no_secret(&error);
    engine.start_again().unwrap();
    let store = PostgresStore::open(&options(&engine)).await.unwrap();
    let _ = create(&store, &record(1, "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_the_kill_of_the_server_and_the_store_comes_back() {
    let mut engine = engine::postgres().unwrap();
    let store = Arc::new(open(&engine).await);
    let (written, errors) = writers(&store, async {
        until_more(&engine, 200).await;
        engine.kill().unwrap();
    })
    .await;
    assert!(written.len() >= 200);
    errors.iter().for_each(tells_no_secret);
    // The server's sessions outlive it for a moment; with no connection left it is certain that nothing is written.
    let mut certain = None;
    for _ in 0..1_000 {
        match store.create(&record(u64::MAX, ""), NOW).await {
            Err(error) if error.nothing_written => {
                certain = Some(error);
                break;
            }
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    tells_no_secret(&certain.unwrap());
    engine.start_again().unwrap();
    until_it_answers(&store).await;
    all_are_there(&store, &written).await;
    let _ = create(&store, &record(u64::MAX, "")).await;
}

/// Sentences 7 and 9 of the contract, with the server killed in the midst of writes.
#[test]
fn the_suite_s_kills_with_the_server_killed() {
    let engine = Arc::new(Mutex::new(engine::postgres().unwrap()));
    let hook = |kill: bool| {
        let engine = Arc::clone(&engine);
        move |place: Place| {
            let engine = Arc::clone(&engine);
            async move {
                let mut engine = engine.lock().await;
                if kill {
                    engine.kill().unwrap();
                    engine.start_again().unwrap();
                }
                let options = options(&engine).schema(&place.name()).unwrap();
                let options = options.deadline(Duration::from_secs(60)).connections(4);
                Arc::new(PostgresStore::open(&options).await.unwrap()) as Arc<dyn Store>
            }
        }
    };
    let suite = StoreSuite::new("postgres", hook(false)).reopen_after_kill(hook(true));
    for check in ["s07_acknowledged_writes_survive_a_kill", "s09_a_loss_brings_back_nothing_older"] {
        let row = suite.run_one(check).unwrap();
        assert_eq!(row.outcome, Outcome::Passed, "{check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_an_unknown_write_and_then_goes_on() {
    let engine = engine::postgres().unwrap();
    let store = PostgresStore::open(&options(&engine).deadline(Duration::from_millis(300))).await.unwrap();
    let _ = create(&store, &record(1, "body")).await;
    engine.freeze().unwrap();
    // The first was sent, nobody knows; later there is no connection on which to send.
    let error = store.create(&record(2, "body"), NOW).await.unwrap_err();
    assert!(!error.nothing_written, "{error}");
    let error = store.create(&record(3, "body"), NOW).await.unwrap_err();
    assert!(error.nothing_written, "{error}");
    assert!(store.load(&record(1, "").key, NOW).await.is_err());
    tells_no_secret(&error);
    engine.thaw().unwrap();
    until_it_answers(&store).await;
    all_are_there(&store, &[1]).await;
    let _ = create(&store, &record(3, "body")).await;
    // The unknown one happened or not: a create tells.
    let _ = store.create(&record(2, "body"), NOW).await.unwrap();
    all_are_there(&store, &[2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_are_replaced_and_no_read_fails() {
    let engine = engine::postgres().unwrap();
    let store = Arc::new(open(&engine).await);
    let _ = create(&store, &record(u64::MAX, "body")).await;
    let reader = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..2_000 {
                let found = store.load(&record(u64::MAX, "").key, NOW).await.unwrap();
                assert!(found.is_some());
            }
        })
    };
    let (written, errors) = writers(&store, async {
        let admin = admin(&engine).await;
        for round in 1..=10 {
            until_more(&engine, 50 * round).await;
            let sql =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'grantor'";
            let ended = admin.query(sql, &[]).await.unwrap();
            assert!(!ended.is_empty(), "nobody was connected");
        }
    })
    .await;
    reader.await.unwrap();
    errors.iter().for_each(tells_no_secret);
    all_are_there(&store, &written).await;
    let _ = store.create(&record(u64::MAX - 1, ""), NOW).await;
    until_it_answers(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_for_longer_than_the_deadline_is_an_unknown_write() {
    let engine = engine::postgres().unwrap();
    let store = PostgresStore::open(&options(&engine).deadline(Duration::from_millis(300))).await.unwrap();
    let revision = create(&store, &record(1, "old")).await;
    let mut admin = admin(&engine).await;
    let lock = admin.transaction().await.unwrap();
    lock.execute("SELECT * FROM grantor.record FOR UPDATE", &[]).await.unwrap();
    let error = store.replace(&record(1, "new"), revision, NOW).await.unwrap_err();
    assert!(!error.nothing_written, "{error}");
    // Others are not held up, and a sweep passes it by.
    let _ = create(&store, &record(2, "")).await;
    let gone = store.index().unwrap().sweep(10, grantor_core::Timestamp::NEVER).await.unwrap();
    assert_eq!(gone, 1, "the locked one is left");
    lock.rollback().await.unwrap();
    let found = store.load(&record(1, "").key, NOW).await.unwrap().unwrap();
    assert!(found.0 == record(1, "old") || found.0 == record(1, "new"));
}
