//! The MongoDB store beyond the store suite: faults, indexes, names, clients of the user. Without a `mongod` it runs on a
//! stand-in, and says so.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod faults;
mod names;
mod schema;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Revision, Stage, Store};
use grantor_store_mongodb::mongodb::bson::Document;
use grantor_store_mongodb::mongodb::{Client, Collection};
use grantor_store_mongodb::{MongoStore, Options};
use grantor_testkit::engine::{Engine, mongodb, mongodb_is_stand_in};

const NOW: Timestamp = Timestamp::from_secs(1_000);

/// The server of all tests that do it no harm.
static ENGINE: OnceLock<Engine> = OnceLock::new();

fn shared_port() -> u16 {
    ENGINE.get_or_init(|| mongodb().unwrap()).port()
}

/// The name of a new database.
fn database() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("beyond_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The deadline stands behind other options: where time is not what a test is about, there is a minute of it.
fn url(port: u16, database: &str, options: &str) -> String {
    format!("mongodb://127.0.0.1:{port}/{database}?{options}&deadline_ms=60000")
}

async fn open(url: &str) -> MongoStore {
    MongoStore::open(&Options::parse(url).unwrap()).await.unwrap()
}

async fn client(port: u16) -> Client {
    Client::with_uri_str(format!("mongodb://127.0.0.1:{port}/")).await.unwrap()
}

async fn documents(database: &str, collection: &str) -> Collection<Document> {
    client(shared_port()).await.database(database).collection(collection)
}

fn key(number: u64) -> Key {
    Key::new(Kind::GRANT, u128::from(number).to_be_bytes())
}

fn record(number: u64) -> Record {
    Record {
        key: key(number),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some("client".into()),
        subject: Some("subject".into()),
        body: Bytes::copy_from_slice(&number.to_be_bytes()),
    }
}

async fn create(store: &dyn Store, record: &Record) -> Revision {
    match store.create(record, NOW).await.unwrap() {
        Created::Created(revision) => revision,
        Created::Exists => panic!("{:?} exists", record.key),
    }
}

#[test]
fn what_this_ran_on() {
    if mongodb_is_stand_in() {
        eprintln!("\nnot checked: the tests of the MongoDB store on MongoDB itself: they ran on a stand-in");
    }
}
