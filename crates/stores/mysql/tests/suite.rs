//! The MySQL store passes the store suite on a real server, in one process and in two, and when the writing one is killed.
//! That the server itself is killed stands in `mysql/kills.rs`, for there it serves one check alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};

use grantor_core::store::Store;
use grantor_store_mysql::mysql_async::Pool;
use grantor_store_mysql::mysql_async::prelude::Queryable as _;
use grantor_store_mysql::{MysqlStore, Options};
use grantor_testkit::engine::{Engine, mariadb};
use grantor_testkit::{Place, store_suite};

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// Each place is a database of its own. A second process finds the server's port in the place.
async fn open(place: Place) -> Arc<dyn Store> {
    let file = place.folder().join("port");
    let port = match std::fs::read_to_string(&file) {
        Ok(port) => port,
        Err(_) => {
            let port = ENGINE.get_or_init(|| mariadb().unwrap()).port().to_string();
            let pool = Pool::from_url(format!("mysql://root@127.0.0.1:{port}")).unwrap();
            let create = format!("CREATE DATABASE {}", place.name());
            pool.get_conn().await.unwrap().query_drop(create).await.unwrap();
            pool.disconnect().await.unwrap();
            std::fs::write(&file, &port).unwrap();
            port
        }
    };
    let url = format!("mysql://root@127.0.0.1:{port}/{}?timeout_ms=60000", place.name());
    Arc::new(MysqlStore::open(&Options::parse(&url).unwrap()).await.unwrap())
}

/// The writing process is dead. What it had sent may still be under way in the server, as sentence 8 says of a write whose
/// answer nobody got; its sessions end after it, and only then is there a state to compare.
async fn reopen(place: Place) -> Arc<dyn Store> {
    let port = std::fs::read_to_string(place.folder().join("port")).unwrap();
    let pool = Pool::from_url(format!("mysql://root@127.0.0.1:{port}")).unwrap();
    let mut conn = pool.get_conn().await.unwrap();
    let sessions =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE db = '{}'", place.name());
    while conn.query_first::<u64, _>(&sessions).await.unwrap() != Some(0) {
        tokio::task::yield_now().await;
    }
    drop(conn);
    pool.disconnect().await.unwrap();
    open(place).await
}

store_suite! { store: "mysql", open: open, reopen_after_kill: reopen, second_process: open }
