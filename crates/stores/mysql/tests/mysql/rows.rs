//! Row counts with `CLIENT_FOUND_ROWS` and without, over pools of the caller's; and what a row cannot hold.

use std::sync::Arc;

use grantor_core::store::{Record, Replaced, Store};
use grantor_store_mysql::mysql_async::{OptsBuilder, Pool};
use grantor_store_mysql::{MysqlStore, Options};
use grantor_testkit::{Place, StoreSuite};

use crate::{NOW, create, database, key, open, place, record, shared_port};

async fn over_a_pool(found_rows: bool) -> Arc<dyn Store> {
    let port = shared_port();
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .user(Some("root"))
        .db_name(Some(database(port).await))
        .client_found_rows(found_rows);
    let options = Options::at("", "").timeout(std::time::Duration::from_secs(60));
    Arc::new(MysqlStore::with_pool(Pool::new(opts), &options).await.unwrap())
}

async fn found_rows(_: Place) -> Arc<dyn Store> {
    over_a_pool(true).await
}

async fn changed_rows(_: Place) -> Arc<dyn Store> {
    over_a_pool(false).await
}

#[test]
fn one_winner_with_and_without_found_rows() {
    for suite in [
        StoreSuite::new("mysql with CLIENT_FOUND_ROWS", found_rows),
        StoreSuite::new("mysql without CLIENT_FOUND_ROWS", changed_rows),
    ] {
        for check in [
            "s01_present_until_its_expiry",
            "s02_one_create_wins",
            "s02_one_create_over_an_expired_record_wins",
            "s02_a_refused_create_changes_nothing",
            "s03_needs_presence_and_the_loaded_revision",
            "s03_one_replace_wins",
            "s03_no_update_is_lost",
            "s05_one_remove_wins",
            "s08_a_dropped_call_writes_all_or_nothing",
        ] {
            suite.check(check);
        }
    }
}

#[tokio::test]
async fn a_replace_by_the_same_is_a_replace() {
    for found_rows in [true, false] {
        let store = over_a_pool(found_rows).await;
        let revision = create(store.as_ref(), &record(1, 1)).await;
        let Replaced::Replaced(next) = store.replace(&record(1, 1), revision, NOW).await.unwrap() else {
            panic!("it is not stale")
        };
        assert_ne!(revision, next);
        assert_eq!(store.replace(&record(1, 1), revision, NOW).await.unwrap(), Replaced::Stale);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_not_cut() {
    let store = open(&place(shared_port(), "").await).await;
    let long = |length: usize| Some("x".repeat(length).into());
    let fits = Record { client: long(1024), subject: long(1024), ..record(1, 1) };
    let revision = create(&store, &fits).await;
    assert_eq!(store.load(&key(1), NOW).await.unwrap(), Some((fits.clone(), revision)));
    for refused in
        [Record { client: long(1025), ..fits.clone() }, Record { subject: long(1025), ..fits.clone() }]
    {
        let error = store.replace(&refused, revision, NOW).await.unwrap_err();
        assert!(error.nothing_written && error.to_string().contains("up to 1024"), "{error}");
        assert!(store.create(&Record { key: key(2), ..refused }, NOW).await.unwrap_err().nothing_written);
    }
    assert_eq!(store.load(&key(1), NOW).await.unwrap(), Some((fits, revision)));
    assert_eq!(store.load(&key(2), NOW).await.unwrap(), None);
}
