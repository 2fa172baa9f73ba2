//! The store on disk passes the store suite, in one process and in two, and when it is killed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use grantor_core::store::Store;
use grantor_store_sqlite::{Options, SqliteStore};
use grantor_testkit::{Place, store_suite};

/// Every opening reads the whole file, so that a damaged one does not pass.
async fn open(place: Place) -> Arc<dyn Store> {
    let url = format!("sqlite:{}/grantor.db?check=full&busy_timeout_ms=60000", place.folder().display());
    Arc::new(SqliteStore::open(&Options::parse(&url).unwrap()).unwrap())
}

store_suite! { store: "sqlite", open: open, reopen_after_kill: open, second_process: open }
