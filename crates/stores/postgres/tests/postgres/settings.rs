//! The promises are what the server's settings bear.

use std::time::Duration;

use grantor_core::store::{Created, Kind, Record, Replaced, Store};
use grantor_store_postgres::deadpool_postgres::{Manager, Pool, Runtime, Timeouts};
use grantor_store_postgres::tokio_postgres::{Config, NoTls};
use grantor_store_postgres::{Options, PostgresStore};
use grantor_testkit::engine;

use super::{NOW, admin, create, open, options, record};

#[tokio::test(flavor = "multi_thread")]
async fn promises_are_read_back_from_the_server() {
    let engine = engine::postgres().unwrap();
    let admin = admin(&engine).await;
    for (setting, durable, never_rewinds) in [
        ("on", true, true),
        ("remote_apply", true, true),
        ("remote_write", true, false),
        ("local", true, false),
        ("off", false, false),
    ] {
        let sql = format!("ALTER DATABASE postgres SET synchronous_commit = {setting}");
        admin.batch_execute(&sql).await.unwrap();
        let promises = open(&engine).await.promises();
        assert_eq!((promises.durable, promises.never_rewinds), (durable, never_rewinds), "{setting}");
        assert!(promises.keeps);
    }
    admin.batch_execute("ALTER DATABASE postgres RESET synchronous_commit").await.unwrap();
    let lagging = PostgresStore::open(&options(&engine).lagging_standby(true)).await.unwrap().promises();
    assert!(lagging.durable && !lagging.never_rewinds);
    admin.batch_execute("ALTER SYSTEM SET full_page_writes = off").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    // The reload reaches the sessions a little later.
    while open(&engine).await.promises().durable {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_became_careless_is_refused() {
    let engine = engine::postgres().unwrap();
    let store = open(&engine).await;
    let admin = admin(&engine).await;
    admin.batch_execute("ALTER DATABASE postgres SET synchronous_commit = off").await.unwrap();
    let sql =
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'grantor'";
    admin.query(sql, &[]).await.unwrap();
    let error = store.load(&record(1, "").key, NOW).await.unwrap_err();
    assert!(error.to_string().contains("weaker"), "{error}");
    admin.batch_execute("ALTER DATABASE postgres RESET synchronous_commit").await.unwrap();
    assert!(store.load(&record(1, "").key, NOW).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_reads_is_refused() {
    let engine = engine::postgres().unwrap();
    drop(open(&engine).await);
    let admin = admin(&engine).await;
    admin.batch_execute("ALTER DATABASE postgres SET default_transaction_read_only = on").await.unwrap();
    let error = PostgresStore::open(&options(&engine)).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("standby"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_a_name_is_refused_and_nothing_written() {
    let engine = engine::postgres().unwrap();
    let store = open(&engine).await;
    let bad = Record { subject: Some("a\0b".into()), ..record(1, "") };
    assert!(store.create(&bad, NOW).await.unwrap_err().nothing_written);
    let revision = create(&store, &record(1, "")).await;
    assert!(store.replace(&bad, revision, NOW).await.unwrap_err().nothing_written);
    let filter = grantor_core::store::Filter::kind(Kind::GRANT).subject("a\0b");
    assert!(store.index().unwrap().list(&filter, None, 10, NOW).await.unwrap().is_empty());
    // Too long for an index entry, which only the server knows.
    let long: String = (0..3_000_u32).filter_map(|n| char::from_u32(0x4e00 + n * 7 % 20_000)).collect();
    let error = store.create(&Record { subject: Some(long.into()), ..record(2, "") }, NOW).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("too long"), "{error}");
    assert!(store.load(&record(2, "").key, NOW).await.unwrap().is_none());
}

/// The strictest isolation makes losers of a race an error of the server (40001), which the store tries again.
#[tokio::test(flavor = "multi_thread")]
async fn serialization_failures_are_tried_again() {
    let engine = engine::postgres().unwrap();
    let sql = "ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'";
    admin(&engine).await.batch_execute(sql).await.unwrap();
    let store = std::sync::Arc::new(open(&engine).await);
    for round in 0..20 {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..32 {
            let store = std::sync::Arc::clone(&store);
            tasks.spawn(async move {
                let created = store.create(&record(round, format!("{task}")), NOW).await.unwrap();
                let (_, loaded) = store.load(&record(round, "").key, NOW).await.unwrap().unwrap();
                let replaced = store.replace(&record(round, format!("{task}")), loaded, NOW).await.unwrap();
                (matches!(created, Created::Created(_)), matches!(replaced, Replaced::Replaced(_)))
            });
        }
        let won: Vec<(bool, bool)> = tasks.join_all().await;
        assert_eq!(won.iter().filter(|(created, _)| *created).count(), 1);
        assert!(won.iter().any(|(_, replaced)| *replaced));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_a_pool_are_taken() {
    let engine = engine::postgres().unwrap();
    let mut config = Config::new();
    config.host("127.0.0.1").port(engine.port()).user("grantor").dbname("postgres").application_name("pool");
    let timeouts = Timeouts::wait_millis(2_000);
    let pool =
        Pool::builder(Manager::new(config, NoTls)).max_size(2).runtime(Runtime::Tokio1).timeouts(timeouts);
    let pool = pool.build().unwrap();
    let options = Options::for_pool().schema("of_pool").unwrap();
    let store = PostgresStore::with_pool(pool.clone(), &options).await.unwrap();
    let _ = create(&store, &record(1, "")).await;
    let admin = admin(&engine).await;
    let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'pool'";
    admin.query(sql, &[]).await.unwrap();
    assert!(store.load(&record(1, "").key, NOW).await.unwrap().is_some());
    store.close();
    assert!(store.load(&record(1, "").key, NOW).await.is_err());
    assert!(pool.get().await.is_ok(), "the pool is the user's own");
}
