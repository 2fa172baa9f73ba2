//! One server that syncs each write: everything is promised, and checked.

use std::sync::Arc;

use grantor_core::store::Store;
use grantor_testkit::engine::{self, Engine};
use grantor_testkit::{Place, store_suite};

use super::{Engines, connect, url, with_engine};

static ENGINES: Engines<Engine> = Engines::new(Default::default);

async fn open(place: Place) -> Arc<dyn Store> {
    let url = url(&ENGINES, &place, || {
        let engine = engine::redis().unwrap();
        let url = format!("redis://127.0.0.1:{}", engine.port());
        (engine, url)
    });
    connect(&url, &place).await
}

async fn reopen(place: Place) -> Arc<dyn Store> {
    with_engine(&ENGINES, &place, |engine| {
        engine.kill().unwrap();
        engine.start_again().unwrap();
    });
    open(place).await
}

store_suite! { store: "redis", open: open, reopen_after_kill: reopen, second_process: open }
