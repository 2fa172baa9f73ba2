//! Sentences 7 and 9: `Ok` is as durable as promised; a loss may make a record absent, never different.

use std::sync::Arc;

use super::StoreSuite;
use super::kills::kill;
use super::steps::{NOW, create, load, race, record, same};
use crate::suite::{Checked, Stop};

/// How often a second process is killed. An engine outside is slower to start, and is killed less often.
const KILLS: u64 = 100;
const KILLS_OF_AN_ENGINE: u64 = 10;

/// Records that a store which keeps must hold at once.
const MANY: u64 = 3_000;

fn promises_not(suite: &StoreSuite, promise: &str) -> Stop {
    Stop::NotChecked(format!("{} does not promise {promise}", suite.store))
}

pub(super) async fn s07_acknowledged_writes_survive_a_kill(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    if !store.promises().durable {
        return Err(promises_not(&suite, "durable"));
    }
    drop(store);
    let rounds = if suite.second.is_some() { KILLS } else { KILLS_OF_AN_ENGINE };
    kill(&suite, rounds, false).await
}

pub(super) async fn s09_a_loss_brings_back_nothing_older(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    if !store.promises().never_rewinds {
        return Err(promises_not(&suite, "never_rewinds"));
    }
    drop(store);
    kill(&suite, KILLS_OF_AN_ENGINE, true).await
}

pub(super) async fn s09_nothing_goes_before_its_expiry(suite: StoreSuite) -> Checked {
    const AT_ONCE: u64 = 50;
    let (_place, store) = suite.opened().await?;
    if !store.promises().keeps {
        return Err(promises_not(&suite, "keeps"));
    }
    race(&store, AT_ONCE, |store, task| async move {
        for number in (task..MANY).step_by(50) {
            create(store.as_ref(), &record(number, number), NOW).await?;
        }
        Ok(())
    })
    .await?;
    let all = Arc::clone(&store);
    race(&all, AT_ONCE, |store, task| async move {
        for number in (task..MANY).step_by(50) {
            let (found, _) = load(store.as_ref(), &record(number, 0).key, NOW).await?;
            same(&found, &record(number, number))?;
        }
        Ok(())
    })
    .await?;
    Ok(())
}
