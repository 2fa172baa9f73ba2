//! Sentence 5: one `Removed`, and every replace with an older revision is `Stale` afterwards.

use grantor_core::store::{Removed, Replaced};

use super::StoreSuite;
use super::steps::{
    NOW, ROUNDS, TASKS, create, is_absent, is_there, key, one_winner, race, record, remove, replace,
};
use crate::suite::{Checked, ensure};

pub(super) async fn s05_one_remove_wins(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    for round in 0..ROUNDS {
        create(store.as_ref(), &record(round, 1), NOW).await?;
        let answers = race(&store, TASKS, |store, task| async move {
            Ok((store.remove(&key(round), NOW).await? == Removed::Removed).then_some(task))
        });
        one_winner(answers.await?, &format!("{TASKS} removes, round {round}"))?;
        is_absent(store.as_ref(), &key(round), NOW).await?;
    }
    Ok(())
}

pub(super) async fn s05_older_replaces_are_stale(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let mut older = Vec::new();
    for round in 0..20 {
        let first = create(store, &record(1, 1), NOW).await?;
        let second = replace(store, &record(1, 2), first, NOW).await?;
        older.extend([first, second]);
        remove(store, &key(1), NOW).await?;
        for revision in &older {
            let stale = store.replace(&record(1, 3), *revision, NOW).await?;
            ensure!(stale == Replaced::Stale, "{revision:?} replaces after the removal, round {round}");
        }
        is_absent(store, &key(1), NOW).await?;
        let again = create(store, &record(1, 2), NOW).await?;
        for revision in &older {
            let stale = store.replace(&record(1, 3), *revision, NOW).await?;
            ensure!(
                stale == Replaced::Stale,
                "{revision:?} replaces the record of the next create, round {round}"
            );
        }
        is_there(store, &record(1, 2), again, NOW).await?;
        older.push(again);
        remove(store, &key(1), NOW).await?;
    }
    Ok(())
}

pub(super) async fn s05_a_removal_wins_over_racing_replaces(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    for round in 0..ROUNDS {
        let loaded = create(store.as_ref(), &record(round, 1_000), NOW).await?;
        // Every second time the key is there again at once.
        let again = round % 2 == 1;
        let answers = race(&store, TASKS, |store, task| async move {
            if task == TASKS / 2 {
                remove(store.as_ref(), &key(round), NOW).await?;
                return Ok(if again {
                    Some(create(store.as_ref(), &record(round, 2_000), NOW).await?)
                } else {
                    None
                });
            }
            let _ = store.replace(&record(round, task), loaded, NOW).await?;
            Ok(None)
        });
        match answers.await?.into_iter().flatten().next() {
            Some(revision) => is_there(store.as_ref(), &record(round, 2_000), revision, NOW).await?,
            None => is_absent(store.as_ref(), &key(round), NOW).await?,
        }
    }
    Ok(())
}
