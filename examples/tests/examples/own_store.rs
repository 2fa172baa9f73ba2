//! The store of one's own passes the store suite, in one process and in two, and when it is killed.

#[path = "../../file_store.rs"]
mod file_store;

use std::path::PathBuf;
use std::sync::Arc;

use file_store::FileStore;
use grantor::store::Store;
use grantor_testkit::{Place, store_suite};

async fn open(place: Place) -> Arc<dyn Store> {
    Arc::new(FileStore::open(place.folder()).unwrap())
}

/// In memory, where the system has such a folder: each write of this store waits for the disk four times.
fn folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if tempfile::tempdir_in(&memory).is_ok() { memory } else { std::env::temp_dir() }
}

store_suite! { store: "files", open: open, reopen_after_kill: open, second_process: open, places_in: folder() }
