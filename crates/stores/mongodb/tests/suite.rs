//! The MongoDB store passes the store suite, in one process and in two; on a real server also when both the process and the
//! server are killed. Without a `mongod` a stand-in serves, which has all its records in memory, and the rows say so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use grantor_core::store::Store;
use grantor_store_mongodb::{MongoStore, Options};
use grantor_testkit::engine::{Engine, mongodb, mongodb_is_stand_in};
use grantor_testkit::{Place, store_suite};

/// The stand-in, which serves all places, each of which is a database of its own.
static STAND_IN: OnceLock<Engine> = OnceLock::new();
/// The server of each place, which ends when the place has gone.
static ENGINES: LazyLock<Mutex<HashMap<PathBuf, Engine>>> = LazyLock::new(Mutex::default);

/// A second process finds the port in the place.
fn port(place: &Place) -> String {
    let file = place.folder().join("port");
    if let Ok(port) = std::fs::read_to_string(&file) {
        return port;
    }
    let port = if mongodb_is_stand_in() {
        STAND_IN.get_or_init(|| mongodb().unwrap()).port()
    } else {
        let engine = mongodb().unwrap();
        let port = engine.port();
        let mut engines = ENGINES.lock().unwrap();
        engines.retain(|folder, _| folder.exists());
        engines.insert(place.folder().to_owned(), engine);
        port
    };
    std::fs::write(file, port.to_string()).unwrap();
    port.to_string()
}

async fn open(place: Place) -> Arc<dyn Store> {
    let url = format!("mongodb://127.0.0.1:{}/{}?deadline_ms=60000", port(&place), place.name());
    Arc::new(MongoStore::open(&Options::parse(&url).unwrap()).await.unwrap())
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

store_suite! {
    store: "mongodb", open: open, reopen_after_kill: reopen, second_process: open, stand_in: mongodb_is_stand_in()
}
