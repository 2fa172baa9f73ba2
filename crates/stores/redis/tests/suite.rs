//! The store in Redis passes the store suite against a real server, in one process and in two, and when both the process and
//! the server are killed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use grantor_core::store::Store;
use grantor_store_redis::{Options, RedisStore};
use grantor_testkit::engine::{self, Engine};
use grantor_testkit::{Place, store_suite};

/// The server of each place, which ends when the place has gone.
static ENGINES: LazyLock<Mutex<HashMap<PathBuf, Engine>>> = LazyLock::new(Mutex::default);

/// The second process finds the port in the place.
fn port(place: &Place) -> u16 {
    let file = place.folder().join("port");
    if let Ok(port) = std::fs::read_to_string(&file) {
        return port.parse().unwrap();
    }
    let engine = engine::redis().unwrap();
    let port = engine.port();
    std::fs::write(file, port.to_string()).unwrap();
    let mut engines = ENGINES.lock().unwrap();
    engines.retain(|folder, _| folder.exists());
    engines.insert(place.folder().to_owned(), engine);
    port
}

async fn open(place: Place) -> Arc<dyn Store> {
    let url = format!(
        "redis://127.0.0.1:{}?prefix={}:&deadline_ms=60000&response_ms=60000",
        port(&place),
        place.name()
    );
    Arc::new(RedisStore::open(&Options::parse(&url).unwrap()).await.unwrap())
}

async fn reopen(place: Place) -> Arc<dyn Store> {
    {
        let mut engines = ENGINES.lock().unwrap();
        let engine = engines.get_mut(place.folder()).unwrap();
        engine.kill().unwrap();
        engine.start_again().unwrap();
    }
    open(place).await
}

store_suite! { store: "redis", open: open, reopen_after_kill: reopen, second_process: open }
