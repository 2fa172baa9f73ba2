//! The SQLite store beyond the store suite: on a full disk, on damaged files, under `strace`, in two processes.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod child;
mod files;
mod full;
mod processes;
mod synced;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Revision, Stage, Store};
use grantor_store_sqlite::{Options, SqliteStore};

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn key(number: u64) -> Key {
    Key::new(Kind::GRANT, u128::from(number).to_be_bytes())
}

fn record(number: u64, body: impl Into<Bytes>) -> Record {
    Record {
        key: key(number),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some("client".into()),
        subject: Some("subject".into()),
        body: body.into(),
    }
}

fn open(url: &str) -> SqliteStore {
    SqliteStore::open(&Options::parse(url).unwrap()).unwrap()
}

async fn create(store: &dyn Store, record: &Record) -> Revision {
    match store.create(record, NOW).await.unwrap() {
        Created::Created(revision) => revision,
        Created::Exists => panic!("{:?} exists", record.key),
    }
}
