//! The store of one's own passes the store suite, in one process and in two, and when it is killed.

#[path = "../../file_store.rs"]
mod file_store;

use std::sync::Arc;

use file_store::FileStore;
use grantor::store::Store;
use grantor_testkit::{Place, store_suite};

async fn open(place: Place) -> Arc<dyn Store> {
    Arc::new(FileStore::open(place.folder()).unwrap())
}

store_suite! { store: "files", open: open, reopen_after_kill: open, second_process: open }
