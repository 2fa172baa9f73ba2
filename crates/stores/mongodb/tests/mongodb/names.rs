//! Names are values: of clients and subjects, whatever is in them, and of collections, as the user chooses them.

use std::sync::Arc;

use grantor_core::Timestamp;
use grantor_core::store::{Filter, Index as _, Key, Kind, Record, Removed, Replaced, Store as _};
use grantor_store_mongodb::mongodb::Client;
use grantor_store_mongodb::mongodb::bson::doc;
use grantor_store_mongodb::mongodb::options::{
    Acknowledgment, ClientOptions, ReadPreference, SelectionCriteria, WriteConcern,
};
use grantor_store_mongodb::{MongoStore, Options};

use crate::{NOW, create, database, documents, key, open, record, shared_port, url};

const HOSTILE: &[&str] = &[
    r#"{"$ne": null}"#,
    r#"{"$gt": ""}"#,
    "$where",
    "$client",
    "$$ROOT",
    "a.b",
    "a.$.b",
    ".*",
    "/.*/",
    "'; db.dropDatabase(); //",
    "with\0nul",
    "",
    "null",
];

#[tokio::test]
async fn no_name_is_an_operator() {
    let store = open(&url(shared_port(), &database(), "")).await;
    for (number, name) in (0..).zip(HOSTILE) {
        let named = Record { client: Some((*name).into()), subject: Some((*name).into()), ..record(number) };
        let _ = create(&store, &named).await;
    }
    let other = Record { client: Some("other".into()), ..record(1_000) };
    let _ = create(&store, &other).await;
    for (number, name) in (0..).zip(HOSTILE) {
        for filter in [Filter::kind(Kind::GRANT).client(*name), Filter::kind(Kind::GRANT).subject(*name)] {
            let found = store.list(&filter, None, 100, NOW).await.unwrap();
            let ids: Vec<Key> = found.iter().map(|record| record.key).collect();
            assert_eq!(ids, [key(number)], "{name:?}");
        }
        let (found, revision) = store.load(&key(number), NOW).await.unwrap().unwrap();
        assert_eq!((found.client.as_deref(), found.subject.as_deref()), (Some(*name), Some(*name)));
        let named = Key::named(Kind::CLIENT, name);
        assert_eq!(store.load(&named, NOW).await.unwrap(), None);
        assert_eq!(store.remove(&named, NOW).await.unwrap(), Removed::Absent);
        let Replaced::Replaced(_) = store.replace(&found, revision, NOW).await.unwrap() else {
            panic!("{name:?} is stale")
        };
    }
    let all = store.list(&Filter::kind(Kind::GRANT), None, 100, NOW).await.unwrap();
    assert_eq!(all.len(), HOSTILE.len() + 1);
}

fn of(kind: Kind) -> Record {
    Record { key: Key::new(kind, [9; 16]), ..record(1) }
}

#[tokio::test]
async fn collections_are_the_users() {
    let name = database();
    let store = open(&url(
        shared_port(),
        &name,
        "grants=oauth.tokens&clients=oauth-clients&users=people&others=rest",
    ))
    .await;
    for (kind, collection) in [
        (Kind::GRANT, "oauth.tokens"),
        (Kind::REQUEST, "oauth.tokens"),
        (Kind::CLIENT, "oauth-clients"),
        (Kind::USER, "people"),
        (Kind::SESSION, "people"),
        (Kind::STANDING, "rest"),
        (Kind::from_number(5_000), "rest"),
    ] {
        let documents = documents(&name, collection).await;
        let before = documents.count_documents(doc! { "expires": { "$exists": true } }).await.unwrap();
        let _ = create(&store, &of(kind)).await;
        let after = documents.count_documents(doc! { "expires": { "$exists": true } }).await.unwrap();
        assert_eq!(after, before + 1, "{kind:?} in {collection}");
    }
    // Over all of them, and bounded.
    let later = Timestamp::NEVER;
    assert_eq!(store.sweep(5, later).await.unwrap(), 5);
    assert_eq!(store.sweep(100, later).await.unwrap(), 2);
}

#[tokio::test]
async fn one_collection_keeps_kinds_apart() {
    let name = database();
    let store = open(&url(shared_port(), &name, "collection=all")).await;
    for kind in [Kind::GRANT, Kind::CLIENT, Kind::USER, Kind::STANDING] {
        let _ = create(&store, &of(kind)).await;
        assert_eq!(store.list(&Filter::kind(kind), None, 9, NOW).await.unwrap(), [of(kind)]);
    }
    assert_eq!(documents(&name, "all").await.count_documents(doc! {}).await.unwrap(), 4 + 1);
}

#[tokio::test]
async fn a_client_of_the_users_is_used_with_our_concerns() {
    let name = database();
    let mut options = ClientOptions::parse(format!("mongodb://127.0.0.1:{}/", shared_port())).await.unwrap();
    // Careless: nothing is confirmed, and anybody may answer.
    options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Nodes(0)).build());
    options.selection_criteria =
        Some(SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None }));
    let client = Client::with_options(options).unwrap();
    let ours = Options::for_client(&name).deadline(std::time::Duration::from_secs(60));
    let store = Arc::new(MongoStore::with_client(client, &ours).await.unwrap());
    let revision = create(store.as_ref(), &record(1)).await;
    // Without a confirmation there would be no count to know the winner by.
    assert_ne!(store.replace(&record(1), revision, NOW).await.unwrap(), Replaced::Stale);
    assert_eq!(store.replace(&record(1), revision, NOW).await.unwrap(), Replaced::Stale);
    assert_eq!(store.remove(&key(1), NOW).await.unwrap(), Removed::Removed);
}
