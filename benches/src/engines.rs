//! The engines behind stores: how each is started, and how its store is opened.

use std::io;
use std::path::Path;
use std::sync::Arc;

use grantor::memcached::{self, MemcachedStore};
use grantor::memory::MemoryStore;
use grantor::mysql::mysql_async::prelude::Queryable as _;
use grantor::mysql::{self, MysqlStore, mysql_async};
use grantor::postgres::{self, PostgresStore};
use grantor::redis::{self, RedisStore};
use grantor::sqlite::{self, SqliteStore};
use grantor::store::Store;
use grantor_testkit::engine::{self, Engine};

/// All stores, as they are named on the command line.
pub(crate) const ALL: [&str; 6] = ["memory", "sqlite", "postgres", "mysql", "redis", "memcached"];

/// A store's engine, for as long as the value lives, and where it is: a URL, or a folder for what needs no server.
pub(crate) struct Running {
    engine: Option<Engine>,
    pub(crate) place: String,
}

impl Running {
    /// Starts the engine of a store with the settings of the testkit: commits are synced.
    pub(crate) fn start(store: &str, folder: &Path) -> Self {
        let started = |engine: io::Result<Engine>| engine.unwrap_or_else(|error| panic!("{store}: {error}"));
        let engine = match store {
            "postgres" => started(engine::postgres()),
            "mysql" => started(engine::mariadb()),
            "redis" => started(engine::redis()),
            "memcached" => started(engine::memcached()),
            _ => return Self { engine: None, place: folder.display().to_string() },
        };
        let port = engine.port();
        let place = match store {
            "postgres" => format!("postgres://grantor@127.0.0.1:{port}/postgres"),
            "mysql" => {
                make_database(port);
                format!("mysql://root@127.0.0.1:{port}/test")
            }
            "redis" => format!("redis://127.0.0.1:{port}"),
            _ => format!("memcached://127.0.0.1:{port}"),
        };
        Self { engine: Some(engine), place }
    }

    /// The engine's process, where it is one of its own.
    pub(crate) fn process(&self) -> Option<u32> {
        self.engine.as_ref().map(Engine::pid)
    }
}

fn make_database(port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let pool = mysql_async::Pool::from_url(format!("mysql://root@127.0.0.1:{port}")).expect("a URL");
        let mut conn = pool.get_conn().await.expect("the server to answer");
        conn.query_drop("CREATE DATABASE test").await.expect("to make a database");
        drop(conn);
        pool.disconnect().await.expect("to close");
    });
}

/// A store at its place, with its default settings but for the time-outs: what is slow is to be measured, not ended.
pub(crate) async fn open(store: &str, place: &str) -> Arc<dyn Store> {
    match store {
        "memory" => Arc::new(MemoryStore::new()),
        "sqlite" => {
            let options = sqlite::Options::at(Path::new(place).join("bench.db"));
            Arc::new(SqliteStore::open(&options).expect("a database"))
        }
        "postgres" => {
            let options = postgres::Options::parse(&format!("{place}?deadline_ms=60000")).expect("a URL");
            Arc::new(PostgresStore::open(&options).await.expect("PostgreSQL"))
        }
        "mysql" => {
            let options = mysql::Options::parse(&format!("{place}?timeout_ms=60000")).expect("a URL");
            Arc::new(MysqlStore::open(&options).await.expect("MariaDB"))
        }
        "redis" => {
            let options = redis::Options::parse(&format!("{place}?deadline_ms=60000&response_ms=60000"))
                .expect("a URL");
            Arc::new(RedisStore::open(&options).await.expect("Redis"))
        }
        "memcached" => {
            let options = memcached::Options::parse(&format!("{place}/?deadline_ms=60000")).expect("a URL");
            Arc::new(MemcachedStore::open(&options).await.expect("memcached"))
        }
        other => panic!("no store {other}"),
    }
}
