//! The memcached store beyond the store suite: what it loses, servers that go, stop and come, servers that lie, and TLS.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod faults;
mod hostile;
mod losses;
mod servers;
mod tls;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Replaced, Revision, Stage, Store};
use grantor_store_memcached::{MemcachedStore, Options};
use grantor_testkit::engine::Engine;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn key(number: u64) -> Key {
    Key::new(Kind::GRANT, u128::from(number).to_be_bytes())
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

fn options(port: u16) -> Options {
    Options::servers([format!("127.0.0.1:{port}")]).unwrap().deadline(Duration::from_secs(30))
}

/// With little patience, for servers that do not answer.
fn impatient(port: u16) -> MemcachedStore {
    MemcachedStore::new(&options(port).deadline(Duration::from_millis(300)))
}

async fn open(engine: &Engine) -> MemcachedStore {
    MemcachedStore::open(&options(engine.port())).await.unwrap()
}

async fn create(store: &dyn Store, record: &Record) -> Revision {
    match store.create(record, NOW).await.unwrap() {
        Created::Created(revision) => revision,
        Created::Exists => panic!("{:?} exists", record.key),
    }
}

async fn replace(store: &dyn Store, record: &Record, loaded: Revision) -> Revision {
    match store.replace(record, loaded, NOW).await.unwrap() {
        Replaced::Replaced(revision) => revision,
        Replaced::Stale => panic!("{:?} is stale", record.key),
    }
}

async fn is_absent(store: &dyn Store, number: u64) -> bool {
    store.load(&key(number), NOW).await.unwrap().is_none()
}

/// Says a line to a server, past the store; answers all until a line begins with `last`.
fn tell(port: u16, line: &str, last: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    let (mut said, mut arrived) = (String::new(), [0; 4096]);
    while !said.lines().any(|line| line.starts_with(last)) {
        let length = stream.read(&mut arrived).unwrap();
        assert!(length > 0, "the server hung up after {said}");
        said.push_str(std::str::from_utf8(&arrived[..length]).unwrap());
    }
    said
}
