//! The PostgreSQL store beyond the store suite: the server is down, killed, stopped; sessions are ended; the settings that
//! the promises rest on; HOT updates; migrations; TLS. Each test has a server of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod down;
mod locks;
mod settings;
mod tables;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Revision, Stage, Store};
use grantor_store_postgres::tokio_postgres::{Client, Config, NoTls};
use grantor_store_postgres::{Options, PostgresStore};
use grantor_testkit::engine::Engine;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn record(number: u64, body: impl Into<Bytes>) -> Record {
    Record {
        key: Key::new(Kind::GRANT, u128::from(number).to_be_bytes()),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some("client".into()),
        subject: Some("subject".into()),
        body: body.into(),
    }
}

fn options(engine: &Engine) -> Options {
    Options::parse(&format!("postgres://grantor:hunter2@127.0.0.1:{}/postgres", engine.port())).unwrap()
}

async fn open(engine: &Engine) -> PostgresStore {
    PostgresStore::open(&options(engine).deadline(Duration::from_secs(30))).await.unwrap()
}

/// A session beside the store.
async fn admin(engine: &Engine) -> Client {
    let mut config = Config::new();
    config.host("127.0.0.1").port(engine.port()).user("grantor").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn create(store: &PostgresStore, record: &Record) -> Revision {
    match store.create(record, NOW).await.unwrap() {
        Created::Created(revision) => revision,
        Created::Exists => panic!("{:?} exists", record.key),
    }
}

/// Waits until the store answers by itself.
async fn until_it_answers(store: &PostgresStore) {
    for _ in 0..3_000 {
        if store.load(&record(0, "").key, NOW).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the store does not come back");
}
