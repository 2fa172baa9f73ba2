//! The server is down, is killed, is silent, or ends connections: calls end in errors that are true, and afterwards the
//! store goes on by itself.

use std::sync::Arc;

use grantor_core::store::{Created, Store};
use grantor_store_mysql::mysql_async::prelude::Queryable as _;
use grantor_store_mysql::{MysqlStore, Options};
use grantor_testkit::engine::mariadb;

use crate::workers::Workers;
use crate::{NOW, admin, create, database, key, open, place, record, shared_port};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_at_the_start_is_an_error_and_then_is_none() {
    let mut engine = mariadb().unwrap();
    let url = place(engine.port(), "").await;
    let options = Options::parse(&url).unwrap();
    engine.kill().unwrap();
    let error = MysqlStore::open(&options).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains(&options.place()), "{error}");
    engine.start_again().unwrap();
    let _ = create(&open(&url).await, &record(1, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_flight_loses_nothing_acknowledged() {
    let mut engine = mariadb().unwrap();
    let store = Arc::new(open(&place(engine.port(), "connections=8").await).await);
    let mut workers = Workers::start(Arc::clone(&store) as Arc<dyn Store>).await;
    for _ in 0..3 {
        workers.writes(200).await;
        engine.kill().unwrap();
        workers.an_error().await;
        engine.start_again().unwrap();
    }
    workers.writes(200).await;
    workers.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_leaves_writes_unknown_and_no_answer_is_mixed_up() {
    let engine = mariadb().unwrap();
    let url = place(engine.port(), "timeout_ms=400").await;
    let store: Arc<dyn Store> = Arc::new(open(&format!("{url}&connections=1")).await);
    let _ = create(store.as_ref(), &record(100, 1)).await;
    engine.freeze().unwrap();
    // The statement goes out on a connection that is there, and nobody knows what becomes of it.
    let error = store.create(&record(101, 1), NOW).await.unwrap_err();
    assert!(!error.nothing_written, "{error}");
    // For this one there is no connection any more.
    let error = store.create(&record(102, 1), NOW).await.unwrap_err();
    assert!(error.nothing_written, "{error}");
    assert!(store.load(&key(100), NOW).await.is_err());
    engine.thaw().unwrap();
    while store.load(&key(100), NOW).await.is_err() {}
    assert_ne!(store.create(&record(102, 1), NOW).await.unwrap(), Created::Exists);
    // Silence under load: what comes late belongs to calls that have ended.
    let store: Arc<dyn Store> = Arc::new(open(&format!("{url}&connections=4")).await);
    let mut workers = Workers::start(store).await;
    for _ in 0..3 {
        workers.writes(100).await;
        engine.freeze().unwrap();
        workers.an_error().await;
        engine.thaw().unwrap();
    }
    workers.writes(200).await;
    workers.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_connections_are_replaced() {
    let port = shared_port();
    let name = database(port).await;
    let store = Arc::new(open(&format!("mysql://root@127.0.0.1:{port}/{name}?connections=8")).await);
    let mut workers = Workers::start(Arc::clone(&store) as Arc<dyn Store>).await;
    let mut admin = admin(port).await;
    for _ in 0..30 {
        workers.writes(40).await;
        let list = format!("SELECT id FROM information_schema.processlist WHERE db = '{name}'");
        let connections: Vec<u64> = admin.query(list).await.unwrap();
        for connection in connections {
            // It may have gone already.
            let _ = admin.query_drop(format!("KILL {connection}")).await;
        }
    }
    workers.writes(200).await;
    workers.end().await;
}

#[tokio::test]
async fn calls_use_their_connection_again() {
    let port = shared_port();
    let name = database(port).await;
    let store = open(&format!("mysql://root@127.0.0.1:{port}/{name}?connections=1")).await;
    let mut admin = admin(port).await;
    let list = format!("SELECT id FROM information_schema.processlist WHERE db = '{name}'");
    let before: Vec<u64> = admin.query(&list).await.unwrap();
    for number in 0..50 {
        let _ = create(&store, &record(number, 1)).await;
        assert_eq!(store.create(&record(number, 1), NOW).await.unwrap(), Created::Exists);
        let _ = store.load(&key(number), NOW).await.unwrap();
    }
    let after: Vec<u64> = admin.query(&list).await.unwrap();
    assert_eq!((before.len(), before), (1, after));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_dropped_leave_no_answer_behind() {
    let store = open(&place(shared_port(), "connections=2").await).await;
    for number in 0..20 {
        let _ = create(&store, &record(number, number)).await;
    }
    for round in 0..400_u64 {
        let (first, second) = (key(round % 20), key((round + 7) % 20));
        let (call, other) = (store.load(&first, NOW), store.load(&second, NOW));
        tokio::select! {
            biased;
            found = call => assert_eq!(found.unwrap().unwrap().0, record(round % 20, round % 20)),
            () = yields(round % 9) => {}
        }
        let number = (round + 7) % 20;
        assert_eq!(other.await.unwrap().unwrap().0, record(number, number));
    }
}

async fn yields(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn errors_tell_no_password() {
    let port = shared_port();
    let name = database(port).await;
    let mut admin = admin(port).await;
    let user = format!("{name}_user");
    for statement in [
        format!("CREATE USER {user}@'%' IDENTIFIED BY 'right-hunter2'"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO {user}@'%'"),
    ] {
        admin.query_drop(statement).await.unwrap();
    }
    let at = |password: &str, name: &str| format!("mysql://{user}:{password}@127.0.0.1:{port}/{name}");
    for (url, words) in [
        (at("wrong-hunter2", &name), "access denied"),
        (at("right-hunter2", "mysql"), "may not use this database"),
        // It may not make the tables.
        (at("right-hunter2", &name), "CREATE to migrate"),
    ] {
        let error = MysqlStore::open(&Options::parse(&url).unwrap()).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(words) && !text.contains("hunter2") && !text.contains(&user), "{text}");
    }
    let migrated = open(&format!("mysql://root@127.0.0.1:{port}/{name}")).await;
    let store = open(&at("right-hunter2", &name)).await;
    assert!(!format!("{store:?}").contains("hunter2"));
    let _ = create(&store, &record(1, 1)).await;
    assert!(migrated.load(&key(1), NOW).await.unwrap().is_some());
    store.close().await;
    let error = store.load(&key(1), NOW).await.unwrap_err();
    assert!(error.to_string().contains("is closed"), "{error}");
}
