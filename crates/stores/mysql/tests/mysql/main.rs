//! The MySQL store beyond the store suite, on real servers: faults, row counts, locks, migrations, promises, TLS.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod faults;
mod kills;
mod locks;
mod rows;
mod schema;
mod settings;
mod tls;
mod workers;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Revision, Stage, Store};
use grantor_store_mysql::mysql_async::prelude::Queryable as _;
use grantor_store_mysql::mysql_async::{Conn, Opts};
use grantor_store_mysql::{MysqlStore, Options};
use grantor_testkit::engine::{Engine, mariadb};

const NOW: Timestamp = Timestamp::from_secs(1_000);

/// The server of all tests that do it no harm.
static ENGINE: OnceLock<Engine> = OnceLock::new();

fn shared_port() -> u16 {
    ENGINE.get_or_init(|| mariadb().unwrap()).port()
}

/// A connection of the administrator.
async fn admin(port: u16) -> Conn {
    Conn::new(Opts::from_url(&format!("mysql://root@127.0.0.1:{port}")).unwrap()).await.unwrap()
}

/// A new database of this server; answers its name.
async fn database(port: u16) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("beyond_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    admin(port).await.query_drop(format!("CREATE DATABASE {name}")).await.unwrap();
    name
}

/// The URL of a new database.
async fn place(port: u16, options: &str) -> String {
    format!("mysql://root@127.0.0.1:{port}/{}?{options}", database(port).await)
}

async fn open(url: &str) -> MysqlStore {
    MysqlStore::open(&Options::parse(url).unwrap()).await.unwrap()
}

fn key(number: u64) -> Key {
    Key::new(Kind::GRANT, u128::from(number).to_be_bytes())
}

fn record(number: u64, value: u64) -> Record {
    Record {
        key: key(number),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some("client".into()),
        subject: Some("subject".into()),
        body: Bytes::copy_from_slice(&value.to_be_bytes()),
    }
}

fn value(record: &Record) -> u64 {
    u64::from_be_bytes(record.body[..].try_into().unwrap())
}

async fn create(store: &dyn Store, record: &Record) -> Revision {
    match store.create(record, NOW).await.unwrap() {
        Created::Created(revision) => revision,
        Created::Exists => panic!("{:?} exists", record.key),
    }
}
