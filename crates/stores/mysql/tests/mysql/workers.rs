//! Tasks that write whatever happens to the server, and know after each error what may be there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use grantor_core::store::{Replaced, Store};
use tokio::task::JoinSet;

use crate::{NOW, create, key, record, value};

const TASKS: u64 = 16;

/// Each counts on a record of its own, and counts what it was told.
pub(crate) struct Workers {
    tasks: JoinSet<()>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    done: AtomicU64,
    errors: AtomicU64,
    stop: AtomicBool,
}

impl Workers {
    pub(crate) async fn start(store: Arc<dyn Store>) -> Self {
        let (mut tasks, seen) = (JoinSet::new(), Arc::new(Seen::default()));
        for task in 0..TASKS {
            create(store.as_ref(), &record(task, 0)).await;
            let (store, seen) = (Arc::clone(&store), Arc::clone(&seen));
            tasks.spawn(async move { count(store.as_ref(), task, &seen).await });
        }
        Self { tasks, seen }
    }

    /// Waits until so many more writes are acknowledged.
    pub(crate) async fn writes(&mut self, more: u64) {
        let goal = self.seen.done.load(Ordering::Relaxed) + more;
        self.until(|seen| seen.done.load(Ordering::Relaxed) >= goal).await;
    }

    /// Waits until there was an error.
    pub(crate) async fn an_error(&mut self) {
        self.until(|seen| seen.errors.load(Ordering::Relaxed) > 0).await;
    }

    /// Ends the tasks, which have compared all along.
    pub(crate) async fn end(mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }

    async fn until(&mut self, reached: impl Fn(&Seen) -> bool) {
        while !reached(&self.seen) {
            if let Some(Err(panic)) = self.tasks.try_join_next() {
                panic!("{panic}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A write whose answer was lost may have happened, or may happen a little later: until the next write that is
/// acknowledged the count may be one more. Nothing else is ever there.
async fn count(store: &dyn Store, task: u64, seen: &Seen) {
    let (mut known, mut doubt) = (0, false);
    while !seen.stop.load(Ordering::Relaxed) {
        let (found, revision) = match store.load(&key(task), NOW).await {
            Ok(found) => found.unwrap_or_else(|| panic!("the record of task {task} is lost")),
            Err(error) => {
                assert!(error.nothing_written, "a load says that it is unknown what it wrote: {error}");
                failed(seen).await;
                continue;
            }
        };
        let at = value(&found);
        assert_eq!(found, record(task, at), "an answer to another question");
        assert!(at == known || (doubt && at == known + 1), "task {task} is at {at}, it knows of {known}");
        match store.replace(&record(task, at + 1), revision, NOW).await {
            Ok(Replaced::Replaced(_)) => {
                (known, doubt) = (at + 1, false);
                seen.done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Replaced::Stale) => assert!(doubt, "nobody else writes the record of task {task}"),
            Err(error) if error.nothing_written => failed(seen).await,
            Err(_) => {
                // What was in doubt before is decided, where the load has seen it.
                (known, doubt) = (at, true);
                failed(seen).await;
            }
        }
    }
}

async fn failed(seen: &Seen) {
    seen.errors.fetch_add(1, Ordering::Relaxed);
    // So that refusals of a server that is down do not take the whole machine.
    tokio::time::sleep(Duration::from_millis(10)).await;
}
