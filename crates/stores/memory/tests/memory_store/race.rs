//! Threads that race. The common suite races the steps of one record; here the table grows, shrinks and is swept meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantor_core::store::{Created, Index, Removed, Replaced, Store};
use grantor_store_memory::{MemoryStore, Options};

use super::{NOW, at, key, record};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_winner_while_the_table_grows_shrinks_and_is_swept() {
    let store = Arc::new(MemoryStore::new());
    let wins = Arc::new([const { AtomicU64::new(0) }; 3]);
    let racers = (0..8_u64).map(|racer| {
        let (store, wins) = (Arc::clone(&store), Arc::clone(&wins));
        tokio::spawn(async move {
            for number in 0..2_000 {
                // Short-lived neighbours, one's own, which keep all tables moving.
                let own = (racer + 1) << 32 | number;
                let _ = store.create(&record(own, 1), NOW).await.unwrap();
                let created = store.create(&record(number, 600), NOW).await.unwrap();
                wins[0].fetch_add(u64::from(matches!(created, Created::Created(_))), Ordering::Relaxed);
                // Only the creator's revision can be replaced, and only once.
                if let Created::Created(revision) = created {
                    for _ in 0..2 {
                        let replaced = store.replace(&record(number, 700), revision, NOW).await.unwrap();
                        let won = matches!(replaced, Replaced::Replaced(_));
                        wins[1].fetch_add(u64::from(won), Ordering::Relaxed);
                    }
                }
                if number % 100 == racer {
                    store.sweep(50, at(1)).await.unwrap();
                }
            }
            for number in 0..2_000 {
                let removed = store.remove(&key(number), NOW).await.unwrap();
                wins[2].fetch_add(u64::from(removed == Removed::Removed), Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        })
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap();
    }
    // A slow racer may create again what a fast one has removed already; all counts agree nevertheless.
    let [created, replaced, removed] = &*wins;
    assert!(created.load(Ordering::Relaxed) >= 2_000);
    assert!(replaced.load(Ordering::Relaxed) <= created.load(Ordering::Relaxed));
    assert_eq!(created.load(Ordering::Relaxed), removed.load(Ordering::Relaxed));
    while store.sweep(1_000, at(600)).await.unwrap() > 0 {}
    assert!(store.is_empty());
    assert_eq!(store.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_holds_while_many_write() {
    let store = Arc::new(MemoryStore::with(&Options::new().max_bytes(1 << 19)));
    let racers = (0..8_u64).map(|racer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut refused = 0;
            for number in 0..5_000 {
                let created = store.create(&record(racer << 32 | number, 600), NOW).await;
                refused += usize::from(created.is_err());
                assert!(store.bytes() <= 1 << 19);
            }
            refused
        })
    });
    let mut refused = 0;
    for racer in racers.collect::<Vec<_>>() {
        refused += racer.await.unwrap();
    }
    assert_eq!(store.len() + refused, 40_000);
}
