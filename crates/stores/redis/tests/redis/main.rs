//! The Redis store beyond the store suite: engines that are down, die, stop, fail over, move their slots, forget, refuse and lie.
//! Each test has an engine of its own. What a fail-over loses is counted, and printed (`--show-output`).
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod cluster;
mod hostile;
mod index;
mod load;
mod sentinel;
mod settings;
mod single;
mod tls;
mod tls_groups;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Removed, Replaced, Revision, Stage, Store};
use grantor_store_redis::{Options, RedisStore};
use grantor_testkit::engine::ask;

const NOW: Timestamp = Timestamp::from_secs(1_000);
/// How long something may take that has to come: no test is about speed.
const PATIENCE: Duration = Duration::from_secs(120);

fn key(number: u64) -> Key {
    Key::new(Kind::GRANT, (u128::from(number) << 64 | u128::from(number)).to_be_bytes())
}

/// The name of the record's key in the engine.
fn name(number: u64) -> String {
    format!("grantor:{:04x}:{:032x}", Kind::GRANT.number(), key(number).id_number())
}

fn record(number: u64, body: impl Into<Bytes>) -> Record {
    Record {
        key: key(number),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some("the-client".into()),
        subject: Some("alice@example.test".into()),
        body: body.into(),
    }
}

fn options(url: &str) -> Options {
    Options::parse(url).unwrap()
}

/// The options of a test that is not about deadlines.
fn patient(url: &str) -> Options {
    let minute = Duration::from_secs(60);
    options(url).deadline(minute).timeouts(Duration::from_secs(10), minute)
}

fn single(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

async fn open(options: &Options) -> Arc<RedisStore> {
    Arc::new(RedisStore::open(options).await.unwrap())
}

async fn create(store: &RedisStore, record: &Record) -> Revision {
    match store.create(record, NOW).await.unwrap() {
        Created::Created(revision) => revision,
        Created::Exists => panic!("{:?} exists", record.key),
    }
}

async fn replace(store: &RedisStore, record: &Record, loaded: Revision) -> Revision {
    match store.replace(record, loaded, NOW).await.unwrap() {
        Replaced::Replaced(revision) => revision,
        Replaced::Stale => panic!("{:?} is stale", record.key),
    }
}

async fn remove(store: &RedisStore, number: u64) {
    assert_eq!(store.remove(&key(number), NOW).await.unwrap(), Removed::Removed);
}

async fn body(store: &RedisStore, number: u64) -> Option<Bytes> {
    store.load(&key(number), NOW).await.unwrap().map(|(record, _)| record.body)
}

/// The engine knows all scripts from now on: a call that it gets but cannot answer is done all the same.
async fn warm(store: &RedisStore) {
    let revision = create(store, &record(u64::MAX, "warm")).await;
    replace(store, &record(u64::MAX, "warm"), revision).await;
    remove(store, u64::MAX).await;
}

/// Waits until the store writes by itself; how long that took.
async fn until_it_writes(store: &RedisStore, number: u64) -> Duration {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        match store.create(&record(number, "body"), NOW).await {
            Ok(_) => return begin.elapsed(),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("the store does not come back");
}

/// Tells an engine something that it has to take.
fn tell(port: u16, command: &[&str]) -> String {
    let told = ask(port, command).unwrap();
    assert!(!matches!(told, grantor_testkit::engine::Reply::Refused(_)), "{command:?}: {told:?}");
    told.text()
}
