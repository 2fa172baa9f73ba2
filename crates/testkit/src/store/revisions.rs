//! Sentence 4: revisions never return for a key, not even after remove and create.

use std::collections::HashSet;

use grantor_core::Timestamp;
use grantor_core::store::{Record, Revision, Store};

use super::StoreSuite;
use super::steps::{NOW, create, key, record, remove, replace};
use crate::suite::{Checked, ensure};

/// The revisions that a key had.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<u64>);

impl Seen {
    pub(super) fn add(&mut self, revision: Revision) -> Checked {
        ensure!(self.0.insert(revision.number()), "{revision:?} was there before");
        Ok(())
    }
}

/// All ways in which a key gets a revision.
async fn cycle(store: &dyn Store, seen: &mut Seen) -> Checked {
    let revision = create(store, &record(1, 1), NOW).await?;
    seen.add(revision)?;
    let revision = replace(store, &record(1, 2), revision, NOW).await?;
    seen.add(revision)?;
    // The same content once more is a write like any other.
    let end = Timestamp::from_secs(2_000);
    let same = Record { expires_at: end, ..record(1, 2) };
    let revision = replace(store, &same, revision, NOW).await?;
    seen.add(revision)?;
    seen.add(create(store, &record(1, 1), end).await?)?;
    remove(store, &key(1), NOW).await
}

pub(super) async fn s04_never_return(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let mut seen = Seen::default();
    for _ in 0..200 {
        cycle(store.as_ref(), &mut seen).await?;
    }
    Ok(())
}

pub(super) async fn s04_never_return_after_reopening(suite: StoreSuite) -> Checked {
    let Some(reopen) = &suite.reopen else { return Err(suite.no_hook("reopen_after_kill")) };
    let (place, mut store) = suite.opened().await?;
    let mut seen = Seen::default();
    for round in 0..10 {
        for _ in 0..=round {
            cycle(store.as_ref(), &mut seen).await?;
        }
        if suite.second.is_some() {
            let other = (suite.open)(place.clone()).await;
            cycle(other.as_ref(), &mut seen).await?;
            cycle(store.as_ref(), &mut seen).await?;
        }
        drop(store);
        store = reopen(place.clone()).await;
    }
    Ok(())
}
