//! The store in memory passes the store suite. It goes with the process, so nothing can be opened again.

use std::sync::Arc;

use grantor_core::store::Store;
use grantor_store_memory::MemoryStore;
use grantor_testkit::{Place, store_suite};

async fn open(_: Place) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

store_suite! { store: "memory", open: open }
