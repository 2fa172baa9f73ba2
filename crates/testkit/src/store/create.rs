//! Sentence 2: for an absent key exactly one of any number of creates answers `Created`.

use grantor_core::Timestamp;
use grantor_core::store::{Created, Record, Replaced, Stage};

use super::StoreSuite;
use super::steps::{NOW, ROUNDS, TASKS, create, is_there, one_winner, race, record};
use crate::suite::{Checked, ensure};

pub(super) async fn s02_one_create_wins(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    for round in 0..ROUNDS {
        let answers = race(&store, TASKS, |store, task| async move {
            Ok(match store.create(&record(round, task), NOW).await? {
                Created::Created(revision) => Some((task, revision)),
                Created::Exists => None,
            })
        });
        let (task, revision) = one_winner(answers.await?, &format!("{TASKS} creates, round {round}"))?;
        is_there(store.as_ref(), &record(round, task), revision, NOW).await?;
    }
    Ok(())
}

pub(super) async fn s02_one_create_over_an_expired_record_wins(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let end = Timestamp::from_secs(2_000);
    for round in 0..ROUNDS {
        let old = Record { expires_at: end, ..record(round, 1_000) };
        let before = create(store.as_ref(), &old, NOW).await?;
        let answers = race(&store, TASKS, |store, task| async move {
            Ok(match store.create(&record(round, task), end).await? {
                Created::Created(revision) => Some((task, revision)),
                Created::Exists => None,
            })
        });
        let what = format!("{TASKS} creates over an expired record, round {round}");
        let (task, revision) = one_winner(answers.await?, &what)?;
        is_there(store.as_ref(), &record(round, task), revision, end).await?;
        // By no clock is the old one there again.
        let stale = store.replace(&record(round, 2_000), before, NOW).await?;
        ensure!(stale == Replaced::Stale, "the revision of the expired record still replaces");
        is_there(store.as_ref(), &record(round, task), revision, NOW).await?;
    }
    Ok(())
}

pub(super) async fn s02_a_refused_create_changes_nothing(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let revision = create(store, &record(1, 1), NOW).await?;
    let other = Record {
        stage: Stage::Live,
        expires_at: Timestamp::from_secs(5_000),
        client: None,
        subject: Some("other".into()),
        ..record(1, 2)
    };
    for again in [record(1, 1), other, Record { expires_at: Timestamp::from_secs(500), ..record(1, 3) }] {
        ensure!(
            store.create(&again, NOW).await? == Created::Exists,
            "create of a present record is not answered with Exists"
        );
        is_there(store, &record(1, 1), revision, NOW).await?;
    }
    Ok(())
}
