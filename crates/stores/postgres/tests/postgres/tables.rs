//! The tables: HOT updates, migrations.

use std::time::Duration;

use grantor_core::Timestamp;
use grantor_core::store::{Record, Replaced, Store};
use grantor_store_postgres::{Migration, PostgresStore, migrate};
use grantor_testkit::engine;

use super::{admin, create, open, options, record};

/// Refreshes every hour of grants that live for 30 days: most updates touch no index.
#[tokio::test(flavor = "multi_thread")]
async fn refreshes_are_mostly_hot_updates() {
    let engine = engine::postgres().unwrap();
    let store = open(&engine).await;
    let (hour, month) = (Duration::from_secs(3_600), Duration::from_secs(30 * 24 * 3_600));
    let start = super::NOW;
    for number in 0..20_u64 {
        let mut now = start;
        let at = |now: Timestamp| Record { expires_at: now.after(month), ..record(number, vec![7; 350]) };
        let mut revision = create(&store, &at(now)).await;
        for _ in 0..50 {
            now = now.after(hour);
            let Replaced::Replaced(next) = store.replace(&at(now), revision, now).await.unwrap() else {
                panic!("stale")
            };
            revision = next;
        }
    }
    store.close();
    let admin = admin(&engine).await;
    let sql = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'record'";
    // A session reports when it ends, or a second later.
    let (all, hot) = loop {
        admin.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        let row = admin.query_one(sql, &[]).await.unwrap();
        let (all, hot): (i64, i64) = (row.get(0), row.get(1));
        if all >= 1_000 {
            break (all, hot);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(hot * 10 >= all * 7, "{hot} of {all} updates were HOT");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_that_start_at_once_make_the_tables_once() {
    let engine = engine::postgres().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let options = options(&engine).deadline(Duration::from_secs(30));
        tasks.spawn(async move { PostgresStore::open(&options).await.map(drop) });
    }
    for opened in tasks.join_all().await {
        opened.unwrap();
    }
    assert_eq!(migrate(&options(&engine)).await.unwrap(), Migration { from: 1, to: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let engine = engine::postgres().unwrap();
    assert_eq!(migrate(&options(&engine)).await.unwrap(), Migration { from: 0, to: 1 });
    admin(&engine).await.batch_execute("INSERT INTO grantor.migration VALUES (2)").await.unwrap();
    for error in [
        PostgresStore::open(&options(&engine)).await.unwrap_err(),
        migrate(&options(&engine)).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("version 2") && error.to_string().contains("up to 1"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_others_are_not_touched() {
    let engine = engine::postgres().unwrap();
    // All of the migration is undone.
    let sql = "CREATE SCHEMA grantor; CREATE TABLE grantor.record (theirs INT4)";
    let admin = admin(&engine).await;
    admin.batch_execute(sql).await.unwrap();
    let error = PostgresStore::open(&options(&engine)).await.unwrap_err();
    assert!(error.to_string().contains("42P07"), "{error}");
    let row = admin.query_one("SELECT to_regclass('grantor.migration') IS NULL", &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
}
