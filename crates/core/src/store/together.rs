//! Fresh looks at records that nearly every request needs: those that begin at the same moment share one load.
//!
//! A look is fresh if its load begins after the look was asked for. So a caller first lets the other tasks that are ready
//! go on, and whoever asks for the same record until the load begins gets its answer too. With many requests under way
//! one load serves them all, and nobody is ever told what was read before they asked.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::future::{FutureExt as _, Shared, WeakShared};

use super::{Body, Key, Store, StoreError, load};
use crate::clock::Timestamp;

/// An error is everybody's who shares the load.
type Answer<T> = Result<T, Arc<StoreError>>;
type Load<T> = Pin<Box<dyn Future<Output = Answer<T>> + Send>>;
/// The loads that have not begun yet.
type Waiting<T> = Arc<Mutex<HashMap<Key, WeakShared<Load<T>>>>>;

/// Loads values, the default where there is no record.
pub(crate) struct Together<T: Clone> {
    store: Arc<dyn Store>,
    waiting: Waiting<T>,
    /// Whether the store ever made a caller wait. One that does not, as in memory, costs less than sharing.
    waits: AtomicBool,
}

impl<T: Clone> fmt::Debug for Together<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together")
            .field("store", &self.store)
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}

impl<T: Body + Clone + Default + Send + Sync + 'static> Together<T> {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, waiting: Waiting::default(), waits: AtomicBool::new(false) }
    }

    /// The store, for writes.
    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The value now, by a load that others may share.
    pub(crate) async fn shared(&self, key: Key, now: Timestamp) -> Result<T, StoreError> {
        if !self.waits.load(Ordering::Relaxed) {
            return self.alone(&key, now).await;
        }
        let answer = self.next(key, now);
        others_first().await;
        answer.await.map_err(|error| StoreError::nothing_written(error.to_string()).with_source(error))
    }

    /// The value now, by a load of its own.
    pub(crate) async fn alone(&self, key: &Key, now: Timestamp) -> Result<T, StoreError> {
        let mut loading = pin!(load::<T>(self.store(), key, now));
        let loaded = poll_fn(|cx| {
            let polled = loading.as_mut().poll(cx);
            if polled.is_pending() {
                self.waits.store(true, Ordering::Relaxed);
            }
            polled
        });
        Ok(loaded.await?.map(|loaded| *loaded.value).unwrap_or_default())
    }

    /// The load of this record that has not begun yet; a new one where there is none.
    fn next(&self, key: Key, now: Timestamp) -> Shared<Load<T>> {
        let mut waiting = lock(&self.waiting);
        if let Some(load) = waiting.get(&key).and_then(WeakShared::upgrade) {
            return load;
        }
        let (store, begun) = (Arc::clone(&self.store), Arc::clone(&self.waiting));
        let load: Load<T> = Box::pin(async move {
            // From here on nobody joins; the load begins at once after it.
            lock(&begun).remove(&key);
            let loaded = load::<T>(store.as_ref(), &key, now).await.map_err(Arc::new)?;
            Ok(loaded.map(|loaded| *loaded.value).unwrap_or_default())
        });
        let load = load.shared();
        // The callers keep it alive: when all of them have gone it goes too, and the next one begins anew.
        if let Some(weak) = load.downgrade() {
            waiting.insert(key, weak);
        }
        load
    }
}

fn lock<T>(waiting: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for one turn of the executor.
async fn others_first() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
