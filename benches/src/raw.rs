//! What an engine costs by itself: a bare axum handler that parses a form, checks a secret, and does one round trip to the
//! engine with the client library and the number of connections that the store has.
//!
//! `/raw/read` reads one row by its primary key, `/raw/insert` writes a new one, `/raw/update` writes over one. Rows have
//! the size of a grant. memcached's client is grantor's own: there the store itself is asked.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use grantor::Timestamp;
use grantor::mysql::mysql_async::{self, prelude::Queryable as _};
use grantor::postgres::tokio_postgres::{self, NoTls};
use grantor::redis::redis::{self, AsyncConnectionConfig, aio::MultiplexedConnection};
use grantor::store::{Key, Kind, Record, Stage, Store};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::bare::{fields, json};
use crate::engines;
use crate::workload::{CLIENT, SECRET};

/// As many connections as the stores have by default.
const POSTGRES_CONNECTIONS: usize = 8;
const MYSQL_CONNECTIONS: usize = 16;
/// Bytes of a row beside its key: about what a grant with an access and a refresh token takes.
const ROW: usize = 260;

type Id = [u8; 16];

#[async_trait]
trait Raw: Send + Sync {
    /// The length of the row.
    async fn read(&self, id: Id) -> usize;
    async fn insert(&self, id: Id, row: Vec<u8>);
    async fn update(&self, id: Id, row: Vec<u8>);
}

struct Shared {
    secret: [u8; 32],
    raw: Box<dyn Raw>,
}

/// The bare handler over the engine of this store.
pub(crate) async fn app(store: &str, place: &str) -> Router {
    let raw: Box<dyn Raw> = match store {
        "memory" => Box::new(Map::default()),
        "sqlite" => Box::new(Sqlite::open(place)),
        "postgres" => Box::new(Postgres::open(place).await),
        "mysql" => Box::new(Mysql::open(place).await),
        "redis" => Box::new(Redis::open(place).await),
        "memcached" => Box::new(Memcached(engines::open(store, place).await)),
        other => panic!("no engine {other}"),
    };
    let shared = Shared { secret: Sha256::digest(SECRET.as_bytes()).into(), raw };
    Router::new().route("/raw/{step}", post(answer)).with_state(Arc::new(shared))
}

async fn answer(State(shared): State<Arc<Shared>>, UrlPath(step): UrlPath<String>, body: Bytes) -> Response {
    let form = fields(&body);
    let secret = form.get("client_secret").map(String::as_str).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    if form.get("client_id").is_none_or(|id| id != CLIENT) || !bool::from(digest.ct_eq(&shared.secret)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let given = form.get("key").and_then(|key| u128::from_str_radix(key, 16).ok()).map(u128::to_be_bytes);
    let mut row = vec![0; ROW];
    getrandom::fill(&mut row).expect("random bytes");
    let id = given.or_else(|| row.first_chunk().copied()).expect("a key");
    match step.as_str() {
        "read" => assert_eq!(shared.raw.read(id).await, ROW, "the row is not there"),
        "insert" => shared.raw.insert(id, row).await,
        _ => shared.raw.update(id, row).await,
    }
    json(&serde_json::json!({
        "access_token": "what-an-access-token-of-this-length-may-look-like-with-its-id-and-a-checksum-0123456789",
        "token_type": "Bearer", "expires_in": 600, "scope": "read", "key": format!("{:032x}", u128::from_be_bytes(id)),
    }))
}

#[derive(Default)]
struct Map(Mutex<HashMap<Id, Vec<u8>>>);

#[async_trait]
impl Raw for Map {
    async fn read(&self, id: Id) -> usize {
        self.0.lock().get(&id).map_or(0, Vec::len)
    }
    async fn insert(&self, id: Id, row: Vec<u8>) {
        self.0.lock().insert(id, row);
    }
    async fn update(&self, id: Id, row: Vec<u8>) {
        self.0.lock().insert(id, row);
    }
}

/// Each write is a transaction of its own, synced before the answer.
struct Sqlite(Mutex<rusqlite::Connection>);

impl Sqlite {
    fn open(place: &str) -> Self {
        let connection = rusqlite::Connection::open(Path::new(place).join("raw.db")).expect("a database");
        let set_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS raw (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;";
        connection.execute_batch(set_up).expect("a table");
        Self(Mutex::new(connection))
    }

    fn write(&self, sql: &str, id: Id, row: &[u8]) {
        let connection = self.0.lock();
        let mut statement = connection.prepare_cached(sql).expect("a statement");
        assert_eq!(statement.execute((&row, &id[..])).expect("a write"), 1, "{sql}");
    }
}

#[async_trait]
impl Raw for Sqlite {
    async fn read(&self, id: Id) -> usize {
        let connection = self.0.lock();
        let mut statement =
            connection.prepare_cached("SELECT body FROM raw WHERE id = ?").expect("a statement");
        statement.query_row([&id[..]], |row| row.get::<_, Vec<u8>>(0)).expect("a row").len()
    }
    async fn insert(&self, id: Id, row: Vec<u8>) {
        self.write("INSERT INTO raw (body, id) VALUES (?, ?)", id, &row);
    }
    async fn update(&self, id: Id, row: Vec<u8>) {
        self.write("UPDATE raw SET body = ? WHERE id = ?", id, &row);
    }
}

/// Prepared statements on a few connections in turn; each carries many calls at once.
struct Postgres {
    connections: Vec<(tokio_postgres::Client, [tokio_postgres::Statement; 3])>,
    turn: AtomicUsize,
}

impl Postgres {
    async fn open(place: &str) -> Self {
        let mut connections = Vec::new();
        for _ in 0..POSTGRES_CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(place, NoTls).await.expect("PostgreSQL");
            tokio::spawn(connection);
            let table = "CREATE TABLE IF NOT EXISTS raw (id BYTEA PRIMARY KEY, body BYTEA NOT NULL) WITH (fillfactor = 80)";
            client.batch_execute(table).await.expect("a table");
            let read = client.prepare("SELECT body FROM raw WHERE id = $1").await.expect("a statement");
            let insert =
                client.prepare("INSERT INTO raw (id, body) VALUES ($1, $2)").await.expect("a statement");
            let update = client.prepare("UPDATE raw SET body = $2 WHERE id = $1").await.expect("a statement");
            connections.push((client, [read, insert, update]));
        }
        Self { connections, turn: AtomicUsize::new(0) }
    }

    fn next(&self) -> &(tokio_postgres::Client, [tokio_postgres::Statement; 3]) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.connections.get(turn % POSTGRES_CONNECTIONS).expect("a connection")
    }
}

#[async_trait]
impl Raw for Postgres {
    async fn read(&self, id: Id) -> usize {
        let (client, [read, ..]) = self.next();
        let row = client.query_one(read, &[&&id[..]]).await.expect("a row");
        row.get::<_, &[u8]>(0).len()
    }
    async fn insert(&self, id: Id, row: Vec<u8>) {
        let (client, [_, insert, _]) = self.next();
        assert_eq!(client.execute(insert, &[&&id[..], &row]).await.expect("an insert"), 1);
    }
    async fn update(&self, id: Id, row: Vec<u8>) {
        let (client, [_, _, update]) = self.next();
        assert_eq!(client.execute(update, &[&&id[..], &row]).await.expect("an update"), 1);
    }
}

/// A pool whose connections carry one call at a time.
struct Mysql {
    pool: mysql_async::Pool,
    permits: tokio::sync::Semaphore,
}

impl Mysql {
    async fn open(place: &str) -> Self {
        let constraints = mysql_async::PoolConstraints::new(1, MYSQL_CONNECTIONS).expect("constraints");
        let pool = mysql_async::PoolOpts::new()
            .with_constraints(constraints)
            .with_reset_connection(false)
            .with_inactive_connection_ttl(Duration::from_secs(120));
        let opts = mysql_async::Opts::from_url(place).expect("a URL");
        let builder = mysql_async::OptsBuilder::from_opts(opts).prefer_socket(false).pool_opts(pool);
        let pool = mysql_async::Pool::new(builder);
        let mut conn = pool.get_conn().await.expect("MariaDB");
        let table = "CREATE TABLE IF NOT EXISTS raw (id BINARY(16) PRIMARY KEY, body MEDIUMBLOB NOT NULL) ENGINE = InnoDB";
        conn.query_drop(table).await.expect("a table");
        Self { pool, permits: tokio::sync::Semaphore::new(MYSQL_CONNECTIONS) }
    }

    async fn write(&self, sql: &str, id: Id, row: Vec<u8>) {
        let _permit = self.permits.acquire().await.expect("a permit");
        let mut conn = self.pool.get_conn().await.expect("a connection");
        conn.exec_drop(sql, (row, &id[..])).await.expect("a write");
    }
}

#[async_trait]
impl Raw for Mysql {
    async fn read(&self, id: Id) -> usize {
        let _permit = self.permits.acquire().await.expect("a permit");
        let mut conn = self.pool.get_conn().await.expect("a connection");
        let row: Option<Vec<u8>> =
            conn.exec_first("SELECT body FROM raw WHERE id = ?", (&id[..],)).await.expect("a read");
        row.map_or(0, |row| row.len())
    }
    async fn insert(&self, id: Id, row: Vec<u8>) {
        self.write("INSERT INTO raw (body, id) VALUES (?, ?)", id, row).await;
    }
    async fn update(&self, id: Id, row: Vec<u8>) {
        self.write("UPDATE raw SET body = ? WHERE id = ?", id, row).await;
    }
}

/// One connection that carries all calls at once.
struct Redis(MultiplexedConnection);

impl Redis {
    async fn open(place: &str) -> Self {
        let client = redis::Client::open(place).expect("a URL");
        let patient = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
        Self(client.get_multiplexed_async_connection_with_config(&patient).await.expect("Redis"))
    }

    async fn set(&self, id: Id, row: Vec<u8>) {
        let mut command = redis::cmd("SET");
        command.arg(&id[..]).arg(row).arg("PX").arg(900_000);
        command.exec_async(&mut self.0.clone()).await.expect("a write");
    }
}

#[async_trait]
impl Raw for Redis {
    async fn read(&self, id: Id) -> usize {
        let row: Vec<u8> =
            redis::cmd("GET").arg(&id[..]).query_async(&mut self.0.clone()).await.expect("a row");
        row.len()
    }
    async fn insert(&self, id: Id, row: Vec<u8>) {
        self.set(id, row).await;
    }
    async fn update(&self, id: Id, row: Vec<u8>) {
        self.set(id, row).await;
    }
}

/// The store's own calls, each of which is one request of the protocol.
struct Memcached(Arc<dyn Store>);

impl Memcached {
    fn record(id: Id, row: Vec<u8>, now: Timestamp) -> Record {
        Record {
            key: Key::new(Kind::from_number(2_000), id),
            stage: Stage::Live,
            expires_at: now.after(Duration::from_secs(900)),
            client: None,
            subject: None,
            body: row.into(),
        }
    }
}

#[async_trait]
impl Raw for Memcached {
    async fn read(&self, id: Id) -> usize {
        let now = Timestamp::from_millis(1_900_000_000_000);
        let key = Key::new(Kind::from_number(2_000), id);
        self.0.load(&key, now).await.expect("a read").map_or(0, |(record, _)| record.body.len())
    }
    async fn insert(&self, id: Id, row: Vec<u8>) {
        let now = Timestamp::from_millis(1_900_000_000_000);
        let _ = self.0.create(&Self::record(id, row, now), now).await.expect("a write");
    }
    async fn update(&self, _: Id, row: Vec<u8>) {
        // A write of the same size: the store replaces only what it has loaded.
        self.insert(row.first_chunk().copied().expect("a key"), row).await;
    }
}
