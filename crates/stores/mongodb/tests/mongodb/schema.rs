//! The indexes: their shape, and migrations at once, cut short, of newer and of foreign collections.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use grantor_core::store::{Record, Store as _};
use grantor_core::{Clock as _, SystemClock, Timestamp};
use grantor_store_mongodb::mongodb::bson::{Bson, Document, doc};
use grantor_store_mongodb::{Migration, MongoStore, Options, migrate};
use grantor_testkit::engine::mongodb_is_stand_in;
use tokio::task::JoinSet;

use crate::{NOW, create, database, documents, key, open, record, shared_port, url};

/// The indexes of a collection by name, but that of names.
async fn indexes(database: &str, collection: &str) -> Vec<(String, Document, Option<u64>, Option<Document>)> {
    let listed = documents(database, collection).await.list_indexes().await.unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    let mut all: Vec<_> = listed
        .into_iter()
        .filter(|index| index.keys != doc! { "_id": 1 })
        .map(|index| {
            let options = index.options.unwrap_or_default();
            let seconds = options.expire_after.map(|after| after.as_secs());
            (options.name.unwrap_or_default(), index.keys, seconds, options.partial_filter_expression)
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[tokio::test]
async fn the_indexes_are_there_in_every_collection() {
    let name = database();
    let _ = open(&url(shared_port(), &name, "")).await;
    for collection in ["grantor_grants", "grantor_clients", "grantor_users", "grantor_others"] {
        let there = |field: &str| Some(doc! { field: { "$exists": true } });
        let expected = [
            ("grantor_client".to_owned(), doc! { "client": 1, "_id": 1 }, None, there("client")),
            ("grantor_expires".to_owned(), doc! { "expires": 1 }, None, None),
            ("grantor_subject".to_owned(), doc! { "subject": 1, "_id": 1 }, None, there("subject")),
            ("grantor_ttl".to_owned(), doc! { "ttl": 1 }, Some(0), None),
        ];
        assert_eq!(indexes(&name, collection).await, expected, "{collection}");
    }
}

#[tokio::test]
async fn the_server_may_remove_what_ends_long_after_its_end_and_never_what_does_not() {
    let name = database();
    let store = open(&url(shared_port(), &name, "margin_s=600")).await;
    let ends = Record { expires_at: NOW.after(std::time::Duration::from_secs(60)), ..record(1) };
    let before = SystemClock.now();
    let _ = create(&store, &ends).await;
    let _ = create(&store, &record(2)).await;
    let documents = documents(&name, "grantor_grants").await;
    let ttl = async |expires: Timestamp| {
        let wanted = doc! { "expires": expires.as_millis() };
        documents.find_one(wanted).await.unwrap().unwrap().get("ttl").cloned()
    };
    let Some(Bson::DateTime(ttl_of_one)) = ttl(ends.expires_at).await else { panic!("no date") };
    // By the server's clock, not by that of the record's world, in which it is the year 1970.
    assert!(ttl_of_one.timestamp_millis() >= before.as_millis() + 659_000);
    assert_eq!(ttl(Timestamp::NEVER).await, None);
    // And a record whose date the server has not come to yet is absent all the same.
    assert_eq!(store.load(&key(1), ends.expires_at).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_open_a_new_database_at_once_make_it_once() {
    let options = Arc::new(Options::parse(&url(shared_port(), &database(), "maxPoolSize=2")).unwrap());
    let mut tasks = JoinSet::new();
    for number in 0..12 {
        let options = Arc::clone(&options);
        tasks.spawn(async move {
            let store = MongoStore::open(&options).await.unwrap();
            let _ = create(&store, &record(number)).await;
            store.close().await;
        });
    }
    tasks.join_all().await;
    let store = MongoStore::open(&options).await.unwrap();
    for number in 0..12 {
        assert!(store.load(&key(number), NOW).await.unwrap().is_some());
    }
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 1, to: 1 });
}

#[tokio::test]
async fn a_migration_cut_short_is_taken_up() {
    let name = database();
    let options = Options::parse(&url(shared_port(), &name, "")).unwrap();
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 0, to: 1 });
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 1, to: 1 });
    let _ = create(&open(&url(shared_port(), &name, "")).await, &record(1)).await;
    // As if it had ended between the indexes and the version of one collection.
    documents(&name, "grantor_users").await.delete_one(doc! { "_id": "grantor" }).await.unwrap();
    assert_eq!(migrate(&options).await.unwrap(), Migration { from: 0, to: 1 });
    // And before the first of them.
    let grants = documents(&name, "grantor_grants").await;
    grants.delete_one(doc! { "_id": "grantor" }).await.unwrap();
    if mongodb_is_stand_in() {
        eprintln!("\nnot checked: that dropped indexes are made again: the stand-in drops none");
    } else {
        grants.drop_indexes().await.unwrap();
    }
    let store = open(&url(shared_port(), &name, "")).await;
    assert_eq!(indexes(&name, "grantor_grants").await.len(), 4);
    assert!(store.load(&key(1), NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn newer_and_foreign_collections_are_refused() {
    let name = database();
    let options = Options::parse(&url(shared_port(), &name, "")).unwrap();
    let _ = MongoStore::open(&options).await.unwrap();
    let clients = documents(&name, "grantor_clients").await;
    for (version, why) in [(Bson::Int32(9), "version 9"), (Bson::String("x".into()), "none of this store")] {
        let set = doc! { "$set": { "version": version } };
        clients.update_one(doc! { "_id": "grantor" }, set).await.unwrap();
        for error in [MongoStore::open(&options).await.unwrap_err(), migrate(&options).await.unwrap_err()] {
            let said = error.to_string();
            assert!(
                error.nothing_written && said.contains(why) && said.contains("grantor_clients"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn a_document_of_somebody_else_is_no_record() {
    let name = database();
    let store = open(&url(shared_port(), &name, "")).await;
    let _ = create(&store, &record(1)).await;
    let grants = documents(&name, "grantor_grants").await;
    grants.update_one(doc! { "stage": 1 }, doc! { "$unset": { "body": "" } }).await.unwrap();
    let error = store.load(&key(1), NOW).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("no record"), "{error}");
}
