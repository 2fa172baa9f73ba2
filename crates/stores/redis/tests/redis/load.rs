//! Writers under load, and what became of their writes. Each record is a log: a writer loads it, adds a mark of its own and replaces
//! it. So a write that was acknowledged is in the log at the end or it was lost, one that was told to have done nothing must not be
//! there, and of two winners of one race one would be missing.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use grantor_core::store::StoreError;
use tokio::task::JoinSet;

use super::*;

/// Writers that race for one record.
const RIVALS: usize = 3;

#[derive(Default)]
struct Seen {
    /// The record and the mark of each write that was acknowledged, or found after an answer that did not come.
    won: Mutex<HashSet<(u64, u32)>>,
    /// The same of those that certainly did nothing.
    refused: Mutex<HashSet<(u64, u32)>>,
    /// Those of which nothing is known.
    unknown: Mutex<HashSet<(u64, u32)>>,
    /// How often a revision was replaced, by word of the store.
    winners: Mutex<HashMap<(u64, Revision), u32>>,
    /// Writes without an answer that a load found.
    resolved: AtomicU64,
    /// Writes without an answer.
    unanswered: AtomicU64,
    next: AtomicU64,
    stop: AtomicBool,
}

pub(crate) struct Load {
    seen: Arc<Seen>,
    writers: JoinSet<()>,
    keys: u64,
}

/// What became of all.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    pub(crate) resolved: u64,
    pub(crate) refused: usize,
    /// Acknowledged, and not there.
    pub(crate) lost: usize,
    /// Told to have done nothing, and there.
    pub(crate) lies: usize,
    /// Revisions that two writers were told to have replaced.
    pub(crate) double: usize,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} writes acknowledged ({} of them by a load after no answer), {} unknown, {} refused; {} acknowledged writes lost, \
             {} double winners",
            self.acknowledged, self.resolved, self.unknown, self.refused, self.lost, self.double
        )
    }
}

impl Outcome {
    /// Nothing was lost, and no word was false.
    pub(crate) fn is_perfect(&self) -> bool {
        self.lost == 0 && self.lies == 0 && self.double == 0
    }
}

impl Load {
    /// Starts writers for so many records.
    pub(crate) async fn start(store: &Arc<RedisStore>, keys: u64) -> Self {
        let seen = Arc::new(Seen::default());
        let mut writers = JoinSet::new();
        for number in 0..keys {
            create(store, &record(number, "")).await;
            for _ in 0..RIVALS {
                let (store, seen) = (Arc::clone(store), Arc::clone(&seen));
                writers.spawn(async move {
                    while !seen.stop.load(Ordering::SeqCst) {
                        write(&store, &seen, number).await;
                    }
                });
            }
        }
        Self { seen, writers, keys }
    }

    fn acknowledged(&self) -> usize {
        self.seen.won.lock().unwrap().len()
    }

    /// Waits for so many more acknowledged writes.
    pub(crate) async fn writes(&self, more: usize) {
        let (begin, enough) = (Instant::now(), self.acknowledged() + more);
        while self.acknowledged() < enough {
            assert!(begin.elapsed() < PATIENCE, "the writers do not go on");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits for so many more writes without an answer.
    pub(crate) async fn unanswered(&self, more: u64) {
        let (begin, before) = (Instant::now(), self.seen.unanswered.load(Ordering::SeqCst));
        while self.seen.unanswered.load(Ordering::SeqCst) < before + more {
            assert!(begin.elapsed() < PATIENCE, "all writes are answered");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends the writers, compares, and removes the records.
    pub(crate) async fn end(mut self, store: &RedisStore) -> Outcome {
        self.seen.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.writers.join_next().await {
            ended.unwrap();
        }
        let mut there = HashSet::new();
        for number in 0..self.keys {
            let log = body(store, number).await.unwrap_or_default();
            for mark in marks(&log) {
                assert!(there.insert((number, mark)), "a write is there twice");
            }
            remove(store, number).await;
        }
        let [won, refused, unknown] =
            [&self.seen.won, &self.seen.refused, &self.seen.unknown].map(|set| set.lock().unwrap());
        assert!(there.iter().all(|mark| [&won, &refused, &unknown].iter().any(|set| set.contains(mark))));
        Outcome {
            acknowledged: won.len(),
            unknown: unknown.len(),
            resolved: self.seen.resolved.load(Ordering::SeqCst),
            refused: refused.len(),
            lost: won.difference(&there).count(),
            lies: refused.intersection(&there).count(),
            double: self.seen.winners.lock().unwrap().values().filter(|winners| **winners > 1).count(),
        }
    }
}

/// What a load says after a write without an answer.
async fn resolve(
    store: &RedisStore,
    seen: &Seen,
    number: u64,
) -> Result<Option<(Record, Revision)>, StoreError> {
    seen.unanswered.fetch_add(1, Ordering::SeqCst);
    store.load(&key(number), NOW).await
}

fn marks(log: &[u8]) -> Vec<u32> {
    log.chunks_exact(4).map(|mark| u32::from_be_bytes(mark.try_into().unwrap())).collect()
}

/// One try to add a mark.
async fn write(store: &RedisStore, seen: &Seen, number: u64) {
    let found = match store.load(&key(number), NOW).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            // A fail-over may have lost it.
            let _ = store.create(&record(number, ""), NOW).await;
            return;
        }
        Err(_) => return tokio::time::sleep(Duration::from_millis(5)).await,
    };
    let mark = u32::try_from(seen.next.fetch_add(1, Ordering::SeqCst)).unwrap();
    let log = [&found.0.body[..], &mark.to_be_bytes()].concat();
    let winner = || {
        seen.won.lock().unwrap().insert((number, mark));
        *seen.winners.lock().unwrap().entry((number, found.1)).or_default() += 1;
    };
    match store.replace(&record(number, log), found.1, NOW).await {
        Ok(Replaced::Replaced(_)) => winner(),
        // It did nothing, as an answer that says so.
        Ok(Replaced::Stale) => drop(seen.refused.lock().unwrap().insert((number, mark))),
        Err(error) if error.nothing_written => {
            seen.refused.lock().unwrap().insert((number, mark));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(_) => match resolve(store, seen, number).await {
            Ok(Some((now, _))) if marks(&now.body).contains(&mark) => {
                seen.resolved.fetch_add(1, Ordering::SeqCst);
                winner();
            }
            // It may land yet.
            _ => drop(seen.unknown.lock().unwrap().insert((number, mark))),
        },
    }
}
