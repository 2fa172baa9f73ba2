//! Sentences 7 and 9 of the contract once more, with a server that is killed (SIGKILL) in the midst of writes.

use std::sync::{Arc, Mutex};

use grantor_core::store::Store;
use grantor_testkit::engine::{Engine, mariadb};
use grantor_testkit::{Place, StoreSuite};

use crate::{admin, open};
use grantor_store_mysql::mysql_async::prelude::Queryable as _;

/// Of these checks alone, one after the other.
static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);

fn port() -> u16 {
    ENGINE.lock().unwrap().get_or_insert_with(|| mariadb().unwrap()).port()
}

async fn opened(place: Place) -> Arc<dyn Store> {
    let port = port();
    admin(port).await.query_drop(format!("CREATE DATABASE IF NOT EXISTS {}", place.name())).await.unwrap();
    Arc::new(open(&format!("mysql://root@127.0.0.1:{port}/{}?timeout_ms=60000", place.name())).await)
}

async fn reopened(place: Place) -> Arc<dyn Store> {
    tokio::task::spawn_blocking(|| {
        let mut engine = ENGINE.lock().unwrap();
        let engine = engine.as_mut().unwrap();
        engine.kill().unwrap();
        engine.start_again().unwrap();
    })
    .await
    .unwrap();
    opened(place).await
}

#[test]
fn what_was_acknowledged_survives_a_kill_of_the_server() {
    let suite = StoreSuite::new("mysql", opened).reopen_after_kill(reopened);
    for check in ["s07_acknowledged_writes_survive_a_kill", "s09_a_loss_brings_back_nothing_older"] {
        suite.check(check);
    }
}
