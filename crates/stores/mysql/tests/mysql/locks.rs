//! Other transactions in the way: a lock that is held, and deadlocks between sweeps and writes.

use std::sync::Arc;

use grantor_core::Timestamp;
use grantor_core::store::{Index as _, Record, Replaced, Store};
use grantor_store_mysql::mysql_async::prelude::Queryable as _;

use crate::{NOW, admin, create, database, open, place, record, shared_port};

#[tokio::test]
async fn a_lock_held_too_long_is_an_error_that_wrote_nothing() {
    let port = shared_port();
    let name = database(port).await;
    let store = open(&format!("mysql://root@127.0.0.1:{port}/{name}?timeout_ms=1900")).await;
    let revision = create(&store, &record(1, 1)).await;
    let mut other = admin(port).await;
    other.query_drop(format!("USE {name}")).await.unwrap();
    other.query_drop("BEGIN").await.unwrap();
    other.query_drop("SELECT * FROM grantor_record FOR UPDATE").await.unwrap();
    let error = store.replace(&record(1, 2), revision, NOW).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("held the row"), "{error}");
    // Reads do not wait for a writer.
    assert!(store.load(&record(1, 1).key, NOW).await.unwrap().is_some());
    other.query_drop("ROLLBACK").await.unwrap();
    let replaced = store.replace(&record(1, 2), revision, NOW).await.unwrap();
    assert!(matches!(replaced, Replaced::Replaced(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_and_writes_do_not_fail_each_other() {
    let store = Arc::new(open(&place(shared_port(), "timeout_ms=60000").await).await);
    let end = Timestamp::from_secs(2_000);
    let ending = |number: u64| Record { expires_at: end, ..record(number, number) };
    for number in 0..400 {
        let _ = create(store.as_ref(), &ending(number)).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..24_u64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for round in 0..60_u64 {
                let number = (task * 31 + round * 17) % 400;
                if task % 4 == 0 {
                    store.sweep(20, end).await.unwrap();
                } else {
                    // Over an expired one, over one that was swept, or beside one that is there.
                    let created =
                        store.create(&Record { expires_at: end, ..record(number, task) }, end).await;
                    let _ = created.unwrap();
                    let _ = store.remove(&record(number, 0).key, NOW).await.unwrap();
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}
