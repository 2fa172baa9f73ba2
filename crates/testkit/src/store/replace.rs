//! Sentence 3: replace needs the record to be present and its revision to be the one that was loaded; one wins.

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Record, Replaced, Revision, Stage};

use super::StoreSuite;
use super::steps::{
    NOW, ROUNDS, TASKS, create, increment, is_absent, is_there, key, load, number, one_winner, race, record,
    remove, replace,
};
use crate::suite::{Checked, ensure};

/// Increments of each task that counts.
const INCREMENTS: u64 = 5;

pub(super) async fn s03_needs_presence_and_the_loaded_revision(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    for number in [0, 1, 2, u64::MAX] {
        let absent = store.replace(&record(1, 1), Revision::from_number(number), NOW).await?;
        ensure!(absent == Replaced::Stale, "replace of an absent record is not stale");
        is_absent(store, &key(1), NOW).await?;
    }
    let first = create(store, &record(1, 1), NOW).await?;
    let second = replace(store, &record(1, 2), first, NOW).await?;
    let present = second.number();
    let of_another = create(store, &record(2, 2), NOW).await?;
    let wrong = [0, 1, u64::MAX, present.wrapping_add(1), present.wrapping_sub(1), !present, first.number()];
    let wrong = wrong.into_iter().filter(|number| *number != present).map(Revision::from_number);
    for revision in wrong.chain(Some(of_another).filter(|other| *other != second)) {
        let stale = store.replace(&record(1, 3), revision, NOW).await?;
        ensure!(stale == Replaced::Stale, "replace with {revision:?} instead of {second:?} is not stale");
        is_there(store, &record(1, 2), second, NOW).await?;
    }
    remove(store, &key(1), NOW).await?;
    let stale = store.replace(&record(1, 3), second, NOW).await?;
    ensure!(stale == Replaced::Stale, "replace of a removed record is not stale");
    is_absent(store, &key(1), NOW).await
}

pub(super) async fn s03_one_replace_wins(suite: StoreSuite) -> Checked {
    one_wins(suite, Stage::Live).await
}

pub(super) async fn s03_a_pending_record_becomes_live_once(suite: StoreSuite) -> Checked {
    one_wins(suite, Stage::Pending).await
}

async fn one_wins(suite: StoreSuite, from: Stage) -> Checked {
    let (_place, store) = suite.opened().await?;
    for round in 0..ROUNDS {
        let loaded = create(store.as_ref(), &Record { stage: from, ..record(round, 1_000) }, NOW).await?;
        let answers = race(&store, TASKS, |store, task| async move {
            Ok(match store.replace(&record(round, task), loaded, NOW).await? {
                Replaced::Replaced(revision) => Some((task, revision)),
                Replaced::Stale => None,
            })
        });
        let (task, revision) = one_winner(answers.await?, &format!("{TASKS} replaces, round {round}"))?;
        is_there(store.as_ref(), &record(round, task), revision, NOW).await?;
        let late = store.replace(&record(round, 2_000), loaded, NOW).await?;
        ensure!(late == Replaced::Stale, "after the race the loaded revision still replaces");
    }
    Ok(())
}

pub(super) async fn s03_no_update_is_lost(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    create(store.as_ref(), &record(1, 0), NOW).await?;
    race(&store, TASKS, |store, _| async move {
        for _ in 0..INCREMENTS {
            increment(store.as_ref(), &key(1)).await?;
        }
        Ok(())
    })
    .await?;
    let (found, _) = load(store.as_ref(), &key(1), NOW).await?;
    let (found, expected) = (number(&found)?, TASKS * INCREMENTS);
    ensure!(
        found == expected,
        "{TASKS} tasks counted {INCREMENTS} each, and the count is {found}, not {expected}"
    );
    Ok(())
}

pub(super) async fn s03_every_column_is_replaced(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let first = Record { stage: Stage::Pending, ..record(1, 1) };
    let mut revision = create(store, &first, NOW).await?;
    is_there(store, &first, revision, NOW).await?;
    let live = record(1, 1);
    let steps = [
        Record { body: Bytes::from_static(b"longer than it was before"), ..live.clone() },
        Record { body: Bytes::new(), ..live.clone() },
        Record { client: None, ..live.clone() },
        Record { subject: None, ..live.clone() },
        Record { client: None, subject: None, ..live.clone() },
        Record { client: Some("another".into()), subject: Some("somebody".into()), ..live.clone() },
        Record { expires_at: Timestamp::from_secs(2_000), ..live.clone() },
        Record { expires_at: Timestamp::from_secs(1_500), ..live.clone() },
        Record { expires_at: Timestamp::NEVER, ..live },
    ];
    for step in steps {
        revision = replace(store, &step, revision, NOW).await?;
        is_there(store, &step, revision, NOW).await?;
    }
    Ok(())
}
