//! Sentence 6: a load sees all writes that were acknowledged before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::StoreSuite;
use super::steps::{
    NOW, ROUNDS, create, increment, is_absent, is_there, key, load, number, race, record, remove, replace,
};
use crate::suite::{Checked, ensure};

/// Tasks that load at once: more than a store has connections.
const READERS: u64 = 32;

pub(super) async fn s06_a_load_sees_acknowledged_writes(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    for round in 0..ROUNDS {
        // First at once, by the writer itself, then by many others.
        let first = create(store.as_ref(), &record(1, round), NOW).await?;
        is_there(store.as_ref(), &record(1, round), first, NOW).await?;
        race(&store, READERS, |store, _| async move {
            is_there(store.as_ref(), &record(1, round), first, NOW).await
        })
        .await?;
        let second = replace(store.as_ref(), &record(1, round + 1), first, NOW).await?;
        is_there(store.as_ref(), &record(1, round + 1), second, NOW).await?;
        race(&store, READERS, |store, _| async move {
            is_there(store.as_ref(), &record(1, round + 1), second, NOW).await
        })
        .await?;
        remove(store.as_ref(), &key(1), NOW).await?;
        is_absent(store.as_ref(), &key(1), NOW).await?;
        race(&store, READERS, |store, _| async move { is_absent(store.as_ref(), &key(1), NOW).await })
            .await?;
    }
    Ok(())
}

pub(super) async fn s06_a_load_never_goes_back(suite: StoreSuite) -> Checked {
    const LAST: u64 = 300;
    let (_place, store) = suite.opened().await?;
    create(store.as_ref(), &record(1, 0), NOW).await?;
    let acknowledged = Arc::new(AtomicU64::new(0));
    race(&store, 9, |store, task| {
        let acknowledged = Arc::clone(&acknowledged);
        async move {
            if task == 0 {
                for _ in 0..LAST {
                    let (value, _) = increment(store.as_ref(), &key(1)).await?;
                    acknowledged.store(value, Ordering::SeqCst);
                }
                return Ok(());
            }
            loop {
                let known = acknowledged.load(Ordering::SeqCst);
                let found = number(&load(store.as_ref(), &key(1), NOW).await?.0)?;
                ensure!(found >= known, "a load finds {found}, after {known} was acknowledged");
                if found >= LAST {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        }
    })
    .await?;
    Ok(())
}
