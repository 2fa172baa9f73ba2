//! The store over PostgreSQL passes the store suite, in one process and in two, and when a process is killed. What happens
//! when the server is killed stands in `tests/postgres`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grantor_core::store::Store;
use grantor_store_postgres::tokio_postgres::{self, NoTls};
use grantor_store_postgres::{Options, PostgresStore};
use grantor_testkit::engine::{self, Engine};
use grantor_testkit::{Place, store_suite};

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// The server that all places of this process share. A second process finds the port in the place's folder.
fn port(place: &Place) -> String {
    let file = place.folder().join("port");
    std::fs::read_to_string(&file).unwrap_or_else(|_| {
        let port = ENGINE.get_or_init(|| engine::postgres().unwrap()).port().to_string();
        std::fs::write(&file, &port).unwrap();
        port
    })
}

/// Each place is a schema.
async fn open(place: Place) -> Arc<dyn Store> {
    let (port, name) = (port(&place), place.name());
    let url = format!(
        "postgres://grantor@127.0.0.1:{port}/postgres?schema={name}&application_name={name}&deadline_ms=60000&connections=4"
    );
    Arc::new(PostgresStore::open(&Options::parse(&url).unwrap()).await.unwrap())
}

/// After the sudden end of a process its sessions finish the statement that they have: wait for their end.
async fn reopen(place: Place) -> Arc<dyn Store> {
    let url = format!("postgres://grantor@127.0.0.1:{}/postgres", port(&place));
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    while client.query_one(sessions, &[&place.name()]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    connection.abort();
    open(place).await
}

store_suite! { store: "postgres", open: open, reopen_after_kill: reopen, second_process: open }
