//! Migrations: cut short, by many at once, of newer and of foreign databases.

use std::sync::Arc;

use grantor_core::store::Store as _;
use grantor_store_mysql::mysql_async::prelude::Queryable as _;
use grantor_store_mysql::{Migration, MysqlStore, Options, migrate};

use crate::{NOW, admin, create, database, key, open, record, shared_port};

async fn run(name: &str, statement: &str) {
    let mut admin = admin(shared_port()).await;
    admin.query_drop(format!("USE {name}")).await.unwrap();
    admin.query_drop(statement).await.unwrap();
}

fn url(name: &str) -> String {
    format!("mysql://root@127.0.0.1:{}/{name}", shared_port())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_make_the_tables_at_once_make_them_once() {
    let name = database(shared_port()).await;
    let options = Arc::new(Options::parse(&url(&name)).unwrap().connections(2));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..12 {
        let options = Arc::clone(&options);
        tasks.spawn(async move {
            let store = MysqlStore::open(&options).await.unwrap();
            create(&store, &record(number, number)).await;
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let store = open(&url(&name)).await;
    for number in 0..12 {
        assert!(store.load(&key(number), NOW).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_migration_cut_short_is_taken_up() {
    let name = database(shared_port()).await;
    let options = Options::parse(&url(&name)).unwrap();
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 0, to: 1 });
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 1, to: 1 });
    let _ = create(&open(&url(&name)).await, &record(1, 1)).await;
    // As if it had ended after the tables, before the version: what is there stays.
    run(&name, "UPDATE grantor_schema SET version = 0").await;
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 0, to: 1 });
    assert!(open(&url(&name)).await.load(&key(1), NOW).await.unwrap().is_some());
    // As if it had ended after the first table.
    run(&name, "DELETE FROM grantor_schema").await;
    run(&name, "DROP TABLE grantor_record").await;
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 0, to: 1 });
}

#[tokio::test]
async fn newer_and_foreign_databases_are_refused() {
    let name = database(shared_port()).await;
    let options = Options::parse(&url(&name)).unwrap();
    let _ = open(&url(&name)).await;
    run(&name, "UPDATE grantor_schema SET version = 9").await;
    for error in [MysqlStore::open(&options).await.unwrap_err(), migrate(&options).await.unwrap_err()] {
        assert!(error.to_string().contains("version 9") && error.to_string().contains("up to 1"), "{error}");
    }
    run(&name, "DROP TABLE grantor_schema").await;
    let error = MysqlStore::open(&options).await.unwrap_err().to_string();
    assert!(error.contains("no release of grantor made"), "{error}");
    run(&name, "DROP TABLE grantor_record").await;
    let _ = open(&url(&name)).await;
    run(&name, "ALTER TABLE grantor_record ENGINE = Aria").await;
    let error = MysqlStore::open(&options).await.unwrap_err().to_string();
    assert!(error.contains("is not InnoDB"), "{error}");
}

#[tokio::test]
async fn a_missing_database_says_what_to_do() {
    let error = MysqlStore::open(&Options::parse(&url("nowhere")).unwrap()).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("CREATE DATABASE"), "{error}");
}
