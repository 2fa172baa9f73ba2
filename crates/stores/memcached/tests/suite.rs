//! The store suite against real servers: one that is killed and started again, and two that share the keys.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use grantor_core::store::Store;
use grantor_store_memcached::{MemcachedStore, Options};
use grantor_testkit::engine::{Engine, memcached};
use grantor_testkit::{Place, store_suite};

/// More patience than a server needs whose machine is busy with other tests.
async fn connect(servers: &str, place: &Place) -> Arc<dyn Store> {
    let url = format!("memcached://{servers}/?prefix={}:&deadline_ms=60000", place.name());
    Arc::new(MemcachedStore::open(&Options::parse(&url).unwrap()).await.unwrap())
}

mod one {
    use super::*;

    /// Each place has a server of its own, so that one test can kill it and the others go on.
    static ENGINES: Mutex<Option<HashMap<PathBuf, Engine>>> = Mutex::new(None);

    /// The server of a place. The second process reads in its folder which it is.
    fn server(place: &Place, kill: bool) -> String {
        let note = place.folder().join("port");
        if !kill && let Ok(port) = std::fs::read_to_string(&note) {
            return format!("127.0.0.1:{port}");
        }
        let mut engines = ENGINES.lock().unwrap();
        let engines = engines.get_or_insert_default();
        // Those of tests that have ended.
        engines.retain(|folder, _| folder.exists());
        let engine = engines.entry(place.folder().to_owned()).or_insert_with(|| memcached().unwrap());
        if kill {
            engine.kill().unwrap();
            engine.start_again().unwrap();
        }
        std::fs::write(note, engine.port().to_string()).unwrap();
        format!("127.0.0.1:{}", engine.port())
    }

    async fn open(place: Place) -> Arc<dyn Store> {
        connect(&server(&place, false), &place).await
    }

    async fn reopen(place: Place) -> Arc<dyn Store> {
        connect(&server(&place, true), &place).await
    }

    store_suite! { store: "memcached", open: open, reopen_after_kill: reopen, second_process: open }
}

mod two {
    use super::*;

    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();

    fn servers() -> String {
        let engines = ENGINES.get_or_init(|| vec![memcached().unwrap(), memcached().unwrap()]);
        let servers: Vec<_> = engines.iter().map(|engine| format!("127.0.0.1:{}", engine.port())).collect();
        servers.join(",")
    }

    /// The second process reads in the folder of the place which servers there are.
    async fn open(place: Place) -> Arc<dyn Store> {
        let note = place.folder().join("servers");
        let servers = std::fs::read_to_string(&note).unwrap_or_else(|_| servers());
        std::fs::write(note, &servers).unwrap();
        connect(&servers, &place).await
    }

    store_suite! { store: "memcached of two servers", open: open, second_process: open }
}
