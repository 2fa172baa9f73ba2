//! The store in Redis passes the store suite against real servers: one, a master behind Sentinels, a Cluster. In one process and
//! in two, and when both the process and the servers are killed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod sentinel;
mod single;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use grantor_core::store::Store;
use grantor_store_redis::{Options, RedisStore};
use grantor_testkit::Place;

/// The engine of each place, which ends when the place has gone.
type Engines<E> = LazyLock<Mutex<HashMap<PathBuf, E>>>;

/// The URL of the engine at a place, which is started if there is none yet. The second process finds the URL in the place.
fn url<E>(engines: &Engines<E>, place: &Place, start: impl FnOnce() -> (E, String)) -> String {
    let file = place.folder().join("url");
    if let Ok(url) = std::fs::read_to_string(&file) {
        return url;
    }
    let (engine, url) = start();
    std::fs::write(file, &url).unwrap();
    let gone: Vec<E> = {
        let mut engines = engines.lock().unwrap();
        let folders: Vec<PathBuf> = engines.keys().filter(|folder| !folder.exists()).cloned().collect();
        let gone = folders.iter().filter_map(|folder| engines.remove(folder)).collect();
        engines.insert(place.folder().to_owned(), engine);
        gone
    };
    drop(gone);
    url
}

/// Lets a function have the engine of a place for itself, and nobody wait for it who has another.
fn with_engine<E>(engines: &Engines<E>, place: &Place, change: impl FnOnce(&mut E)) {
    let mut engine = engines.lock().unwrap().remove(place.folder()).unwrap();
    change(&mut engine);
    engines.lock().unwrap().insert(place.folder().to_owned(), engine);
}

async fn connect(url: &str, place: &Place) -> Arc<dyn Store> {
    let url = format!("{url}?prefix={}:&deadline_ms=60000&response_ms=60000&connect_ms=10000", place.name());
    Arc::new(RedisStore::open(&Options::parse(&url).unwrap()).await.unwrap())
}
